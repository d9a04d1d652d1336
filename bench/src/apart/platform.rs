//! The servers and the services, each a process: how they are started, and what they are told.

use std::{
    ffi::OsString,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    page,
    process::{Process, prepared},
};

/// How long anything may take to come up, on a machine that does something else too.
const START_WAIT: Duration = Duration::from_secs(60);

/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Put before the topics that the floors use.
pub(super) const FLOOR_PREFIX: &str = "floor-";

/// What figures of a database rest on: that what it says is written is on the disk. Tests prepare
/// theirs without.
const DURABLE: [&str; 3] = ["fsync=on", "full_page_writes=on", "synchronous_commit=on"];

/// Which share of the orders is traced.
const TRACED_RATIO: &str = "0.01";

/// What is needed to start a platform.
pub(super) struct Plan<'a> {
    pub(super) binary: &'a Path,
    /// Recipes of the servers.
    pub(super) servers: &'a Path,
    /// The programs of the floors.
    pub(super) examples: &'a Path,
    /// Where everything of this run lies.
    pub(super) directory: PathBuf,
    pub(super) partitions: u16,
    pub(super) collector_uri: String,
}

/// Everything, running until it is dropped: services first.
pub(super) struct Platform {
    pub(super) services: Vec<Process>,
    _floors: Vec<Process>,
    pub(super) servers: Vec<Process>,
    /// Where each is reached.
    pub(super) at: Edges,
}

/// Addresses, each `host:port`, and what the servers are called by their clients.
pub(super) struct Edges {
    pub(super) rest: String,
    pub(super) grpc: String,
    pub(super) websocket: String,
    pub(super) ledger_pages: String,
    pub(super) echo: String,
    pub(super) produce: String,
    pub(super) brokers: String,
    pub(super) database_url: String,
    matcher_pages: String,
    ledger_grpc: String,
    market_grpc: String,
    redis_url: String,
}

impl Platform {
    /// Starts everything, and waits until all of it is ready.
    ///
    /// # Errors
    /// Where something does not come up; its last words are part of the message.
    pub(super) fn start(plan: &Plan<'_>) -> Result<Platform> {
        fs::create_dir_all(&plan.directory)?;
        let [kafka, postgres, redis] =
            ["kafka", "postgres", "redis"].map(|name| Recipe::read(plan.servers, name));
        let (kafka, mut postgres, redis) = (kafka?, postgres?, redis?);
        postgres.command.extend(DURABLE.iter().flat_map(|setting| ["-c", setting]).map(Into::into));
        let at = Edges::free(&kafka, &postgres, &redis)?;

        let mut servers = Vec::new();
        for (name, recipe) in [("kafka", &kafka), ("postgres", &postgres), ("redis", &redis)] {
            eprintln!("starting {name}");
            servers.push(Process::start(name, &recipe.command, &[], &plan.directory)?);
        }
        let settings = settings(&at, plan);
        make_topics(plan, &settings, &mut servers)?;

        let mut services = Vec::new();
        for name in ["matcher", "ledger", "broadcaster", "gateway"] {
            let command = [plan.binary.into(), name.into()];
            services.push(Process::start(name, &command, &settings, &plan.directory)?);
        }
        for pages in [&at.matcher_pages, &at.ledger_pages, &at.websocket, &at.rest] {
            wait(&mut services, || page::get(pages, "/readyz").is_ok_and(|page| page.is_good()))?;
        }
        let mut floors = Vec::new();
        let floor_words = [&at.produce, &at.brokers, FLOOR_PREFIX];
        for (name, words) in [("echo", &[&*at.echo][..]), ("produce", &floor_words.map(|w| w))] {
            let mut command = vec![plan.examples.join(name).into_os_string()];
            command.extend(words.iter().map(OsString::from));
            floors.push(Process::start(name, &command, &[], &plan.directory)?);
        }
        for floor in [&at.echo, &at.produce] {
            wait(&mut floors, || page::get(floor, "/").is_ok())?;
        }
        Ok(Platform { services, _floors: floors, servers, at })
    }

    /// Every process that takes part in an order.
    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.services.iter().chain(&self.servers)
    }

    /// Makes sure that every process still runs: a figure of half a platform is none.
    ///
    /// # Errors
    /// Where one has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        check(self.services.iter_mut().chain(&mut self.servers))
    }
}

fn check<'a>(processes: impl IntoIterator<Item = &'a mut Process>) -> Result<()> {
    for process in processes {
        ensure!(
            process.is_running(),
            "{} has ended; it said:\n{}",
            process.name(),
            process.last_words()
        );
    }
    Ok(())
}

/// Waits until `is_so`, while all of `processes` run.
fn wait(processes: &mut [Process], mut is_so: impl FnMut() -> bool) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < START_WAIT {
        check(&mut *processes)?;
        if is_so() {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
    let words: Vec<String> = processes
        .iter()
        .map(|process| format!("{} said:\n{}", process.name(), process.last_words()))
        .collect();
    bail!("it did not come up within {} s; {}", START_WAIT.as_secs(), words.join("\n"))
}

/// Makes the topics of the platform and those of the floors. Where Kafka is not up yet it is tried
/// again.
fn make_topics(
    plan: &Plan<'_>,
    settings: &[(String, String)],
    servers: &mut [Process],
) -> Result<()> {
    for prefix in ["", FLOOR_PREFIX] {
        let shards = plan.partitions.to_string();
        let line = [&*plan.binary.to_string_lossy(), "topics", "create", "--shards", &shards]
            .map(OsString::from);
        let mut settings = settings.to_vec();
        settings.push(("TRADESPINE_KAFKA__TOPIC_PREFIX".to_owned(), prefix.to_owned()));
        let mut words = String::new();
        wait(servers, || match prepared(&line, &settings, &plan.directory).output() {
            Ok(output) => {
                words = String::from_utf8_lossy(&output.stderr).into_owned();
                output.status.success()
            }
            Err(error) => {
                words = error.to_string();
                false
            }
        })
        .with_context(|| format!("topics cannot be made: {words}"))?;
    }
    Ok(())
}

fn settings(at: &Edges, plan: &Plan<'_>) -> Vec<(String, String)> {
    let snapshots = plan.directory.join("snapshots").display().to_string();
    [
        ("KAFKA__BROKERS", at.brokers.clone()),
        ("LEDGER__DATABASE_URL", at.database_url.clone()),
        ("LEDGER__GRPC_ADDRESS", at.ledger_grpc.clone()),
        ("LEDGER__HTTP_ADDRESS", at.ledger_pages.clone()),
        ("BROADCASTER__GRPC_ADDRESS", at.market_grpc.clone()),
        ("BROADCASTER__HTTP_ADDRESS", at.websocket.clone()),
        ("MATCHER__HTTP_ADDRESS", at.matcher_pages.clone()),
        ("MATCHER__SNAPSHOT_DIR", snapshots),
        ("GATEWAY__REST_ADDRESS", at.rest.clone()),
        ("GATEWAY__GRPC_ADDRESS", at.grpc.clone()),
        ("GATEWAY__LEDGER_URI", format!("http://{}", at.ledger_grpc)),
        ("GATEWAY__MARKET_DATA_URI", format!("http://{}", at.market_grpc)),
        ("GATEWAY__REDIS__URL", at.redis_url.clone()),
        ("OTLP__ENDPOINT", plan.collector_uri.clone()),
        ("OTLP__RATIO", TRACED_RATIO.to_owned()),
    ]
    .map(|(name, value)| (format!("TRADESPINE_{name}"), value))
    .into()
}

impl Edges {
    fn free(kafka: &Recipe, postgres: &Recipe, redis: &Recipe) -> Result<Edges> {
        Ok(Edges {
            rest: free_address()?,
            grpc: free_address()?,
            websocket: free_address()?,
            ledger_pages: free_address()?,
            echo: free_address()?,
            produce: free_address()?,
            matcher_pages: free_address()?,
            ledger_grpc: free_address()?,
            market_grpc: free_address()?,
            brokers: kafka.address.clone(),
            database_url: postgres.url.clone(),
            redis_url: redis.url.clone(),
        })
    }
}

/// An address that nobody uses now.
fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// A server that `cargo xtask` prepared: its address, its URL and its command, in lines.
struct Recipe {
    address: String,
    url: String,
    command: Vec<OsString>,
}

impl Recipe {
    fn read(directory: &Path, name: &str) -> Result<Recipe> {
        let path = directory.join(format!("{name}.recipe"));
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{}: is this run by cargo xtask bench?", path.display()))?;
        let mut lines = text.lines();
        let mut next = || lines.next().with_context(|| format!("{name}.recipe is cut short"));
        let (address, url) = (next()?.to_owned(), next()?.to_owned());
        Ok(Recipe { address, url, command: lines.map(OsString::from).collect() })
    }
}
