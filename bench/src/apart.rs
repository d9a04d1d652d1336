//! Services apart on this machine: Kafka, PostgreSQL, Redis, the services and the load, and beside
//! them floors, in rounds that take each of them in turn.
//!
//! Rounds are interleaved because a machine that is shared is now fast and now slow: what counts is
//! the ratio of two figures of the same round.

mod ledger;
mod page;
mod parts;
mod platform;
mod process;
mod warm;
mod wrk;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use tokio::runtime::Runtime;

use self::{
    parts::Bench,
    platform::{Plan, Platform},
};
use crate::{collector::Collector, figures::Figures};

/// What to measure, and with what.
#[derive(Args)]
pub(crate) struct Apart {
    /// Where the servers are prepared, each with a recipe.
    #[arg(long, value_name = "DIRECTORY")]
    servers: PathBuf,
    /// The program of the services.
    #[arg(long, value_name = "FILE")]
    binary: PathBuf,
    /// Where the floors' programs `echo` and `produce` are.
    #[arg(long, value_name = "DIRECTORY")]
    examples: PathBuf,
    /// The orders of the closed loop, a script for wrk.
    #[arg(long, value_name = "FILE")]
    orders: PathBuf,
    #[command(flatten)]
    extent: Extent,
}

/// How much is measured.
#[derive(Args)]
pub(crate) struct Extent {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each load lasts.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How often everything is loaded before the first round, five seconds of orders each, without
    /// a figure: until the broker's virtual machine has compiled what it needs.
    #[arg(long, default_value_t = 4)]
    warm_up_turns: u32,
    /// Only these parts [default: all].
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PARTS")]
    only: Vec<Part>,
    /// How many shards trade.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    partitions: u16,
    /// Orders a second of the part `hold`.
    #[arg(long, default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(1..))]
    hold_rate: u32,
    /// How long the part `hold` lasts.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    hold_seconds: u64,
}

/// A part of the measurements. All but the last are taken in every round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Routes that echo, and that produce to Kafka and await the acknowledgement.
    Routes,
    /// Kafka alone: produce, acknowledge, one hop and two.
    Kafka,
    /// REST, closed loop.
    Rest,
    /// gRPC streams, closed loop.
    Stream,
    /// The highest constant rates that are held over REST and gRPC.
    Open,
    /// From an order to its acknowledgement and its trade on a WebSocket.
    Push,
    /// A constant rate for a minute, and how far behind the ledger is.
    Hold,
}

impl Extent {
    fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Starts everything, measures it, and prints the table.
///
/// # Errors
/// Where something cannot be started or ends before its time. No figure is an error.
pub(crate) fn run(apart: &Apart) -> Result<()> {
    let began = Instant::now();
    let load_before = load_average();
    let runtime = Runtime::new()?;
    let (collector, collector_uri) = runtime.block_on(Collector::start())?;
    let plan = Plan {
        binary: &apart.binary,
        servers: &apart.servers,
        examples: &apart.examples,
        directory: apart.servers.join("run"),
        partitions: apart.extent.partitions,
        collector_uri,
    };
    let platform = Platform::start(&plan)?;
    eprintln!("everything is up after {:.0} s", began.elapsed().as_secs_f64());

    let extent = &apart.extent;
    let mut bench = Bench {
        platform,
        runtime,
        extent,
        orders: &apart.orders,
        figures: Figures::default(),
        seed: 0,
        loads: 0,
        loads_equal: 0,
    };
    bench.note_memory("started");
    bench.warm_up()?;
    eprintln!("everything is warm after {:.0} s", began.elapsed().as_secs_f64());
    for round in 1..=extent.rounds {
        eprintln!("round {round} of {}", extent.rounds);
        bench.round().with_context(|| format!("round {round}"))?;
    }
    bench.hold()?;
    bench.note_memory("after the run");
    let shares = ledger::shares(&bench.platform.at)?;

    println!("{}", bench.figures.table());
    println!(
        "After {} of {} loads the ledger had as many orders as the log acknowledged.",
        bench.loads_equal, bench.loads
    );
    println!(
        "{} orders in the ledger; {:.1} % traded, {:.2} % were rejected. {} spans were sent.",
        shares.orders,
        shares.traded_percent,
        shares.rejected_percent,
        collector.spans()
    );
    println!(
        "{} rounds, {} s a load, {} partitions; load average before the run: {load_before}; taken in {:.0} s.",
        extent.rounds,
        extent.seconds,
        extent.partitions,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
