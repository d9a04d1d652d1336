//! The services: their command lines, their settings, and ports that they keep over every restart.

use std::{ffi::OsString, io, net::TcpListener, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::{process::Program, recipe::Recipe, said};
use crate::plan::Victim;

/// How many shards there are.
pub(crate) const PARTITIONS: u16 = 3;

/// How many gateways there are.
const GATEWAYS: usize = 2;

/// What each matcher runs.
const MATCHERS: [&str; 2] = ["0", "1-2"];

/// Ports are looked for from here on, below those that Linux gives to outgoing connections: else
/// somebody's connection could sit on the port of a service that is down.
const PORTS_FROM: u16 = 20_000;
const PORTS_BELOW: u16 = 32_000;

/// Where everybody is reached.
#[derive(Clone, Debug)]
pub(crate) struct Edges {
    pub(crate) gateways: Vec<String>,
    gateways_grpc: Vec<String>,
    matchers: Vec<String>,
    pub(crate) ledger_grpc: String,
    pub(crate) ledger_pages: String,
    broadcaster_grpc: String,
    pub(crate) broadcaster: String,
}

/// Settings of a service, as variables.
pub(super) type Settings = Vec<(String, String)>;

impl Edges {
    /// Addresses that nobody uses now.
    pub(super) fn free() -> Result<Edges> {
        // Where two runs begin at once they begin to look at different places.
        let spread = u16::try_from(std::process::id() % 1_000).unwrap_or_default() * 10;
        let mut ports = (PORTS_FROM + spread..PORTS_BELOW).filter(|port| is_free(*port));
        let mut address = || -> Result<String> {
            let port = ports.next().context("no port is free")?;
            Ok(format!("127.0.0.1:{port}"))
        };
        let mut addresses = |count| (0..count).map(|_| address()).collect::<Result<Vec<_>>>();
        let [gateways, gateways_grpc] = [addresses(GATEWAYS)?, addresses(GATEWAYS)?];
        let matchers = addresses(MATCHERS.len())?;
        Ok(Edges {
            gateways,
            gateways_grpc,
            matchers,
            ledger_grpc: address()?,
            ledger_pages: address()?,
            broadcaster_grpc: address()?,
            broadcaster: address()?,
        })
    }

    /// Where each service says whether it is ready.
    pub(super) fn pages(&self) -> Vec<String> {
        let others = [&self.ledger_pages, &self.broadcaster];
        self.gateways.iter().chain(&self.matchers).chain(others).cloned().collect()
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// What every service is told.
///
/// # Errors
/// Where the binary cannot be asked what it knows.
pub(super) fn settings(
    edges: &Edges,
    broker: &Recipe,
    postgres: &Recipe,
    redis: &Recipe,
    binary: &Path,
    directory: &Path,
) -> Result<Settings> {
    let snapshots = directory.join("snapshots").display().to_string();
    let mut settings: Settings = [
        ("TRADESPINE_KAFKA__BROKERS", broker.address.clone()),
        ("TRADESPINE_LEDGER__DATABASE_URL", postgres.url.clone()),
        ("TRADESPINE_LEDGER__GRPC_ADDRESS", edges.ledger_grpc.clone()),
        ("TRADESPINE_LEDGER__HTTP_ADDRESS", edges.ledger_pages.clone()),
        ("TRADESPINE_BROADCASTER__GRPC_ADDRESS", edges.broadcaster_grpc.clone()),
        ("TRADESPINE_BROADCASTER__HTTP_ADDRESS", edges.broadcaster.clone()),
        ("TRADESPINE_MATCHER__SNAPSHOT_DIR", snapshots),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    settings.extend(redis_setting(binary, redis)?);
    Ok(settings)
}

/// The setting that gives gateways a Redis, where this binary knows it. For production it refuses a
/// log without credentials, before anything begins, and names every setting that it cannot use.
fn redis_setting(binary: &Path, redis: &Recipe) -> Result<Option<(String, String)>> {
    let (name, value) = ("TRADESPINE_GATEWAY__REDIS__URL".to_owned(), redis.url.clone());
    let mut gateway = Command::new(binary);
    gateway.args(["gateway", "--profile", "production"]).env(&name, &value);
    let refused = gateway.output().with_context(|| format!("cannot run {}", binary.display()))?;
    ensure!(!refused.status.success(), "a gateway began for production without credentials");
    let is_known = !String::from_utf8_lossy(&refused.stderr).contains("gateway.redis");
    Ok(is_known.then_some((name, value)))
}

/// What accounts have from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// What a sandbox gives.
    Plenty,
    /// What they are sent.
    Nothing,
}

/// Makes the topics and founds the log.
///
/// # Errors
/// Where that fails.
pub(super) fn make_topics(
    binary: &Path,
    settings: &Settings,
    directory: &Path,
    gives: Gives,
) -> Result<()> {
    let grants = if gives == Gives::Nothing { " --no-grants" } else { "" };
    let line = format!("topics create --shards {PARTITIONS}{grants}");
    let program = program("topics", binary, &line, settings, directory)?;
    said(&mut program.command()).map(drop)
}

/// Every service.
pub(super) fn programs(
    edges: &Edges,
    binary: &Path,
    settings: &Settings,
    directory: &Path,
) -> Vec<(Victim, Program)> {
    let mut lines = Vec::new();
    for (number, (rest, grpc)) in edges.gateways.iter().zip(&edges.gateways_grpc).enumerate() {
        let uris = format!(
            "--ledger-uri http://{} --market-data-uri http://{}",
            edges.ledger_grpc, edges.broadcaster_grpc
        );
        let line = format!("gateway --rest-address {rest} --grpc-address {grpc} {uris}");
        lines.push((Victim::Gateway, format!("gateway-{number}"), line));
    }
    for (number, (address, partitions)) in edges.matchers.iter().zip(MATCHERS).enumerate() {
        let line = format!("matcher --partitions {partitions} --http-address {address}");
        lines.push((Victim::Matcher, format!("matcher-{number}"), line));
    }
    lines.push((Victim::Ledger, "ledger".to_owned(), "ledger".to_owned()));
    lines.push((Victim::Broadcaster, "broadcaster".to_owned(), "broadcaster".to_owned()));
    lines
        .into_iter()
        .filter_map(|(victim, name, line)| {
            Some((victim, program(&name, binary, &line, settings, directory).ok()?))
        })
        .collect()
}

fn program(
    name: &str,
    binary: &Path,
    line: &str,
    settings: &Settings,
    directory: &Path,
) -> io::Result<Program> {
    // Each with a working directory of its own: what it keeps lies there in `data`.
    let own = directory.join(name);
    std::fs::create_dir_all(&own)?;
    let mut command = vec![binary.as_os_str().to_owned()];
    command.extend(line.split_whitespace().map(OsString::from));
    Ok(Program {
        name: name.to_owned(),
        command,
        settings: settings.clone(),
        output: own.join("output.log"),
        directory: own,
    })
}
