//! A log in memory: for tests, and under control for simulations.
//!
//! [`MemoryLog::new`] appends at once and keeps every promise of the contract but survival of the
//! process. [`MemoryLog::controlled`] hands the adversary's part to the test, in one thread and
//! without a clock or randomness of its own: what a producer appends stays in flight, in a
//! [`Lane`] for each producer and place, until the test delivers it, loses it, or never decides.
//! A lane keeps its order, as an idempotent producer does; everything between lanes, also long
//! after the producer's owner is gone, is the test's choice. With [`MemoryLog::hold_sync`] landed
//! records are only written until [`MemoryLog::sync`], and [`MemoryLog::crash_unsynced`] cuts
//! the rest across all topics, as a power loss does to a journal. With [`MemoryLog::simulated`]
//! everything else that a log does by itself is the test's too: nothing waits and nothing runs on
//! a thread.
//!
//! What will never live here: files, and faults chosen at random.

mod journal;
mod reader;
mod walkers;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use model::{Span, Timestamp};
use proto::topic::{Partitions, RECORD_BYTES_MAX, Topic};
use tokio::sync::Notify;

use self::{
    journal::{Clock, Confirmation, Journal},
    reader::MemoryReader,
    walkers::Walkers,
};
use super::{
    Acknowledge, AppendError, Log, LogError, Pace, Place, Producer, Reader, Record, Visibility,
    WriterRole,
    walker::{self, Walker},
};

/// How many records an edge may have in flight in one lane of a controlled log before it is told
/// that the log is full. A shard would wait, which a simulation in one thread cannot.
pub const LANE_RECORDS_MAX: usize = 1 << 16;

/// A log in memory. Clones are the same log.
#[derive(Clone)]
pub struct MemoryLog {
    shared: Arc<Shared>,
}

/// The way of one producer's records to one place, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// The producer's number: producers count from 0 in the order in which they were made.
    pub producer: usize,
    /// Where its records go.
    pub place: Place,
}

/// What becomes of the first record of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is appended and acknowledged.
    Land,
    /// It is appended twice and acknowledged once, with the first offset: what an idempotent
    /// producer rules out, for tests of those who should not rely on it.
    LandTwice,
    /// It is appended, and the writer is told that this is unknown.
    LandUnconfirmed,
    /// It is appended, and the writer hears nothing, ever.
    LandUnheard,
    /// It is not appended. An edge is told that this is unknown; a shard's producer has failed for
    /// good, though what it had in flight before may still land.
    Lose,
}

impl MemoryLog {
    /// A log with `partitions` partitions of every topic that has one a shard. Appends are visible
    /// and acknowledged when they return; append times count microseconds from 1970 until
    /// [`MemoryLog::set_now`].
    pub fn new(partitions: u16) -> MemoryLog {
        MemoryLog::with(partitions, Clock::Counting(Timestamp::EPOCH), false)
    }

    /// The same, with append times by `clock`, which may run backwards: the log's never do.
    pub fn stamped_by(
        partitions: u16,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> MemoryLog {
        MemoryLog::with(partitions, Clock::asking(clock), false)
    }

    /// A log whose appends stay in flight until [`MemoryLog::deliver`].
    pub fn controlled(partitions: u16) -> MemoryLog {
        MemoryLog::with(partitions, Clock::Counting(Timestamp::EPOCH), true)
    }

    /// The same, all in one thread: no poll waits, and who follows the log goes on where
    /// [`MemoryLog::step_walker`] says so.
    pub fn simulated(partitions: u16) -> MemoryLog {
        let mut log = MemoryLog::controlled(partitions);
        if let Some(shared) = Arc::get_mut(&mut log.shared) {
            shared.walkers = Some(Walkers::default());
        }
        log
    }

    fn with(partitions: u16, clock: Clock, controlled: bool) -> MemoryLog {
        let state = State {
            journal: Journal::new(partitions, clock),
            producers: Vec::new(),
            lanes: controlled.then(BTreeMap::new),
        };
        let (state, grown, told) = (Mutex::new(state), Condvar::new(), Mutex::default());
        let shared = Shared { partitions, state, grown, told, walkers: None };
        MemoryLog { shared: Arc::new(shared) }
    }

    /// Stops the log's clock at `now`, or where it is, should that be later.
    pub fn set_now(&self, now: Timestamp) {
        self.shared.lock().journal.clock.set(now);
    }

    /// Stops the log's clock `span` after where it is.
    pub fn advance(&self, span: Span) {
        let mut state = self.shared.lock();
        let now = state.journal.clock.now().plus(span);
        state.journal.clock.set(now);
    }

    /// What the log's clock shows.
    pub fn now(&self) -> Timestamp {
        self.shared.lock().journal.clock.now()
    }

    /// How many producers were made so far; the next has this number.
    pub fn producers(&self) -> usize {
        self.shared.lock().producers.len()
    }

    /// The lanes of a controlled log that have a record in flight, in order.
    pub fn lanes(&self) -> Vec<Lane> {
        self.shared.lock().lanes.iter().flatten().map(|(lane, _)| *lane).collect()
    }

    /// How many records `lane` has in flight.
    pub fn in_flight(&self, lane: Lane) -> usize {
        let state = self.shared.lock();
        state.lanes.as_ref().and_then(|lanes| lanes.get(&lane)).map_or(0, VecDeque::len)
    }

    /// Decides what becomes of the first record in flight in `lane`. Returns its offset where it
    /// landed; `None` where it did not, or where nothing is in flight.
    pub fn deliver(&self, lane: Lane, delivery: Delivery) -> Option<u64> {
        let mut state = self.shared.lock();
        let InFlight { record, acknowledge } = state.take_first(lane)?;
        if delivery == Delivery::Lose {
            let error = state.lose(lane);
            drop(state);
            acknowledge(Err(error));
            return None;
        }
        let appended = state.journal.land(lane.place, record.clone());
        if delivery == Delivery::LandTwice {
            state.journal.land(lane.place, record);
        }
        let confirmation = match delivery {
            Delivery::LandUnheard => None,
            Delivery::LandUnconfirmed => {
                Some(Confirmation { acknowledge, result: Err(AppendError::Unknown) })
            }
            _ => Some(Confirmation { acknowledge, result: Ok(appended) }),
        };
        self.shared.confirm(state, confirmation);
        Some(appended.offset)
    }

    /// From now on landed records are only written, and not acknowledged, until
    /// [`MemoryLog::sync`].
    pub fn hold_sync(&self) {
        self.shared.lock().journal.hold_sync();
    }

    /// Everything that landed is durable: it is shown as synced, and acknowledged.
    pub fn sync(&self) {
        let mut state = self.shared.lock();
        let confirmations = state.journal.sync();
        drop(state);
        self.shared.has_grown();
        confirmations.into_iter().for_each(Confirmation::run);
    }

    /// Cuts what was not synced, over all topics, without a word to those who wrote it. What is in
    /// flight stays so; readers that had seen more find themselves beyond the end.
    pub fn crash_unsynced(&self) {
        self.shared.lock().journal.cut_unsynced();
    }
}

impl fmt::Debug for MemoryLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryLog").field("partitions", &self.shared.partitions).finish()
    }
}

impl Log for MemoryLog {
    fn partition_count(&self, topic: Topic) -> Result<u16, LogError> {
        Ok(match topic.partitions() {
            Partitions::OneAShard => self.shared.partitions,
            Partitions::One => 1,
        })
    }

    fn producer(&self, role: WriterRole) -> Result<Arc<dyn Producer>, LogError> {
        let mut state = self.shared.lock();
        let number = state.producers.len();
        state.producers.push(Writer { role, failed: false });
        Ok(Arc::new(MemoryProducer { number, shared: Arc::clone(&self.shared) }))
    }

    fn reader(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
    ) -> Result<Box<dyn Reader>, LogError> {
        let end = self.end(place, visibility)?;
        if from > end {
            return Err(LogError::BeyondEnd { place, asked: from, end });
        }
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(MemoryReader { shared, place, next: from, visibility }))
    }

    fn reader_that_tells(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
        _: Pace,
        came: Arc<Notify>,
    ) -> Result<Option<Box<dyn Reader>>, LogError> {
        // Nobody is woken where everything goes on by steps.
        if self.shared.walkers.is_some() {
            return Ok(None);
        }
        self.shared.told.lock().unwrap_or_else(PoisonError::into_inner).push(came);
        self.reader(place, from, visibility).map(Some)
    }

    fn end(&self, place: Place, visibility: Visibility) -> Result<u64, LogError> {
        self.shared.lock().journal.end(place, visibility)
    }

    fn walk(&self, name: String, walker: Box<dyn Walker>) -> Result<(), LogError> {
        match &self.shared.walkers {
            Some(walkers) => walkers.add(walker),
            None => walker::on_a_thread(name, walker)?,
        }
        Ok(())
    }

    /// No: several owners can share it, which is what simulations are for.
    fn is_exclusive(&self) -> bool {
        false
    }
}

struct Shared {
    partitions: u16,
    state: Mutex<State>,
    grown: Condvar,
    /// Whom of its readers it tells that it has grown; as many as a test makes.
    told: Mutex<Vec<Arc<Notify>>>,
    /// Who follows the log, where it is simulated.
    walkers: Option<Walkers>,
}

struct State {
    journal: Journal,
    producers: Vec<Writer>,
    /// What is in flight, where the log is controlled. No lane is empty.
    lanes: Option<BTreeMap<Lane, VecDeque<InFlight>>>,
}

struct Writer {
    role: WriterRole,
    failed: bool,
}

struct InFlight {
    record: Record,
    acknowledge: Acknowledge,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of another thread of a test leaves the state between two whole steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_grown(&self) {
        self.grown.notify_all();
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().for_each(|came| came.notify_one());
    }

    /// Ends a step that appended: readers wake, and the writer hears of it now or at the sync.
    fn confirm(&self, mut state: MutexGuard<'_, State>, confirmation: Option<Confirmation>) {
        let due = confirmation.and_then(|confirmation| state.journal.confirm(confirmation));
        drop(state);
        self.has_grown();
        if let Some(confirmation) = due {
            confirmation.run();
        }
    }
}

impl State {
    /// Why `record` of this producer cannot be taken.
    fn refusal(&self, lane: Lane, record: &Record) -> Option<AppendError> {
        let bytes = record.bytes();
        if bytes > RECORD_BYTES_MAX {
            return Some(AppendError::TooLarge { bytes });
        }
        if let Err(error) = self.journal.end(lane.place, Visibility::Written) {
            return Some(AppendError::Fatal(error.to_string()));
        }
        let writer = self.producers.get(lane.producer)?;
        if writer.failed {
            return Some(AppendError::Fatal("a record before was lost".to_owned()));
        }
        let waiting = self.lanes.as_ref().and_then(|lanes| lanes.get(&lane));
        let full = waiting.is_some_and(|waiting| waiting.len() >= LANE_RECORDS_MAX);
        (full && writer.role != WriterRole::Shard).then_some(AppendError::Full)
    }

    fn take_first(&mut self, lane: Lane) -> Option<InFlight> {
        let lanes = self.lanes.as_mut()?;
        let waiting = lanes.get_mut(&lane)?;
        let first = waiting.pop_front();
        if waiting.is_empty() {
            lanes.remove(&lane);
        }
        first
    }

    fn lose(&mut self, lane: Lane) -> AppendError {
        match self.producers.get_mut(lane.producer) {
            Some(writer) if writer.role == WriterRole::Shard => {
                writer.failed = true;
                AppendError::Fatal("the record was lost".to_owned())
            }
            _ => AppendError::Unknown,
        }
    }
}

struct MemoryProducer {
    number: usize,
    shared: Arc<Shared>,
}

impl Producer for MemoryProducer {
    fn append(&self, place: Place, record: Record, acknowledge: Acknowledge) {
        let lane = Lane { producer: self.number, place };
        let mut state = self.shared.lock();
        if let Some(refusal) = state.refusal(lane, &record) {
            drop(state);
            return acknowledge(Err(refusal));
        }
        if let Some(lanes) = &mut state.lanes {
            return lanes.entry(lane).or_default().push_back(InFlight { record, acknowledge });
        }
        let result = Ok(state.journal.land(place, record));
        self.shared.confirm(state, Some(Confirmation { acknowledge, result }));
    }
}

#[cfg(test)]
mod tests;
