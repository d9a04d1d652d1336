//! The core held against its reference for as long as one likes: `cargo xtask prove --help`.
//!
//! It tells its rate and how far it is while it runs, and at the end how often each kind of event,
//! reason and refusal was seen. With `--resume FILE` it writes its progress there after each round
//! and goes on from what the file says. It ends with a failure at the first thing that is wrong,
//! and says how to see it again.

#![allow(missing_docs, unreachable_pub, dead_code, reason = "a program")]
#![allow(clippy::cast_possible_truncation, reason = "random draws are cut on purpose")]
#![expect(clippy::disallowed_methods, reason = "a long run tells its rate")]
#![expect(clippy::disallowed_types, reason = "a long run tells its rate")]

#[path = "../tests/core/compare.rs"]
mod compare;
#[path = "../tests/core/flow.rs"]
mod flow;
#[path = "../tests/core/laws.rs"]
mod laws;
#[path = "../tests/core/naive.rs"]
mod naive;
#[path = "../tests/core/prove.rs"]
mod prove;
#[path = "../tests/core/setup.rs"]
mod setup;

use std::{
    fs,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use prove::{Plan, Progress};

struct Arguments {
    plan: Plan,
    commands: u64,
    resume: Option<PathBuf>,
}

fn main() -> ExitCode {
    let done = arguments().and_then(|arguments| {
        let mut progress = begin(&arguments)?;
        run(&arguments, &mut progress)?;
        print!("{}", coverage(&progress));
        Ok(())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments =
        Arguments { plan: Plan { seed: 0, orders: 200 }, commands: 1_000_000, resume: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word}: {value} is no number"));
        match word.as_str() {
            "--commands" => arguments.commands = number()?,
            "--seed" => arguments.plan.seed = number()?,
            "--orders" => {
                arguments.plan.orders = usize::try_from(number()?).unwrap_or(usize::MAX);
            }
            "--resume" => arguments.resume = Some(value.into()),
            _ => return Err(format!("{word} is unknown: --commands --seed --orders --resume")),
        }
    }
    Ok(arguments)
}

/// From the file, where there is one; it must be of the same plan.
fn begin(arguments: &Arguments) -> Result<Progress, String> {
    let fresh = Progress::new(arguments.plan);
    let Some(file) = arguments.resume.as_ref().filter(|file| file.exists()) else {
        return Ok(fresh);
    };
    let place = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{place}: {error}"))?;
    let progress = Progress::from_text(&text).ok_or_else(|| format!("{place} is no progress"))?;
    if progress.plan != arguments.plan {
        let Plan { seed, orders } = progress.plan;
        return Err(format!("{place} is of --seed {seed} --orders {orders}"));
    }
    eprintln!("going on after {} commands", progress.commands());
    Ok(progress)
}

fn run(arguments: &Arguments, progress: &mut Progress) -> Result<(), String> {
    let is_terminal = std::io::stderr().is_terminal();
    let pause = Duration::from_secs(if is_terminal { 1 } else { 30 });
    let (started, before) = (Instant::now(), progress.commands());
    let mut told = started;
    while progress.commands() < arguments.commands {
        progress.advance()?;
        if let Some(file) = &arguments.resume {
            keep(file, &progress.to_text()).map_err(|error| format!("{file:?}: {error}"))?;
        }
        if told.elapsed() >= pause {
            told = Instant::now();
            let line = rate(progress.commands(), before, arguments.commands, started.elapsed());
            let (start, end) = if is_terminal { ("\r", "  ") } else { ("", "\n") };
            eprint!("{start}{line}{end}");
            std::io::stderr().flush().map_err(|error| error.to_string())?;
        }
    }
    let line = rate(progress.commands(), before, arguments.commands, started.elapsed());
    eprintln!("{}{line}", if is_terminal { "\r" } else { "" });
    Ok(())
}

fn rate(commands: u64, before: u64, end: u64, took: Duration) -> String {
    let a_second = (commands - before) as f64 / took.as_secs_f64().max(1e-9);
    let left = end.saturating_sub(commands) as f64 / a_second.max(1.0);
    format!("{commands} of {end} commands, {a_second:.0}/s, {left:.0} s to go")
}

/// All of the text or, whatever happens, what was there before.
fn keep(file: &Path, text: &str) -> std::io::Result<()> {
    let beside = file.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(&beside, file)
}

fn coverage(progress: &Progress) -> String {
    let mut lines = progress.to_text();
    for (kind, count) in progress.rare(1_000) {
        lines += &format!("rare: {kind}, {count} times\n");
    }
    lines
}
