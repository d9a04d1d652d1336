//! The matcher as a process: shards, and the pages that say how they are.

use std::ops::Range;

use anyhow::{Context, bail};
use daemon::{
    health::{self, Readiness},
    host, ports,
    settings::SettingsError,
};
use model::Partition;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::{
    opening::{self, Wanted},
    shards::Shards,
    snapshots, waiting,
};
use crate::settings::{Matcher, Settings, refuse};

/// No partitions for this process.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoShards {
    /// A partition that the log does not have.
    #[error(
        "matcher.partitions names partition {named}, and the log has {count}, from 0 on; correct \
         it, or leave it out to run all shards"
    )]
    NoSuchPartition {
        /// What was named.
        named: u16,
        /// How many the log has.
        count: u16,
    },
    /// The machine's name ends in no number.
    #[error(
        "matcher.shards_per_pod needs a machine whose name ends in a number, like matcher-0, and \
         this one is {host:?}; say matcher.partitions instead"
    )]
    NoOrdinal {
        /// The machine's name.
        host: String,
    },
    /// All partitions are the others' already.
    #[error(
        "the log has {count} partitions, and with matcher.shards_per_pod = {shards_per_pod} none \
         is left for {host}; run fewer matchers"
    )]
    NoneLeft {
        /// How many the log has.
        count: u16,
        /// How many each matcher takes.
        shards_per_pod: u16,
        /// The machine's name.
        host: String,
    },
}

/// Runs shards until `stop`, or until one of them fails.
///
/// # Errors
/// Where the settings name no shards, the log does not come, or a shard is in doubt.
pub async fn run(
    settings: &Settings,
    wanted: &Wanted,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let setting = "matcher.http_address";
    let listener = ports::bind(settings.matcher.http_address, setting).await?;
    let readiness = Readiness::default();
    let pages_stop = CancellationToken::new();
    let _pages_end_with_this = pages_stop.clone().drop_guard();
    let metrics = telemetry::metrics::render;
    let pages = health::serve(listener, readiness.clone(), metrics, pages_stop);
    tokio::select! {
        ended = pages => {
            ended.context("the health pages failed")?;
            bail!("the health pages ended")
        }
        ended = run_shards(settings, wanted, &readiness, stop) => ended,
    }
}

async fn run_shards(
    settings: &Settings,
    wanted: &Wanted,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let waiting = readiness.register(waiting::PART);
    let opened = opening::open(wanted, stop, &waiting).await?;
    let Some(open) = opened else { return Ok(()) };
    let count = open.identity.partition_count;
    let partitions = chosen(&settings.matcher, &host::name(), count)?;
    let snapshots = snapshots::keep(&settings.shard_snapshots())?;
    waiting.ready();
    let names: Vec<String> = partitions.iter().map(Partition::to_string).collect();
    let shards = Shards::start(&open, partitions, &snapshots, readiness)?;
    tracing::info!(partitions = names.join(","), "the matcher runs");
    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = shards.watch() => ended,
    };
    ended.and(shards.stop().await)
}

/// Two ways to say which shards run here contradict each other sooner or later.
///
/// # Errors
/// Where both are set.
pub fn check(matcher: &Matcher) -> Result<(), SettingsError> {
    if matcher.partitions.is_none() || matcher.shards_per_pod.is_none() {
        return Ok(());
    }
    let fault = "it is set, and matcher.partitions too";
    Err(refuse("matcher.shards_per_pod", fault, "leave one of them out"))
}

/// The partitions whose shards run here, of `count` that there are.
fn chosen(matcher: &Matcher, host: &str, count: u16) -> Result<Vec<Partition>, NoShards> {
    let numbers: Vec<u16> = match (&matcher.partitions, matcher.shards_per_pod) {
        (Some(set), _) => set.numbers().collect(),
        (None, Some(shards_per_pod)) => ordinal_range(shards_per_pod, host, count)?.collect(),
        (None, None) => (0..count).collect(),
    };
    let checked = numbers.into_iter().map(|named| {
        let there = Partition::new(named).filter(|_| named < count);
        there.ok_or(NoShards::NoSuchPartition { named, count })
    });
    checked.collect()
}

/// The lot of the machine with this name; the last one may be smaller.
fn ordinal_range(shards_per_pod: u16, host: &str, count: u16) -> Result<Range<u16>, NoShards> {
    let ordinal =
        host::ordinal(host).ok_or_else(|| NoShards::NoOrdinal { host: host.to_owned() })?;
    let first = ordinal.saturating_mul(shards_per_pod.into());
    match u16::try_from(first) {
        Ok(first) if first < count => Ok(first..count.min(first.saturating_add(shards_per_pod))),
        _ => Err(NoShards::NoneLeft { count, shards_per_pod, host: host.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(matcher: &Matcher, host: &str, count: u16) -> Result<Vec<u16>, NoShards> {
        let partitions = chosen(matcher, host, count)?;
        Ok(partitions.into_iter().map(Partition::number).collect())
    }

    #[test]
    fn all_shards_run_here_unless_somebody_says_which() {
        let mut matcher = Matcher::default();
        assert_eq!(numbers(&matcher, "laptop", 3), Ok(vec![0, 1, 2]));
        matcher.partitions = "0,2".parse().ok();
        assert_eq!(numbers(&matcher, "laptop", 3), Ok(vec![0, 2]));
        let refused = NoShards::NoSuchPartition { named: 2, count: 2 };
        assert_eq!(numbers(&matcher, "laptop", 2), Err(refused));
    }

    #[test]
    fn the_number_of_a_machine_says_which_lot_is_its_own() {
        let matcher = Matcher { shards_per_pod: Some(2), ..Matcher::default() };
        for (host, own) in [("matcher-0", vec![0, 1]), ("matcher-1", vec![2, 3]), ("m-2", vec![4])]
        {
            assert_eq!(numbers(&matcher, host, 5), Ok(own), "{host}");
        }
        let none_left =
            |host: &str| NoShards::NoneLeft { count: 5, shards_per_pod: 2, host: host.to_owned() };
        for host in ["matcher-3", "matcher-4000000000", "matcher-32768"] {
            assert_eq!(numbers(&matcher, host, 5), Err(none_left(host)));
        }
        let no_ordinal = NoShards::NoOrdinal { host: "laptop".to_owned() };
        assert_eq!(numbers(&matcher, "laptop", 5), Err(no_ordinal));
    }

    #[test]
    fn two_ways_to_say_which_are_refused() {
        let mut matcher = Matcher { shards_per_pod: Some(2), ..Matcher::default() };
        assert!(check(&matcher).is_ok());
        matcher.partitions = "0".parse().ok();
        let error = check(&matcher).expect_err("both").to_string();
        assert!(error.contains("shards_per_pod") && error.contains("partitions"), "{error}");
    }
}
