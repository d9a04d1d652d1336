//! The Redis that the tests share, and one of a test's own that can be killed and held.

use std::{
    env,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::STUCK;

/// The address of the tests' Redis; `None` where there is none and the test is skipped.
pub fn redis_url() -> Option<String> {
    let url = env::var("TRADESPINE_TEST_REDIS").ok();
    if url.is_none() {
        assert!(env::var_os("TRADESPINE_XTASK").is_none(), "TRADESPINE_TEST_REDIS is not set");
        println!("skipped: TRADESPINE_TEST_REDIS names no server");
    }
    url
}

/// A Redis of a test's own, on a port that it keeps over its deaths. It is killed when dropped.
pub struct RedisServer {
    port: u16,
    running: Option<Child>,
}

impl RedisServer {
    /// One that runs. Where the tests have a Redis its program is there.
    pub fn start() -> RedisServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let mut server = RedisServer { port, running: None };
        server.restart();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Starts it again, empty, and waits until it answers.
    pub fn restart(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
        let child = command.stdout(Stdio::null()).spawn().expect("redis-server starts");
        self.running = Some(child);
        let begun = Instant::now();
        while ask(&self.url(), &["PING"]).is_err() {
            assert!(begun.elapsed() < STUCK, "redis-server does not answer");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let mut child = self.running.take().expect("it runs");
        child.kill().expect("a signal is sent");
        child.wait().expect("it has ended");
    }

    /// From now on it takes what is sent to it, and says nothing.
    pub fn hold(&self) {
        self.signal("-STOP");
    }

    /// It goes on.
    pub fn release(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.running.as_ref().expect("it runs").id().to_string();
        let status = Command::new("kill").args([name, &id]).status().expect("it is sent");
        assert!(status.success(), "kill {name}");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.kill();
        }
    }
}

/// Asks a Redis by itself, as anybody could who reaches it.
pub fn ask(url: &str, words: &[&str]) -> redis::RedisResult<redis::Value> {
    let mut connection = redis::Client::open(url)?.get_connection_with_timeout(STUCK)?;
    let (name, arguments) = words.split_first().expect("a command");
    redis::cmd(name).arg(arguments).query(&mut connection)
}
