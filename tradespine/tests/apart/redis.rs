//! A Redis of a test's own, spoken to without a library.

use std::{
    env,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

use crate::cluster::{LOOK_EVERY, PATIENCE, free_address};

/// A Redis that runs. It is killed when dropped.
pub(crate) struct Redis {
    address: String,
    running: Child,
}

impl Redis {
    /// Where the tests have a Redis its program is there; elsewhere there is none, and the test is
    /// skipped.
    pub(crate) fn start() -> Option<Redis> {
        if env::var_os("TRADESPINE_TEST_REDIS").is_none() {
            assert!(env::var_os("TRADESPINE_XTASK").is_none(), "TRADESPINE_TEST_REDIS is not set");
            println!("skipped: TRADESPINE_TEST_REDIS names no server");
            return None;
        }
        let address = free_address();
        let running = run(&address);
        Some(Redis { address, running })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Forgets everything.
    pub(crate) fn flush(&self) {
        assert_eq!(ask(&self.address, "FLUSHALL").as_deref(), Some("+OK"));
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.running.kill().expect("a signal is sent");
        self.running.wait().expect("it has ended");
    }

    /// Starts it again where it was, empty.
    pub(crate) fn restart(&mut self) {
        self.running = run(&self.address);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

fn run(address: &str) -> Child {
    let (host, port) = address.rsplit_once(':').expect("a host and a port");
    let mut command = Command::new("redis-server");
    command.args(["--bind", host, "--port", port, "--save", "", "--appendonly", "no"]);
    let child = command.stdout(Stdio::null()).spawn().expect("redis-server starts");
    let begun = Instant::now();
    while ask(address, "PING").as_deref() != Some("+PONG") {
        assert!(begun.elapsed() < PATIENCE, "redis-server does not answer");
        thread::sleep(LOOK_EVERY);
    }
    child
}

/// The first line of what a Redis answers.
fn ask(address: &str, command: &str) -> Option<String> {
    let mut connection = TcpStream::connect(address).ok()?;
    connection.set_read_timeout(Some(PATIENCE)).ok()?;
    connection.write_all(format!("{command}\r\n").as_bytes()).ok()?;
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).ok()?;
        line.extend(byte);
    }
    String::from_utf8(line).ok().map(|line| line.trim_end().to_owned())
}
