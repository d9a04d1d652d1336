//! What was read last of one place, for all readers of it in this process.
//!
//! A window takes what comes and waits for nobody. It keeps what a reader at it has not taken yet,
//! a little of what all have, so that others find their way to it, and of neither more than its
//! bound: a reader that falls behind that far finds that what it is to read next has left.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::log::{ReadLimit, Stored};

/// How many bytes of records are kept for readers that are slower than others: about a second of a
/// busy shard's answers. The newest record is kept, however large.
pub(super) const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many bytes of records that all have taken are kept.
pub(super) const TAKEN_BYTES_KEPT: usize = 128 * 1024;

/// What a record has beside its value, as far as memory goes.
const RECORD_BYTES: usize = 200;

/// The last records of a place.
pub(super) struct Window {
    /// Whether the log may leave offsets out.
    has_gaps: bool,
    state: Mutex<State>,
    came: Condvar,
}

struct State {
    records: VecDeque<Stored>,
    bytes: usize,
    /// Every record from here on that came is kept.
    first: u64,
    /// What comes next is here or, where there may be gaps, beyond it.
    next: u64,
    /// What each seat takes next.
    seats: BTreeMap<u64, u64>,
    next_seat: u64,
    is_closed: bool,
    interruptions: u64,
    /// How many wait, and whether something came of which they were not told.
    waiting: usize,
    is_untold: bool,
}

/// How a look through a window ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// With what is there, or nothing.
    Done {
        /// How often reading was interrupted so far.
        interruptions: u64,
    },
    /// What was looked for has left the window, or nothing comes any more.
    Lost,
}

impl Window {
    /// A window at which the record at `next` comes first.
    pub(super) fn new(next: u64, has_gaps: bool) -> Window {
        let state = State {
            records: VecDeque::new(),
            bytes: 0,
            first: next,
            next,
            seats: BTreeMap::new(),
            next_seat: 0,
            is_closed: false,
            interruptions: 0,
            waiting: 0,
            is_untold: false,
        };
        Window { has_gaps, state: Mutex::new(state), came: Condvar::new() }
    }

    /// A seat from which the record at `from` is taken next; `None` where that has left already.
    pub(super) fn sit(&self, from: u64) -> Option<u64> {
        let mut state = self.state();
        if state.is_closed || from < state.first {
            return None;
        }
        let seat = state.next_seat;
        state.next_seat += 1;
        state.seats.insert(seat, from);
        Some(seat)
    }

    /// Whether the seats are all empty once this one is.
    pub(super) fn leave(&self, seat: u64) -> bool {
        let mut state = self.state();
        state.seats.remove(&seat);
        state.trim();
        state.seats.is_empty()
    }

    /// Takes what comes next. Those who wait hear of it from [`Window::tell`].
    pub(super) fn push(&self, stored: Stored) {
        let mut state = self.state();
        // What was on its way when somebody else began here.
        if stored.offset < state.next || state.is_closed {
            return;
        }
        if stored.offset > state.next && !self.has_gaps {
            tracing::warn!(
                offset = stored.offset,
                expected = state.next,
                "a shared reader missed a record"
            );
            state.is_closed = true;
            state.is_untold = true;
            return;
        }
        state.next = stored.offset + 1;
        state.bytes += bytes(&stored);
        state.records.push_back(stored);
        state.is_untold = true;
        state.trim();
    }

    /// Wakes those who wait, where something came.
    pub(super) fn tell(&self) {
        let mut state = self.state();
        if std::mem::take(&mut state.is_untold) && state.waiting > 0 {
            self.came.notify_all();
        }
    }

    /// Notes that reading was interrupted: nobody knows where the end is now.
    pub(super) fn interrupt(&self) {
        self.state().interruptions += 1;
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        self.came.notify_all();
    }

    /// Appends to `into` what is there from `from` on, and waits for it where nothing is.
    pub(super) fn take(
        &self,
        seat: u64,
        from: u64,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Look {
        let began = Instant::now();
        let mut state = self.state();
        loop {
            if state.is_closed || from < state.first {
                return Look::Lost;
            }
            let left = wait.saturating_sub(began.elapsed());
            if state.next > from || left.is_zero() {
                break;
            }
            state.waiting += 1;
            let waited = self.came.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        if let Some(next) = state.copy(from, limit, into) {
            state.seats.insert(seat, next);
            state.trim();
        }
        Look::Done { interruptions: state.interruptions }
    }

    /// Whether nothing has come from `next` on.
    pub(super) fn is_through(&self, next: u64) -> bool {
        self.state().next <= next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panicking thread leaves is whole: nothing between two fields' changes panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Copies records from `from` on; what is beyond the last of them, where there are any.
    fn copy(&self, from: u64, limit: ReadLimit, into: &mut Vec<Stored>) -> Option<u64> {
        let index = self.records.partition_point(|stored| stored.offset < from);
        let (mut records, mut bytes) = (0, 0);
        let mut next = None;
        for stored in self.records.range(index..) {
            if records >= limit.records || bytes >= limit.bytes {
                break;
            }
            records += 1;
            bytes += stored.record.value.len();
            next = Some(stored.offset + 1);
            into.push(stored.clone());
        }
        next
    }

    /// Drops what nobody needs, and what is more than may be kept.
    fn trim(&mut self) {
        let needed = self.seats.values().min().copied().unwrap_or(u64::MAX);
        while let Some(oldest) = self.records.front() {
            let kept_max = if oldest.offset < needed { TAKEN_BYTES_KEPT } else { KEPT_BYTES_MAX };
            if self.bytes <= kept_max || self.records.len() == 1 {
                break;
            }
            self.first = oldest.offset + 1;
            self.bytes -= bytes(oldest);
            self.records.pop_front();
        }
    }
}

fn bytes(stored: &Stored) -> usize {
    stored.record.bytes() + RECORD_BYTES
}

#[cfg(test)]
mod tests;
