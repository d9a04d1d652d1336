//! The owners of some partitions, each with the snapshotter that follows it, and where there are
//! other shards with the sender of its links.

use std::{sync::Arc, thread::JoinHandle};

use anyhow::{Context, anyhow, bail};
use daemon::{
    clock::{Clock, WallClock},
    health::{Part, Readiness},
    priority,
};
use futures_util::{StreamExt, stream::SelectAll};
use matcher::Exchange;
use model::Partition;
use rand::Rng;
use spine::{
    link::sender,
    replay::Begin,
    shard::{self, READ_LIMIT, ShardHandle, ShardSettings, Status},
    snapshot::SnapshotStore,
    snapshotter,
};
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;

use super::OpenLog;

/// Running shards, and what the health page says of them.
pub struct Shards {
    owners: Vec<(Partition, ShardHandle)>,
    /// Snapshotters and senders: they say for themselves what goes wrong.
    followers: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    part: Part,
}

impl Shards {
    /// Starts the shards of `partitions`; each stands for its partition by itself.
    ///
    /// # Errors
    /// Where no threads can be started.
    pub fn start(
        open: &OpenLog,
        partitions: impl IntoIterator<Item = Partition>,
        snapshots: &Arc<dyn SnapshotStore>,
        readiness: &Readiness,
    ) -> anyhow::Result<Shards> {
        let mut shards = Shards {
            owners: Vec::new(),
            followers: Vec::new(),
            stop: CancellationToken::new(),
            part: readiness.register("shards"),
        };
        for partition in partitions {
            shards.add(open, partition, snapshots).context("a shard could not be started")?;
        }
        Ok(shards)
    }

    fn add(
        &mut self,
        open: &OpenLog,
        partition: Partition,
        snapshots: &Arc<dyn SnapshotStore>,
    ) -> std::io::Result<()> {
        let OpenLog { log, identity } = open;
        let owner = shard::spawn::<Exchange>(
            Arc::clone(log),
            identity.clone(),
            partition,
            Begin::Newest(Arc::clone(snapshots)),
            shard_settings(),
            self.stop.clone(),
        )?;
        if identity.partition_count > 1 {
            let status = owner.status();
            self.followers.push(sender::spawn(
                Arc::clone(log),
                identity.clone(),
                partition,
                Arc::clone(snapshots),
                move || matches!(*status.borrow(), Status::Owning),
                self.stop.clone(),
            )?);
        }
        self.owners.push((partition, owner));
        self.followers.push(snapshotter::spawn::<Exchange>(
            Arc::clone(log),
            identity.clone(),
            partition,
            Arc::clone(snapshots),
            priority::give_way,
            self.stop.clone(),
        )?);
        Ok(())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.owners.len()
    }

    /// Waits until every one of them publishes.
    ///
    /// # Errors
    /// Where one of them fails, or `stop` comes first.
    pub async fn await_owners(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        for (partition, owner) in &self.owners {
            let mut status = owner.status();
            tokio::select! {
                owned = status.wait_for(|status| !is_on_its_way(status)) => {
                    if let Status::Failed(error) = &*owned? {
                        let error = anyhow!(error.clone());
                        return Err(error.context(format!("shard {partition} could not start")));
                    }
                }
                () = stop.cancelled() => bail!("stopped while the shards were starting"),
            }
        }
        self.part.ready();
        Ok(())
    }

    /// Keeps the health page true; ends only where a shard does, which none does by itself.
    ///
    /// # Errors
    /// Why a shard ended.
    pub async fn watch(&self) -> anyhow::Result<()> {
        let mut changes: SelectAll<_> =
            self.owners.iter().map(|(_, owner)| WatchStream::new(owner.status())).collect();
        while changes.next().await.is_some() {
            for (partition, owner) in &self.owners {
                match &*owner.status().borrow() {
                    Status::Failed(error) => {
                        return Err(anyhow!(error.clone()).context(format!("shard {partition}")));
                    }
                    Status::Stopped => bail!("shard {partition} ended"),
                    _ => {}
                }
            }
            self.say();
        }
        bail!("the shards ended")
    }

    fn say(&self) {
        let objection =
            self.owners.iter().find_map(|(partition, owner)| match &*owner.status().borrow() {
                Status::Owning => None,
                Status::Recovering => Some(format!("{partition} replays its log")),
                Status::Standing => Some(format!("{partition} follows another owner, or stands")),
                Status::Stopped | Status::Failed(_) => Some(format!("{partition} has ended")),
            });
        match objection {
            None => self.part.ready(),
            Some(reason) => self.part.not_ready(reason),
        }
    }

    /// Stops all of them; each finishes what it is at.
    ///
    /// # Errors
    /// Why one of them had ended before.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        let Shards { owners, followers, .. } = self;
        let ended = tokio::task::spawn_blocking(move || {
            let ended: Vec<_> = owners.into_iter().map(|(_, owner)| owner.join()).collect();
            followers.into_iter().for_each(|thread| drop(thread.join()));
            ended.into_iter().collect::<Result<(), _>>()
        });
        ended.await?.context("a shard")
    }
}

/// On Kafka a candidate may stand for as long as another owner lives.
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
