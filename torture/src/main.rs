//! The rig: kill -9 of every part of the platform under load, at moments drawn from a seed, and
//! checkers that share no code with what they check. `cargo xtask torture` runs it; docs/torture.md
//! tells how to read what it says.
//!
//! # Layout
//!
//! - [`plan`]: what is killed. [`platform`]: the processes. [`run`]: one run from start to end.
//! - [`load`]: the client that places orders. [`follow`]: clients that keep books. [`history`]:
//!   what both write down. [`tally`]: counts for people.
//! - [`bank`]: those who read what there is of everything meanwhile, by [`grpc`].
//! - [`evidence`]: topics and tables as files. [`check`]: the checkers.
//! - [`view`]: the terminal while it runs. [`report`]: the file at the end.
//!
//! It uses none of the platform's crates, and `cargo xtask tidy` sees to that.

mod bank;
mod check;
mod evidence;
mod follow;
mod grpc;
mod history;
mod load;
mod plan;
mod platform;
mod report;
mod run;
mod tally;
mod view;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use crate::{bank::Bank, plan::Victim, platform::PARTITIONS, run::Wanted};

/// The name of the report in a run's directory.
const REPORT: &str = "report.md";

/// What can be asked for.
#[derive(Parser)]
#[command(about)]
struct Arguments {
    /// How many kills of each victim; half as many of the broker and of everything at once. With
    /// --bank, in all [default: 1, with --bank 40].
    #[arg(long)]
    kills: Option<u32>,

    /// What the order, the victims and the load are drawn from [default: drawn].
    #[arg(long)]
    seed: Option<u64>,

    /// Only these victims, of gateway, matcher, ledger, broadcaster, postgres, redis, broker and
    /// everything. With --bank they are killed in turn.
    #[arg(long, value_delimiter = ',', value_name = "VICTIMS")]
    only: Vec<Victim>,

    /// Orders a second that are sent; with --bank, movements of money too [default: 1500, with
    /// --bank 300].
    #[arg(long)]
    rate: Option<u32>,

    /// So many of them acknowledged in the second before a kill, or it does not count [default:
    /// 1000, with --bank 50].
    #[arg(long)]
    least_rate: Option<f64>,

    /// A bank: accounts whose money is deposited, withdrawn, sent and traded, while the totals of
    /// every asset are read again and again, each time as of a position of the log.
    #[arg(long)]
    bank: bool,

    /// How many accounts a bank has.
    #[arg(long, default_value_t = 10_000, requires = "bank")]
    accounts: u32,

    /// How many clients move their money.
    #[arg(long, default_value_t = 100, requires = "bank")]
    clients: u32,

    /// How often all totals are read at the least.
    #[arg(long, default_value_t = 20_000, requires = "bank")]
    reads: u64,

    /// Where the run is kept: history, logs, bytes, rows, report.
    #[arg(long, value_name = "DIRECTORY")]
    directory: PathBuf,

    /// Keeps bytes and rows also where all is good.
    #[arg(long)]
    keep: bool,

    /// Only checks what lies in the directory.
    #[arg(long)]
    check: bool,

    /// Where the servers' recipes are.
    #[arg(long, value_name = "DIRECTORY", required_unless_present = "check")]
    servers: Option<PathBuf>,

    /// The platform's binary.
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    binary: Option<PathBuf>,
}

fn main() -> ExitCode {
    match work(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is good.
fn work(arguments: &Arguments) -> Result<bool> {
    if arguments.check {
        let findings = check::check(&arguments.directory, PARTITIONS)?;
        println!("{}", report::checked(&findings));
        return Ok(findings.are_good());
    }
    let required = |path: &Option<PathBuf>| path.clone().context("an argument is missing");
    let (servers, binary) = (required(&arguments.servers)?, required(&arguments.binary)?);
    make_new(&arguments.directory)?;
    let directory = fs::canonicalize(&arguments.directory)?;
    let seed = arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let plan = plan(arguments, seed);
    println!("{} kills, seed {seed}, in {}", plan.len(), directory.display());
    let wanted = Wanted {
        plan,
        seed,
        rate: arguments.rate.unwrap_or(if arguments.bank { 300 } else { 1_500 }),
        least_rate: arguments.least_rate.unwrap_or(if arguments.bank { 50.0 } else { 1_000.0 }),
        bank: arguments.bank.then_some(Bank {
            accounts: arguments.accounts,
            clients: arguments.clients.clamp(1, arguments.accounts.max(1)),
            reads: arguments.reads,
        }),
        servers: &servers,
        binary: &binary,
        directory: &directory,
    };
    let ran = run::run(&wanted)?;
    println!("checking");
    let findings = check::check(&directory, PARTITIONS)?;
    let text = report::markdown(&wanted, &ran, &findings);
    fs::write(directory.join(REPORT), &text)?;
    println!("\n{text}");
    let is_good = report::is_good(&wanted, &ran, &findings);
    if is_good && !arguments.keep {
        evidence::remove(&directory)?;
    }
    println!("{}", directory.join(REPORT).display());
    Ok(is_good)
}

/// What is killed, in which order.
fn plan(arguments: &Arguments, seed: u64) -> Vec<Victim> {
    let all = if arguments.bank { &Victim::OF_A_BANK[..] } else { &Victim::ALL[..] };
    let victims = if arguments.only.is_empty() { all } else { &arguments.only };
    if arguments.bank {
        return plan::in_turn(arguments.kills.unwrap_or(40), victims);
    }
    plan::draw(arguments.kills.unwrap_or(1), victims, &mut Pcg64Mcg::seed_from_u64(seed))
}

/// A run never mixes with another's evidence.
fn make_new(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    let is_empty = fs::read_dir(directory)?.next().is_none();
    ensure!(is_empty, "{} is not empty; name a new directory", directory.display());
    Ok(())
}
