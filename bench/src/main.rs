//! `tradespine-bench`: figures of services apart, and the generator of load that they rest on.
//!
//! No figure passes or fails anything: it stands beside a floor of the same run, for people to read
//! (docs/benchmarks.md).
//!
//! # Layout
//!
//! - [`apart`]: starts the servers and the services, and measures in interleaved rounds.
//! - [`rest`], [`stream`]: the load, over HTTP and gRPC. [`schedule`]: when each request is due;
//!   [`order`]: what it is. [`trades`]: listens on a WebSocket for what comes of it.
//! - [`kafka`]: floors below the log.
//! - [`outcome`], [`figures`]: what was measured, and the table that is made of it.
//!
//! What will never live here: a limit that a figure must keep.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "a run's counts, rates and moments are far below where a cast would cut them"
)]

mod apart;
mod collector;
mod figures;
mod kafka;
mod order;
mod outcome;
mod rest;
mod schedule;
mod stream;
mod trades;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use clap::{ArgGroup, Args, Parser};
use tokio::runtime::Runtime;

use crate::order::{Keys, Orders};

/// The platform's own: a generator must not cost more than it has to.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to do.
#[derive(Parser)]
#[command(about)]
enum Task {
    /// Starts everything and measures it; `cargo xtask bench apart` calls it.
    Apart(Box<apart::Apart>),
    /// Sends orders at a constant rate to a platform that runs, and tells their latencies, each
    /// counted from when its order was due.
    Load(Load),
}

/// A load of a platform that runs.
#[derive(Args)]
#[command(group = ArgGroup::new("edge").required(true).args(["rest", "grpc"]))]
struct Load {
    /// The gateway's REST, such as 127.0.0.1:8080.
    #[arg(long, value_name = "ADDRESS")]
    rest: Option<SocketAddr>,
    /// The gateway's gRPC, such as <http://127.0.0.1:50051>: orders go over streams.
    #[arg(long, value_name = "URI")]
    grpc: Option<String>,
    /// Orders a second.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Connections, or streams with a connection each.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// How long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The seed of the orders.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Apart(apart) => apart::run(&apart),
        Task::Load(load) => run_load(&load),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_load(load: &Load) -> Result<()> {
    let Load { rest, grpc, rate, connections, seconds, seed } = load;
    let paced = (*rate, Duration::from_secs(*seconds));
    let outcome = match (rest, grpc) {
        (Some(address), _) => {
            rest::run(*address, *connections, paced, Orders::new(*seed, Keys::Own))?
        }
        (_, Some(uri)) => {
            Runtime::new()?.block_on(stream::open_loop(uri, *connections, paced, *seed))?
        }
        (None, None) => bail!("--rest or --grpc says where to"),
    };
    println!("{rate}/s asked for: {}", outcome.line());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_has_one_edge_and_whatever_else() {
        let reads = |line: &str| Task::try_parse_from(line.split(' ')).is_ok();
        assert!(reads(
            "bench load --rest 127.0.0.1:8080 --rate 5000 --connections 64 --seconds 10"
        ));
        assert!(reads("bench load --grpc http://127.0.0.1:50051 --rate 5000 --connections 2"));
        assert!(!reads("bench load --rate 5000"), "it goes nowhere");
        assert!(!reads("bench load --rest 127.0.0.1:8080 --grpc http://127.0.0.1:50051"));
    }
}
