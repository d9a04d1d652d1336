//! What waits for money from other shards, and who waits for it here: its own answer was no result,
//! and the one that is comes with some later input.
//!
//! All that waits is noted, whoever's it is: a retry of what waits is a duplicate of something that
//! has no result yet, so it waits for the same answer.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use model::{OrderId, Timestamp};

use super::{Hear, waiters::Waiter};

/// How many records are noted at most, and how many may wait for them: as many as may wait on a
/// shard. Whoever comes beyond is told at once that the result is not known.
const PARKED_MAX: usize = 1 << 16;

/// All that waits, by the place of its record.
#[derive(Default)]
pub(super) struct Parked {
    waiting: Mutex<Waiting>,
    /// How many records there are, so that nobody looks where there are none.
    count: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    records: BTreeMap<OrderId, Noted>,
    /// How many wait for all of them together.
    waiters: usize,
}

/// A record that waits.
pub(super) struct Noted {
    /// When it was answered that it waits.
    pub(super) received_at: Timestamp,
    pub(super) waiters: Vec<Waiter>,
}

impl Parked {
    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// The record at `id` waits from now on.
    pub(super) fn begin(&self, id: OrderId, received_at: Timestamp) {
        let mut waiting = self.lock();
        if waiting.records.len() < PARKED_MAX {
            waiting.records.insert(id, Noted { received_at, waiters: Vec::new() });
            self.count.store(waiting.records.len(), Ordering::Relaxed);
        }
    }

    /// Whether the record at `id` waits, as far as is known here.
    pub(super) fn holds(&self, id: OrderId) -> bool {
        !self.is_empty() && self.lock().records.contains_key(&id)
    }

    /// Remembers who waits for `id`, or tells who is to be told that nobody does.
    pub(super) fn wait(&self, id: OrderId, waiter: Waiter) -> Option<Hear> {
        let mut waiting = self.lock();
        let Waiting { records, waiters } = &mut *waiting;
        match records.get_mut(&id) {
            Some(noted) if *waiters < PARKED_MAX => {
                noted.waiters.push(waiter);
                *waiters += 1;
                None
            }
            _ => waiter.into_hear(),
        }
    }

    /// The record at `id` is decided; `None` where it did not wait.
    pub(super) fn end(&self, id: OrderId) -> Option<Noted> {
        if self.is_empty() {
            return None;
        }
        let mut waiting = self.lock();
        let noted = waiting.records.remove(&id)?;
        waiting.waiters -= noted.waiters.len();
        self.count.store(waiting.records.len(), Ordering::Relaxed);
        Some(noted)
    }

    /// Those whose time is up. What they wait for is still kept for their retries.
    pub(super) fn sweep(&self, now: Instant) -> Vec<(Hear, Option<OrderId>)> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut late = Vec::new();
        for (id, noted) in &mut self.lock().records {
            for waiter in noted.waiters.iter_mut().filter(|waiter| waiter.is_late(now)) {
                late.extend(waiter.take_hear().map(|hear| (hear, Some(*id))));
            }
        }
        late
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // What a panicking thread leaves is still a whole map: each change is one step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
