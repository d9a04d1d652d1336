//! What the command line can say, and the help that tells it. Each client command has its own
//! arguments beside it, in [`crate::client`]; those of the services that run apart are in
//! [`services`], those of the tools that look into a log in [`inspect`].

pub mod inspect;
pub mod services;

use std::{num::NonZeroU32, path::PathBuf, str::FromStr};

use clap::{Args, Parser, Subcommand};

use self::{
    inspect::VerifyArguments,
    services::{
        BroadcasterArguments, GatewayArguments, LedgerArguments, MatcherArguments,
        MigrateArguments, ProbeArguments, TopicsCommand,
    },
};
use crate::{
    client::{ClientCommand, GATEWAY, MARKET_DATA, WEBSOCKET, admin::AdminArguments},
    dump::DumpArguments,
    settings::Flags,
};

/// A trading platform: orders in, trades out, nothing lost.
///
/// `tradespine up` runs all of it on this machine, in one process, with its data in ./data. Apart,
/// on Kafka, it is `topics create` once and then a gateway, matcher, ledger and broadcaster. The
/// other commands trade and look around in it, or work on its data directory.
#[derive(Debug, Parser)]
#[command(
    name = "tradespine",
    version,
    max_term_width = 100,
    after_help = "\
In one terminal:       tradespine up
In another:            tradespine watch BTC-USDT
And in a third:        tradespine book BTC-USDT
                       tradespine place BTC-USDT buy 0.01 61837.63 --client alice"
)]
pub struct Arguments {
    /// Read the settings of `up`, the services, `log` and `verify` from this file [default:
    /// tradespine.toml, where there is one]
    ///
    /// A flag wins over an environment variable, that over the file, that over the default. The
    /// setting gateway.rest_address is the variable TRADESPINE_GATEWAY__REST_ADDRESS.
    #[arg(long, global = true, value_name = "FILE", display_order = 900)]
    pub config: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole platform in this process
    ///
    /// Prints where everything is, then runs until Ctrl-C. Stopped or killed at any moment, it
    /// goes on where it was: an order that was answered is never lost.
    #[command(after_help = "Example:  tradespine up --data-dir /tmp/market --no-market-maker")]
    Up(UpArguments),

    /// Take orders in, over REST and gRPC, into a log on Kafka
    ///
    /// Any number of gateways can run beside each other. It waits for the log and for a ledger and
    /// a broadcaster; they can be started in any order.
    #[command(after_help = "\
Example:  tradespine gateway --brokers kafka:9092 --ledger-uri http://ledger:50052")]
    Gateway(GatewayArguments),

    /// Run shards, which match the orders of a log on Kafka
    ///
    /// All of them, or those of some partitions. A shard that somebody else runs already is
    /// followed, and taken over where they end.
    #[command(after_help = "\
Examples:  tradespine matcher --brokers kafka:9092
           tradespine matcher --partitions 0,2-3
           tradespine matcher --shards-per-pod 2      (on matcher-1: partitions 2 and 3)")]
    Matcher(MatcherArguments),

    /// Keep history and balances in SQL, and answer questions about them
    ///
    /// Several ledgers may share one database.
    #[command(
        after_help = "Example:  tradespine ledger --brokers kafka:9092 --data-dir /var/lib/ledger"
    )]
    Ledger(LedgerArguments),

    /// Tell trades and books, over WebSocket and gRPC streams
    ///
    /// Any number of broadcasters can run beside each other, each with a data directory of its own.
    #[command(after_help = "\
Example:  tradespine broadcaster --brokers kafka:9092 --data-dir /var/lib/broadcaster")]
    Broadcaster(BroadcasterArguments),

    /// Prepare the topics of a log on Kafka
    #[command(subcommand)]
    Topics(TopicsCommand),

    /// Bring the ledger's tables up to date
    ///
    /// A sandbox's ledger does it when it starts; in production a ledger only checks. What is up to
    /// date already is left as it is, so it can be run again at any time.
    #[command(after_help = "\
Example:  tradespine migrate --database-url postgres://owner@db/ledger")]
    Migrate(MigrateArguments),

    /// Ask a service on this machine whether it is ready
    ///
    /// It is asked where its settings say that it is. The exit status is 0 only where it says yes.
    #[command(after_help = "\
Examples:  tradespine probe gateway
           tradespine probe matcher --alive")]
    Probe(ProbeArguments),

    /// As a client of a running platform.
    #[command(flatten)]
    Client(ClientCommand),

    /// Say what those who run the platform have to say
    ///
    /// The gateway hears it where gateway.admin.token is set, on an address of its own. Each word
    /// stands in the log, with who said it.
    #[command(after_help = "\
Examples:  tradespine admin upgrade --behaviour 4
           tradespine admin instrument set BTC-USDT --price-protection-bps 300")]
    Admin(AdminArguments),

    /// Look into the journal of a platform that is not running, or into a log on Kafka
    #[command(subcommand)]
    Log(LogCommand),

    /// Check what a platform keeps: replay its log and compare everything that follows from it
    ///
    /// Every answer's hash chain, the ledger's tables, the snapshots and the sum of every asset
    /// must be what a replay gives. The exit status is 0 only where they are. Of a data directory
    /// stop the platform first; services apart, which --kafka names, may run: their log is looked
    /// at up to where it ends now. Nothing is written.
    #[command(after_help = "\
Examples:  tradespine verify --data-dir /tmp/market && echo clean
           tradespine verify --kafka --brokers kafka:9092 --database-url postgres://reader@db/ledger")]
    Verify(VerifyArguments),

    /// Trade a recorded market, or a random one, through a running platform
    ///
    /// FILE is a recorded Binance feed: gzip, each line a receive time in nanoseconds, a space and
    /// the frame, with one REST snapshot among them. A maker keeps its orders equal to the recorded
    /// depth, a taker sends every recorded trade, and the book received on /ws/depth is compared
    /// with the recorded one. The exit status is 0 only where every compared frame was equal.
    #[command(after_help = "\
Examples:  tradespine replay recording.gz --speed 10
           tradespine replay --frames 1000 --seed 7      (a random market)")]
    Replay(ReplayArguments),
}

/// What `up` can be told.
#[derive(Clone, Debug, Args)]
pub struct UpArguments {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArguments,

    /// How many shards trade; a data directory keeps the number it was made with [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub shards: Option<u16>,

    /// Begin with empty books, without the market maker that quotes every instrument
    #[arg(long)]
    pub no_market_maker: bool,
}

/// Where a platform's data is.
#[derive(Clone, Debug, Args)]
pub struct DataArguments {
    /// Where the journal, the ledger and the snapshots are [default: ./data]
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
}

impl From<UpArguments> for Flags {
    fn from(up: UpArguments) -> Flags {
        let market_maker = up.no_market_maker.then_some(false);
        Flags { data_dir: up.data.data_dir, shards: up.shards, market_maker, ..Flags::default() }
    }
}

impl From<DataArguments> for Flags {
    fn from(data: DataArguments) -> Flags {
        Flags { data_dir: data.data_dir, ..Flags::default() }
    }
}

/// What can be done with the journal.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Print the records of one partition, a line each, in words
    ///
    /// Numbers are as the log has them: prices in ticks, quantities in lots, amounts in the asset's
    /// smallest unit.
    #[command(after_help = "\
Examples:  tradespine log dump --topic events --from 100 --limit 20
           tradespine log dump --kafka --brokers kafka:9092 --topic orders --partition 2
           tradespine log dump --topic dlq --raw")]
    Dump(DumpArguments),
}

/// What `replay` can be told.
#[derive(Clone, Debug, Args)]
pub struct ReplayArguments {
    /// The recording; a seeded random market where there is none
    pub file: Option<PathBuf>,

    /// What to trade; its book must be empty but for the market maker's orders
    #[arg(long, value_name = "SYMBOL", default_value = "BTC-USDT")]
    pub instrument: String,

    /// How fast: `max`, or how many times as fast as it was recorded, 1 or more
    #[arg(long, value_name = "SPEED", default_value = "max")]
    pub speed: Speed,

    /// Stop after so many compared depth frames [default: all, or 1000 of a random market]
    #[arg(long, value_name = "COUNT")]
    pub frames: Option<u64>,

    /// Which random market
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,

    /// The gateway's gRPC address
    #[arg(long, value_name = "URL", default_value = GATEWAY)]
    pub gateway: String,

    /// The broadcaster's gRPC address
    #[arg(long, value_name = "URL", default_value = MARKET_DATA)]
    pub market_data: String,

    /// The broadcaster's WebSocket address
    #[arg(long, value_name = "URL", default_value = WEBSOCKET)]
    pub websocket: String,
}

/// How fast a replay goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// As fast as the platform takes it.
    Max,
    /// So many times as fast as it was recorded.
    Factor(NonZeroU32),
}

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Speed, Self::Err> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        text.parse().map(Speed::Factor).map_err(|_| "a speed is `max` or a whole number from 1")
    }
}

#[cfg(test)]
mod tests;
