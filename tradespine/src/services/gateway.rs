//! The gateway: its parts wired together, and as a process.

use std::sync::Arc;

use anyhow::Context;
use daemon::{clock::WallClock, health::Readiness, settings::SettingsError};
use gateway::idempotency::{
    Cache, FleetCache,
    redis::{Redis, RedisSettings},
};
use model::Partition;
use reqwest::Url;
use spine::{
    Position, Visibility,
    snapshot::{self, SnapshotStore},
    tail,
};
use tokio_util::sync::CancellationToken;

use super::{
    OpenLog,
    opening::{self, Wanted, blocking},
    snapshots, waiting,
};
use crate::settings::{Settings, refuse};

/// Binds the ports. The gateway hears every answer after `positions`.
///
/// # Errors
/// Where a port is taken, or the log cannot be read.
pub async fn bind(
    settings: &Settings,
    open: &OpenLog,
    positions: Vec<Position>,
    readiness: Readiness,
    cache: Arc<dyn Cache>,
) -> anyhow::Result<gateway::Service> {
    let bound = gateway::bind(
        gateway::Settings {
            rest_address: settings.gateway.rest_address,
            grpc_address: settings.gateway.grpc_address,
            ledger_uri: settings.ledger_uri(),
            market_data_uri: settings.market_data_uri(),
            admin: settings.gateway.admin.settings()?,
            ..gateway::Settings::default()
        },
        gateway::Dependencies {
            log: Arc::clone(&open.log),
            identity: open.identity.clone(),
            positions,
            clock: Arc::new(WallClock),
            readiness,
            cache,
        },
    );
    bound.await.context("the gateway")
}

/// An address that nobody can be asked at is told at once, and so is a Redis that cannot be one.
///
/// # Errors
/// Which setting it is.
pub fn check(settings: &Settings) -> Result<(), SettingsError> {
    for (setting, uri) in [
        ("gateway.ledger_uri", settings.ledger_uri()),
        ("gateway.market_data_uri", settings.market_data_uri()),
    ] {
        let is_address = |url: Url| url.scheme() == "http" && url.has_host();
        if !Url::parse(&uri).is_ok_and(is_address) {
            let fault = format!("{uri:?} is not an address that gRPC can be asked at");
            return Err(refuse(setting, fault, "write it like http://ledger:50052"));
        }
    }
    settings.gateway.admin.settings()?;
    settings.gateway.redis.settings().map(drop)
}

/// Runs a gateway until `stop`, or until it fails.
///
/// # Errors
/// Where the log does not come, or it fails.
pub async fn run(
    settings: &Settings,
    wanted: &Wanted,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let redis = settings.gateway.redis.settings()?;
    let pages = (settings.gateway.rest_address, "gateway.rest_address");
    let opened = waiting::with_pages(pages, async |part| {
        let opened = opening::open(wanted, stop, part).await?;
        let Some(open) = opened else { return Ok(None) };
        part.not_ready("reads how far the log is answered");
        let snapshots = snapshots::read(&settings.shard_snapshots())?;
        let positions = tokio::select! {
            positions = accepted_ends(&open, snapshots) => positions?,
            () = stop.cancelled() => return Ok(None),
        };
        Ok(Some((open, positions)))
    });
    let Some((open, positions)) = opened.await? else { return Ok(()) };
    let cache = Arc::new(fleet_cache(redis.as_ref(), &open)?);
    let gateway = bind(settings, &open, positions, Readiness::default(), cache).await?;
    gateway.serve(stop.clone()).await.context("the gateway")
}

/// What one gateway of many knows of retries.
fn fleet_cache(redis: Option<&RedisSettings>, open: &OpenLog) -> anyhow::Result<FleetCache> {
    let (log_id, partitions) = (open.identity.log_id, open.identity.partition_count);
    let redis = redis.map(|redis| Redis::start(redis, log_id)).transpose();
    Ok(FleetCache::new(log_id, partitions, redis.context("gateway.redis.url")?))
}

/// How far the accepted answers of every partition go now, looked for from `snapshots` on.
///
/// # Errors
/// Where the log or the snapshots cannot be read.
pub async fn accepted_ends(
    open: &OpenLog,
    snapshots: Arc<dyn SnapshotStore>,
) -> anyhow::Result<Vec<Position>> {
    let OpenLog { log, identity } = open.clone();
    blocking(move || {
        let end = |partition: Partition| {
            let newest = snapshot::newest_position(snapshots.as_ref(), &identity, partition)?;
            let start = newest.unwrap_or_else(|| Position::start(identity.log_id, partition));
            Ok(tail::accepted_end(log.as_ref(), partition, start, Visibility::Synced)?)
        };
        identity.partitions().map(end).collect()
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_service_is_a_whole_one() {
        let mut settings = Settings::default();
        assert!(check(&settings).is_ok());
        for bad in ["ledger:50052", "https://ledger:50052", "http://", "ledger", ""] {
            settings.gateway.ledger_uri = Some(bad.to_owned());
            let error = check(&settings).expect_err(bad).to_string();
            assert!(error.contains("gateway.ledger_uri"), "{error}");
        }
        settings.gateway.ledger_uri = Some("http://ledger:50052".to_owned());
        settings.gateway.market_data_uri = Some("broadcaster".to_owned());
        let error = check(&settings).expect_err("it is no address").to_string();
        assert!(error.contains("gateway.market_data_uri"), "{error}");
    }
}
