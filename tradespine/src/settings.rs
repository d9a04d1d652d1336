//! What can be set about a platform, with its defaults: flag over `TRADESPINE_*` over
//! `tradespine.toml` over default.
//!
//! The services own their limits; here stands only what differs between two machines: addresses,
//! the data directory, how much is told. The setting `gateway.rest_address` is the variable
//! `TRADESPINE_GATEWAY__REST_ADDRESS`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use daemon::settings::{SettingsError, Sources};
use serde::{Deserialize, Serialize};
use telemetry::{logs::LogSettings, traces::OtlpSettings};

/// What is logged where nobody says: our own story, and of the stores beneath it only what is
/// wrong.
const FILTER_DEFAULT: &str = "info,fjall=warn,lsm_tree=warn,sea_orm_migration=warn";

/// The settings of `tradespine up` and of the tools that work on its data directory.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the journal, the ledger's tables and the snapshots are.
    pub data_dir: PathBuf,
    /// How many shards there are; for ever the same for one data directory.
    pub shards: u16,
    /// Whether a market maker quotes, so that the first book is not empty.
    pub market_maker: bool,
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
}

/// Where history is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// gRPC.
    pub grpc_address: SocketAddr,
    /// Health and metrics.
    pub http_address: SocketAddr,
}

/// Where market data goes out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broadcaster {
    /// WebSocket, health and metrics.
    pub http_address: SocketAddr,
    /// gRPC.
    pub grpc_address: SocketAddr,
}

/// Where the shards tell how they are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// Health and metrics.
    pub http_address: SocketAddr,
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
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            data_dir: PathBuf::from("data"),
            shards: 1,
            market_maker: true,
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
        Gateway { rest_address: loopback(8080), grpc_address: loopback(50051) }
    }
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger { grpc_address: loopback(50052), http_address: loopback(9103) }
    }
}

impl Default for Broadcaster {
    fn default() -> Broadcaster {
        Broadcaster { http_address: loopback(8081), grpc_address: loopback(50053) }
    }
}

impl Default for Matcher {
    fn default() -> Matcher {
        Matcher { http_address: loopback(9102) }
    }
}

impl Default for Otlp {
    fn default() -> Otlp {
        Otlp { endpoint: None, ratio: 1.0 }
    }
}

impl From<&Otlp> for OtlpSettings {
    fn from(otlp: &Otlp) -> OtlpSettings {
        // Without an endpoint nobody would ever see a sampled span.
        let ratio = if otlp.endpoint.is_some() { otlp.ratio } else { 0.0 };
        OtlpSettings { endpoint: otlp.endpoint.clone(), ratio, ..Default::default() }
    }
}

/// The sandbox trusts whoever reaches it, so only this machine does.
fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// What the command line said about settings; `None` where it said nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flags {
    /// See [`Settings`].
    pub data_dir: Option<PathBuf>,
    /// See [`Settings`].
    pub shards: Option<u16>,
    /// See [`Settings`].
    pub market_maker: Option<bool>,
}

/// Loads the settings of this process; `file` must exist where it is named.
///
/// # Errors
/// [`SettingsError`], which names each setting, where it came from, and what to do.
pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Settings, SettingsError> {
    daemon::settings::load(&Sources::of_process(file), flags)
}

/// Where the log is in a data directory.
pub fn log_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("log")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn loaded(file: &str, variables: &[(&str, &str)], flags: &Flags) -> Settings {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tradespine.toml");
        fs::write(&path, file).unwrap();
        daemon::settings::load(&Sources::exactly(Some(&path), variables), flags).unwrap()
    }

    const FILE: &str = "data_dir = 'file'\n\
                        [gateway]\nrest_address = '127.0.0.1:2'\n\
                        [otlp]\nendpoint = 'http://localhost:4317'\n";
    const VARIABLES: [(&str, &str); 2] =
        [("TRADESPINE_DATA_DIR", "variable"), ("TRADESPINE_GATEWAY__REST_ADDRESS", "127.0.0.1:3")];

    #[test]
    fn a_data_directory_is_the_flags_then_the_variables_then_the_files() {
        let flags = Flags { data_dir: Some("flag".into()), ..Flags::default() };
        let none = Flags::default();
        assert_eq!(loaded(FILE, &VARIABLES, &flags).data_dir, Path::new("flag"));
        assert_eq!(loaded(FILE, &VARIABLES, &none).data_dir, Path::new("variable"));
        assert_eq!(loaded(FILE, &[], &none).data_dir, Path::new("file"));
        assert_eq!(loaded("", &[], &none).data_dir, Path::new("data"));
    }

    #[test]
    fn an_address_is_the_variables_then_the_files() {
        let none = Flags::default();
        let port =
            |file, variables: &[_]| loaded(file, variables, &none).gateway.rest_address.port();
        assert_eq!(port(FILE, &VARIABLES), 3);
        assert_eq!(port(FILE, &[]), 2);
        assert_eq!(port("", &[]), 8080);
        assert_eq!(loaded(FILE, &VARIABLES, &none).gateway.grpc_address.port(), 50051);
    }

    #[test]
    fn nothing_said_is_the_default_and_a_flag_changes_only_itself() {
        assert_eq!(loaded("", &[], &Flags::default()), Settings::default());
        let flags = Flags { market_maker: Some(false), shards: Some(3), ..Flags::default() };
        let expected = Settings { market_maker: false, shards: 3, ..Settings::default() };
        assert_eq!(loaded("", &[], &flags), expected);
    }

    #[test]
    fn an_endpoint_alone_gets_every_trace() {
        let otlp = OtlpSettings::from(&loaded(FILE, &[], &Flags::default()).otlp);
        assert_eq!(otlp.endpoint.as_deref(), Some("http://localhost:4317"));
        assert!((otlp.ratio - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn every_default_address_is_this_machine_only_and_its_own() {
        let settings = Settings::default();
        let mut addresses: Vec<SocketAddr> =
            settings.addresses().into_iter().map(|(address, _)| address).collect();
        addresses.push(settings.matcher.http_address);
        assert!(addresses.iter().all(|address| address.ip().is_loopback()));
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 7);
    }
}
