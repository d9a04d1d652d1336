//! A real Redis on this machine, for tests and figures: on a free loopback port, in memory only.
//!
//! What will never live here: what is asked of it.

use std::{
    ffi::OsString,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    keeper::{End, Kept, free_ports, start_in_new_directory, steady_ports},
    packages::{need, runs},
    recipe::Recipe,
};

/// The Debian package that brings `redis-server`.
const PACKAGES: [&str; 1] = ["redis-server"];

/// How long a starting server may think about a greeting.
const GREETING_WAIT: Duration = Duration::from_millis(500);

/// A running Redis. Dropping it kills it and removes its files.
pub(crate) struct Redis {
    _server: Kept,
    url: String,
}

impl Redis {
    /// Starts one with its files in a new directory under `work_dir`, and waits until it answers.
    ///
    /// # Errors
    /// Where it is missing and cannot be installed, or does not come up.
    pub(crate) fn start(work_dir: &Path) -> Result<Redis> {
        need("Redis", &PACKAGES, || runs("redis-server", &["--version"]))?;
        start_in_new_directory(work_dir, "redis", start_in)
    }

    /// Its address as a URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Prepares one for somebody else to run in `directory`.
///
/// # Errors
/// Where it is missing and cannot be installed.
pub(crate) fn recipe(directory: &Path) -> Result<Recipe> {
    need("Redis", &PACKAGES, || runs("redis-server", &["--version"]))?;
    let [port] = steady_ports()?;
    let (address, url) = (format!("127.0.0.1:{port}"), url(port));
    Ok(Recipe { address, url, command: command(directory, port) })
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}/")
}

fn start_in(directory: &Path) -> Result<Redis> {
    let [port] = free_ports()?;
    let server = Kept::start(directory, End::Kill, command(directory, port))
        .context("cannot start the server")?;
    server.wait_until(directory, || greets(port).unwrap_or(false))?;
    Ok(Redis { _server: server, url: url(port) })
}

/// Nothing is written to a disk: what it forgets is what it is there to forget.
fn command(directory: &Path, port: u16) -> Vec<OsString> {
    let port = port.to_string();
    let words = ["redis-server", "--bind", "127.0.0.1", "--port", &port, "--save", ""];
    let mut command: Vec<OsString> = words.map(OsString::from).into();
    command.extend(["--appendonly", "no", "--dir"].map(OsString::from));
    command.push(directory.into());
    command
}

fn greets(port: u16) -> Result<bool> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(GREETING_WAIT))?;
    connection.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    connection.read_exact(&mut answer)?;
    Ok(&answer == b"+PONG\r\n")
}
