//! The private servers that tests speak to: each on a free port, with its files in a directory that
//! goes away, and its address in a variable. A test that finds no variable prints `skipped:`, and
//! fails where `TRADESPINE_XTASK` is set.

use std::{any::Any, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::kafka::Kafka;

/// Tells tests that every server should be there, so that one without its address fails.
pub(crate) const EXPECTED: &str = "TRADESPINE_XTASK";

/// The servers, in the order in which they are started. A new one is a new row.
const SERVERS: [Server; 1] =
    [Server { name: "Apache Kafka", variable: "TRADESPINE_TEST_KAFKA", start: kafka }];

/// A server that can be started.
struct Server {
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
    _process: Box<dyn Any>,
}

fn kafka(work_dir: &Path) -> Result<Started> {
    let kafka = Kafka::start(work_dir)?;
    Ok(Started { address: kafka.bootstrap().to_owned(), _process: Box::new(kafka) })
}

/// All servers, running until this is dropped.
pub(crate) struct Servers {
    started: Vec<(&'static str, Started)>,
    _files: tempfile::TempDir,
}

impl Servers {
    /// Starts all of them.
    ///
    /// # Errors
    /// Where one of them cannot be installed or started.
    pub(crate) fn start() -> Result<Servers> {
        let files = tempfile::Builder::new().prefix("tradespine-test-").tempdir()?;
        let mut started = Vec::new();
        for server in SERVERS {
            let running = (server.start)(files.path())
                .with_context(|| format!("{} could not be started", server.name))?;
            eprintln!("{} answers at {}", server.name, running.address);
            started.push((server.variable, running));
        }
        Ok(Servers { started, _files: files })
    }

    /// Tells `command` where they are, and that they are all there.
    pub(crate) fn introduce(&self, command: &mut Command) {
        command.env(EXPECTED, "1");
        for (variable, server) in &self.started {
            command.env(variable, &server.address);
        }
    }
}
