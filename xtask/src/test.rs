//! `cargo xtask test`: everything that must hold before a change goes in.
//!
//! Every step runs even where an earlier one failed, so that one run tells all that is wrong. What
//! is quick comes first.

mod tally;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use self::tally::Tally;
use crate::{cargo, fuzz, manifests::Manifests, servers::Servers, tidy, torture};

/// Which tests to run.
#[derive(Args)]
pub(crate) struct Selection {
    /// Only the tests whose names contain this, without the other checks.
    #[arg(long, value_name = "FILTER")]
    only: Option<String>,
    /// Only the tests of this package, without the other checks.
    #[arg(long, short, value_name = "NAME")]
    package: Option<String>,
}

/// Runs every step and says how each went.
///
/// # Errors
/// Where any of them failed.
pub(crate) fn run(selection: &Selection) -> Result<()> {
    let mut report = Report::default();
    if selection.is_everything() {
        report.step("format", || cargo::run(&mut cargo::command(["fmt", "--all", "--check"])));
        report.step("tidy", tidy::run);
        report.step("clippy", clippy);
        report.step("fuzz", fuzz::check);
    }
    let mut manifests = None;
    report.step("manifests", || {
        manifests = Some(Manifests::render()?);
        Ok(())
    });
    let mut tally = Tally::default();
    report.step("test", || tests(selection, manifests.as_ref(), &mut tally));
    if selection.is_everything() {
        report.step("torture", torture::tiny);
        report.step("bank", torture::tiny_bank);
    }
    report.end(&tally)
}

fn clippy() -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    cargo::run(&mut cargo::command(arguments))
}

fn tests(selection: &Selection, manifests: Option<&Manifests>, tally: &mut Tally) -> Result<()> {
    let mut command = cargo::command(["test", "--no-fail-fast"]);
    match &selection.package {
        Some(package) => command.args(["--package", package]),
        None => command.arg("--workspace"),
    };
    if let Some(filter) = &selection.only {
        command.arg("--").arg(filter);
    }
    let servers = Servers::start()?;
    servers.introduce(&mut command);
    if let Some(manifests) = manifests {
        manifests.introduce(&mut command);
    }
    let ended = cargo::run_with_lines(&mut command, |line| {
        println!("{line}");
        tally.read(line);
    });
    ended.and_then(|()| tally.verdict())
}

impl Selection {
    const fn is_everything(&self) -> bool {
        self.only.is_none() && self.package.is_none()
    }
}

/// How the steps went.
#[derive(Default)]
struct Report {
    steps: Vec<(&'static str, Duration, Result<()>)>,
}

impl Report {
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let outcome = work();
        if let Err(error) = &outcome {
            eprintln!("{name} failed: {error:#}");
        }
        self.steps.push((name, started.elapsed(), outcome));
    }

    /// Says how each step went, and in the last line how all of them did.
    fn end(self, tally: &Tally) -> Result<()> {
        eprintln!();
        for (name, took, outcome) in &self.steps {
            let word = if outcome.is_ok() { "ok" } else { "FAILED" };
            eprintln!("{name:<9} {word:<8} {:>7.1} s", took.as_secs_f64());
        }
        let took: Duration = self.steps.iter().map(|(_, took, _)| *took).sum();
        let failed: Vec<&str> = self
            .steps
            .iter()
            .filter_map(|(name, _, outcome)| outcome.is_err().then_some(*name))
            .collect();
        if failed.is_empty() {
            eprintln!("ok: {tally}, in {:.0} s", took.as_secs_f64());
            return Ok(());
        }
        bail!("{} failed: {tally}, in {:.0} s", failed.join(" and "), took.as_secs_f64())
    }
}
