//! A platform whose services are processes of their own, on the Kafka that the tests have.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use rand::RngExt as _;
use tempfile::TempDir;
use tokio::{sync::mpsc, task::spawn_blocking, time};

const BINARY: &str = env!("CARGO_BIN_EXE_tradespine");

/// How long anything may take before the test gives up: no measure of speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How often a thing that is waited for is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The settings that every process of one platform is given, and where its files are.
pub(crate) struct Cluster {
    directory: TempDir,
    settings: Vec<(&'static str, String)>,
    topic_prefix: String,
    pub(crate) rest: String,
    pub(crate) grpc: String,
    pub(crate) websocket: String,
    pub(crate) ledger_pages: String,
}

/// The brokers to use; `None` where there are none and the test is skipped.
pub(crate) fn brokers() -> Option<String> {
    let brokers = env::var("TRADESPINE_TEST_KAFKA").ok();
    if brokers.is_none() {
        assert!(env::var_os("TRADESPINE_XTASK").is_none(), "TRADESPINE_TEST_KAFKA is not set");
        println!("skipped: TRADESPINE_TEST_KAFKA names no broker");
    }
    brokers
}

/// A broker's door that is not open to everybody.
pub(crate) struct Guarded {
    pub(crate) address: String,
    pub(crate) user: String,
    pub(crate) password: String,
    /// The file with the certificate to believe.
    pub(crate) certificate: String,
}

/// The guarded door of the brokers; `None` where there is none and the test is skipped.
pub(crate) fn guarded() -> Option<Guarded> {
    let Ok(words) = env::var("TRADESPINE_TEST_KAFKA_GUARDED") else {
        assert!(
            env::var_os("TRADESPINE_XTASK").is_none(),
            "TRADESPINE_TEST_KAFKA_GUARDED is not set"
        );
        println!("skipped: TRADESPINE_TEST_KAFKA_GUARDED names no broker");
        return None;
    };
    let mut words = words.split(' ').map(str::to_owned);
    let mut next = || words.next().expect("address, user, password and certificate");
    let (address, user, password, certificate) = (next(), next(), next(), next());
    Some(Guarded { address, user, password, certificate })
}

pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").to_string()
}

impl Cluster {
    /// A platform with topics that no other has, none of which exist yet.
    pub(crate) fn new(brokers: String) -> Cluster {
        let [rest, grpc, websocket, ledger_pages] = [0; 4].map(|_| free_address());
        let topic_prefix = format!("apart-{:016x}-", rand::rng().random::<u64>());
        let settings = vec![
            ("TRADESPINE_KAFKA__BROKERS", brokers),
            ("TRADESPINE_KAFKA__TOPIC_PREFIX", topic_prefix.clone()),
            ("TRADESPINE_GATEWAY__REST_ADDRESS", rest.clone()),
            ("TRADESPINE_GATEWAY__GRPC_ADDRESS", grpc.clone()),
            ("TRADESPINE_LEDGER__GRPC_ADDRESS", free_address()),
            ("TRADESPINE_LEDGER__HTTP_ADDRESS", ledger_pages.clone()),
            ("TRADESPINE_BROADCASTER__GRPC_ADDRESS", free_address()),
            ("TRADESPINE_BROADCASTER__HTTP_ADDRESS", websocket.clone()),
            ("TRADESPINE_LOG__FILTER", "warn".to_owned()),
        ];
        let directory = tempfile::tempdir().expect("a temporary directory");
        Cluster { directory, settings, topic_prefix, rest, grpc, websocket, ledger_pages }
    }

    /// What stands before the names of its topics.
    pub(crate) fn topic_prefix(&self) -> &str {
        &self.topic_prefix
    }

    /// Sets or replaces a setting of every process that is started from now on.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.unset(name);
        self.settings.push((name, value.into()));
    }

    /// Leaves a setting to its default from now on.
    pub(crate) fn unset(&mut self, name: &'static str) {
        self.settings.retain(|(known, _)| *known != name);
    }

    /// A file with this text, beside the data.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, text).expect("a file for the test");
        path.display().to_string()
    }

    /// Where the ledger keeps its tables.
    pub(crate) fn tables(&self) -> PathBuf {
        self.directory.path().join("data/ledger.sqlite")
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(line.split_whitespace())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            // Without a settings file of somebody's, and with the data directory of nobody else.
            .current_dir(self.directory.path());
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, line: &str) -> Output {
        let mut command = self.command(line);
        let ran = spawn_blocking(move || command.output());
        time::timeout(PATIENCE, ran).await.expect("in time").expect("waited").expect("it runs")
    }

    /// Starts a service.
    pub(crate) fn start(&self, line: &str) -> Process {
        let child = self.command(line).stdout(Stdio::null()).spawn().expect("it starts");
        Process { child: Some(child), line: line.to_owned() }
    }

    /// Starts a service whose log lines are wanted.
    pub(crate) fn listen_to(&self, line: &str) -> Listened {
        let mut command = self.command(line);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let output = BufReader::new(child.stderr.take().expect("it is piped"));
        let (told, lines) = mpsc::unbounded_channel();
        // Reads on after nobody listens, so that the pipe is never full.
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(told.send(line)));
        });
        Listened { process: Process { child: Some(child), line: line.to_owned() }, lines }
    }
}

/// A service that runs, and what it logs.
pub(crate) struct Listened {
    pub(crate) process: Process,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Listened {
    /// All that was logged up to the first line with this in it.
    pub(crate) async fn hears(&mut self, words: &str) -> String {
        let mut all = String::new();
        let hearing = async {
            while !all.contains(words) {
                all.push_str(&self.lines.recv().await.expect("it goes on"));
                all.push('\n');
            }
        };
        let heard = time::timeout(PATIENCE, hearing).await;
        assert!(heard.is_ok(), "nothing of {words:?} in {all}");
        all
    }
}

/// A service that runs.
pub(crate) struct Process {
    child: Option<Child>,
    line: String,
}

impl Process {
    /// kill -9, and waits for the end.
    pub(crate) async fn kill(mut self) {
        self.child.as_mut().expect("it runs").kill().expect("it runs");
        self.ended().await;
    }

    /// SIGTERM, and waits until it has drained.
    pub(crate) async fn stop(mut self) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().expect("a signal is sent");
        let status = self.ended().await;
        assert!(status.success(), "{} drains: {status}", self.line);
    }

    async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let ended = spawn_blocking(move || child.wait());
        let ended = time::timeout(PATIENCE, ended).await.expect("it ends in time");
        ended.expect("waited").expect("it has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Also where a test fails: nothing outlives it.
        let _ = self.child.as_mut().map(Child::kill);
    }
}

/// What a command said on standard output, where it succeeded.
pub(crate) fn said(output: &Output) -> String {
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The sentence with which a command was refused, and its exit status.
pub(crate) fn refusal(output: &Output) -> (String, Option<i32>) {
    assert!(!output.status.success(), "it was not refused");
    let words = String::from_utf8_lossy(&output.stderr);
    let sentence = words.lines().skip_while(|line| !line.starts_with("error: "));
    (sentence.collect::<Vec<_>>().join("\n"), output.status.code())
}

/// Looks again and again until something is found.
pub(crate) async fn until<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            time::sleep(LOOK_EVERY).await;
        }
    };
    time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

/// Waits until the page at this address says that its process is ready.
pub(crate) async fn ready(address: &str) {
    let url = format!("http://{address}/readyz");
    until(&url, async || {
        let page = reqwest::get(&url).await.ok()?;
        page.status().is_success().then_some(())
    })
    .await;
}
