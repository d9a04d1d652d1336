//! The parts of the platform, wired together in one process.

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow, bail};
use daemon::{
    clock::{Clock, WallClock},
    health::{self, Part, Readiness},
    ports,
};
use gateway::idempotency::MemoryCache;
use ledger::store::SqlStore;
use matcher::Exchange;
use model::Partition;
use proto::log::Genesis;
use rand::Rng;
use spine::{
    Log, Position, Visibility,
    genesis::{self, Identity},
    log::embedded::{EmbeddedLog, EmbeddedSettings},
    replay::Begin,
    shard::{self, READ_LIMIT, ShardHandle, ShardSettings, Status},
    snapshot::{self, ObjectSnapshots, SnapshotStore},
    snapshotter, tail,
};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{aside::Aside, listing, listings};
use crate::settings::Settings;

/// How long the key of a retry is kept after its order was decided: 24 hours, about 190 bytes each.
const KEY_RETENTION_NANOS: u64 = 24 * 60 * 60 * 1_000_000_000;

/// A running platform.
pub struct Platform {
    log: Arc<dyn Log>,
    identity: Identity,
    snapshots: Arc<dyn SnapshotStore>,
    shards: Vec<ShardHandle>,
    snapshotters: Vec<std::thread::JoinHandle<()>>,
    edges: JoinSet<anyhow::Result<()>>,
    readers: JoinSet<anyhow::Result<()>>,
    stop_edges: CancellationToken,
    stop_readers: CancellationToken,
    stop_shards: CancellationToken,
    _parts: Vec<Part>,
    /// Where the ledger runs.
    aside: Aside,
}

impl Platform {
    /// Takes the ports, opens the data directory, and starts every part from the back to the front.
    pub async fn start(settings: &Settings, stop: &CancellationToken) -> anyhow::Result<Platform> {
        telemetry::metrics::install()?;
        let readiness = Readiness::default();
        let metrics = ports::bind(settings.matcher.http_address, "matcher.http_address").await?;
        for (address, name) in settings.addresses() {
            // Told now, taken by the services themselves in a moment.
            drop(ports::bind(address, name).await?);
        }
        let (log, identity) = open_log(settings).await?;
        let runtime = tokio::runtime::Handle::current();
        let snapshots =
            ObjectSnapshots::in_directory(&settings.data_dir.join("snapshots"), runtime)?;
        let mut platform = Platform {
            snapshots: Arc::new(snapshots),
            log,
            identity,
            shards: Vec::new(),
            snapshotters: Vec::new(),
            edges: JoinSet::new(),
            readers: JoinSet::new(),
            stop_edges: CancellationToken::new(),
            stop_readers: CancellationToken::new(),
            stop_shards: CancellationToken::new(),
            _parts: Vec::new(),
            aside: Aside::start()?,
        };
        let pages = health::serve(
            metrics,
            readiness.clone(),
            telemetry::metrics::render,
            platform.stop_readers.clone(),
        );
        platform.readers.spawn(async { Ok(pages.await?) });
        platform.start_shards(&readiness)?;
        platform.await_owners(stop).await?;
        let records = listings::first_listings(platform.identity.partition_count);
        listing::list_all(&platform.log, &platform.identity, records).await?;
        platform.start_services(settings, &readiness).await?;
        Ok(platform)
    }

    /// The identity of the log.
    pub fn log_id(&self) -> spine::LogId {
        self.identity.log_id
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    fn start_shards(&mut self, readiness: &Readiness) -> anyhow::Result<()> {
        let snapshots = &self.snapshots;
        for partition in self.identity.partitions() {
            let handle = shard::spawn::<Exchange>(
                Arc::clone(&self.log),
                self.identity.clone(),
                partition,
                Begin::Newest(Arc::clone(snapshots)),
                shard_settings(),
                self.stop_shards.clone(),
            )?;
            self.shards.push(handle);
            self.snapshotters.push(snapshotter::spawn::<Exchange>(
                Arc::clone(&self.log),
                self.identity.clone(),
                partition,
                Arc::clone(snapshots),
                daemon::priority::give_way,
                self.stop_shards.clone(),
            )?);
        }
        self._parts.push(readiness.register("shards"));
        Ok(())
    }

    /// Waits until every shard publishes.
    async fn await_owners(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        for shard in &self.shards {
            let mut status = shard.status();
            tokio::select! {
                owned = status.wait_for(|status| !is_on_its_way(status)) => {
                    if let Status::Failed(error) = &*owned? {
                        return Err(anyhow!(error.clone()).context("a shard could not start"));
                    }
                }
                () = stop.cancelled() => bail!("stopped while the shards were starting"),
            }
        }
        self._parts.iter().for_each(Part::ready);
        Ok(())
    }

    async fn start_services(
        &mut self,
        settings: &Settings,
        readiness: &Readiness,
    ) -> anyhow::Result<()> {
        let stop = self.stop_readers.clone();
        let ledger = self.bind_ledger(settings, readiness).await.context("the ledger")?;
        let broadcaster = broadcaster::bind(
            broadcaster::Settings {
                http_address: settings.broadcaster.http_address,
                grpc_address: settings.broadcaster.grpc_address,
                snapshot_directory: Some(settings.data_dir.join("broadcaster")),
                ..broadcaster::Settings::default()
            },
            broadcaster::Dependencies {
                log: Arc::clone(&self.log),
                identity: self.identity.clone(),
            },
        )
        .await
        .context("the broadcaster")?;
        let gateway = gateway::bind(
            gateway::Settings {
                rest_address: settings.gateway.rest_address,
                grpc_address: settings.gateway.grpc_address,
                ledger_uri: format!("http://{}", settings.ledger.grpc_address),
                market_data_uri: format!("http://{}", settings.broadcaster.grpc_address),
                ..gateway::Settings::default()
            },
            gateway::Dependencies {
                log: Arc::clone(&self.log),
                identity: self.identity.clone(),
                positions: self.accepted_ends().await?,
                clock: Arc::new(WallClock),
                readiness: readiness.clone(),
                cache: Arc::new(MemoryCache::default()),
            },
        )
        .await
        .context("the gateway")?;
        let (ledger_stop, broadcaster_stop) = (stop.clone(), stop);
        let ledger = self.aside.spawn(ledger.serve(ledger_stop));
        self.readers.spawn(async { ledger.await?.context("the ledger") });
        self.readers
            .spawn(async { broadcaster.serve(broadcaster_stop).await.context("the broadcaster") });
        let gateway_stop = self.stop_edges.clone();
        self.edges.spawn(async { gateway.serve(gateway_stop).await.context("the gateway") });
        Ok(())
    }

    /// Opens the database and binds the ledger, aside.
    async fn bind_ledger(
        &self,
        settings: &Settings,
        readiness: &Readiness,
    ) -> anyhow::Result<ledger::Service> {
        let url = database_url(&settings.data_dir)?;
        let settings = ledger::Settings {
            grpc_address: settings.ledger.grpc_address,
            health_address: settings.ledger.http_address,
        };
        let (log, readiness) = (Arc::clone(&self.log), readiness.clone());
        let bound = self.aside.spawn(async move {
            let store = Arc::new(SqlStore::open(&url).await?);
            let metrics = telemetry::metrics::render;
            let dependencies = ledger::Dependencies { log, store, readiness, metrics };
            anyhow::Ok(ledger::bind(settings, dependencies).await?)
        });
        bound.await?
    }

    /// How far the accepted answers of every partition go now.
    async fn accepted_ends(&self) -> anyhow::Result<Vec<Position>> {
        let (log, identity) = (Arc::clone(&self.log), self.identity.clone());
        let snapshots = Arc::clone(&self.snapshots);
        tokio::task::spawn_blocking(move || {
            let end = |partition: Partition| {
                let newest = snapshot::newest_position(snapshots.as_ref(), &identity, partition)?;
                let start = newest.unwrap_or_else(|| Position::start(identity.log_id, partition));
                Ok(tail::accepted_end(log.as_ref(), partition, start, Visibility::Synced)?)
            };
            identity.partitions().map(end).collect()
        })
        .await?
    }

    /// Runs until `stop`, or until a part ends, which none does by itself.
    ///
    /// # Errors
    /// Why a part ended.
    pub async fn run_until(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut statuses: Vec<_> = self.shards.iter().map(ShardHandle::status).collect();
        let mut shards = JoinSet::new();
        for mut status in statuses.drain(..) {
            shards.spawn(async move { failure(&mut status).await });
        }
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(ended) = self.edges.join_next() => ended?.and_then(|()| bail!("the gateway ended")),
            Some(ended) = self.readers.join_next() => ended?.and_then(|()| bail!("a reader ended")),
            Some(failed) = shards.join_next() => failed?,
        }
    }

    /// Stops from the front to the back; each part finishes what it has.
    ///
    /// # Errors
    /// What a part could not finish.
    pub async fn drain(mut self) -> anyhow::Result<()> {
        self.stop_edges.cancel();
        let edges = join_all(&mut self.edges).await;
        self.stop_readers.cancel();
        let readers = join_all(&mut self.readers).await;
        self.stop_shards.cancel();
        let (shards, snapshotters) = (self.shards, self.snapshotters);
        tokio::task::spawn_blocking(move || {
            let ended: Vec<_> = shards.into_iter().map(ShardHandle::join).collect();
            // A snapshotter says for itself what went wrong.
            snapshotters.into_iter().for_each(|thread| drop(thread.join()));
            ended.into_iter().collect::<Result<Vec<_>, _>>()
        })
        .await?
        .context("a shard")?;
        edges.and(readers)
    }
}

async fn join_all(tasks: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut first = Ok(());
    while let Some(ended) = tasks.join_next().await {
        first = first.and(ended?);
    }
    first
}

async fn failure(status: &mut watch::Receiver<Status>) -> anyhow::Result<()> {
    let ended = status.wait_for(|status| matches!(status, Status::Failed(_) | Status::Stopped));
    match &*ended.await? {
        Status::Failed(error) => Err(anyhow!(error.clone())),
        _ => Ok(()),
    }
}

const fn is_on_its_way(status: &Status) -> bool {
    matches!(status, Status::Recovering | Status::Standing)
}

fn shard_settings() -> ShardSettings {
    ShardSettings {
        incarnation: rand::rng().next_u64(),
        wall_clock: Arc::new(|| WallClock.now()),
        read_limit: READ_LIMIT,
    }
}

fn database_url(data_dir: &Path) -> anyhow::Result<String> {
    let path = data_dir.join("ledger.sqlite");
    let path = path.to_str().context("the data directory's name is not text")?;
    Ok(format!("sqlite://{path}?mode=rwc"))
}

/// Opens the journal, which locks the data directory, and founds the log where it is new.
async fn open_log(settings: &Settings) -> anyhow::Result<(Arc<dyn Log>, Identity)> {
    let directory = settings.data_dir.join("log");
    let proposal = Genesis {
        log_id: new_log_id(),
        partition_count: settings.shards.into(),
        sandbox: true,
        key_retention_nanos: KEY_RETENTION_NANOS,
    };
    let partitions = settings.shards;
    tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let log: Arc<dyn Log> = EmbeddedLog::open(&directory, EmbeddedSettings::new(partitions))?;
        let identity = genesis::found(log.as_ref(), &proposal)?;
        anyhow::Ok((log, identity))
    })
    .await?
}

fn new_log_id() -> Vec<u8> {
    let mut random = rand::rng();
    [random.next_u64().to_be_bytes(), random.next_u64().to_be_bytes()].concat()
}
