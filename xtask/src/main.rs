//! The two commands that do everything: `cargo xtask up` and `cargo xtask test`.

mod kafka;

use std::ffi::OsString;

use clap::Parser;

/// What to do.
#[derive(Parser)]
#[command(about)]
enum Task {
    /// Runs a command beside a real Apache Kafka, whose address is in TRADESPINE_TEST_KAFKA.
    WithKafka {
        /// The command and its arguments, after `--`.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::WithKafka { command } => kafka::run_with(&command),
    }
}
