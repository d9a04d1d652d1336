//! Follows the events of every partition and writes them into the store.
//!
//! One task a partition. It starts where the store stands, after checking that this is a place in
//! the accepted sequence of this very log, and reads on through the readers' rule. What it has
//! written it tells in a watch, by which queries wait for their own writes.
//!
//! Several ledgers may project one partition into one database: of two batches for the same place
//! one is written and the other finds the place moved, whereupon its task goes on from where the
//! store now stands. A database that fails is tried again for a while, then the service stops.

mod reached;
mod told;

use std::{sync::Arc, time::Duration};

use model::{Partition, Timestamp};
use spine::{
    Answer, Log, LogId, Place, Position, Visibility, answer,
    log::{LogError, ReachedEnd, ReadLimit},
    tail::{self, Accepted, Pace, TailError, TailReceiver},
    trace::Tracer,
};
use telemetry::metrics::elapsed_since;
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

pub use self::reached::Reached;
use self::told::{Meters, Spans, Written};
use crate::{
    projection::{Batch, ProjectionError, Projector},
    row::Progress,
    store::{Store, StoreError},
};

/// How often the events are looked at while they keep coming: rows written together cost less: a
/// transaction is some twenty statements, whether of ten orders or of a thousand. A query that
/// waits for its client's own order waits that much longer, and only under load.
const PACE: Pace = Pace::AtMostEvery(Duration::from_millis(50));

/// No further answer goes into a batch that has so many: at ten thousand orders a second a batch
/// is then written in well under a second, and its cost a row is hardly above the least.
const BATCH_ANSWERS_MAX: usize = 4_096;

/// No further answers go into a batch that has so many rows, which bounds its memory to some ten
/// megabytes. One poll of answers is added whole, so that a batch can be larger by that.
const BATCH_ROWS_MAX: usize = 65_536;

/// A batch of so many answers tells of load: at the pace of the tail that is five thousand a
/// second, or as many as came while the batch before was written.
const BUSY_ANSWERS: usize = 256;

/// How long a task lets answers gather then: four times as many together cost a quarter less each,
/// and an answer is still in the tables long before two seconds have passed.
const BUSY_REST: Duration = Duration::from_millis(150);

/// A task whose newest answer is older than this when it has been written is behind, and does not
/// rest.
const BEHIND_AFTER: Duration = Duration::from_millis(500);

/// The pause before a batch is tried again after a failure of the database; it doubles each time.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(50);

/// The longest such pause.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// How often a batch is tried again: for about a minute, in which a database restarts.
const RETRIES_MAX: u32 = 18;

/// The pause of a task that found its partition moved by another ledger, so that two of them do
/// not get into each other's way all the time.
const MOVED_PAUSE: Duration = Duration::from_millis(250);

/// How long the look at the last projected answer may take.
const CHECK_POLLS_MAX: usize = 100;
const CHECK_POLL_WAIT: Duration = Duration::from_millis(100);

/// Why projecting stopped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProjectingError {
    /// The store could not be written or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The events could not be followed.
    #[error(transparent)]
    Tail(#[from] TailError),
    /// An answer is not what a shard writes.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// The store's rows are another log's.
    #[error(
        "the ledger's tables hold partition {partition} of log {found}, but this log is {expected}; \
         they belong to another log: give this one an empty database"
    )]
    OtherLog {
        /// The partition.
        partition: Partition,
        /// The log of the tables.
        found: LogId,
        /// The log that is read.
        expected: LogId,
    },
    /// The store is beyond the log.
    #[error(
        "the ledger's tables hold answers of partition {partition} up to {out_seq}, which ends \
         before that at offset {end}: a log was lost; nothing was changed, people must decide"
    )]
    BeyondLog {
        /// The partition.
        partition: Partition,
        /// The last projected answer.
        out_seq: u64,
        /// The end of the events.
        end: u64,
    },
    /// The store has another history than the log.
    #[error(
        "answer {out_seq} of partition {partition} is not the one that the ledger's tables hold: \
         a log was lost or changed; nothing was changed, people must decide"
    )]
    Differs {
        /// The partition.
        partition: Partition,
        /// The last projected answer.
        out_seq: u64,
    },
    /// The thread that reads the events is gone.
    #[error("the events of partition {0} are no longer read")]
    TailGone(Partition),
    /// A task ended in a way that it must not.
    #[error("a task of the projection failed: {0}")]
    Task(String),
}

/// One partition's projection.
pub struct Task {
    /// What is read.
    pub log: Arc<dyn Log>,
    /// What is written.
    pub store: Arc<dyn Store>,
    /// Which log it is.
    pub log_id: LogId,
    /// Which partition of it.
    pub partition: Partition,
    /// Hears how far the store is.
    pub reached: watch::Sender<Option<Progress>>,
    /// Ready once the end of the events was reached.
    pub readiness: daemon::health::Part,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Task {
    /// Projects until `stop`.
    ///
    /// # Errors
    /// [`ProjectingError`] where that cannot go on.
    pub async fn run(self) -> Result<(), ProjectingError> {
        loop {
            match self.follow().await {
                Err(ProjectingError::Store(StoreError::Moved { .. })) => self.make_way().await,
                ended => return ended,
            }
            if self.stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Another ledger has moved the partition: a pause, then on from where it stands.
    async fn make_way(&self) {
        tracing::info!(partition = %self.partition, "another ledger projects this partition too");
        let partition = self.partition.to_string();
        metrics::counter!("tradespine_ledger_moved_total", "partition" => partition).increment(1);
        pause(&self.stop, MOVED_PAUSE).await;
    }

    /// Projects from where the store stands until `stop`, or until somebody moves the partition.
    async fn follow(&self) -> Result<(), ProjectingError> {
        let progress = self.progress().await?;
        let tail_stop = self.stop.child_token();
        let _ends_with_this = tail_stop.clone().drop_guard();
        let mut answers = self.tail(progress, tail_stop).await?;
        self.reached.send_replace(progress);
        let mut projector = Projector::new(self.log_id, self.partition, progress.as_ref());
        let (tracer, meters) = (Tracer::of(self.log.as_ref()), Meters::of(self.partition));
        loop {
            let first = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                first = answers.recv() => first,
            };
            let Some(first) = first else {
                let gone = ProjectingError::TailGone(self.partition);
                return if self.stop.is_cancelled() { Ok(()) } else { Err(gone) };
            };
            let gathered = self.gather(&mut projector, first, &mut answers, &tracer)?;
            let reached_end = gathered.reached_end;
            let mut rest = None;
            if let Some(batch) = projector.take() {
                meters.begins(gathered.oldest);
                let written = self.write(&batch, gathered, &tracer).await?;
                meters.written(&written);
                rest = rest_after(written.answers, elapsed_since(written.newest.unix_nanos()));
            }
            if reached_end {
                self.readiness.ready();
            }
            if let Some(rest) = rest {
                pause(&self.stop, rest).await;
            }
        }
    }

    /// Where the store stands, if this is its log.
    async fn progress(&self) -> Result<Option<Progress>, ProjectingError> {
        let found = retrying(&self.stop, || self.store.progress()).await?;
        let progress = found.get(&self.partition).copied();
        match progress {
            Some(progress) if progress.log_id != self.log_id => Err(ProjectingError::OtherLog {
                partition: self.partition,
                found: progress.log_id,
                expected: self.log_id,
            }),
            progress => Ok(progress),
        }
    }

    /// Checks that the store stands in the accepted sequence, and follows it from there.
    async fn tail(
        &self,
        progress: Option<Progress>,
        stop: CancellationToken,
    ) -> Result<TailReceiver, ProjectingError> {
        let (log, log_id, partition) = (self.log.clone(), self.log_id, self.partition);
        let start = tokio::task::spawn_blocking(move || {
            let mut from = Position::start(log_id, partition);
            if let Some(progress) = progress {
                check_accepted(log.as_ref(), &progress)?;
                let Progress { out_seq, chain, next_offset, .. } = progress;
                from = Position { out_seq, chain, next_offset };
            }
            Ok(tail::follow(&log, partition, from, Visibility::Synced, PACE, stop)?)
        });
        start.await.map_err(|error| ProjectingError::Task(error.to_string()))?
    }

    /// Folds `first` and what else is waiting, up to the limits of a batch.
    fn gather(
        &self,
        projector: &mut Projector,
        first: Result<tail::Batch, TailError>,
        answers: &mut TailReceiver,
        tracer: &Tracer,
    ) -> Result<Gathered, ProjectingError> {
        let mut gathered = Gathered::default();
        let mut next = Some(first);
        while let Some(polled) = next {
            let polled = polled?;
            gathered.reached_end = polled.reached_end;
            for Accepted { offset, answer, headers } in &polled.answers {
                projector.fold(*offset, answer)?;
                gathered.oldest.get_or_insert(answer.now);
                let place = Place::events(self.partition);
                gathered.traced.extend(tracer.process(place, *offset, headers));
            }
            let has_room =
                projector.answers() < BATCH_ANSWERS_MAX && projector.rows() < BATCH_ROWS_MAX;
            next = if has_room { answers.try_recv().ok() } else { None };
        }
        gathered.answers = projector.answers();
        Ok(gathered)
    }

    async fn write(
        &self,
        batch: &Batch,
        gathered: Gathered,
        tracer: &Tracer,
    ) -> Result<Written, ProjectingError> {
        let Gathered { answers, oldest, traced, .. } = gathered;
        let (rows, began) = (batch.changes.rows(), std::time::Instant::now());
        let system = self.store.system();
        let spans = Spans::of(traced, tracer, self.partition, (answers, rows), system);
        let applied = self.apply(batch).instrument(spans.write().clone()).await;
        applied.inspect_err(|error| spans.failed(error.word()))?;
        self.reached.send_replace(Some(batch.progress));
        Ok(Written { began, answers, rows, oldest, newest: batch.progress.now })
    }

    /// Applies `batch`. A try that failed may have done it: then the place is found moved, to just
    /// where the batch ends.
    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        match retrying(&self.stop, || self.store.apply(batch)).await {
            Err(moved @ StoreError::Moved { .. }) => {
                let found = retrying(&self.stop, || self.store.progress()).await?;
                let is_done = found.get(&self.partition) == Some(&batch.progress);
                if is_done { Ok(()) } else { Err(moved) }
            }
            done => done,
        }
    }
}

/// How long to let answers gather after a batch of so many, the newest of which is so old.
/// `None` where the next is to be begun at once.
fn rest_after(answers: usize, newest: Duration) -> Option<Duration> {
    (answers >= BUSY_ANSWERS && newest < BEHIND_AFTER).then_some(BUSY_REST)
}

/// Waits for so long, or until `stop`.
async fn pause(stop: &CancellationToken, span: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(span) => {}
    }
}

/// Tries again what the database failed to do, with growing pauses, until it is done, `stop`, or
/// [`RETRIES_MAX`].
async fn retrying<T, F>(
    stop: &CancellationToken,
    mut attempt: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut next_pause = RETRY_PAUSE_MIN;
    let mut retries_left = RETRIES_MAX;
    loop {
        match attempt().await {
            Err(StoreError::Failed(reason)) if retries_left > 0 && !stop.is_cancelled() => {
                tracing::warn!(reason, retries_left, "the ledger's database failed; trying again");
                metrics::counter!("tradespine_ledger_retries_total").increment(1);
            }
            done => return done,
        }
        pause(stop, next_pause).await;
        next_pause = (next_pause * 2).min(RETRY_PAUSE_MAX);
        retries_left -= 1;
    }
}

/// What was gathered for one batch.
#[derive(Default)]
struct Gathered {
    answers: usize,
    reached_end: bool,
    /// The log's time of the first answer.
    oldest: Option<Timestamp>,
    /// The spans of the answers that are traced: as many as answers at most.
    traced: Vec<Span>,
}

/// Checks that the record before the place at which to go on is the answer that the store holds.
fn check_accepted(log: &dyn Log, progress: &Progress) -> Result<(), ProjectingError> {
    let Progress { partition, out_seq, chain, next_offset, .. } = *progress;
    let place = Place::events(partition);
    let end = log.end(place, Visibility::Synced)?;
    if next_offset > end {
        return Err(ProjectingError::BeyondLog { partition, out_seq, end });
    }
    let differs = ProjectingError::Differs { partition, out_seq };
    let last = next_offset.checked_sub(1).ok_or_else(|| differs.clone())?;
    match answer_at(log, place, last)? {
        Some(answer) if answer.out_seq == out_seq && answer.chain == chain => Ok(()),
        _ => Err(differs),
    }
}

/// The answer in the record at `offset`; `None` where it is no answer.
fn answer_at(log: &dyn Log, place: Place, offset: u64) -> Result<Option<Answer>, LogError> {
    let mut reader = log.reader(place, offset, Visibility::Synced)?;
    let mut stored = Vec::new();
    for _ in 0..CHECK_POLLS_MAX {
        let limit = ReadLimit { records: 1, bytes: 1 };
        let reached = reader.poll(limit, CHECK_POLL_WAIT, &mut stored)?;
        if !stored.is_empty() || reached == ReachedEnd::Yes {
            break;
        }
    }
    Ok(stored.first().and_then(|stored| answer::read(&stored.record.value).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_rests_under_load_and_not_while_it_is_behind() {
        let soon = Duration::from_millis(40);
        for (answers, newest, rest) in [
            (1, soon, None),
            (BUSY_ANSWERS - 1, soon, None),
            (BUSY_ANSWERS, soon, Some(BUSY_REST)),
            (BATCH_ANSWERS_MAX, soon, Some(BUSY_REST)),
            (BATCH_ANSWERS_MAX, BEHIND_AFTER, None),
            (1, BEHIND_AFTER, None),
        ] {
            assert_eq!(rest_after(answers, newest), rest, "{answers} answers, {newest:?}");
        }
    }
}
