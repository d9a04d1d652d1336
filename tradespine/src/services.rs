//! The parts of the platform, each built in one way: for `up`, where they share a process and an
//! embedded journal, and for a process of its own on Kafka.
//!
//! A service that runs apart says whether it is ready, shows its metrics, drains at a SIGTERM, and
//! ends with one sentence where it cannot go on: recovery is from the log, by whoever starts next.
//! Services are started in any order; each waits for what it needs, for a while, and says so.
//!
//! - [`gateway`], [`ledger`], [`broadcaster`], [`matcher`]: how each is built, and run.
//! - [`shards`]: the owners of some partitions, with their snapshotters. [`snapshots`]: where those
//!   keep what they take.
//! - [`opening`]: the log on Kafka, found and checked. [`patience`]: how that is waited for,
//!   and [`waiting`] what the health pages say meanwhile.
//! - [`founding`]: what a new log is. [`topics`]: `tradespine topics create`.
//! - [`migration`]: `tradespine migrate`. [`probe`]: `tradespine probe`.
//! - [`listing`], [`listings`]: what is traded first, and how it gets into a log.
//!
//! What will never live here: what a service does.

pub mod broadcaster;
pub mod founding;
pub mod gateway;
pub mod ledger;
pub mod listing;
pub mod listings;
pub mod matcher;
pub mod migration;
pub mod opening;
mod patience;
pub mod probe;
pub mod shards;
pub mod snapshots;
pub mod topics;
mod waiting;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use clap::ValueEnum;
use daemon::shutdown;
use spine::{Log, genesis::Identity};

use self::opening::Wanted;
use crate::settings::{Part, Settings};

/// How long a stop may take: longer than any part's own drain.
const GRACE: Duration = Duration::from_secs(20);

/// A log whose beginning is known.
#[derive(Clone)]
pub struct OpenLog {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Which log it is.
    pub identity: Identity,
}

/// The services that run apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Service {
    /// Takes orders in.
    Gateway,
    /// Runs shards.
    Matcher,
    /// Keeps history.
    Ledger,
    /// Tells trades and books.
    Broadcaster,
}

impl Service {
    /// How brokers and people know it.
    pub const fn name(self) -> &'static str {
        match self {
            Service::Gateway => "gateway",
            Service::Matcher => "matcher",
            Service::Ledger => "ledger",
            Service::Broadcaster => "broadcaster",
        }
    }

    const fn part(self) -> Part {
        match self {
            Service::Gateway => Part::Gateway,
            Service::Matcher | Service::Ledger | Service::Broadcaster => Part::MakesNoTokens,
        }
    }

    /// The addresses that it takes, each with the name of its setting; first the one with the pages
    /// that say how it is.
    fn addresses(self, settings: &Settings) -> Vec<(&'static str, SocketAddr)> {
        match self {
            Service::Gateway => vec![
                ("gateway.rest_address", settings.gateway.rest_address),
                ("gateway.grpc_address", settings.gateway.grpc_address),
            ],
            Service::Matcher => vec![("matcher.http_address", settings.matcher.http_address)],
            Service::Ledger => vec![
                ("ledger.http_address", settings.ledger.http_address),
                ("ledger.grpc_address", settings.ledger.grpc_address),
            ],
            Service::Broadcaster => vec![
                ("broadcaster.http_address", settings.broadcaster.http_address),
                ("broadcaster.grpc_address", settings.broadcaster.grpc_address),
            ],
        }
    }
}

/// Whether the settings are enough for a service, as far as that can be told before anything is
/// waited for; the answer is what it asks of the log.
///
/// # Errors
/// What contradicts something else, is missing, or cannot be read.
fn check(service: Service, settings: &Settings) -> anyhow::Result<Wanted> {
    settings.check(service.part())?;
    match service {
        Service::Gateway => gateway::check(settings)?,
        Service::Matcher => matcher::check(&settings.matcher)?,
        Service::Ledger => ledger::check(settings)?,
        Service::Broadcaster => {}
    }
    Ok(Wanted::of(service, settings)?)
}

/// Checks the settings of a service and prints the addresses that it would take, and how long it
/// drains at most.
///
/// # Errors
/// As the service itself would refuse them.
pub fn tell(service: Service, settings: &Settings) -> anyhow::Result<()> {
    check(service, settings)?;
    for (setting, address) in service.addresses(settings) {
        println!("{setting} = {address}");
    }
    println!("drain_seconds = {}", GRACE.as_secs());
    Ok(())
}

/// Runs one service until a signal, or until it cannot go on.
///
/// # Errors
/// Where the settings are not enough, what it needs does not come, or it fails.
pub async fn run(service: Service, settings: &Settings) -> anyhow::Result<()> {
    let wanted = check(service, settings)?;
    telemetry::metrics::install()?;
    let stop = shutdown::stop_on_signal()?;
    let work = async {
        match service {
            Service::Gateway => gateway::run(settings, &wanted, &stop).await,
            Service::Matcher => matcher::run(settings, &wanted, &stop).await,
            Service::Ledger => ledger::run(settings, &wanted, &stop).await,
            Service::Broadcaster => broadcaster::run(settings, &wanted, &stop).await,
        }
    };
    shutdown::drain(Box::pin(work), &stop, GRACE).await?
}
