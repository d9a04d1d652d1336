//! What can be set about a platform, with its defaults: flag over `TRADESPINE_*` over
//! `tradespine.toml` over default.
//!
//! The services own their limits; here stands only what differs between two machines: addresses,
//! the data directory, the brokers, how much is told. The setting `gateway.rest_address` is the
//! variable `TRADESPINE_GATEWAY__REST_ADDRESS`. One file serves every command and every service:
//! each takes what is its own.
//!
//! - [`admin`]: where those who run the platform are heard. [`flags`]: what the command line says
//!   of them. [`kafka`]: where the brokers are, and how to prove to them who this is. [`redis`]:
//!   the same of what gateways share. [`password`]: where a password is. [`partitions`]: which of
//!   them a process owns. [`profile`]: what is asked of a platform before it may begin.

mod admin;
mod flags;
mod kafka;
mod partitions;
mod password;
mod profile;
mod redis;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use daemon::settings::{Problem, Secret, SettingsError, Sources};
use serde::Deserialize;
use telemetry::{logs::LogSettings, traces::OtlpSettings};

pub use self::{
    admin::Admin,
    flags::{
        BroadcasterFlags, Flags, GatewayFlags, KafkaFlags, LedgerFlags, MatcherFlags, RedisFlags,
    },
    kafka::Kafka,
    partitions::PartitionSet,
    profile::{Part, Profile},
    redis::Redis,
};

/// What is logged where nobody says: our own story, and of the stores beneath it only what is
/// wrong.
const FILTER_DEFAULT: &str = "info,fjall=warn,lsm_tree=warn,sea_orm_migration=warn";

/// The settings of every command that runs or looks into a platform.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What is asked of the platform before it may begin.
    pub profile: Profile,
    /// Where this process keeps its files: of `up` the journal, the ledger's tables and the
    /// snapshots, of a service what is its own.
    pub data_dir: PathBuf,
    /// How many shards a new platform has; for ever the same for one log.
    pub shards: u16,
    /// Whether a market maker quotes, so that the first book is not empty.
    pub market_maker: bool,
    /// The log of services that run apart.
    pub kafka: Kafka,
    /// Order entry.
    pub gateway: Gateway,
    /// History and balances.
    pub ledger: Ledger,
    /// Market data.
    pub broadcaster: Broadcaster,
    /// The shards.
    pub matcher: Matcher,
    /// Log lines.
    pub log: LogSettings,
    /// Traces.
    pub otlp: Otlp,
}

/// Where orders come in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// REST, its documentation, health and metrics.
    pub rest_address: SocketAddr,
    /// gRPC.
    pub grpc_address: SocketAddr,
    /// Where the ledger answers, like `http://ledger:50052`; by default where this machine's does.
    pub ledger_uri: Option<String>,
    /// The same of the broadcaster's gRPC.
    pub market_data_uri: Option<String>,
    /// Where gateways that run apart tell each other of retries.
    pub redis: Redis,
    /// Where those who run the platform are heard.
    pub admin: Admin,
}

/// Where history is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// gRPC.
    pub grpc_address: SocketAddr,
    /// Health and metrics.
    pub http_address: SocketAddr,
    /// Where the tables are, `sqlite://path` or `postgres://user:password@host/name`; by default a
    /// file in the data directory.
    pub database_url: Option<Secret>,
    /// A file with the password of the URL's user, instead of one in the URL.
    pub database_password_file: Option<PathBuf>,
    /// Whether a starting ledger brings the tables up to date. Where nobody says it does so in a
    /// sandbox; in production `tradespine migrate` does, perhaps as another user of the database.
    pub migrates: Option<bool>,
}

/// Where market data goes out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broadcaster {
    /// WebSocket, health and metrics.
    pub http_address: SocketAddr,
    /// gRPC.
    pub grpc_address: SocketAddr,
    /// Where this broadcaster, and no other, keeps its snapshots; by default in the data directory.
    pub snapshot_dir: Option<PathBuf>,
}

/// Which shards run here, and where they tell how they are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// Health and metrics.
    pub http_address: SocketAddr,
    /// The partitions whose shards run in this process, like `0,2-3`; all where nobody says.
    pub partitions: Option<PartitionSet>,
    /// How many shards each of several like processes runs; which ones, the number at the end of
    /// this machine's name says: `matcher-1` runs the second lot.
    pub shards_per_pod: Option<u16>,
    /// Where the shards' snapshots are kept; by default in the data directory. A gateway that can
    /// read them starts faster.
    pub snapshot_dir: Option<PathBuf>,
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// The collector's gRPC address, like `http://localhost:4317`; nothing is exported without it.
    pub endpoint: Option<String>,
    /// The share of traces that are sampled, 0 to 1: all of them, because whoever sets an endpoint
    /// for one process on one machine wants to see their own order.
    pub ratio: f64,
}

impl Settings {
    /// The addresses that the services take, each with the name of its setting; the shards' own,
    /// which the process itself serves, is none of them.
    pub fn addresses(&self) -> [(SocketAddr, &'static str); 6] {
        [
            (self.gateway.rest_address, "gateway.rest_address"),
            (self.gateway.grpc_address, "gateway.grpc_address"),
            (self.ledger.grpc_address, "ledger.grpc_address"),
            (self.ledger.http_address, "ledger.http_address"),
            (self.broadcaster.http_address, "broadcaster.http_address"),
            (self.broadcaster.grpc_address, "broadcaster.grpc_address"),
        ]
    }

    /// Where the gateway asks for history.
    pub fn ledger_uri(&self) -> String {
        uri(self.gateway.ledger_uri.as_ref(), self.ledger.grpc_address)
    }

    /// Where the gateway asks for books.
    pub fn market_data_uri(&self) -> String {
        uri(self.gateway.market_data_uri.as_ref(), self.broadcaster.grpc_address)
    }

    /// Whether a starting ledger brings its tables up to date.
    pub fn ledger_migrates(&self) -> bool {
        self.ledger.migrates.unwrap_or_else(|| self.profile.is_sandbox())
    }

    /// Where the shards' snapshots are.
    pub fn shard_snapshots(&self) -> PathBuf {
        let within = || self.data_dir.join("snapshots");
        self.matcher.snapshot_dir.clone().unwrap_or_else(within)
    }

    /// Where the broadcaster's snapshots are.
    pub fn broadcaster_snapshots(&self) -> PathBuf {
        let within = || self.data_dir.join("broadcaster");
        self.broadcaster.snapshot_dir.clone().unwrap_or_else(within)
    }
}

fn uri(set: Option<&String>, here: SocketAddr) -> String {
    set.cloned().unwrap_or_else(|| format!("http://{here}"))
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            profile: Profile::Sandbox,
            data_dir: PathBuf::from("data"),
            shards: 1,
            market_maker: true,
            kafka: Kafka::default(),
            gateway: Gateway::default(),
            ledger: Ledger::default(),
            broadcaster: Broadcaster::default(),
            matcher: Matcher::default(),
            log: LogSettings { filter: FILTER_DEFAULT.to_owned(), ..LogSettings::default() },
            otlp: Otlp::default(),
        }
    }
}

impl Default for Gateway {
    fn default() -> Gateway {
        Gateway {
            rest_address: loopback(8080),
            grpc_address: loopback(50051),
            ledger_uri: None,
            market_data_uri: None,
            redis: Redis::default(),
            admin: Admin::default(),
        }
    }
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            grpc_address: loopback(50052),
            http_address: loopback(9103),
            database_url: None,
            database_password_file: None,
            migrates: None,
        }
    }
}

impl Default for Broadcaster {
    fn default() -> Broadcaster {
        Broadcaster {
            http_address: loopback(8081),
            grpc_address: loopback(50053),
            snapshot_dir: None,
        }
    }
}

impl Default for Matcher {
    fn default() -> Matcher {
        Matcher {
            http_address: loopback(9102),
            partitions: None,
            shards_per_pod: None,
            snapshot_dir: None,
        }
    }
}

impl Default for Otlp {
    fn default() -> Otlp {
        Otlp { endpoint: None, ratio: 1.0 }
    }
}

impl Otlp {
    /// The same for a process that traces are to know by this name.
    pub fn of(&self, service_name: impl Into<String>) -> OtlpSettings {
        // Without an endpoint nobody would ever see a sampled span.
        let ratio = if self.endpoint.is_some() { self.ratio } else { 0.0 };
        OtlpSettings { endpoint: self.endpoint.clone(), ratio, service_name: service_name.into() }
    }
}

/// The sandbox trusts whoever reaches it, so only this machine does.
fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Loads the settings of this process; `file` must exist where it is named.
///
/// # Errors
/// [`SettingsError`], which names each setting, where it came from, and what to do.
pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Settings, SettingsError> {
    daemon::settings::load(&Sources::of_process(file), flags)
}

/// Refuses a setting that no source is to blame for alone.
pub fn refuse(key: &str, fault: impl Into<String>, advice: impl Into<String>) -> SettingsError {
    SettingsError { problems: vec![problem(key, fault, advice)] }
}

fn problem(key: &str, fault: impl Into<String>, advice: impl Into<String>) -> Problem {
    let origin = "the settings of this process".to_owned();
    Problem { key: key.to_owned(), origin, fault: fault.into(), advice: advice.into() }
}

/// Where the log is in a data directory.
pub fn log_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("log")
}

#[cfg(test)]
mod tests;
