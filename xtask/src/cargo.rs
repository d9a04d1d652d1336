//! How cargo is run: the one that runs this program, in the workspace's root.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// A cargo command in the workspace's root.
pub(crate) fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    command
}

/// Where programs are built: into the same directory as this one, in their profile's own.
///
/// # Errors
/// Where this program does not know where it is itself.
pub(crate) fn binaries(dev: bool) -> Result<PathBuf> {
    let here = env::current_exe()?;
    let target = here.parent().and_then(Path::parent).context("no target directory")?;
    Ok(target.join(if dev { "debug" } else { "release" }))
}

/// Runs `command` to its end, its output on this terminal.
///
/// # Errors
/// Where it cannot be run, or says that it failed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// Runs `command` to its end, and hands each line of its standard output to `each` as it comes.
///
/// # Errors
/// Where it cannot be run, or says that it failed.
pub(crate) fn run_with_lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let output = child.stdout.take().context("its output is piped")?;
    for line in BufReader::new(output).split(b'\n') {
        each(&String::from_utf8_lossy(&line?));
    }
    let status = child.wait()?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}
