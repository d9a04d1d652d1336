//! `cargo xtask bench apart`: builds the platform, the floors and what measures them, prepares the
//! servers, and leaves the rest to `tradespine-bench` (docs/benchmarks.md).

use std::{
    ffi::OsString,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    cargo,
    packages::{need, runs},
    recipe, workspace,
};

/// The programs: the services and what measures them, and the routes that are floors.
const BUILDS: [&[&str]; 2] = [
    &["build", "--package", "tradespine", "--package", "tradespine-bench"],
    &["build", "--package", "tradespine-gateway", "--example", "echo", "--example", "produce"],
];

/// What wrk sends.
const ORDERS: &str = "gateway/benches/orders.lua";

/// What to measure.
#[derive(Args)]
pub(crate) struct Apart {
    /// As programs are built for writing and tests, and not in release: for work on the benchmark
    /// itself, since its figures say nothing.
    #[arg(long)]
    dev: bool,

    /// Measures this program, and not the one that is built here.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,

    /// For the benchmark, such as `--rounds 1 --seconds 2 --only rest,push`; `--help` after `--`
    /// tells all.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Apart {
    /// Of this program, with these arguments for the benchmark.
    pub(super) fn of<'a>(program: &Path, arguments: impl Iterator<Item = &'a str>) -> Apart {
        let arguments = arguments.map(OsString::from).collect();
        Apart { dev: false, binary: Some(program.to_owned()), arguments }
    }
}

/// Measures it.
///
/// # Errors
/// Where something cannot be built, prepared or started. No figure is an error.
pub(crate) fn run(apart: &Apart) -> Result<()> {
    need("the benchmark", &["wrk", "postgresql-client"], || {
        // wrk tells its version with a status of 1.
        Command::new("wrk").arg("-v").output().is_ok() && runs("psql", &["--version"])
    })?;
    build(apart.dev)?;
    let binaries = cargo::binaries(apart.dev)?;
    let files = tempfile::Builder::new().prefix("tradespine-bench-").tempdir()?;
    // A server that runs as another user finds its own directory, and sees no other's name.
    fs::set_permissions(files.path(), Permissions::from_mode(0o711))?;
    recipe::prepare(files.path())?;
    let binary = apart.binary.clone().unwrap_or_else(|| binaries.join("tradespine"));
    let mut bench = Command::new(binaries.join("tradespine-bench"));
    bench.arg("apart").arg("--servers").arg(files.path()).arg("--binary").arg(binary);
    bench.arg("--examples").arg(binaries.join("examples"));
    bench.arg("--orders").arg(workspace::root().join(ORDERS)).args(&apart.arguments);
    let status = bench.status().context("cannot run the benchmark")?;
    ensure!(status.success(), "the benchmark ended with {status}");
    Ok(())
}

fn build(dev: bool) -> Result<()> {
    if !dev {
        eprintln!("building in release; the first time this takes some minutes");
    }
    for build in BUILDS {
        let mut command = cargo::command(build);
        if !dev {
            command.arg("--release");
        }
        cargo::run(&mut command).context("it could not be built; what is wrong stands above")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::bench::{Selection, Whole};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        selection: Selection,
    }

    #[test]
    fn what_is_not_for_us_is_for_the_benchmark() {
        let line = |line: &str| Line::try_parse_from(line.split(' ')).map(|line| line.selection);
        for text in ["bench apart --dev --rounds 1", "bench apart --dev -- --rounds 1"] {
            let selection = line(text).expect("a good line");
            let Some(Whole::Apart(apart)) = selection.whole else { panic!("{text}") };
            assert!(apart.dev, "{text}");
            assert_eq!(apart.arguments, ["--rounds", "1"], "{text}");
        }
        assert!(line("bench --list").expect("a good line").whole.is_none());
        assert!(line("bench --list apart").is_err(), "one or the other");
    }
}
