//! A real Apache Kafka on this machine, for tests and figures: one process as broker and
//! controller, on free loopback ports, with its files in a directory of its own. It ends with this
//! process, however this process ends.
//!
//! What will never live here: what is asked of it.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// The version that the contract suite is held against.
const VERSION: &str = "4.1.0";

/// The version of the small logger that fits the logging interface Kafka ships with.
const LOGGER_VERSION: &str = "1.7.36";

/// The Debian packages that bring `java` and `mvn`.
const PACKAGES: [&str; 2] = ["default-jre-headless", "maven"];

/// How large the broker's heap may grow: half of what it takes by itself, and plenty for tests.
const HEAP_MAX: &str = "-Xmx512m";

/// An id for the cluster, in the form that Kafka wants. It is alone, so any will do.
const CLUSTER_ID: &str = "dHJhZGVzcGluZS10ZXN0cw";

/// How often a starting broker is looked for, and how long between: a minute, since a machine that
/// compiles at the same time is slow.
const LOOKS_MAX: usize = 600;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs the broker (`$2...`) until it ends or standard input does, which is when whoever started
/// this is gone, then removes its directory (`$1`). Interrupts are for others: the broker must not
/// outlive this shell.
const KEEPER: &str = r#"
trap '' HUP INT TERM
directory=$1; shift
exec 3<&0
"$@" </dev/null 3<&- & broker=$!
( cat <&3 >/dev/null; [ -e "$directory/ended" ] || kill -9 $broker ) & watcher=$!
wait $broker
: >"$directory/ended"
wait $watcher
rm -rf "$directory"
"#;

/// A running broker. Dropping it kills it and removes its files.
pub(crate) struct Kafka {
    keeper: Child,
    bootstrap: String,
}

impl Kafka {
    /// Starts a broker with its files in a new directory under `work_dir`, and waits until it
    /// answers. The first time it is fetched, through Maven, into a cache.
    ///
    /// # Errors
    /// Where Java or Maven is missing and cannot be installed, or the broker does not come up; its
    /// own last words are part of the message.
    pub(crate) fn start(work_dir: &Path) -> Result<Kafka> {
        let jars = jars()?;
        fs::create_dir_all(work_dir)
            .with_context(|| format!("cannot make the directory {}", work_dir.display()))?;
        let directory = tempfile::Builder::new().prefix("kafka-").tempdir_in(work_dir)?.keep();
        let started = start_in(&directory, &jars);
        if started.is_err() {
            let _ = fs::remove_dir_all(&directory);
        }
        started
    }

    /// `host:port` of the broker.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Starts Kafka, runs `command` with `TRADESPINE_TEST_KAFKA` set, and ends with its exit status.
///
/// # Errors
/// Where Kafka cannot be started, or the command fails.
pub(crate) fn run_with(command: &[OsString]) -> Result<()> {
    let (program, arguments) = command.split_first().context("there is no command to run")?;
    let kafka = Kafka::start(&env::temp_dir())?;
    eprintln!("kafka {VERSION} answers at {}", kafka.bootstrap());
    let status = Command::new(program)
        .args(arguments)
        .env("TRADESPINE_TEST_KAFKA", kafka.bootstrap())
        .env("TRADESPINE_XTASK", "1")
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(status.success(), "{} ended with {status}", program.display());
    Ok(())
}

fn start_in(directory: &Path, jars: &Path) -> Result<Kafka> {
    let (broker, controller) = free_ports()?;
    let settings = directory.join("server.properties");
    fs::write(&settings, properties(directory, broker, controller))?;
    format_storage(&settings, jars)?;
    let log = fs::File::create(directory.join("broker.log"))?;
    let keeper = Command::new("sh")
        .arg("-c")
        .arg(KEEPER)
        .arg("sh")
        .arg(directory)
        .arg("java")
        .args(java_arguments(jars))
        .arg("kafka.Kafka")
        .arg(&settings)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start the broker")?;
    let kafka = Kafka { keeper, bootstrap: format!("127.0.0.1:{broker}") };
    wait_until_up(directory, broker)?;
    Ok(kafka)
}

fn wait_until_up(directory: &Path, port: u16) -> Result<()> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into();
    for _ in 0..LOOKS_MAX {
        if directory.join("ended").exists() {
            break;
        }
        if TcpStream::connect_timeout(&address, LOOK_EVERY).is_ok() {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
    let words = fs::read_to_string(directory.join("broker.log")).unwrap_or_default();
    let last: Vec<&str> = words.lines().rev().take(20).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    bail!("kafka did not come up; it said:\n{}", last.join("\n"))
}

/// Two ports that are free now. Somebody else may take one before Kafka does; then it says so.
fn free_ports() -> Result<(u16, u16)> {
    let one = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok((one.local_addr()?.port(), other.local_addr()?.port()))
}

fn properties(directory: &Path, broker: u16, controller: u16) -> String {
    let data = directory.join("data");
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{broker}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={}\n\
         auto.create.topics.enable=false\n\
         offsets.topic.num.partitions=1\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.num.partitions=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.num.partitions=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n",
        data.display()
    )
}

fn format_storage(settings: &Path, jars: &Path) -> Result<()> {
    let output = Command::new("java")
        .args(java_arguments(jars))
        .args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"])
        .arg(settings)
        .output()
        .context("cannot run java")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kafka cannot format its storage: {words}");
    Ok(())
}

fn java_arguments(jars: &Path) -> Vec<OsString> {
    let mut class_path = jars.as_os_str().to_owned();
    class_path.push("/*");
    vec![
        HEAP_MAX.into(),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".into(),
        "-cp".into(),
        class_path,
    ]
}

/// The directory with Kafka's jars, fetched where it is not there yet.
fn jars() -> Result<PathBuf> {
    let directory = tools_directory()?.join(format!("kafka-{VERSION}"));
    if directory.is_dir() {
        need("java", &["-version"])?;
        return Ok(directory);
    }
    need("java", &["-version"])?;
    need("mvn", &["-version"])?;
    eprintln!("fetching Apache Kafka {VERSION} into {}", directory.display());
    // Aside first, so that a download cut short is never taken for a whole one.
    let aside = directory.with_extension(format!("part-{}", process::id()));
    fs::create_dir_all(&aside)?;
    let fetched = fetch(&aside);
    if fetched.is_ok() && fs::rename(&aside, &directory).is_ok() {
        return Ok(directory);
    }
    let _ = fs::remove_dir_all(&aside);
    fetched?;
    // Somebody else was faster.
    ensure!(directory.is_dir(), "cannot make the directory {}", directory.display());
    Ok(directory)
}

fn tools_directory() -> Result<PathBuf> {
    if let Some(tools) = env::var_os("TRADESPINE_TOOLS").filter(|tools| !tools.is_empty()) {
        return Ok(tools.into());
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = cache.or(home).context("neither TRADESPINE_TOOLS nor HOME is set")?;
    Ok(cache.join("tradespine"))
}

fn fetch(directory: &Path) -> Result<()> {
    let project = directory.join("pom.xml");
    fs::write(&project, project_file())?;
    let mut target = OsString::from("-DoutputDirectory=");
    target.push(directory);
    let status = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(&project)
        .arg("dependency:copy-dependencies")
        .arg(target)
        .status()
        .context("cannot run mvn")?;
    ensure!(status.success(), "maven could not fetch Apache Kafka {VERSION}");
    Ok(())
}

fn project_file() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    [
        "<project><modelVersion>4.0.0</modelVersion><groupId>tradespine</groupId>\
         <artifactId>kafka-for-tests</artifactId><version>1</version><dependencies>",
        &dependency("org.apache.kafka", "kafka_2.13", VERSION),
        &dependency("org.apache.kafka", "kafka-tools", VERSION),
        &dependency("org.slf4j", "slf4j-simple", LOGGER_VERSION),
        "</dependencies></project>\n",
    ]
    .concat()
}

/// Makes sure that `program` can be run, installing what brings it where that is allowed.
fn need(program: &str, arguments: &[&str]) -> Result<()> {
    if runs(program, arguments) {
        return Ok(());
    }
    if runs("apt-get", &["--version"]) && is_root() {
        eprintln!("installing {}", PACKAGES.join(" and "));
        let _ = Command::new("apt-get").args(["update", "-q"]).status();
        let _ = Command::new("apt-get")
            .args(["install", "-q", "-y", "--no-install-recommends"])
            .args(PACKAGES)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status();
    }
    ensure!(
        runs(program, arguments),
        "{program} is missing, which Apache Kafka needs; on Debian: apt-get install {}",
        PACKAGES.join(" ")
    );
    Ok(())
}

fn runs(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
