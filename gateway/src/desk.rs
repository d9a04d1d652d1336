//! The core of the edge: a command is registered, appended, and heard of.
//!
//! 1. Admission: refused while too many commands are without an answer, or the oldest of the same
//!    shard has been for too long: a shard that is down refuses nothing of the others. What is
//!    refused here was never written.
//! 2. Registration under a random request id, before the append: the answer can beat the
//!    acknowledgement.
//! 3. The append. The record is valid for [`VALID_FOR`], and the producer gives it up after as
//!    long: nothing that was given up can be done later.
//! 4. Exactly one [`News`] to whoever asked: where the record stands, what its shard answered, that
//!    it was not written, or that nobody knows yet. Where the shard answers that an order waits for
//!    money, or that it is a duplicate of one that does, that is no result: `parked` waits for the
//!    answer that is.
//!
//! Each command costs a few short locks of one of many small maps, and no task of its own.

mod follow;
mod lag;
mod machine;
mod operate;
mod parked;
mod record;
mod shared;
mod waiters;
mod waits;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use access::Access;
use bytes::Bytes;
use daemon::clock::Clock;
use model::{AccountName, KeyText, OrderId, Partition, Span, Timestamp};
use proto::command::{ClientCommand, Command, Stamp};
use spine::{
    Answer, Log, LogId, Place,
    log::{AppendError, Appended, LogError, Producer, WriterRole},
    tail::Bell,
    trace::{Sending, Tracer},
};

pub use self::{follow::Followers, machine::Machine, operate::Said, waits::Waits};
use self::{
    operate::Way,
    parked::Parked,
    record::{record, value},
    shared::{Meters, Shared},
    waiters::{Waiter, Waiters},
};
use crate::{
    caller::Gate,
    idempotency::{Cache, Claim},
    problem::Problem,
    result::consumes_key,
};

/// How long a record may wait for the log: after it the record is refused as late wherever it was
/// held up. The protocol allows 11 s; a second less leaves room for clocks that differ.
pub const VALID_FOR: Duration = Duration::from_secs(VALID_SECS);
const VALID_SECS: u64 = 10;

/// How long somebody waits who asked for the result and has other things to do.
pub const RESULT_WAIT: Duration = Duration::from_secs(5);

/// How long one waits who wants an outcome rather than a time: past [`VALID_FOR`], so that a record
/// without an answer by then is late or in the log of a shard that is down.
pub const OUTCOME_WAIT: Duration = Duration::from_secs(11);

/// An accepted answer to a command of this gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The partition that answered.
    pub partition: Partition,
    /// What it said. Where it decides something that waited for money, it is cut to that, and says
    /// so of the record that waited.
    pub answer: Answer,
    /// The offset of the input that this answers indeed.
    pub decided_at: u64,
    /// When the command's own record was answered: before this answer where it waited.
    pub received_at: Timestamp,
    has_waited: bool,
}

impl Answered {
    /// What `answer` says of its own record.
    pub fn at_once(partition: Partition, answer: Answer) -> Answered {
        let (decided_at, received_at) = (answer.in_offset, answer.now);
        Answered { partition, answer, decided_at, received_at, has_waited: false }
    }

    /// What `answer` says of the record at `id`, which has waited since `received_at`.
    pub fn after_waiting(answer: &Answer, id: OrderId, received_at: Timestamp) -> Answered {
        let (partition, decided_at) = (id.partition(), answer.in_offset);
        let answer = waits::as_its_own(answer, id);
        Answered { partition, answer, decided_at, received_at, has_waited: true }
    }

    /// The place of the command's record, which for an order is its id. `None` beyond what ids
    /// hold.
    pub fn id(&self) -> Option<OrderId> {
        self.answer.order_id(self.partition)
    }

    /// Whether this used the order's key up, so that a retry with it is a duplicate. What waits has
    /// used it up already, whatever becomes of it.
    pub fn consumes_key(&self) -> bool {
        self.has_waited || consumes_key(&self.answer)
    }
}

/// What becomes known of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The log has it, and will not lose it.
    Appended {
        /// Where: for an order its id.
        id: OrderId,
        /// When, by the log's clock; by this gateway's where the log does not tell.
        at: Timestamp,
    },
    /// Its shard has decided it.
    Answered(Arc<Answered>),
    /// It was not written, and never will be.
    NotWritten(Problem),
    /// Time is up, or the log did not confirm the record; its place where that much is known.
    Unknown {
        /// The place of the record; where it is a duplicate of one that waits for money, of that.
        id: Option<OrderId>,
    },
}

/// Hears the one news of a command. Must not block; runs on any thread.
pub type Hear = Box<dyn FnOnce(News) + Send>;

/// The one news of a command that is on its way.
pub struct Awaited(tokio::sync::oneshot::Receiver<News>);

impl Awaited {
    /// Waits for it.
    ///
    /// # Errors
    /// [`Problem`] where nothing was written and nothing will be.
    pub async fn news(self) -> Result<News, Problem> {
        match self.0.await {
            Ok(News::NotWritten(problem)) => Err(problem),
            Ok(news) => Ok(news),
            Err(_) => Ok(News::Unknown { id: None }),
        }
    }
}

/// What a command's sender waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// That the log has the record.
    Receipt,
    /// What the shard answered, or that it did not within this time.
    Answer(Duration),
}

/// A command on its way into the log.
pub struct Submission {
    /// Whose command it is.
    pub account: AccountName,
    /// What is asked.
    pub command: Command,
    /// The partition it goes to.
    pub partition: Partition,
    /// What the sender waits for.
    pub wants: Wants,
    /// Under which key the answer is kept for retries.
    pub claim: Option<Claim>,
    /// The W3C trace context of whoever sent it.
    pub traceparent: Option<Bytes>,
}

/// Limits of the desk; those of the same names in [`Settings`](crate::Settings).
#[derive(Clone, Copy, Debug)]
pub struct DeskLimits {
    /// How many commands may be without an answer at once.
    pub unanswered_max: usize,
    /// How old the oldest of them may be before new ones are refused.
    pub unanswered_age_max: Duration,
}

/// See the [module](self).
pub struct Desk {
    shared: Arc<Shared>,
    producer: Arc<dyn Producer>,
    bell: Arc<Bell>,
    limits: DeskLimits,
    gate: Gate,
}

impl Desk {
    /// A desk that writes to `log`, in which nobody waits yet.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be written.
    pub fn open(
        log: &dyn Log,
        log_id: LogId,
        partition_count: u16,
        clock: Arc<dyn Clock>,
        machine: Machine,
        cache: Arc<dyn Cache>,
        limits: DeskLimits,
    ) -> Result<Desk, LogError> {
        let producer = log.producer(WriterRole::Edge { give_up_after: VALID_FOR })?;
        let shared = Shared {
            log_id,
            machine,
            clock,
            cache,
            partition_count,
            waiters: Waiters::new(limits.unanswered_max),
            parked: Parked::default(),
            acknowledged: (0..partition_count).map(|_| AtomicU64::new(0)).collect(),
            oldest_millis: (0..partition_count).map(|_| AtomicU64::new(0)).collect(),
            has_failed: AtomicBool::new(false),
            meters: Meters::new(),
            tracer: Tracer::of(log),
        };
        let gate = Gate::of(Access::Trusts);
        Ok(Desk { shared: Arc::new(shared), producer, bell: Arc::default(), limits, gate })
    }

    /// The same, which asks who a client is.
    #[must_use]
    pub(crate) fn behind(self, gate: Gate) -> Desk {
        Desk { gate, ..self }
    }

    /// Rung where somebody begins to wait for a shard's answer: its followers look more often then.
    pub fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// The identity of the log that is written to.
    pub fn log_id(&self) -> LogId {
        self.shared.log_id
    }

    /// How many partitions the log has.
    pub fn partition_count(&self) -> u16 {
        self.shared.partition_count
    }

    /// What this gateway's clock shows.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Whether the producer has failed for good, so that the process should end and start again.
    pub fn has_failed(&self) -> bool {
        self.shared.has_failed.load(Ordering::Relaxed)
    }

    /// The last acknowledged offset of each partition that has one: what a client of this gateway
    /// may already know of.
    pub fn acknowledged(&self) -> impl Iterator<Item = (Partition, u64)> {
        let partitions = (0..self.shared.partition_count).filter_map(Partition::new);
        partitions.zip(&self.shared.acknowledged).filter_map(|(partition, end)| {
            let last = end.load(Ordering::Relaxed).checked_sub(1)?;
            Some((partition, last))
        })
    }

    /// Whether an order of `account` under a key of this text is on its way: nobody can say yet
    /// that there is none.
    pub fn awaits(&self, account: &AccountName, key: &KeyText) -> bool {
        self.shared.waiters.awaits(account, key)
    }

    /// Registers and appends `submission`; `hear` is called exactly once, unless this fails.
    /// Commands that one task submits to a partition stand there in that order.
    ///
    /// # Errors
    /// [`Problem`] where nothing was written and nothing will be.
    pub fn submit(&self, submission: Submission, hear: Hear) -> Result<(), Problem> {
        let Submission { account, command, partition, wants, claim, traceparent } = submission;
        self.gate.check(&account, &command)?;
        self.admit(partition)?;
        let is_order = matches!(command, Command::Place(_) | Command::Replace(_));
        let way = Way { partition, wants, claim, traceparent, is_order };
        self.append(way, |stamp| value(&ClientCommand { stamp, account, command }), hear)
    }

    /// Registers and appends what `value` makes of its stamp.
    fn append(
        &self,
        way: Way,
        value: impl FnOnce(Stamp) -> Bytes,
        hear: Hear,
    ) -> Result<(), Problem> {
        let Way { partition, wants, claim, traceparent, is_order } = way;
        let request_id = (self.shared.machine.request_ids)();
        let begun = (self.shared.machine.monotonic)();
        let waiter = Waiter::new(begun, partition, wants, claim, hear);
        self.shared.waiters.register(request_id, waiter).map_err(|_| {
            self.shared.meters.shed.increment(1);
            Problem::overloaded(format!(
                "{} commands are without an answer, as many as may be; try again",
                self.limits.unanswered_max
            ))
        })?;
        if wants != Wants::Receipt {
            self.bell.ring();
        }
        let valid_until = self.now().plus(Span::from_secs(VALID_SECS));
        let value = value(Stamp { request_id, valid_until });
        let place = Place::orders(partition);
        let sending = self.shared.tracer.send(place, value.len(), traceparent.as_deref());
        let ours = sending.as_ref().and_then(Sending::traceparent);
        let record = record(value, ours.or(traceparent));
        let shared = Arc::clone(&self.shared);
        let acknowledge = move |result: Result<Appended, AppendError>| {
            if let Some(sending) = sending {
                end(sending, partition, is_order, &result);
            }
            shared.acknowledge(request_id, partition, result);
        };
        self.producer.append(place, record, Box::new(acknowledge));
        Ok(())
    }

    /// The same for one that waits in async code: at once on its way, its news to come.
    ///
    /// # Errors
    /// [`Problem`] where nothing was written and nothing will be.
    pub fn begin(&self, submission: Submission) -> Result<Awaited, Problem> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // Whoever asked may be gone; the command is done all the same.
        self.submit(submission, Box::new(move |news| drop(sender.send(news))))?;
        Ok(Awaited(receiver))
    }

    /// Begins and waits.
    ///
    /// # Errors
    /// [`Problem`] where nothing was written and nothing will be.
    pub async fn send(&self, submission: Submission) -> Result<News, Problem> {
        self.begin(submission)?.news().await
    }

    fn admit(&self, partition: Partition) -> Result<(), Problem> {
        self.check_works()?;
        let oldest = self.shared.oldest_millis.get(usize::from(partition.number()));
        let oldest = oldest.map_or(0, |oldest| oldest.load(Ordering::Relaxed));
        let oldest = Duration::from_millis(oldest);
        if oldest > self.limits.unanswered_age_max {
            self.shared.meters.shed.increment(1);
            return Err(Problem::overloaded(format!(
                "orders wait {:.1} s for their answer and at most {:.1} s is taken in; try again",
                oldest.as_secs_f64(),
                self.limits.unanswered_age_max.as_secs_f64()
            )));
        }
        Ok(())
    }

    /// Tells those whose time is up, forgets what can no longer be answered, and measures how old
    /// each shard's oldest command without an answer is. To be called a few times a second.
    pub fn sweep(&self, now: Instant) {
        let swept = self.shared.waiters.sweep(now);
        let partitions = (0..self.shared.partition_count).filter_map(Partition::new);
        for (partition, oldest_millis) in partitions.zip(&self.shared.oldest_millis) {
            let age = swept.oldest.get(&partition).copied().unwrap_or_default();
            let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            oldest_millis.store(millis, Ordering::Relaxed);
        }
        let oldest = swept.oldest.values().max().copied().unwrap_or_default();
        metrics::gauge!("tradespine_gateway_oldest_unanswered_seconds").set(oldest.as_secs_f64());
        metrics::gauge!("tradespine_gateway_unanswered").set(swept.unanswered as f64);
        for (hear, id) in swept.time_is_up.into_iter().chain(self.shared.parked.sweep(now)) {
            self.shared.meters.unknown.increment(1);
            hear(News::Unknown { id });
        }
    }
}

/// Ends the span of a command's way into the log; that of an order says which order it was.
fn end(
    sending: Sending,
    partition: Partition,
    is_order: bool,
    result: &Result<Appended, AppendError>,
) {
    let placed = result.as_ref().ok().filter(|_| is_order);
    if let Some(id) = placed.and_then(|appended| OrderId::at(partition, appended.offset)) {
        sending.orders(id.number());
    }
    sending.end(result);
}

#[cfg(test)]
mod tests;
