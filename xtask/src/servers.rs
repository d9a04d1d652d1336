//! The private servers that tests speak to: each on a free port, with its files in a directory that
//! goes away, and its address in a variable. A test that finds no variable prints `skipped:`, and
//! fails where `TRADESPINE_XTASK` is set.

use std::{
    any::Any,
    ffi::OsString,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{jaeger::Jaeger, kafka::Kafka, postgres::Postgres, redis::Redis};

/// Tells tests that every server should be there, so that one without its address fails.
const EXPECTED: &str = "TRADESPINE_XTASK";

/// The servers, in the order in which they are started. A new one is a new row.
static SERVERS: [Server; 4] = [
    Server {
        key: "kafka",
        name: "Apache Kafka",
        variable: "TRADESPINE_TEST_KAFKA",
        start: |work_dir| {
            let kafka = Kafka::start(work_dir)?;
            let (address, guarded) = (kafka.bootstrap().to_owned(), kafka.guarded());
            let started = Started::new(address, kafka);
            Ok(Started { more: vec![("TRADESPINE_TEST_KAFKA_GUARDED", guarded)], ..started })
        },
    },
    Server {
        key: "postgres",
        name: "PostgreSQL",
        variable: "TRADESPINE_TEST_POSTGRES",
        start: |work_dir| {
            let postgres = Postgres::start(work_dir)?;
            Ok(Started::new(postgres.url().to_owned(), postgres))
        },
    },
    Server {
        key: "redis",
        name: "Redis",
        variable: "TRADESPINE_TEST_REDIS",
        start: |work_dir| {
            let redis = Redis::start(work_dir)?;
            Ok(Started::new(redis.url().to_owned(), redis))
        },
    },
    Server {
        key: "jaeger",
        name: "Jaeger",
        variable: "TRADESPINE_TEST_JAEGER",
        start: |work_dir| {
            let jaeger = Jaeger::start(work_dir)?;
            let (pages, otlp) = (jaeger.pages(), jaeger.otlp());
            let started = Started::new(pages, jaeger);
            Ok(Started { more: vec![("TRADESPINE_TEST_JAEGER_OTLP", otlp)], ..started })
        },
    },
];

/// A server that can be started.
struct Server {
    /// For command lines.
    key: &'static str,
    /// For people.
    name: &'static str,
    /// The variable that carries its address to the tests.
    variable: &'static str,
    /// Makes sure of its tools and starts it, with its files below a directory.
    start: fn(&Path) -> Result<Started>,
}

/// A server that runs, until it is dropped.
struct Started {
    address: String,
    /// Further variables for the tests, with what they say.
    more: Vec<(&'static str, String)>,
    _process: Box<dyn Any>,
}

impl Started {
    fn new(address: String, process: impl Any) -> Started {
        Started { address, more: Vec::new(), _process: Box::new(process) }
    }
}

/// A command to run beside servers.
#[derive(Args)]
pub(crate) struct Beside {
    /// Only these of kafka, postgres, redis and jaeger; without it all of them.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// The command and its arguments, after `--`.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// All servers, running until this is dropped.
pub(crate) struct Servers {
    started: Vec<(&'static str, Started)>,
    is_complete: bool,
    _files: tempfile::TempDir,
}

impl Servers {
    /// Starts all of them.
    ///
    /// # Errors
    /// Where one of them cannot be installed or started.
    pub(crate) fn start() -> Result<Servers> {
        Servers::start_some(&SERVERS.each_ref())
    }

    fn start_some(servers: &[&Server]) -> Result<Servers> {
        let files = tempfile::Builder::new().prefix("tradespine-test-").tempdir()?;
        // A server that runs as another user finds its own directory, and sees no other's name.
        fs::set_permissions(files.path(), Permissions::from_mode(0o711))?;
        let mut started = Vec::new();
        for server in servers {
            let running = (server.start)(files.path())
                .with_context(|| format!("{} could not be started", server.name))?;
            eprintln!("{} answers at {}", server.name, running.address);
            started.push((server.variable, running));
        }
        let is_complete = started.len() == SERVERS.len();
        Ok(Servers { started, is_complete, _files: files })
    }

    /// Tells `command` where they are, and where they are all there also that.
    pub(crate) fn introduce(&self, command: &mut Command) {
        if self.is_complete {
            command.env(EXPECTED, "1");
        }
        for (variable, server) in &self.started {
            command.env(variable, &server.address);
            command.envs(server.more.iter().map(|(variable, text)| (variable, text)));
        }
    }
}

/// Runs a command beside servers, and ends with its exit status.
///
/// # Errors
/// Where a server cannot be started, or the command fails.
pub(crate) fn run_beside(beside: &Beside) -> Result<()> {
    let servers = if beside.only.is_empty() {
        Servers::start()?
    } else {
        Servers::start_some(&named(&beside.only)?)?
    };
    run(&servers, &beside.command)
}

/// Runs a command beside Kafka alone, and ends with its exit status.
///
/// # Errors
/// Where Kafka cannot be started, or the command fails.
pub(crate) fn run_beside_kafka(command: Vec<OsString>) -> Result<()> {
    run_beside(&Beside { only: vec!["kafka".to_owned()], command })
}

fn run(servers: &Servers, command: &[OsString]) -> Result<()> {
    let (program, arguments) = command.split_first().context("there is no command to run")?;
    let mut command = Command::new(program);
    command.args(arguments);
    servers.introduce(&mut command);
    let status = command.status().with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(status.success(), "{} ended with {status}", program.display());
    Ok(())
}

/// The servers with these names, in the order of the table.
fn named(names: &[String]) -> Result<Vec<&'static Server>> {
    if let Some(unknown) = names.iter().find(|name| SERVERS.iter().all(|known| known.key != **name))
    {
        let known = SERVERS.each_ref().map(|server| server.key).join(", ");
        bail!("there is no server {unknown}; there are {known}");
    }
    Ok(SERVERS.iter().filter(|server| names.iter().any(|name| name == server.key)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_in_any_order() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let found = named(&names(&["redis", "kafka"])).expect("both are known");
        let keys: Vec<&str> = found.iter().map(|server| server.key).collect();
        assert_eq!(keys, ["kafka", "redis"]);
        let error = named(&names(&["mysql"])).err().expect("it is unknown").to_string();
        assert_eq!(error, "there is no server mysql; there are kafka, postgres, redis, jaeger");
    }
}
