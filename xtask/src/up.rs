//! `cargo xtask up`: the platform as people run it.

use std::{ffi::OsString, os::unix::process::CommandExt};

use anyhow::{Context, Result};

use crate::cargo;

/// Builds `tradespine` in release, then becomes `tradespine up`: signals reach it directly.
///
/// # Errors
/// Where it cannot be built or run.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    eprintln!("building tradespine in release; the first time this takes some minutes");
    cargo::run(&mut cargo::command(["build", "--release", "--package", "tradespine"]))
        .context("tradespine could not be built; what is wrong stands above")?;
    let run = ["run", "--quiet", "--release", "--package", "tradespine", "--", "up"];
    let error = cargo::command(run).args(arguments).exec();
    Err(error).context("tradespine could not be run")
}
