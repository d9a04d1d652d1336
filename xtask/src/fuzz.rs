//! `cargo xtask fuzz`: every decoder is fed with whatever leads somewhere new, one target after the
//! other, each for as long. The targets are a workspace of their own, `fuzz/`, and cargo-fuzz
//! builds them: with the counters that guide libFuzzer, and without a sanitizer of memory, since
//! none of our code is unsafe. Nightly Rust is not needed.
//!
//! What is found stays in `fuzz/artifacts/`, what led somewhere new in `fuzz/corpus/`: the next run
//! begins with it.

use std::{
    fmt, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{cargo, tools, workspace};

/// What builds the targets and runs them.
const VERSION: &str = "0.13.2";

/// The target that writes what the others begin with.
const SEEDS: &str = "seeds";

/// An input that is worked on for longer is a finding, in seconds.
const INPUT_SECONDS_MAX: u32 = 10;

/// A target that takes more memory is a finding, in MiB. Each keeps what it found in memory.
const MEMORY_MIB_MAX: u32 = 4_096;

/// What to fuzz, and how long.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// Only these targets: the names of the files in fuzz/fuzz_targets.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each of them runs.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    seconds: u32,
}

/// Checks that every target can be built. Nothing else is built with its flags, so it has a
/// directory of its own.
///
/// # Errors
/// Where one of them cannot.
pub(crate) fn check() -> Result<()> {
    let mut check = cargo::command(["check", "--locked", "--bins", "--manifest-path"]);
    check.arg(workspace::root().join("fuzz/Cargo.toml"));
    check.arg("--target-dir").arg(workspace::root().join("target/fuzz"));
    cargo::run(check.env("RUSTFLAGS", "--cfg fuzzing -D warnings"))
}

/// Runs them and prints a table.
///
/// # Errors
/// Where they cannot be built, or one of them has found something.
pub(crate) fn run(fuzz: &Fuzz) -> Result<()> {
    let tool = tools::kept(&format!("cargo-fuzz-{VERSION}"), |aside| {
        eprintln!("building cargo-fuzz {VERSION}; this takes a minute or two");
        let install = ["install", "cargo-fuzz", "--version", VERSION, "--locked", "--root"];
        cargo::run(cargo::command(install).arg(aside))
    })?;
    let tool = tool.join("bin/cargo-fuzz");
    let all = targets(&workspace::root().join("fuzz/fuzz_targets"))?;
    let unknown = fuzz.targets.iter().find(|name| !all.contains(name));
    ensure!(unknown.is_none(), "there is no target {unknown:?}; there are {}", all.join(", "));
    cargo::run(command(&tool, "build").args(["--sanitizer", "none"]))?;
    cargo::run(command(&tool, "run").args(["--sanitizer", "none", SEEDS, "--", "-runs=0"]))?;
    let mut told = Vec::new();
    for target in all.iter().filter(|name| fuzz.targets.is_empty() || fuzz.targets.contains(name)) {
        eprintln!("\n== {target}");
        told.push(run_one(&tool, target, fuzz.seconds)?);
        eprintln!("{}", told[told.len() - 1]);
    }
    println!(
        "| target | executions | edges covered | inputs kept | found |\n|---|---|---|---|---|"
    );
    told.iter().for_each(|told| println!("{told}"));
    match told.iter().filter(|told| told.has_found).count() {
        0 => Ok(()),
        found => bail!("{found} targets have found something: see fuzz/artifacts"),
    }
}

fn command(tool: &Path, verb: &str) -> Command {
    let mut command = Command::new(tool);
    command.current_dir(workspace::root()).arg(verb);
    command
}

/// The names of all targets but the one that writes seeds.
fn targets(directory: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str());
        names.extend(name.filter(|name| *name != SEEDS).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// What a target tells of its run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    target: String,
    executions: u64,
    edges: u64,
    inputs: u64,
    has_found: bool,
}

fn run_one(tool: &Path, target: &str, seconds: u32) -> Result<Told> {
    let mut command = command(tool, "run");
    command.args(["--sanitizer", "none", target, "--", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
    let mut child = command.stderr(Stdio::piped()).spawn().context("cannot run cargo-fuzz")?;
    let lines = BufReader::new(child.stderr.take().context("it is piped")?).split(b'\n');
    let mut told = Told { target: target.to_owned(), ..Told::default() };
    for line in lines {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        told.read(&line);
        if !line.starts_with('#') {
            eprintln!("{line}");
        }
    }
    told.has_found = !child.wait()?.success();
    Ok(told)
}

impl Told {
    /// Takes what a line of libFuzzer's says.
    fn read(&mut self, line: &str) {
        if let Some(number) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executions = number.trim().parse().unwrap_or_default();
        }
        // `#4096 pulse cov: 712 ft: 1520 corp: 88/4321b exec/s: 2048 rss: 48Mb`
        let after = |word| line.split_once(word).map(|(_, rest)| rest.trim_start());
        let number = |text: &str| {
            let digits = text.split(|letter: char| !letter.is_ascii_digit()).next()?;
            digits.parse().ok()
        };
        if line.starts_with('#') {
            self.edges = after(" cov:").and_then(number).unwrap_or(self.edges);
            self.inputs = after(" corp:").and_then(number).unwrap_or(self.inputs);
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { target, executions, edges, inputs, has_found } = self;
        let found = if *has_found { "YES" } else { "nothing" };
        write!(f, "| {target} | {executions} | {edges} | {inputs} | {found} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_target_tells_is_read() {
        let mut told = Told { target: "text".to_owned(), ..Told::default() };
        for line in [
            "#2\tINITED cov: 12 ft: 14 corp: 1/1b exec/s: 0 rss: 40Mb",
            "#4096\tpulse  cov: 712 ft: 1520 corp: 88/4321b exec/s: 2048 rss: 48Mb",
            "Done 5000 runs in 3 second(s)",
            "stat::number_of_executed_units: 5000",
        ] {
            told.read(line);
        }
        assert_eq!(told.to_string(), "| text | 5000 | 712 | 88 | nothing |");
    }

    #[test]
    fn every_file_is_a_target_but_the_seeds() {
        let directory = workspace::root().join("fuzz/fuzz_targets");
        let targets = targets(&directory).expect("they are listed");
        let manifest = fs::read_to_string(workspace::root().join("fuzz/Cargo.toml"));
        let manifest = manifest.expect("it is there");
        assert_eq!(manifest.matches("[[bin]]").count(), targets.len() + 1);
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
        }
    }
}
