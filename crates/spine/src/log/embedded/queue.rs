//! The records that wait to be written, in one line for all topics, and those whose sync is
//! awaited.
//!
//! The line is bounded by records and bytes: a shard waits for room, an edge is refused. An edge
//! gives its record up after a while: one that still stood in the line was not appended, of one
//! that is being written nobody knows.

use std::{
    collections::VecDeque,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::log::{Acknowledge, AppendError, Appended, Record};

/// How many records may wait: a stall of the disk of a tenth of a second at half a million records
/// a second, which is more than the journal takes.
pub(super) const WAITING_RECORDS_MAX: usize = 1 << 16;

/// How many bytes may wait: 16 of the largest records.
pub(super) const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How many records are written in one batch: past this the sync no longer counts, and what comes
/// later should not wait longer.
const BATCH_RECORDS_MAX: usize = 2_048;

/// How many bytes are written in one batch, but for a single larger record.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A record in the line.
pub(super) struct Waiting {
    /// Which place it goes to, by number.
    pub(super) lane: usize,
    pub(super) record: Record,
    /// When its edge gives up.
    pub(super) give_up_at: Option<Instant>,
    /// `None` once it was given up: it will not be written.
    pub(super) acknowledge: Option<Acknowledge>,
}

/// A producer's refusal, with whom to tell.
pub(super) type Refused = (Acknowledge, AppendError);

/// What the writer finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Records to write.
    Batch,
    /// Nothing for as long as it was ready to wait.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

/// The line.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    room: Condvar,
}

#[derive(Default)]
struct State {
    line: VecDeque<Waiting>,
    bytes: usize,
    closed: Option<String>,
    writer_waits: bool,
    shards_waiting: usize,
}

impl State {
    fn has_room(&self, bytes: usize) -> bool {
        self.line.is_empty()
            || (self.line.len() < WAITING_RECORDS_MAX && self.bytes + bytes <= WAITING_BYTES_MAX)
    }
}

impl Queue {
    /// Puts a record at the end of the line, whose bound a shard waits for and an edge does not.
    pub(super) fn push(&self, record: Waiting, waits: bool) -> Result<(), Refused> {
        let bytes = record.record.bytes();
        let mut state = self.lock();
        while waits && state.closed.is_none() && !state.has_room(bytes) {
            state.shards_waiting += 1;
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.shards_waiting -= 1;
        }
        if let Some(reason) = &state.closed {
            return refuse(record, AppendError::Fatal(reason.clone()));
        }
        if !state.has_room(bytes) {
            return refuse(record, AppendError::Full);
        }
        state.bytes += bytes;
        state.line.push_back(record);
        let wake = mem::take(&mut state.writer_waits);
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Moves the next batch into `batch`, waiting up to `wait` for its first record; for ever
    /// without.
    pub(super) fn take(&self, batch: &mut Vec<Waiting>, wait: Option<Duration>) -> Taken {
        let mut state = self.lock();
        while state.line.is_empty() {
            if state.closed.is_some() {
                return Taken::Closed;
            }
            state.writer_waits = true;
            let Some(wait) = wait else {
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let waited = self.filled.wait_timeout(state, wait);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            if timeout.timed_out() && state.line.is_empty() {
                return Taken::Nothing;
            }
        }
        state.writer_waits = false;
        move_batch(&mut state, batch);
        if state.shards_waiting > 0 {
            self.room.notify_all();
        }
        Taken::Batch
    }

    /// Takes nothing more; what is in the line is still written.
    pub(super) fn close(&self, reason: &str) {
        self.lock().closed.get_or_insert_with(|| reason.to_owned());
        self.filled.notify_all();
        self.room.notify_all();
    }

    /// Empties the line.
    pub(super) fn clear(&self) -> VecDeque<Waiting> {
        let mut state = self.lock();
        state.bytes = 0;
        mem::take(&mut state.line)
    }

    /// Gives up those in the line whose time is over, and returns whom to tell.
    pub(super) fn give_up(&self, now: Instant) -> Vec<Acknowledge> {
        let mut state = self.lock();
        let late = state.line.iter_mut().filter(|waiting| is_late(waiting.give_up_at, now));
        late.filter_map(|waiting| waiting.acknowledge.take()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn move_batch(state: &mut State, batch: &mut Vec<Waiting>) {
    let mut bytes = 0;
    while batch.len() < BATCH_RECORDS_MAX {
        let Some(next) = state.line.front() else { return };
        bytes += next.record.bytes();
        if bytes > BATCH_BYTES_MAX && !batch.is_empty() {
            return;
        }
        state.bytes -= next.record.bytes();
        batch.extend(state.line.pop_front());
    }
}

fn refuse(record: Waiting, error: AppendError) -> Result<(), Refused> {
    record.acknowledge.map_or(Ok(()), |acknowledge| Err((acknowledge, error)))
}

/// Whether an edge's patience is over.
pub(super) fn is_late(give_up_at: Option<Instant>, now: Instant) -> bool {
    give_up_at.is_some_and(|give_up_at| give_up_at <= now)
}

/// The batch whose sync is awaited.
#[derive(Default)]
pub(super) struct InFlight(Mutex<Vec<Awaited>>);

/// A record that is being written.
pub(super) struct Awaited {
    pub(super) give_up_at: Option<Instant>,
    /// `None` once its edge gave up.
    pub(super) acknowledge: Option<Acknowledge>,
    pub(super) appended: Appended,
}

impl InFlight {
    /// Whose sync is awaited from now on.
    pub(super) fn set(&self, awaited: Vec<Awaited>) {
        *self.lock() = awaited;
    }

    /// Takes all of them: their sync succeeded, or never will.
    pub(super) fn take(&self) -> Vec<Awaited> {
        mem::take(&mut *self.lock())
    }

    /// Gives up those whose time is over, and returns whom to tell.
    pub(super) fn give_up(&self, now: Instant) -> Vec<Acknowledge> {
        let mut awaited = self.lock();
        let late = awaited.iter_mut().filter(|awaited| is_late(awaited.give_up_at, now));
        late.filter_map(|awaited| awaited.acknowledge.take()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Awaited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(bytes: usize, give_up_at: Option<Instant>) -> Waiting {
        let record = Record::of(vec![0; bytes]);
        Waiting { lane: 0, record, give_up_at, acknowledge: Some(Box::new(|_| ())) }
    }

    fn refusal(pushed: Result<(), Refused>) -> Option<AppendError> {
        pushed.err().map(|(_, error)| error)
    }

    #[test]
    fn an_edge_is_refused_beyond_the_bounds() {
        for (bytes, count) in [(0, WAITING_RECORDS_MAX), (1 << 22, WAITING_BYTES_MAX >> 22)] {
            let queue = Queue::default();
            for _ in 0..count {
                assert_eq!(refusal(queue.push(waiting(bytes, None), false)), None);
            }
            assert_eq!(refusal(queue.push(waiting(bytes, None), false)), Some(AppendError::Full));
            assert_eq!(queue.take(&mut Vec::new(), None), Taken::Batch);
            assert_eq!(refusal(queue.push(waiting(bytes, None), false)), None);
        }
    }

    #[test]
    fn a_shard_waits_for_room_and_for_the_end() {
        let queue = Queue::default();
        for _ in 0..WAITING_RECORDS_MAX {
            assert_eq!(refusal(queue.push(waiting(0, None), true)), None);
        }
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| refusal(queue.push(waiting(0, None), true)));
            while queue.lock().shards_waiting == 0 {
                std::thread::yield_now();
            }
            assert_eq!(queue.take(&mut Vec::new(), None), Taken::Batch);
            assert_eq!(waits.join().expect("no panic"), None);
        });
        queue.close("over");
        let closed = Some(AppendError::Fatal("over".to_owned()));
        assert_eq!(refusal(queue.push(waiting(0, None), true)), closed);
    }

    #[test]
    fn batches_are_bounded_by_records_and_bytes_but_never_empty() {
        let rows = [(0, 5_000, BATCH_RECORDS_MAX), (1 << 20, 9, 4), (BATCH_BYTES_MAX + 1, 2, 1)];
        for (bytes, count, taken) in rows {
            let queue = Queue::default();
            for _ in 0..count {
                assert_eq!(refusal(queue.push(waiting(bytes, None), false)), None);
            }
            let mut batch = Vec::new();
            assert_eq!(queue.take(&mut batch, None), Taken::Batch);
            assert_eq!(batch.len(), taken);
        }
    }

    #[test]
    fn what_is_in_the_line_is_taken_before_the_end() {
        let queue = Queue::default();
        assert_eq!(queue.take(&mut Vec::new(), Some(Duration::ZERO)), Taken::Nothing);
        assert_eq!(refusal(queue.push(waiting(1, None), false)), None);
        queue.close("over");
        assert_eq!(queue.take(&mut Vec::new(), None), Taken::Batch);
        assert_eq!(queue.take(&mut Vec::new(), None), Taken::Closed);
    }

    #[test]
    fn only_those_whose_time_is_over_are_given_up_and_once() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let queue = Queue::default();
        for give_up_at in [None, Some(now), Some(later)] {
            assert_eq!(refusal(queue.push(waiting(1, give_up_at), false)), None);
        }
        assert_eq!(queue.give_up(now).len(), 1);
        assert_eq!(queue.give_up(now).len(), 0);
        assert_eq!(queue.give_up(later).len(), 1);
    }
}
