//! What the services that run apart can be told, and the commands around them. Everything else is a
//! setting without a flag.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

use crate::{
    services::{Service, listings::Grants, probe::Question},
    settings::{
        BroadcasterFlags, Flags, GatewayFlags, KafkaFlags, LedgerFlags, MatcherFlags, PartitionSet,
        Profile, RedisFlags,
    },
};

/// What a command does with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What it is for.
    Run,
    /// Only looks whether they are enough.
    Check,
}

/// Whether a command only looks.
#[derive(Clone, Debug, Args)]
pub struct CheckArguments {
    /// Only check the settings, say what would be used, and end
    #[arg(long)]
    check: bool,
}

impl CheckArguments {
    const fn mode(&self) -> Mode {
        if self.check { Mode::Check } else { Mode::Run }
    }
}

/// The log that a service works on.
#[derive(Clone, Debug, Args)]
pub struct LogArguments {
    /// Kafka's brokers, as host:port, separated by commas [default: 127.0.0.1:9092]
    #[arg(long, value_name = "ADDRESSES")]
    pub brokers: Option<String>,

    /// What every topic's name begins with [default: nothing]
    #[arg(long, value_name = "TEXT")]
    pub topic_prefix: Option<String>,

    /// What the platform is for; production asks for more before it begins [default: sandbox]
    #[arg(long, value_enum)]
    pub profile: Option<Profile>,

    #[command(flatten)]
    check: CheckArguments,
}

impl LogArguments {
    fn flags(self) -> Flags {
        let LogArguments { brokers, topic_prefix, profile, check: _ } = self;
        let kafka = KafkaFlags { brokers, topic_prefix, replication: None };
        Flags { profile, kafka, ..Flags::default() }
    }
}

/// What `gateway` can be told.
#[derive(Clone, Debug, Args)]
pub struct GatewayArguments {
    #[command(flatten)]
    log: LogArguments,

    /// Where REST, health and metrics are served [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    rest_address: Option<SocketAddr>,

    /// Where gRPC is served [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDRESS")]
    grpc_address: Option<SocketAddr>,

    /// Where the ledger answers [default: <http://127.0.0.1:50052>]
    #[arg(long, value_name = "URL")]
    ledger_uri: Option<String>,

    /// Where the broadcaster's gRPC answers [default: <http://127.0.0.1:50053>]
    #[arg(long, value_name = "URL")]
    market_data_uri: Option<String>,

    /// Where gateways tell each other of retries, like <redis://host:6379/0> [default: nowhere]
    ///
    /// Every user of this machine can read a command line: a password is better set as
    /// TRADESPINE_GATEWAY__REDIS__PASSWORD.
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,

    /// Where the shards' snapshots can be read, in `snapshots`, for a faster start
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

/// What `matcher` can be told.
#[derive(Clone, Debug, Args)]
pub struct MatcherArguments {
    #[command(flatten)]
    log: LogArguments,

    /// The partitions whose shards run here, like 0,2-3 [default: all]
    #[arg(long, value_name = "NUMBERS", conflicts_with = "shards_per_pod")]
    partitions: Option<PartitionSet>,

    /// How many shards run here, where the number at the end of this machine's name says which
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    shards_per_pod: Option<u16>,

    /// Where health and metrics are served [default: 127.0.0.1:9102]
    #[arg(long, value_name = "ADDRESS")]
    http_address: Option<SocketAddr>,

    /// Where the shards' snapshots are kept, in `snapshots` [default: ./data]
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

/// What `ledger` can be told.
#[derive(Clone, Debug, Args)]
pub struct LedgerArguments {
    #[command(flatten)]
    log: LogArguments,

    /// Where the tables are [default: sqlite, in the data directory]
    ///
    /// Every user of this machine can read a command line: one with a password is better set as
    /// TRADESPINE_LEDGER__DATABASE_URL.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// Where gRPC is served [default: 127.0.0.1:50052]
    #[arg(long, value_name = "ADDRESS")]
    grpc_address: Option<SocketAddr>,

    /// Where health and metrics are served [default: 127.0.0.1:9103]
    #[arg(long, value_name = "ADDRESS")]
    http_address: Option<SocketAddr>,

    /// Where the tables are kept, in `ledger.sqlite`, where there is no other URL [default: ./data]
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

/// What `broadcaster` can be told.
#[derive(Clone, Debug, Args)]
pub struct BroadcasterArguments {
    #[command(flatten)]
    log: LogArguments,

    /// Where WebSockets, health and metrics are served [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    http_address: Option<SocketAddr>,

    /// Where gRPC is served [default: 127.0.0.1:50053]
    #[arg(long, value_name = "ADDRESS")]
    grpc_address: Option<SocketAddr>,

    /// Where its snapshots are kept, in `broadcaster`; its own alone [default: ./data]
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

/// What can be done with topics.
#[derive(Clone, Debug, Subcommand)]
pub enum TopicsCommand {
    /// Make the topics of a platform, say what log they are, and list what is traded first
    ///
    /// What is there already is checked and left as it is, so it can be run again at any time. A
    /// number of partitions that differs from the number of shards stops it.
    #[command(after_help = "\
Examples:  tradespine topics create --shards 3
           tradespine topics create --brokers kafka:9092 --shards 4 --profile production")]
    Create(CreateArguments),
}

/// What `topics create` can be told.
#[derive(Clone, Debug, Args)]
pub struct CreateArguments {
    #[command(flatten)]
    log: LogArguments,

    /// How many shards trade; a log keeps the number it was made with [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    shards: Option<u16>,

    /// How many replicas every partition has [default: 1, in production 3]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=100))]
    replication: Option<u16>,

    /// Give accounts of a sandbox nothing: all money comes in by deposits
    #[arg(long)]
    no_grants: bool,
}

impl CreateArguments {
    /// What accounts of a sandbox are given.
    pub fn grants(&self) -> Grants {
        if self.no_grants { Grants::Nothing } else { Grants::Standard }
    }
}

/// What `migrate` can be told.
#[derive(Clone, Debug, Args)]
pub struct MigrateArguments {
    /// Where the tables are [default: sqlite, in the data directory]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// Where the tables are kept, in `ledger.sqlite`, where there is no other URL [default: ./data]
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,

    #[command(flatten)]
    check: CheckArguments,
}

/// What `probe` can be told.
#[derive(Clone, Copy, Debug, Args)]
pub struct ProbeArguments {
    /// The service
    #[arg(value_enum)]
    pub service: Service,

    /// Ask only whether it answers at all: a matcher whose shards somebody else runs is not ready
    #[arg(long)]
    alive: bool,
}

impl ProbeArguments {
    /// What is asked.
    pub const fn question(self) -> Question {
        if self.alive { Question::Alive } else { Question::Ready }
    }
}

/// A command whose settings can be checked alone.
macro_rules! mode {
    ($($arguments:ident . $($path:ident).+;)*) => {$(
        impl $arguments {
            /// What is done with the settings.
            pub const fn mode(&self) -> Mode {
                self.$($path).+.mode()
            }
        }
    )*};
}

mode! {
    GatewayArguments.log.check;
    MatcherArguments.log.check;
    LedgerArguments.log.check;
    BroadcasterArguments.log.check;
    CreateArguments.log.check;
    MigrateArguments.check;
}

impl From<MigrateArguments> for Flags {
    fn from(said: MigrateArguments) -> Flags {
        let MigrateArguments { database_url, data_dir, check: _ } = said;
        let ledger = LedgerFlags { database_url, ..LedgerFlags::default() };
        Flags { ledger, data_dir, ..Flags::default() }
    }
}

impl From<GatewayArguments> for Flags {
    fn from(said: GatewayArguments) -> Flags {
        let GatewayArguments {
            log,
            rest_address,
            grpc_address,
            ledger_uri,
            market_data_uri,
            redis_url,
            data_dir,
        } = said;
        let redis = RedisFlags { url: redis_url };
        let gateway =
            GatewayFlags { rest_address, grpc_address, ledger_uri, market_data_uri, redis };
        Flags { gateway, data_dir, ..log.flags() }
    }
}

impl From<MatcherArguments> for Flags {
    fn from(said: MatcherArguments) -> Flags {
        let MatcherArguments { log, partitions, shards_per_pod, http_address, data_dir } = said;
        let matcher = MatcherFlags { http_address, partitions, shards_per_pod };
        Flags { matcher, data_dir, ..log.flags() }
    }
}

impl From<LedgerArguments> for Flags {
    fn from(said: LedgerArguments) -> Flags {
        let LedgerArguments { log, database_url, grpc_address, http_address, data_dir } = said;
        let ledger = LedgerFlags { grpc_address, http_address, database_url };
        Flags { ledger, data_dir, ..log.flags() }
    }
}

impl From<BroadcasterArguments> for Flags {
    fn from(said: BroadcasterArguments) -> Flags {
        let BroadcasterArguments { log, http_address, grpc_address, data_dir } = said;
        let broadcaster = BroadcasterFlags { http_address, grpc_address };
        Flags { broadcaster, data_dir, ..log.flags() }
    }
}

impl From<CreateArguments> for Flags {
    fn from(said: CreateArguments) -> Flags {
        let CreateArguments { log, shards, replication, .. } = said;
        let mut flags = log.flags();
        flags.kafka.replication = replication;
        Flags { shards, ..flags }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        arguments::{Arguments, Command},
        settings,
    };

    fn flags(line: &str) -> Flags {
        let arguments = Arguments::try_parse_from(line.split_whitespace()).expect("a good line");
        match arguments.command {
            Command::Gateway(said) => said.into(),
            Command::Matcher(said) => said.into(),
            Command::Ledger(said) => said.into(),
            Command::Broadcaster(said) => said.into(),
            Command::Topics(TopicsCommand::Create(said)) => said.into(),
            Command::Migrate(said) => said.into(),
            other => panic!("not a service: {other:?}"),
        }
    }

    #[test]
    fn nothing_said_leaves_everything_as_it_is() {
        let services = ["gateway", "matcher", "ledger", "broadcaster", "topics create", "migrate"];
        for service in services {
            assert_eq!(flags(&format!("tradespine {service}")), Flags::default(), "{service}");
            // To look is no setting.
            let looks = format!("tradespine {service} --check");
            assert_eq!(flags(&looks), Flags::default(), "{service}");
        }
    }

    /// Each flag ends where the setting of its name is.
    #[test]
    fn every_flag_is_a_setting() {
        for (line, read) in [
            ("gateway --brokers X", (|s| s.kafka.brokers) as fn(settings::Settings) -> String),
            ("gateway --topic-prefix X", |s| s.kafka.topic_prefix),
            ("gateway --ledger-uri X", |s| s.ledger_uri()),
            ("gateway --market-data-uri X", |s| s.market_data_uri()),
            ("gateway --redis-url X", |s| {
                s.gateway.redis.url.expect("it is set").reveal().to_owned()
            }),
            ("gateway --data-dir X", |s| s.data_dir.display().to_string()),
            ("ledger --database-url X", |s| {
                s.ledger.database_url.expect("it is set").reveal().to_owned()
            }),
            ("migrate --database-url X", |s| {
                s.ledger.database_url.expect("it is set").reveal().to_owned()
            }),
            ("migrate --data-dir X", |s| s.data_dir.display().to_string()),
        ] {
            assert_eq!(read(settings_of(line)), "X", "{line}");
        }
        for line in [
            "gateway --rest-address 0.0.0.0:7",
            "gateway --grpc-address 0.0.0.0:7",
            "ledger --grpc-address 0.0.0.0:7",
            "ledger --http-address 0.0.0.0:7",
            "broadcaster --grpc-address 0.0.0.0:7",
            "broadcaster --http-address 0.0.0.0:7",
        ] {
            let addresses = settings_of(line).addresses();
            let set = addresses.iter().filter(|(address, _)| address.port() == 7).count();
            assert_eq!(set, 1, "{line}");
        }
        let matcher = settings_of("matcher --http-address 0.0.0.0:7 --partitions 0,2-3").matcher;
        assert_eq!(matcher.http_address.port(), 7);
        assert_eq!(matcher.partitions, "0,2,3".parse().ok());
        assert_eq!(settings_of("matcher --shards-per-pod 2").matcher.shards_per_pod, Some(2));
        let create = settings_of("topics create --shards 3 --replication 5 --profile production");
        assert_eq!((create.shards, create.replication()), (3, 5));
        assert_eq!(create.profile, Profile::Production);
    }

    fn settings_of(line: &str) -> settings::Settings {
        let sources = daemon::settings::Sources::exactly(None, &[]);
        daemon::settings::load(&sources, &flags(&format!("tradespine {line}"))).expect("good")
    }

    #[test]
    fn partitions_are_named_or_counted_not_both() {
        let line = "tradespine matcher --partitions 0 --shards-per-pod 1";
        assert!(Arguments::try_parse_from(line.split_whitespace()).is_err());
    }
}
