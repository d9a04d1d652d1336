//! The newest records of one partition, in memory, and how far it is written and synced.
//!
//! Who follows the log reads from here and is woken as soon as a record becomes visible to it; who
//! is farther behind reads the store.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::log::{LogError, ReadLimit, Stored, Visibility};

/// What a record costs in memory beside its bytes: itself, its buffer's head and its headers.
const RECORD_OVERHEAD_BYTES: usize = 192;

/// The newest records of one partition.
pub(super) struct Recent {
    state: Mutex<State>,
    written: Condvar,
    synced: Condvar,
}

struct State {
    records: VecDeque<Stored>,
    bytes: usize,
    bytes_max: usize,
    written_end: u64,
    synced_end: u64,
    written_waiting: usize,
    synced_waiting: usize,
    over: Option<LogError>,
}

/// What a reader finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// What there was from memory; this is the visible end.
    Recent(u64),
    /// Records that are only in the store.
    Older {
        /// Up to here; later ones are in memory, or not visible.
        until: u64,
        /// The visible end.
        end: u64,
    },
}

impl Recent {
    /// Of a partition that ends at `end`, all of it synced, with room for so many bytes.
    pub(super) fn at(end: u64, bytes_max: usize) -> Recent {
        Recent {
            state: Mutex::new(State {
                records: VecDeque::new(),
                bytes: 0,
                bytes_max,
                written_end: end,
                synced_end: end,
                written_waiting: 0,
                synced_waiting: 0,
                over: None,
            }),
            written: Condvar::new(),
            synced: Condvar::new(),
        }
    }

    /// One more than the last visible offset.
    pub(super) fn end(&self, visibility: Visibility) -> Result<u64, LogError> {
        let state = self.lock();
        state.over.clone().map_or_else(|| Ok(state.end(visibility)), Err)
    }

    /// Appends written records, the next ones of the partition.
    pub(super) fn show_written(&self, records: &mut Vec<Stored>) {
        let mut state = self.lock();
        state.written_end += records.len() as u64;
        for stored in records.drain(..) {
            state.bytes += cost(&stored);
            state.records.push_back(stored);
        }
        while state.bytes > state.bytes_max {
            let Some(oldest) = state.records.pop_front() else { break };
            state.bytes -= cost(&oldest);
        }
        if state.written_waiting > 0 {
            self.written.notify_all();
        }
    }

    /// All that is written is synced.
    pub(super) fn show_synced(&self) {
        let mut state = self.lock();
        state.synced_end = state.written_end;
        if state.synced_waiting > 0 {
            self.synced.notify_all();
        }
    }

    /// Nothing more is read here.
    pub(super) fn finish(&self, why: LogError) {
        self.lock().over.get_or_insert(why);
        self.written.notify_all();
        self.synced.notify_all();
    }

    /// Waits up to `wait` for the record at `next`, and appends it and those after it to `into`,
    /// as far as they are in memory.
    pub(super) fn read(
        &self,
        next: u64,
        visibility: Visibility,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<Found, LogError> {
        let state = self.wait(next, visibility, wait);
        if let Some(why) = &state.over {
            return Err(why.clone());
        }
        let end = state.end(visibility);
        let first = state.written_end - state.records.len() as u64;
        if next < first.min(end) {
            return Ok(Found::Older { until: first.min(end), end });
        }
        let skipped = usize::try_from(next.saturating_sub(first)).unwrap_or(usize::MAX);
        let visible = usize::try_from(end.saturating_sub(next)).unwrap_or(usize::MAX);
        let (mut brought, mut bytes) = (0, 0);
        for stored in state.records.iter().skip(skipped).take(visible) {
            if brought >= limit.records || bytes >= limit.bytes {
                break;
            }
            brought += 1;
            bytes += stored.record.value.len();
            into.push(stored.clone());
        }
        Ok(Found::Recent(end))
    }

    fn wait(&self, next: u64, visibility: Visibility, wait: Duration) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if wait.is_zero() || state.end(visibility) > next {
            return state;
        }
        // Too far away to be an instant: as good as for ever.
        let until = Instant::now().checked_add(wait);
        while state.over.is_none() && state.end(visibility) <= next {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            *state.waiting(visibility) += 1;
            state = self.wait_once(state, visibility, left.unwrap_or(Duration::MAX));
            *state.waiting(visibility) -= 1;
        }
        state
    }

    fn wait_once<'a>(
        &self,
        state: MutexGuard<'a, State>,
        visibility: Visibility,
        wait: Duration,
    ) -> MutexGuard<'a, State> {
        let shown = match visibility {
            Visibility::Written => &self.written,
            Visibility::Synced => &self.synced,
        };
        shown.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&self, visibility: Visibility) -> u64 {
        match visibility {
            Visibility::Written => self.written_end,
            Visibility::Synced => self.synced_end,
        }
    }

    fn waiting(&mut self, visibility: Visibility) -> &mut usize {
        match visibility {
            Visibility::Written => &mut self.written_waiting,
            Visibility::Synced => &mut self.synced_waiting,
        }
    }
}

fn cost(stored: &Stored) -> usize {
    stored.record.bytes() + RECORD_OVERHEAD_BYTES
}
