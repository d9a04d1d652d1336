//! A thread that follows a partition's events and hands on accepted answers only.
//!
//! This is how every service reads: the ledger, the broadcaster and the gateway see the one true
//! sequence or an error, never a physical record. The channel is bounded; a service that is slow
//! holds the thread back and nobody else.

use std::{sync::Arc, thread, time::Duration};

use model::Partition;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    acceptor::{Acceptor, Position, Verdict},
    answer::{self, Answer, AnswerError},
    header::Headers,
    log::{Log, LogError, Place, ReachedEnd, ReadLimit, Reader, Stored, Visibility},
};

/// How much one poll may bring: a few milliseconds of work for a reader, so that a stop is heard.
const POLL_LIMIT: ReadLimit = ReadLimit { records: 1024, bytes: 4 * 1024 * 1024 };

/// How long a poll waits for a record before it looks whether it should stop.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// How many batches may wait between the thread and its reader.
const BATCHES_WAITING_MAX: usize = 4;

/// An accepted answer, with where it stands and what was noted beside it.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its physical offset in the events partition.
    pub offset: u64,
    /// The answer.
    pub answer: Answer,
    /// Its volatile headers: trace context, writer.
    pub headers: Headers,
}

/// What one poll brought.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The answers accepted, in order; empty where only the end was reached.
    pub answers: Vec<Accepted>,
    /// How far the reader has come with them.
    pub position: Position,
    /// Whether nothing visible was left beyond them.
    pub reached_end: bool,
}

/// Why a tail ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TailError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record of the events topic is not an answer.
    #[error("the record at offset {offset} of events partition {partition}: {error}")]
    NotAnAnswer {
        /// The partition.
        partition: Partition,
        /// Where.
        offset: u64,
        /// What is wrong with it.
        error: AnswerError,
    },
}

/// What a tail sends: batches, and at most one error as its last word.
pub type TailReceiver = mpsc::Receiver<Result<Batch, TailError>>;

/// Starts a thread that follows the events of `partition` from `from` on, until `stop` or until the
/// receiver is gone.
///
/// # Errors
/// [`LogError`] where the partition cannot be read from there.
pub fn follow(
    log: &Arc<dyn Log>,
    partition: Partition,
    from: Position,
    visibility: Visibility,
    stop: CancellationToken,
) -> Result<TailReceiver, LogError> {
    let reader = log.reader(Place::events(partition), from.next_offset, visibility)?;
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    let tail = Tail { partition, reader, acceptor: Acceptor::at(from), polled: Vec::new() };
    thread::Builder::new()
        .name(format!("tail-{partition}"))
        .spawn(move || tail.run(&sender, &stop))
        .map_err(|error| LogError::Failed(error.to_string()))?;
    Ok(receiver)
}

/// Finds how far the accepted answers of `partition` go now, reading on from `from`: for a service
/// that needs only what comes from here on. Blocks while it reads.
///
/// # Errors
/// [`TailError`] where the events cannot be read.
pub fn accepted_end(
    log: &dyn Log,
    partition: Partition,
    from: Position,
    visibility: Visibility,
) -> Result<Position, TailError> {
    let end = log.end(Place::events(partition), visibility)?;
    let mut reader = log.reader(Place::events(partition), from.next_offset, visibility)?;
    let mut acceptor = Acceptor::at(from);
    let mut polled = Vec::new();
    let mut next_offset = from.next_offset;
    while next_offset < end {
        reader.poll(POLL_LIMIT, POLL_WAIT, &mut polled)?;
        for stored in polled.drain(..) {
            next_offset = stored.offset + 1;
            accept(&mut acceptor, partition, stored)?;
        }
    }
    Ok(acceptor.position())
}

struct Tail {
    partition: Partition,
    reader: Box<dyn Reader>,
    acceptor: Acceptor,
    polled: Vec<Stored>,
}

impl Tail {
    fn run(mut self, sender: &mpsc::Sender<Result<Batch, TailError>>, stop: &CancellationToken) {
        let mut told_of_end = false;
        while !stop.is_cancelled() && !sender.is_closed() {
            let next = self.next();
            let failed = next.is_err();
            if let Ok(batch) = &next {
                if batch.answers.is_empty() && (told_of_end || !batch.reached_end) {
                    continue;
                }
                told_of_end = batch.reached_end;
            }
            if sender.blocking_send(next).is_err() || failed {
                return;
            }
        }
    }

    fn next(&mut self) -> Result<Batch, TailError> {
        self.polled.clear();
        let reached = self.reader.poll(POLL_LIMIT, POLL_WAIT, &mut self.polled)?;
        let mut answers = Vec::with_capacity(self.polled.len());
        for stored in self.polled.drain(..) {
            answers.extend(accept(&mut self.acceptor, self.partition, stored)?);
        }
        let reached_end = reached == ReachedEnd::Yes;
        Ok(Batch { answers, position: self.acceptor.position(), reached_end })
    }
}

/// Applies the readers' rule to one physical record, and says aloud what people should know.
pub(crate) fn accept(
    acceptor: &mut Acceptor,
    partition: Partition,
    stored: Stored,
) -> Result<Option<Accepted>, TailError> {
    let offset = stored.offset;
    let answer = answer::read(&stored.record.value).map_err(|error| TailError::NotAnAnswer {
        partition,
        offset,
        error,
    })?;
    let verdict = acceptor.judge(offset, &answer);
    match verdict {
        Verdict::Accepted => {
            return Ok(Some(Accepted { offset, answer, headers: stored.record.headers }));
        }
        Verdict::Repeated | Verdict::Beyond => {
            metrics::counter!("tradespine_reader_dropped_total", "verdict" => word(verdict))
                .increment(1);
        }
        Verdict::Contradiction | Verdict::Mismatch => {
            metrics::counter!("tradespine_reader_dropped_total", "verdict" => word(verdict))
                .increment(1);
            tracing::error!(
                %partition,
                offset,
                out_seq = answer.out_seq,
                chain = %answer.chain,
                incarnation = stored.record.headers.text(crate::header::INCARNATION),
                "dropped an answer whose chain differs from the accepted sequence"
            );
        }
    }
    Ok(None)
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
