//! `cargo xtask torture`: builds the platform and the rig, prepares the servers, and runs the rig,
//! which starts and kills everything by itself (docs/torture.md).

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
    keeper::Swept,
    packages::{need, runs},
    recipe, workspace,
};

/// What builds the platform's program and the rig's.
const BUILD: [&str; 5] = ["build", "--package", "tradespine", "--package", "tradespine-torture"];

/// What to torture, and how long.
#[derive(Args)]
pub(crate) struct Torture {
    /// As programs are built for writing and tests, and not in release.
    #[arg(long)]
    dev: bool,

    /// Tortures this program, and not the one that is built here.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,

    /// Where the run is kept [default: torture-runs/<number>, in the workspace].
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,

    /// For the rig, such as `--kills 2 --seed 7`; `--help` after `--` tells all.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs it.
///
/// # Errors
/// Where something cannot be built or prepared, or the rig found a fault.
pub(crate) fn run(torture: &Torture) -> Result<()> {
    build(torture.dev)?;
    let binaries = cargo::binaries(torture.dev)?;
    let directory = match &torture.directory {
        Some(directory) => directory.clone(),
        None => new_directory()?,
    };
    let binary = torture.binary.clone().unwrap_or_else(|| binaries.join("tradespine"));
    rig(&binaries, &binary, &directory, &torture.arguments)
}

/// The least run that kills a service of each kind that keeps something: part of every test, whose
/// other steps have built the programs. It asks for no rate, and sends a tenth of what programs of
/// this build can take on two quiet cores, so that no machine is too slow for it.
///
/// # Errors
/// Where something cannot be prepared, or the rig found a fault.
pub(crate) fn tiny() -> Result<()> {
    tiny_with("--kills 1 --only gateway,matcher,ledger --rate 150 --least-rate 0")
}

/// The same of a bank: all totals are read a few hundred times while money moves.
///
/// # Errors
/// As [`tiny`].
pub(crate) fn tiny_bank() -> Result<()> {
    tiny_with(
        "--bank --accounts 100 --clients 10 --reads 200 --kills 4 \
         --only gateway,matcher,ledger,postgres --rate 100 --least-rate 0",
    )
}

fn tiny_with(arguments: &str) -> Result<()> {
    let files = tempfile::Builder::new().prefix("tradespine-tiny-").tempdir()?;
    let arguments: Vec<OsString> = arguments.split_whitespace().map(OsString::from).collect();
    let binaries = cargo::binaries(true)?;
    rig(&binaries, &binaries.join("tradespine"), &files.path().join("run"), &arguments)
}

fn rig(binaries: &Path, binary: &Path, directory: &Path, arguments: &[OsString]) -> Result<()> {
    need("the rig", &["kcat", "postgresql-client"], || {
        runs("kcat", &["-V"]) && runs("psql", &["--version"])
    })?;
    let files = tempfile::Builder::new().prefix("tradespine-torture-").tempdir()?.keep();
    let _goes_with_us = Swept::later(&files)?;
    // A server that runs as another user finds its own directory, and sees no other's name.
    fs::set_permissions(&files, Permissions::from_mode(0o711))?;
    recipe::prepare(&files)?;
    let mut rig = Command::new(binaries.join("tradespine-torture"));
    rig.arg("--servers").arg(&files).arg("--binary").arg(binary);
    rig.arg("--directory").arg(directory).args(arguments);
    let status = rig.status().context("cannot run the rig")?;
    ensure!(status.success(), "the rig ended with {status}");
    Ok(())
}

fn build(dev: bool) -> Result<()> {
    let mut command = cargo::command(BUILD);
    if !dev {
        eprintln!("building in release; the first time this takes some minutes");
        command.arg("--release");
    }
    cargo::run(&mut command).context("it could not be built; what is wrong stands above")
}

/// The first of the numbered directories that is not there yet.
fn new_directory() -> Result<PathBuf> {
    let runs = workspace::root().join("torture-runs");
    let mut numbered = (1..).map(|number: u32| runs.join(number.to_string()));
    numbered.find(|directory| !directory.exists()).context("no number is left")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        torture: Torture,
    }

    #[test]
    fn what_is_not_for_us_is_for_the_rig() {
        let line = |line: &str| Line::try_parse_from(line.split(' ')).expect("a good line").torture;
        for text in ["torture --dev --kills 2 --seed 7", "torture --dev -- --kills 2 --seed 7"] {
            let torture = line(text);
            assert!(torture.dev, "{text}");
            assert_eq!(torture.arguments, ["--kills", "2", "--seed", "7"], "{text}");
        }
        assert!(line("torture").arguments.is_empty());
    }
}
