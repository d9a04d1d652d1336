//! The platform as a process of its own, to be killed.

use std::{net::TcpListener, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time,
};

const BINARY: &str = env!("CARGO_BIN_EXE_tradespine");

/// How long a start or a stop may take before the test gives up: no measure of speed.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Platform {
    process: Child,
    gateway: String,
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").to_string()
}

impl Platform {
    /// Starts it on `directory` and waits until it says that it is up.
    pub(crate) async fn start(directory: &Path) -> Platform {
        let gateway = free_address();
        let mut process = Command::new(BINARY)
            .arg("up")
            .arg("--no-market-maker")
            .arg("--data-dir")
            .arg(directory)
            .env("TRADESPINE_GATEWAY__GRPC_ADDRESS", &gateway)
            .env("TRADESPINE_GATEWAY__REST_ADDRESS", free_address())
            .env("TRADESPINE_LEDGER__GRPC_ADDRESS", free_address())
            .env("TRADESPINE_LEDGER__HTTP_ADDRESS", free_address())
            .env("TRADESPINE_BROADCASTER__GRPC_ADDRESS", free_address())
            .env("TRADESPINE_BROADCASTER__HTTP_ADDRESS", free_address())
            .env("TRADESPINE_MATCHER__HTTP_ADDRESS", free_address())
            .env("TRADESPINE_LOG__FILTER", "warn")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the platform starts");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let is_up = async {
            while let Some(line) = lines.next_line().await.expect("text") {
                if line.contains("Tradespine is up") {
                    return true;
                }
            }
            false
        };
        assert!(time::timeout(PATIENCE, is_up).await.expect("it starts in time"), "it ended");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Platform { process, gateway: format!("http://{gateway}") }
    }

    pub(crate) fn gateway(&self) -> &str {
        &self.gateway
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.start_kill().expect("it runs");
    }

    /// Waits for its end.
    pub(crate) async fn wait(mut self) {
        self.process.wait().await.expect("it has ended");
    }

    /// SIGTERM, and waits until it has drained.
    pub(crate) async fn stop(mut self) {
        let id = self.process.id().expect("it runs").to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.expect("a signal is sent");
        let ended = time::timeout(PATIENCE, self.process.wait()).await.expect("it drains in time");
        assert!(ended.expect("it has ended").success(), "a drained stop is a success");
    }
}

/// `tradespine verify` must find nothing wrong.
pub(crate) async fn verify(directory: &Path) {
    let output = Command::new(BINARY)
        .args(["verify", "--data-dir"])
        .arg(directory)
        .output()
        .await
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{problems}");
}
