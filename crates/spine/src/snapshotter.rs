//! A thread that keeps a replaying copy of a shard's state and takes snapshots of it.
//!
//! The copy follows accepted answers only, and only those that the log will not lose, so a snapshot
//! can never be ahead of its answer. The owner never pauses for it.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use model::Partition;
use tokio_util::sync::CancellationToken;

use crate::{
    core::Core,
    genesis::Identity,
    log::{Log, Pace, Visibility},
    replay::{Begin, Paces, Replay, ReplayError},
    snapshot::{self, SnapshotStore, TakeError},
};

/// How many answers are applied between two snapshots: recovery replays no more than these, a
/// second or so of work.
pub const ANSWERS_BETWEEN: u64 = 200_000;

/// How long the copy sleeps between two looks, so that it catches up in batches and costs little.
/// What one look can bring is a few megabytes, so that it keeps up with the fastest shard.
const CATCH_UP_EVERY: Duration = Duration::from_millis(200);

/// It reads no sooner than it looks.
const PACES: Paces =
    Paces { events: Pace::AtMostEvery(CATCH_UP_EVERY), inputs: Pace::AtMostEvery(CATCH_UP_EVERY) };

/// How long after a failed snapshot the next is tried.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Starts a thread that takes snapshots of `partition` into `store`, until `stop`. Where the copy
/// finds the log in doubt the thread says so and ends; the owner finds the same by itself. The
/// thread begins with `at_start`, which may lower its priority: nobody waits for a snapshot.
///
/// # Errors
/// Where no thread can be started.
pub fn spawn<C: Core + 'static>(
    log: Arc<dyn Log>,
    identity: Identity,
    partition: Partition,
    store: Arc<dyn SnapshotStore>,
    at_start: impl FnOnce() + Send + 'static,
    stop: CancellationToken,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(format!("snapshots-{partition}")).spawn(move || {
        at_start();
        let snapshotter = Snapshotter { log, identity, partition, store };
        if let Err(error) = snapshotter.run::<C>(&stop) {
            tracing::error!(%partition, %error, "no more snapshots are taken of this shard");
        }
    })
}

struct Snapshotter {
    log: Arc<dyn Log>,
    identity: Identity,
    partition: Partition,
    store: Arc<dyn SnapshotStore>,
}

impl Snapshotter {
    fn run<C: Core>(&self, stop: &CancellationToken) -> Result<(), ReplayError> {
        let begin = Begin::Newest(Arc::clone(&self.store));
        let seen = Visibility::Synced;
        let log = self.log.as_ref();
        let mut replay =
            Replay::<C>::open_at(log, &self.identity, self.partition, &begin, seen, PACES)?;
        let mut next_at = replay.position().out_seq + ANSWERS_BETWEEN;
        while !stop.is_cancelled() {
            let replayed = replay.advance(Duration::ZERO)?;
            if replay.position().out_seq >= next_at && self.take(&replay, stop) {
                next_at = replay.position().out_seq + ANSWERS_BETWEEN;
            }
            if replayed.answers == 0 {
                sleep(CATCH_UP_EVERY, stop);
            }
        }
        Ok(())
    }

    /// Whether a snapshot was taken.
    fn take<C: Core>(&self, replay: &Replay<C>, stop: &CancellationToken) -> bool {
        let started = Instant::now();
        let position = replay.position();
        let taken = snapshot::take(self.store.as_ref(), &self.identity, replay.replica(), position);
        if let Err(error) = &taken {
            self.complain(error, stop);
            return false;
        }
        tracing::info!(
            partition = %self.partition,
            out_seq = position.out_seq,
            took_ms = started.elapsed().as_millis(),
            "took a snapshot"
        );
        true
    }

    fn complain(&self, error: &TakeError, stop: &CancellationToken) {
        tracing::error!(partition = %self.partition, %error, "a snapshot was not taken");
        metrics::counter!("tradespine_snapshot_failures_total").increment(1);
        sleep(RETRY_AFTER, stop);
    }
}

/// Sleeps in small pieces, so that a stop is heard.
fn sleep(span: Duration, stop: &CancellationToken) {
    const PIECE: Duration = Duration::from_millis(50);
    let until = Instant::now() + span;
    while Instant::now() < until && !stop.is_cancelled() {
        thread::sleep(PIECE);
    }
}
