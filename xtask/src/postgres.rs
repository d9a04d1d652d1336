//! A real PostgreSQL on this machine, for tests and figures: a cluster of its own on a free
//! loopback port, which trusts whoever reaches it.
//!
//! PostgreSQL refuses to run as root, so root runs it as the user that its package made.
//!
//! What will never live here: what is asked of it.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    keeper::{End, Kept, free_ports, start_in_new_directory, steady_ports},
    packages::{is_root, need, runs, user_id},
    recipe::Recipe,
};

/// The Debian package that brings the server.
const PACKAGES: [&str; 1] = ["postgresql-15"];

/// Where Debian puts each version, away from everybody's path.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Whose it is where this process is root's.
const USER: &str = "postgres";

/// The cluster's owner, to itself.
const OWNER: &str = "tradespine";

/// What differs from the defaults. A machine that loses power loses the tests too, so nothing is
/// forced to the disk; several test programs have a pool for each of their databases.
const SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=300",
];

/// A running PostgreSQL. Dropping it ends it and removes its files.
pub(crate) struct Postgres {
    _server: Kept,
    url: String,
}

impl Postgres {
    /// Starts one with its files in a new directory under `work_dir`, and waits until it answers.
    /// Other users must be able to reach `work_dir`.
    ///
    /// # Errors
    /// Where it is missing and cannot be installed, or does not come up.
    pub(crate) fn start(work_dir: &Path) -> Result<Postgres> {
        need("PostgreSQL", &PACKAGES, || programs().is_some())?;
        let programs = programs().context("its programs are nowhere")?;
        start_in_new_directory(work_dir, "postgres", |directory| start_in(directory, &programs))
    }

    /// Its address as a URL, with the database that every cluster has.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Prepares one for somebody else to run, with its files in `directory`, which other users must be
/// able to reach.
///
/// # Errors
/// Where it is missing and cannot be installed, or its cluster cannot be made.
pub(crate) fn recipe(directory: &Path) -> Result<Recipe> {
    need("PostgreSQL", &PACKAGES, || programs().is_some())?;
    let programs = programs().context("its programs are nowhere")?;
    let [port] = steady_ports()?;
    let command = prepare(directory, &programs, port)?;
    Ok(Recipe { address: format!("127.0.0.1:{port}"), url: url(port), command })
}

fn start_in(directory: &Path, programs: &Path) -> Result<Postgres> {
    let [port] = free_ports()?;
    let command = prepare(directory, programs, port)?;
    // By its own hand, or its shared memory stays behind.
    let server = Kept::start(directory, End::Quit, command).context("cannot start the server")?;
    let is_ready = programs.join("pg_isready");
    let port_text = port.to_string();
    server
        .wait_until(directory, || runs(&is_ready, &["-q", "-h", "127.0.0.1", "-p", &port_text]))?;
    Ok(Postgres { _server: server, url: url(port) })
}

fn url(port: u16) -> String {
    format!("postgres://{OWNER}@127.0.0.1:{port}/postgres")
}

/// Makes a cluster, and tells the command that runs it on this port.
fn prepare(directory: &Path, programs: &Path, port: u16) -> Result<Vec<OsString>> {
    let data = directory.join("data");
    fs::create_dir(&data)?;
    if is_root() {
        let user = user_id(Some(USER)).with_context(|| format!("there is no user {USER}"))?;
        chown(directory, Some(user), None)?;
        chown(&data, Some(user), None)?;
    }
    make_cluster(&data, programs)?;
    let mut command = unprivileged(programs.join("postgres"));
    command.extend(["-p", &port.to_string(), "-D"].map(OsString::from));
    command.push(data.into());
    command.extend(SETTINGS.iter().flat_map(|setting| ["-c", setting]).map(OsString::from));
    Ok(command)
}

fn make_cluster(data: &Path, programs: &Path) -> Result<()> {
    let command = unprivileged(programs.join("initdb"));
    let (program, arguments) = command.split_first().context("there is a program")?;
    let output = Command::new(program)
        .args(arguments)
        .arg("--pgdata")
        .arg(data)
        .args(["--username", OWNER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"])
        .arg("--no-sync")
        .output()
        .context("cannot run initdb")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "initdb failed: {words}");
    Ok(())
}

/// `program` as a command that root does not run as root. `setpriv` becomes the program, so that
/// signals meet the program itself.
fn unprivileged(program: PathBuf) -> Vec<OsString> {
    let mut command: Vec<OsString> = Vec::new();
    if is_root() {
        let [user, group] = ["--reuid=", "--regid="].map(|option| format!("{option}{USER}"));
        command.extend(["setpriv", &user, &group, "--init-groups", "--"].map(OsString::from));
    }
    command.push(program.into());
    command
}

/// The directory with the server's programs: that of the newest version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?;
    let directories = versions.filter_map(|entry| Some(entry.ok()?.path()));
    newest(directories.filter(|version| version.join("bin/postgres").is_file()))
        .map(|version| version.join("bin"))
}

fn newest(versions: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let number = |path: &PathBuf| path.file_name().and_then(OsStr::to_str)?.parse::<u32>().ok();
    versions.max_by_key(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_the_largest_number() {
        let versions = ["9", "17", "15", "current"].map(PathBuf::from);
        assert_eq!(newest(versions.into_iter()), Some(PathBuf::from("17")));
        assert_eq!(newest(std::iter::empty()), None);
    }

    #[test]
    fn root_gives_its_powers_up() {
        let command = unprivileged("/x/postgres".into());
        assert_eq!(command.last().map(OsString::as_os_str), Some(OsStr::new("/x/postgres")));
        assert_eq!(command.len() > 1, is_root());
    }
}
