//! The platform under torture: three servers and six services, each a process of its own on ports
//! that stay the same, killed and started again by this program's main thread.
//!
//! # Layout
//!
//! - [`process`]: one of them. [`recipe`]: how a server is run. [`services`]: how a service is.
//!   [`probe`]: what they say of themselves. [`database`]: the ledger's rows.

mod database;
mod probe;
mod process;
mod recipe;
mod services;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

pub(crate) use self::{
    probe::{Health, wall_clock},
    process::Ended,
    services::{Edges, Gives, PARTITIONS},
};
use self::{
    process::{Process, Program},
    recipe::Recipe,
};
use crate::plan::Victim;

/// How long a killed process stays down at the most; how long exactly is drawn.
const PAUSE_MAX: Duration = Duration::from_millis(1_500);

/// How long a start may take before the run is given up: it takes ten seconds where nothing else
/// runs, and each service waits two minutes for what it needs.
const START_PATIENCE: Duration = Duration::from_mins(4);

/// How long a service may take to drain: it takes about a second where nothing else runs.
const DRAIN_PATIENCE: Duration = Duration::from_mins(1);

/// How often a thing that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What differs from the tests' PostgreSQL: here rows must survive what a disk survives.
const POSTGRES_SETTINGS: [&str; 4] = ["-c", "fsync=on", "-c", "full_page_writes=on"];

/// Everything that runs.
pub(crate) struct Platform {
    members: Vec<(Victim, Process)>,
    /// Processes that ended without being killed.
    pub(crate) ended: Vec<Ended>,
    /// What the rig itself had to wait for beside the plan.
    pub(crate) waits: Vec<String>,
    pub(crate) edges: Edges,
    pub(crate) health: Arc<Health>,
    brokers: String,
    database: String,
}

impl Platform {
    /// Starts the servers, makes the topics, starts the services, and waits until all are ready.
    ///
    /// # Errors
    /// Where something does not come up; its output lies in `logs`.
    pub(crate) fn start(
        servers: &Path,
        binary: &Path,
        directory: &Path,
        gives: Gives,
    ) -> Result<Platform> {
        let logs = directory.join("logs");
        fs::create_dir_all(&logs)?;
        let read = |name| Recipe::read(servers, name);
        let (broker, postgres, redis) = (read("kafka")?, read("postgres")?, read("redis")?);
        let edges = Edges::free()?;
        let settings = services::settings(&edges, &broker, &postgres, &redis, binary, directory)?;
        let mut platform = Platform {
            members: Vec::new(),
            ended: Vec::new(),
            waits: Vec::new(),
            health: Health::watch(edges.pages(), edges.ledger_pages.clone()),
            brokers: broker.address.clone(),
            database: postgres.url.clone(),
            edges,
        };
        for (victim, recipe) in
            [(Victim::Broker, broker), (Victim::Postgres, postgres), (Victim::Redis, redis)]
        {
            platform
                .members
                .push((victim, Process::start(server(victim, recipe, servers, &logs))?));
        }
        platform.wait_for_servers()?;
        services::make_topics(binary, &settings, directory, gives)?;
        for (victim, program) in services::programs(&platform.edges, binary, &settings, directory) {
            let output = logs.join(format!("{}.log", program.name));
            platform.members.push((victim, Process::start(Program { output, ..program })?));
        }
        let health = Arc::clone(&platform.health);
        platform.until("every service to be ready", |_| health.all_ready())?;
        Ok(platform)
    }

    fn wait_for_servers(&mut self) -> Result<()> {
        let brokers = self.brokers.clone();
        self.until("the broker", |_| {
            runs(Command::new("kcat").args(["-b", &brokers, "-L", "-m", "2"]))
        })?;
        let url = self.database.clone();
        self.until("PostgreSQL", |_| runs(&mut database::psql(&url, "SELECT 1")))
    }

    /// Tends everything until `is_so`.
    ///
    /// # Errors
    /// Where it takes too long.
    pub(crate) fn until(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&mut Platform) -> bool,
    ) -> Result<()> {
        let began = Instant::now();
        while !is_so(self) {
            self.tend()?;
            if began.elapsed() > START_PATIENCE {
                let why = self.health.why_not();
                let last = self.ended.last().map(|ended| format!("; {}", one_line(ended)));
                bail!("waited for {what}; {why}{}", last.unwrap_or_default());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Starts again whatever is down and has been for long enough.
    ///
    /// # Errors
    /// Where something cannot be started at all.
    pub(crate) fn tend(&mut self) -> Result<()> {
        for (_, process) in &mut self.members {
            let name = process.name().to_owned();
            let ended = process.tend().with_context(|| format!("cannot start {name}"))?;
            self.ended.extend(ended);
        }
        Ok(())
    }

    /// Whether there is a process of every member; it may not be ready.
    pub(crate) fn all_run(&self) -> bool {
        self.members.iter().all(|(_, process)| process.runs())
    }

    /// Whether everything runs and is ready.
    pub(crate) fn is_whole(&self) -> bool {
        self.all_run() && self.health.all_ready()
    }

    /// kill -9 of a victim, one of several drawn; each comes back after a pause of its own. Returns
    /// the names of what was killed.
    pub(crate) fn kill(&mut self, victim: Victim, random: &mut Pcg64Mcg) -> Vec<String> {
        let is_met = |kind: &Victim| *kind == victim || victim == Victim::Everything;
        let mut met: Vec<&mut Process> = self
            .members
            .iter_mut()
            .filter_map(|(kind, process)| is_met(kind).then_some(process))
            .collect();
        if victim != Victim::Everything {
            let chosen = random.random_range(0..met.len());
            met = met.into_iter().skip(chosen).take(1).collect();
        }
        // In an order that is drawn too: where everything goes, nobody knows who goes first.
        for last in (1..met.len()).rev() {
            met.swap(last, random.random_range(0..=last));
        }
        let longest = u64::try_from(PAUSE_MAX.as_millis()).unwrap_or_default();
        met.into_iter()
            .map(|process| {
                process.kill(Duration::from_millis(random.random_range(0..=longest)));
                process.name().to_owned()
            })
            .collect()
    }

    /// SIGTERM to the services that `is_meant`. Returns those that did not drain.
    pub(crate) fn stop(&mut self, is_meant: impl Fn(Victim) -> bool) -> Vec<String> {
        let mut faults = Vec::new();
        for (victim, process) in &mut self.members {
            if is_meant(*victim) && process.runs() {
                match process.stop(DRAIN_PATIENCE) {
                    Some(status) if status.success() => {}
                    Some(status) => faults.push(format!("{} ended: {status}", process.name())),
                    None => faults.push(format!("{} did not end", process.name())),
                }
            }
        }
        faults
    }

    /// `host:port` of the broker.
    pub(crate) fn brokers(&self) -> &str {
        &self.brokers
    }
}

fn server(victim: Victim, recipe: Recipe, servers: &Path, logs: &Path) -> Program {
    let mut command = recipe.command;
    if victim == Victim::Postgres {
        command.extend(POSTGRES_SETTINGS.map(Into::into));
    }
    Program {
        name: victim.name().to_owned(),
        command,
        settings: Vec::new(),
        directory: servers.to_owned(),
        output: logs.join(format!("{victim}.log")),
    }
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// A process that ended by itself, in a line.
pub(crate) fn one_line(ended: &Ended) -> String {
    let last = ended.last_words.lines().last().unwrap_or("and said nothing");
    format!("{} ended by itself ({}): {last}", ended.name, ended.status)
}

/// The output of a command that has to succeed.
///
/// # Errors
/// Its own words where it fails.
pub(crate) fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {words}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command whose output goes into a new file.
///
/// # Errors
/// Its own words where it fails.
pub(crate) fn into_file(command: &mut Command, file: PathBuf) -> Result<()> {
    let output = fs::File::create(&file).with_context(|| file.display().to_string())?;
    let ran = command.stdout(output).stderr(std::process::Stdio::piped()).spawn()?;
    let ran = ran.wait_with_output()?;
    let words = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{command:?}: {words}");
    Ok(())
}
