//! A real Apache Kafka on this machine, for tests and figures: one process as broker and
//! controller, on free loopback ports. One is open to everybody; the other is [`guarded`].
//!
//! What will never live here: what is asked of it.

mod guarded;

use std::{
    ffi::OsString,
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result, ensure};

use self::guarded::Guarded;
use crate::{
    keeper::{End, Kept, accepts, free_ports, start_in_new_directory, steady_ports},
    packages,
    recipe::Recipe,
    tools,
};

/// The version that the contract suite is held against.
const VERSION: &str = "4.1.0";

/// The version of the small logger that fits the logging interface Kafka ships with.
const LOGGER_VERSION: &str = "1.7.36";

/// The Debian packages that bring `java` and `mvn`.
const PACKAGES: [&str; 2] = ["default-jre-headless", "maven"];

/// How large the broker's heap may grow: half of what it takes by itself, and plenty for tests.
const HEAP_MAX: &str = "-Xmx512m";

/// Its collector. A broker keeps little for long, so that it stops for a few milliseconds now and
/// then; what a machine of few processors would choose by itself, G1, takes a third of what the
/// broker does for a small record (docs/adr/0022).
const COLLECTOR: &str = "-XX:+UseParallelGC";

/// How many threads a broker has by itself: three for each port, eight for requests. On two
/// processors they only take turns, which is a third of a small record's cost (docs/adr/0022); so
/// it has no more than there are processors for.
const NETWORK_THREADS_MAX: usize = 3;
const REQUEST_THREADS_MAX: usize = 8;

/// An id for the cluster, in the form that Kafka wants. It is alone, so any will do.
const CLUSTER_ID: &str = "dHJhZGVzcGluZS10ZXN0cw";

/// A running broker. Dropping it kills it and removes its files.
pub(crate) struct Kafka {
    _server: Kept,
    bootstrap: String,
    guarded: Guarded,
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
        start_in_new_directory(work_dir, "kafka", |directory| start_in(directory, &jars))
    }

    /// `host:port` of the broker.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// What a test needs for the guarded port: its address, a user, a password, and the file of the
    /// certificate to believe, parted by spaces.
    pub(crate) fn guarded(&self) -> String {
        self.guarded.introduction()
    }
}

/// Prepares a broker for somebody else to run, with its files in `directory`.
///
/// # Errors
/// Where Java or Maven is missing and cannot be installed, or its storage cannot be formatted.
pub(crate) fn recipe(directory: &Path) -> Result<Recipe> {
    let ports = steady_ports()?;
    let (command, _) = prepare(directory, &jars()?, ports)?;
    let address = format!("127.0.0.1:{}", ports[0]);
    Ok(Recipe { url: address.clone(), address, command })
}

fn start_in(directory: &Path, jars: &Path) -> Result<Kafka> {
    let ports = free_ports()?;
    let (command, guarded) = prepare(directory, jars, ports)?;
    let server = Kept::start(directory, End::Kill, command).context("cannot start the broker")?;
    let [broker, ..] = ports;
    server.wait_until(directory, || accepts(broker))?;
    Ok(Kafka { _server: server, bootstrap: format!("127.0.0.1:{broker}"), guarded })
}

/// Makes all files of a broker on these ports, and tells the command that runs it.
fn prepare(
    directory: &Path,
    jars: &Path,
    [broker, controller, guarded]: [u16; 3],
) -> Result<(Vec<OsString>, Guarded)> {
    let guarded = Guarded::make(directory, guarded)?;
    let settings = directory.join("server.properties");
    let lines = properties(directory, broker, controller, &guarded.listener());
    fs::write(&settings, lines + &guarded.properties())?;
    format_storage(&settings, jars)?;
    let mut command = vec![OsString::from("java")];
    command.extend(java_arguments(jars));
    command.extend(["kafka.Kafka".into(), settings.into_os_string()]);
    Ok((command, guarded))
}

fn properties(directory: &Path, broker: u16, controller: u16, guarded: &str) -> String {
    let data = directory.join("data");
    let processors = processors();
    let network = processors.div_ceil(2).min(NETWORK_THREADS_MAX);
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:{broker},{guarded},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{broker},{guarded}\n\
         listener.security.protocol.map=\
         PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT\n\
         num.network.threads={network}\n\
         num.io.threads={processors}\n\
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

/// How many processors a broker has threads for.
fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(REQUEST_THREADS_MAX)
}

fn format_storage(settings: &Path, jars: &Path) -> Result<()> {
    let output = Command::new("java")
        .args(java_arguments(jars))
        .args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"])
        .arg(settings)
        .args(Guarded::user())
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
        COLLECTOR.into(),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".into(),
        "-cp".into(),
        class_path,
    ]
}

/// The directory with Kafka's jars, fetched where it is not there yet.
fn jars() -> Result<PathBuf> {
    need("java", &["-version"])?;
    tools::kept(&format!("kafka-{VERSION}"), |directory| {
        need("mvn", &["-version"])?;
        eprintln!("fetching Apache Kafka {VERSION}");
        fetch(directory)
    })
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

fn need(program: &str, arguments: &[&str]) -> Result<()> {
    packages::need("Apache Kafka", &PACKAGES, || packages::runs(program, arguments))
}
