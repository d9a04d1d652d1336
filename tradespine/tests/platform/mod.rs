//! The platform as a process of its own.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    path::Path,
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use tokio::{sync::oneshot, task::spawn_blocking, time};

const BINARY: &str = env!("CARGO_BIN_EXE_tradespine");

/// How long a start or a stop may take before the test gives up: no measure of speed.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Platform {
    process: Option<Child>,
    rest: String,
    gateway: String,
    market_data: String,
    websocket: String,
}

/// Where ports are looked for: below those that Linux gives to outgoing connections, so that none
/// takes one between two starts, and beside those of the servers that tests are run with.
const PORTS: Range<u16> = 20_000..32_000;

/// How many of them this process has looked at: none is told twice until all were.
static LOOKED_AT: AtomicU16 = AtomicU16::new(0);

pub(crate) fn free_address() -> String {
    let count = PORTS.end - PORTS.start;
    // Several test programs at once begin to look at different places.
    let spread =
        u16::try_from(process::id() % u32::from(count)).expect("below a number of 16 bits");
    for _ in PORTS {
        let next = LOOKED_AT.fetch_add(1, Ordering::Relaxed) % count;
        let port = PORTS.start + (spread + next) % count;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener.local_addr().expect("it is bound").to_string();
        }
    }
    panic!("no port from {} to {} is free", PORTS.start, PORTS.end)
}

impl Platform {
    /// Starts it on `directory` and waits until it says that it is up.
    pub(crate) async fn start(directory: &Path) -> Platform {
        Platform::start_with(directory, &[]).await
    }

    /// The same with so many shards.
    pub(crate) async fn start_shards(directory: &Path, shards: u16) -> Platform {
        Platform::start_with(directory, &[("TRADESPINE_SHARDS", shards.to_string())]).await
    }

    /// The same with further settings, as variables.
    pub(crate) async fn start_with(directory: &Path, settings: &[(&str, String)]) -> Platform {
        let [rest, gateway, market_data, websocket] = [0; 4].map(|_| free_address());
        let mut process = Command::new(BINARY)
            .arg("up")
            .arg("--no-market-maker")
            .arg("--data-dir")
            .arg(directory)
            .env("TRADESPINE_GATEWAY__GRPC_ADDRESS", &gateway)
            .env("TRADESPINE_GATEWAY__REST_ADDRESS", &rest)
            .env("TRADESPINE_LEDGER__GRPC_ADDRESS", free_address())
            .env("TRADESPINE_LEDGER__HTTP_ADDRESS", free_address())
            .env("TRADESPINE_BROADCASTER__GRPC_ADDRESS", &market_data)
            .env("TRADESPINE_BROADCASTER__HTTP_ADDRESS", &websocket)
            .env("TRADESPINE_MATCHER__HTTP_ADDRESS", free_address())
            .env("TRADESPINE_LOG__FILTER", "warn")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the platform starts");
        let output = process.stdout.take().expect("it is piped");
        let (up, is_up) = oneshot::channel();
        // Reads on after that, so that the pipe is never full.
        std::thread::spawn(move || {
            let mut up = Some(up);
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.contains("Tradespine is up") {
                    let _ = up.take().map(|up| up.send(()));
                }
            }
        });
        let platform = Platform {
            process: Some(process),
            rest: format!("http://{rest}"),
            gateway: format!("http://{gateway}"),
            market_data: format!("http://{market_data}"),
            websocket: format!("ws://{websocket}"),
        };
        let started = time::timeout(PATIENCE, is_up).await.expect("it starts in time");
        started.expect("it did not end before it was up");
        platform
    }

    /// Runs `tradespine` with these arguments and variables; whether it succeeded, and all that it
    /// printed.
    pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
        let variables = variables.iter().copied();
        let output = Command::new(BINARY).args(arguments).envs(variables).output();
        let output = output.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }

    pub(crate) fn gateway(&self) -> &str {
        &self.gateway
    }

    pub(crate) fn rest(&self) -> &str {
        &self.rest
    }

    pub(crate) fn websocket(&self) -> &str {
        &self.websocket
    }

    /// Runs `tradespine replay` with these arguments against it, and returns what it printed.
    pub(crate) fn replay(&self, arguments: &[&str]) -> String {
        let output = Command::new(BINARY)
            .args(["replay", "--gateway", &self.gateway, "--market-data", &self.market_data])
            .args(["--websocket", &self.websocket])
            .args(arguments)
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{problems}");
        text
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.as_mut().expect("it runs").kill().expect("it runs");
    }

    /// Waits for its end.
    pub(crate) async fn wait(mut self) {
        let mut process = self.process.take().expect("it ran");
        spawn_blocking(move || process.wait()).await.expect("waited").expect("it has ended");
    }

    /// SIGTERM, and waits until it has drained.
    pub(crate) async fn stop(mut self) {
        let mut process = self.process.take().expect("it runs");
        let id = process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().expect("a signal is sent");
        let ended = spawn_blocking(move || process.wait());
        let ended = time::timeout(PATIENCE, ended).await.expect("it drains in time");
        let status = ended.expect("waited").expect("it has ended");
        assert!(status.success(), "a drained stop is a success");
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // Also where a test fails: nothing outlives it.
        let _ = self.process.as_mut().map(Child::kill);
    }
}

/// `tradespine verify` must find nothing wrong.
pub(crate) fn verify(directory: &Path) {
    let output = Command::new(BINARY)
        .args(["verify", "--data-dir"])
        .arg(directory)
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{problems}");
}
