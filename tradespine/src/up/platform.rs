//! The parts of the platform, wired together in one process.

use std::sync::Arc;

use ::gateway::idempotency::MemoryCache;
use anyhow::{Context, bail};
use daemon::{
    health::{self, Readiness},
    ports,
};
use spine::{
    Log, genesis,
    log::embedded::{EmbeddedLog, EmbeddedSettings},
    snapshot::SnapshotStore,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::aside::Aside;
use crate::{
    services::{
        OpenLog, broadcaster, founding, gateway,
        ledger::{self, Ledger},
        listing,
        listings::{self, Grants},
        opening::blocking,
        shards::Shards,
        snapshots,
    },
    settings::{self, Settings},
};

/// A running platform.
pub struct Platform {
    open: OpenLog,
    snapshots: Arc<dyn SnapshotStore>,
    shards: Shards,
    edges: JoinSet<anyhow::Result<()>>,
    readers: JoinSet<anyhow::Result<()>>,
    stop_edges: CancellationToken,
    stop_readers: CancellationToken,
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
        let open = open_log(settings).await?;
        let snapshots = snapshots::keep(&settings.shard_snapshots())?;
        let partitions = open.identity.partitions();
        let mut platform = Platform {
            shards: Shards::start(&open, partitions, &snapshots, &readiness)?,
            snapshots,
            open,
            edges: JoinSet::new(),
            readers: JoinSet::new(),
            stop_edges: CancellationToken::new(),
            stop_readers: CancellationToken::new(),
            aside: Aside::start()?,
        };
        let pages = health::serve(
            metrics,
            readiness.clone(),
            telemetry::metrics::render,
            platform.stop_readers.clone(),
        );
        platform.readers.spawn(async { Ok(pages.await?) });
        platform.shards.await_owners(stop).await?;
        let records =
            listings::first_listings(platform.open.identity.partition_count, Grants::Standard);
        listing::list_all(&platform.open, records).await?;
        platform.start_services(settings, &readiness).await?;
        Ok(platform)
    }

    /// The identity of the log.
    pub fn log_id(&self) -> spine::LogId {
        self.open.identity.log_id
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.count()
    }

    async fn start_services(
        &mut self,
        settings: &Settings,
        readiness: &Readiness,
    ) -> anyhow::Result<()> {
        let open = &self.open;
        let ledger = self.bind_ledger(settings, readiness).await?;
        let broadcaster = broadcaster::bind(settings, open).await?;
        let snapshots = Arc::clone(&self.snapshots);
        let positions = gateway::accepted_ends(open, snapshots).await?;
        let cache = Arc::new(MemoryCache::default());
        let readiness = readiness.clone();
        let gateway = gateway::bind(settings, open, positions, readiness, cache).await?;
        let stop = self.stop_readers.clone();
        let ledger = self.aside.spawn(ledger.serve(stop.clone()));
        self.readers.spawn(async { ledger.await? });
        self.readers.spawn(async { broadcaster.serve(stop).await.context("the broadcaster") });
        let stop = self.stop_edges.clone();
        self.edges.spawn(async { gateway.serve(stop).await.context("the gateway") });
        Ok(())
    }

    /// Opens the tables and binds the ledger, aside.
    async fn bind_ledger(
        &self,
        settings: &Settings,
        readiness: &Readiness,
    ) -> anyhow::Result<Ledger> {
        let (settings, open) = (settings.clone(), self.open.clone());
        let readiness = readiness.clone();
        let bound = self.aside.spawn(async move {
            let store = ledger::open_store(&settings).await?;
            Ledger::bind(&settings, &open, store, readiness).await
        });
        bound.await?
    }

    /// Runs until `stop`, or until a part ends, which none does by itself.
    ///
    /// # Errors
    /// Why a part ended.
    pub async fn run_until(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(ended) = self.edges.join_next() => ended?.and_then(|()| bail!("the gateway ended")),
            Some(ended) = self.readers.join_next() => ended?.and_then(|()| bail!("a reader ended")),
            ended = self.shards.watch() => ended,
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
        self.shards.stop().await?;
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

/// Opens the journal, which locks the data directory, and founds the log where it is new.
async fn open_log(settings: &Settings) -> anyhow::Result<OpenLog> {
    let directory = settings::log_directory(&settings.data_dir);
    let (shards, is_sandbox) = (settings.shards, settings.profile.is_sandbox());
    blocking(move || {
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let log: Arc<dyn Log> = EmbeddedLog::open(&directory, EmbeddedSettings::new(shards))?;
        let identity = genesis::found(log.as_ref(), &founding::proposal(shards, is_sandbox))?;
        Ok(OpenLog { log, identity })
    })
    .await
}
