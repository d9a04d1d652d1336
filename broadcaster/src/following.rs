//! Reads the log and feeds the hub: one task that accepts and folds, of all partitions.
//!
//! There is one writer, so a snapshot taken between two batches is of exactly the positions noted
//! beside it. A broadcaster is ready once it has reached the end of every partition; before that it
//! would tell old trades as news.

mod begin;
mod meters;

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, stream::SelectAll};
use model::Partition;
use spine::{
    Log, Place, Position, Visibility,
    answer::Happened,
    genesis::Identity,
    log::LogError,
    tail::{self, Accepted, Batch, Pace, TailError},
    trace::Tracer,
};
use thiserror::Error;
use tokio::{sync::watch, task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

pub use self::begin::{BeginError, begin};
use self::meters::Meters;
use crate::{
    hub::Hub,
    market::MarketError,
    snapshot::{self, Directory},
    trace::Cause,
};

/// How often a snapshot is taken where anything was answered: what a start then has left to read
/// takes well below a second.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(30);

/// A snapshot is taken earlier after so many answers, so that a start after a busy time is short
/// too.
const SNAPSHOT_ANSWERS: u64 = 2_000_000;

/// How often the events are looked at while they keep coming: listeners take a thousand frames a
/// second for one market as it is, and hear of an answer after a quiet time at once. A broker tells
/// those who wait in the order in which they came to it, and gateways come at the eager pace, of
/// two milliseconds: so whoever listens to a market hears of an answer before they do.
const PACE: Pace = Pace::AtMostEvery(Duration::from_millis(1));

/// How many answers are folded before other tasks of the runtime get their turn: about a
/// millisecond with a thousand listeners.
const ANSWERS_A_TURN: usize = 32;

/// Why following ended before it was told to.
#[derive(Debug, Error)]
pub enum FollowError {
    /// A partition could not be read.
    #[error("partition {partition} of the events cannot be followed: {error}")]
    Tail {
        /// Which.
        partition: Partition,
        /// Why.
        error: TailError,
    },
    /// A reader ended without a word.
    #[error("the reader of partition {0} of the events ended")]
    Ended(Partition),
    /// An answer does not fit those before it.
    #[error("answer {out_seq} of partition {partition} does not fit, the log is damaged: {error}")]
    Damaged {
        /// Its partition.
        partition: Partition,
        /// Its number.
        out_seq: u64,
        /// Why it does not fit.
        error: MarketError,
    },
}

/// What is followed, and for whom.
#[derive(Debug)]
pub struct Following {
    /// Who is told.
    pub hub: Arc<Hub>,
    /// Which log it is.
    pub identity: Identity,
    /// How far each partition is folded into the hub's market.
    pub positions: Vec<Position>,
    /// Where snapshots are kept, if they are.
    pub directory: Option<Directory>,
    /// Becomes true once every partition's end was reached.
    pub ready: watch::Sender<bool>,
}

/// What a tail says: a batch, an error as its last word, or, as `None`, that it ended.
type Told = (Partition, Option<Result<Batch<Happened>, TailError>>);
type Tails = SelectAll<Pin<Box<dyn Stream<Item = Told> + Send>>>;

impl Following {
    /// Follows `log` until `stop`, and keeps a last snapshot then.
    ///
    /// # Errors
    /// [`FollowError`] where the log cannot be read or does not fit.
    pub async fn run(self, log: Arc<dyn Log>, stop: CancellationToken) -> Result<(), FollowError> {
        let mut tails = self.tails(&log, &stop)?;
        let keeper = Keeper::new(&self);
        let behind = self.positions.iter().map(|_| true).collect();
        let meters = self.identity.partitions().map(Meters::of).collect();
        let tracer = Tracer::of(log.as_ref());
        let mut run = Run { following: self, keeper, behind, meters, tracer };
        let mut due = time::interval(SNAPSHOT_EVERY);
        due.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        due.reset();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = due.tick() => run.keep(),
                Some((partition, told)) = tails.next() => match told {
                    Some(Ok(batch)) => run.fold(partition, batch).await?,
                    Some(Err(error)) => return Err(FollowError::Tail { partition, error }),
                    None if stop.is_cancelled() => break,
                    None => return Err(FollowError::Ended(partition)),
                }
            }
        }
        run.keeper.keep_last(&run.following).await;
        Ok(())
    }

    fn tails(&self, log: &Arc<dyn Log>, stop: &CancellationToken) -> Result<Tails, FollowError> {
        let mut tails = Tails::new();
        for (partition, from) in self.identity.partitions().zip(&self.positions) {
            let failed = |error: LogError| FollowError::Tail { partition, error: error.into() };
            let (seen, stop) = (Visibility::Synced, stop.clone());
            let batches = tail::follow_in_a_task(log, partition, *from, seen, PACE, stop);
            let told = batches.map_err(failed)?.map(Some);
            let told = told.chain(futures_util::stream::once(async { None }));
            tails.push(Box::pin(told.map(move |told| (partition, told))));
        }
        Ok(tails)
    }
}

struct Run {
    following: Following,
    keeper: Keeper,
    /// The partitions whose end was not reached yet.
    behind: Vec<bool>,
    /// Of each partition.
    meters: Vec<Meters>,
    tracer: Tracer,
}

impl Run {
    async fn fold(
        &mut self,
        partition: Partition,
        batch: Batch<Happened>,
    ) -> Result<(), FollowError> {
        let mut frames = 0;
        let oldest = batch.answers.first().map(|accepted| accepted.answer.now);
        self.meters[usize::from(partition.number())].begins(oldest);
        for turn in batch.answers.chunks(ANSWERS_A_TURN) {
            for accepted in turn {
                frames += self.publish(partition, accepted)?;
            }
            tokio::task::yield_now().await;
        }
        self.meters[usize::from(partition.number())].published(batch.answers.len(), frames);
        self.following.positions[usize::from(partition.number())] = batch.position;
        if batch.reached_end {
            self.caught_up(partition);
        }
        if self.keeper.answers_since(&self.following) >= SNAPSHOT_ANSWERS {
            self.keep();
        }
        Ok(())
    }

    fn publish(
        &self,
        partition: Partition,
        accepted: &Accepted<Happened>,
    ) -> Result<usize, FollowError> {
        let Accepted { offset, answer, headers } = accepted;
        let damaged = |error| FollowError::Damaged { partition, out_seq: answer.out_seq, error };
        // While it catches up nobody listens, and the traces and delays are long over.
        if !self.is_ready() {
            return self.following.hub.publish(answer, None).map_err(damaged);
        }
        let span = self.tracer.process(Place::events(partition), *offset, headers);
        let cause = span.as_ref().and_then(Cause::of);
        let frames = self.following.hub.publish(answer, cause.as_ref()).map_err(damaged)?;
        self.meters[usize::from(partition.number())].handed_on(answer.now);
        Ok(frames)
    }

    fn is_ready(&self) -> bool {
        *self.following.ready.borrow()
    }

    fn caught_up(&mut self, partition: Partition) {
        self.behind[usize::from(partition.number())] = false;
        if !self.is_ready() && !self.behind.contains(&true) {
            metrics::gauge!("tradespine_broadcaster_ready").set(1);
            tracing::info!("caught up with every partition of the events");
            self.following.ready.send_replace(true);
        }
    }

    fn keep(&mut self) {
        self.keeper.keep(&self.following);
    }
}

/// Keeps snapshots, one at a time, aside from the folding.
struct Keeper {
    /// The number of answers in the last snapshot that was begun, or that was started from.
    kept: u64,
    writing: Option<JoinHandle<()>>,
}

impl Keeper {
    fn new(following: &Following) -> Keeper {
        Keeper { kept: answers(&following.positions), writing: None }
    }

    fn answers_since(&self, following: &Following) -> u64 {
        answers(&following.positions) - self.kept
    }

    fn keep(&mut self, following: &Following) {
        let Some(directory) = following.directory.clone() else { return };
        let is_writing = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        if is_writing || self.answers_since(following) == 0 {
            return;
        }
        let number = answers(&following.positions);
        let (image, positions) = (following.hub.image(), following.positions.clone());
        let log_id = following.identity.log_id;
        self.kept = number;
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let bytes = snapshot::encode(log_id, &positions, image);
            // A start without this snapshot is slower and just as right.
            if let Err(error) = directory.put(number, &bytes) {
                metrics::counter!("tradespine_broadcaster_snapshots_failed_total").increment(1);
                tracing::error!(%error, "a snapshot was not kept");
            }
        }));
    }

    /// Keeps what there is at the end, after what is still being written.
    async fn keep_last(&mut self, following: &Following) {
        for _ in 0..2 {
            if let Some(writing) = self.writing.take()
                && let Err(error) = writing.await
            {
                tracing::error!(%error, "the writer of a snapshot ended badly");
            }
            self.keep(following);
        }
    }
}

/// How many answers stand before these positions: grows with every answer, so it orders snapshots.
fn answers(positions: &[Position]) -> u64 {
    positions.iter().map(|position| position.out_seq).sum()
}

#[cfg(test)]
mod tests;
