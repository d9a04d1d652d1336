//! Follows a partition's events and hands on accepted answers only.
//!
//! This is how every service reads: the ledger, the broadcaster and the gateway see the one true
//! sequence or an error, never a physical record. A thread does it, behind a channel that is
//! bounded: a service that is slow holds the thread back and nobody else. Or a task does, where a
//! thread between would be one more to be woken: `task`.
//!
//! What the readers' rule drops is counted here, and said aloud where people should know. So is a
//! number that stays missing: `gap`. Whether anybody waits for what is brought: [`Bell`].

mod bell;
mod gap;
mod task;

use std::{sync::Arc, thread, time::Duration};

use model::Partition;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::gap::GapWatch;
pub use self::{
    bell::Bell,
    task::{Batches, follow_in_a_task},
};
pub use crate::{acceptor::Accepted, log::Pace};
use crate::{
    acceptor::{Acceptor, Judged, Position, Verdict},
    answer::{Answer, AnswerError, Opened, Sealed},
    log::{
        Log, LogError, Place, ReachedEnd, ReadLimit, Reader, Stored, Visibility,
        walker::{Going, POLL_LIMIT, POLL_WAIT, Turn, Walker},
    },
};

/// How many batches may wait between the thread and its reader.
const BATCHES_WAITING_MAX: usize = 4;

/// How long a tail rests between two looks while nobody waits for what it brings: as long as a
/// ledger does, for what is known of an answer then is kept and counted, and asked for later.
const UNWANTED_REST: Duration = Duration::from_millis(50);

/// What one poll brought.
#[derive(Clone, Debug)]
pub struct Batch<A = Answer> {
    /// The answers accepted, in order; empty where only the end was reached.
    pub answers: Vec<Accepted<A>>,
    /// How far the reader has come with them.
    pub position: Position,
    /// Whether nothing visible was left beyond them.
    pub reached_end: bool,
}

impl<A> Batch<A> {
    /// How long whoever reads at this pace rests after it. Whoever is behind does not.
    fn rest_at(&self, pace: Pace) -> Option<Duration> {
        match pace {
            Pace::AtMostEvery(span) => self.reached_end.then_some(span),
            Pace::Eager => None,
        }
    }
}

/// Why a tail ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TailError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An accepted answer has a body that is none: a shard wrote what it must not.
    #[error("the answer at offset {offset} of events partition {partition}: {error}")]
    Unopened {
        /// The partition.
        partition: Partition,
        /// Where.
        offset: u64,
        /// What is wrong with it.
        error: AnswerError,
    },
}

/// What a tail sends: batches, and at most one error as its last word.
pub type TailReceiver<A = Answer> = mpsc::Receiver<Result<Batch<A>, TailError>>;

/// Starts a thread that follows the events of `partition` from `from` on, until `stop` or until the
/// receiver is gone. It opens each answer as far as its reader asks: a reader that looks at few of
/// them takes them [`Sealed`].
///
/// # Errors
/// [`LogError`] where the partition cannot be read from there.
pub fn follow<A: Opened>(
    log: &Arc<dyn Log>,
    partition: Partition,
    from: Position,
    visibility: Visibility,
    pace: Pace,
    stop: CancellationToken,
) -> Result<TailReceiver<A>, LogError> {
    begin(log, partition, from, visibility, Manner::At(pace), stop)
}

/// The same for a reader that others wait for now and then: while they do, and have rung `bell`,
/// each answer is brought at once; else what has come together in a rest. It never rests before it
/// has caught up once, nor in a log that this process has for itself.
///
/// # Errors
/// [`LogError`] where the partition cannot be read from there.
pub fn follow_while_wanted<A: Opened>(
    log: &Arc<dyn Log>,
    partition: Partition,
    from: Position,
    visibility: Visibility,
    bell: &Arc<Bell>,
    stop: CancellationToken,
) -> Result<TailReceiver<A>, LogError> {
    // In a log of this process's own a look asks nobody for anything, and a rest saves nothing.
    let manner = if log.is_exclusive() {
        Manner::At(Pace::Eager)
    } else {
        Manner::WhileWanted(Arc::clone(bell))
    };
    begin(log, partition, from, visibility, manner, stop)
}

fn begin<A: Opened>(
    log: &Arc<dyn Log>,
    partition: Partition,
    from: Position,
    visibility: Visibility,
    manner: Manner,
    stop: CancellationToken,
) -> Result<TailReceiver<A>, LogError> {
    let place = Place::events(partition);
    let reader = log.reader_at(place, from.next_offset, visibility, manner.pace())?;
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    let tail = Tail::new(partition, reader, from);
    let told = Told { tail, manner, sender, stop, news: News::default(), has_caught_up: false };
    log.walk(format!("tail-{partition}"), Box::new(told))?;
    Ok(receiver)
}

/// When a tail looks again after it has brought something.
enum Manner {
    At(Pace),
    WhileWanted(Arc<Bell>),
}

impl Manner {
    const fn pace(&self) -> Pace {
        match self {
            Manner::At(pace) => *pace,
            Manner::WhileWanted(_) => Pace::Eager,
        }
    }
}

/// Finds how far the accepted answers of `partition` go now, reading on from `from`: for a service
/// that needs only what comes from here on. Blocks while it reads.
///
/// # Errors
/// [`LogError`] where the events cannot be read.
pub fn accepted_end(
    log: &dyn Log,
    partition: Partition,
    from: Position,
    visibility: Visibility,
) -> Result<Position, LogError> {
    let end = log.end(Place::events(partition), visibility)?;
    let mut reader = log.reader(Place::events(partition), from.next_offset, visibility)?;
    let mut acceptor = Acceptor::at(from);
    let mut polled = Vec::new();
    let mut next_offset = from.next_offset;
    while next_offset < end {
        reader.poll(POLL_LIMIT, POLL_WAIT, &mut polled)?;
        for stored in polled.drain(..) {
            next_offset = stored.offset + 1;
            accept(&mut acceptor, partition, stored);
        }
    }
    Ok(acceptor.position())
}

struct Tail {
    partition: Partition,
    reader: Box<dyn Reader>,
    acceptor: Acceptor,
    gap: GapWatch,
    polled: Vec<Stored>,
}

impl Tail {
    fn new(partition: Partition, reader: Box<dyn Reader>, from: Position) -> Tail {
        let (acceptor, gap) = (Acceptor::at(from), GapWatch::default());
        Tail { partition, reader, acceptor, gap, polled: Vec::new() }
    }

    /// What the next poll brings.
    fn next<A: Opened>(&mut self, turn: &Turn<'_>) -> Result<Batch<A>, TailError> {
        self.polled.clear();
        let reached = self.reader.poll(turn.limit, turn.wait, &mut self.polled)?;
        let mut answers = Vec::with_capacity(self.polled.len());
        for stored in self.polled.drain(..) {
            if let Some(accepted) = accept(&mut self.acceptor, self.partition, stored) {
                answers.push(open(self.partition, accepted)?);
            }
        }
        if let Some(missing) = self.gap.look(self.acceptor.missing(), (turn.clock)(), reached) {
            complain_of_gap(self.partition, missing);
        }
        let reached_end = reached == ReachedEnd::Yes;
        Ok(Batch { answers, position: self.acceptor.position(), reached_end })
    }
}

/// A tail, and to whom what it brings is told.
struct Told<A> {
    tail: Tail,
    manner: Manner,
    sender: mpsc::Sender<Result<Batch<A>, TailError>>,
    stop: CancellationToken,
    news: News,
    /// Whether any batch has said that the end was reached.
    has_caught_up: bool,
}

/// Tells what is worth telling.
#[derive(Default)]
struct News {
    /// Whether the last batch said that the end was reached.
    of_end: bool,
}

impl News {
    /// Whether a batch has answers, or is the first to say that there are no more.
    fn is<A>(&mut self, batch: &Batch<A>) -> bool {
        if batch.answers.is_empty() && (self.of_end || !batch.reached_end) {
            return false;
        }
        self.of_end = batch.reached_end;
        true
    }
}

impl<A: Opened> Walker for Told<A> {
    fn has_room(&self) -> bool {
        self.sender.capacity() > 0 || self.sender.is_closed()
    }

    fn step(&mut self, turn: &Turn<'_>) -> Going {
        if self.stop.is_cancelled() || self.sender.is_closed() {
            return Going::Ended;
        }
        let next = self.tail.next(turn);
        let brought_at = (turn.clock)();
        let failed = next.is_err();
        let mut rest = None;
        if let Ok(batch) = &next {
            if !self.news.is(batch) {
                return Going::On;
            }
            self.has_caught_up |= batch.reached_end;
            rest = self.rest_after(batch, turn.limit);
        }
        if self.sender.blocking_send(next).is_err() || failed {
            return Going::Ended;
        }
        let Some(rest) = rest else { return Going::On };
        let passed = (turn.clock)().saturating_sub(brought_at);
        Going::After(rest.saturating_sub(passed))
    }

    fn rest(&self, span: Duration) {
        match &self.manner {
            Manner::At(_) => thread::sleep(span),
            Manner::WhileWanted(bell) => bell.rest(span),
        }
    }
}

impl<A> Told<A> {
    /// How long to rest after this batch. Whoever is behind catches up without a rest.
    fn rest_after(&self, batch: &Batch<A>, limit: ReadLimit) -> Option<Duration> {
        match self.manner {
            Manner::At(pace) => batch.rest_at(pace),
            // While answers keep coming an end is seldom seen, and there is always more.
            Manner::WhileWanted(_) => {
                let is_behind = !self.has_caught_up || batch.answers.len() >= limit.records;
                (!is_behind).then_some(UNWANTED_REST)
            }
        }
    }
}

/// Opens an accepted answer as far as its reader asks.
fn open<A: Opened>(
    partition: Partition,
    accepted: Accepted<Sealed>,
) -> Result<Accepted<A>, TailError> {
    let Accepted { offset, answer, headers } = accepted;
    match A::open(answer) {
        Ok(answer) => Ok(Accepted { offset, answer, headers }),
        Err(error) => Err(TailError::Unopened { partition, offset, error }),
    }
}

/// Applies the readers' rule to one physical record, and says aloud what people should know.
pub(crate) fn accept(
    acceptor: &mut Acceptor,
    partition: Partition,
    stored: Stored,
) -> Option<Accepted<Sealed>> {
    let offset = stored.offset;
    match acceptor.read(stored) {
        Judged::Accepted(accepted) => return Some(accepted),
        Judged::Dropped { verdict, answer, headers } => {
            count_dropped(word(verdict));
            if matches!(verdict, Verdict::Contradiction | Verdict::Mismatch) {
                tracing::error!(
                    %partition,
                    offset,
                    out_seq = answer.out_seq,
                    chain = %answer.chain,
                    incarnation = headers.text(crate::header::INCARNATION),
                    "dropped an answer whose chain differs from the accepted sequence"
                );
            }
        }
        Judged::NotAnAnswer(error) => {
            count_dropped("not_an_answer");
            let count = acceptor.not_answers().count;
            // Somebody who floods the topic must not flood the log of every service with it.
            if count.is_power_of_two() {
                tracing::error!(
                    %partition,
                    offset,
                    %error,
                    count,
                    "dropped a record of the events that is not an answer: who wrote it?"
                );
            }
        }
    }
    None
}

fn count_dropped(verdict: &'static str) {
    metrics::counter!("tradespine_reader_dropped_total", "verdict" => verdict).increment(1);
}

/// A page: the shard answers beyond a number that nobody can read, so nobody reads on.
fn complain_of_gap(partition: Partition, missing: u64) {
    metrics::counter!("tradespine_reader_gaps_unfilled_total", "partition" => partition.to_string())
        .increment(1);
    tracing::error!(
        %partition,
        out_seq = missing,
        after_s = gap::UNFILLED_AFTER.as_secs(),
        "an answer is missing and later ones are there; nothing is read beyond it until it comes"
    );
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Repeated => "repeated",
        Verdict::Contradiction => "contradiction",
        Verdict::Beyond => "beyond",
        Verdict::Mismatch => "mismatch",
    }
}

#[cfg(test)]
mod tests;
