//! Counts that the load keeps while it runs, for the live view and the moments of the kills. The
//! checkers use the history instead.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::platform::PARTITIONS;

/// What was counted.
pub(crate) struct Tally {
    started: Instant,
    /// Orders begun.
    pub(crate) sent: AtomicU64,
    /// Requests for orders, retries included.
    pub(crate) attempts: AtomicU64,
    /// Orders that were acknowledged.
    pub(crate) told: AtomicU64,
    /// Orders whose outcome was unknown at least once.
    pub(crate) unknown: AtomicU64,
    /// Those of them that are known by now.
    pub(crate) resolved: AtomicU64,
    /// Requests that were refused and not written: overload, or no gateway at the port.
    pub(crate) not_taken: AtomicU64,
    /// Orders that were sent again after they were known.
    pub(crate) repeated: AtomicU64,
    /// Orders that were told to be cancelled.
    pub(crate) cancelled: AtomicU64,
    /// Deposits and withdrawals that are done.
    pub(crate) moved: AtomicU64,
    /// Frames of followed books.
    pub(crate) frames: AtomicU64,
    /// How often all totals were read.
    pub(crate) totals: AtomicU64,
    /// How often nobody told them.
    pub(crate) totals_untold: AtomicU64,
    /// When an order was last acknowledged, in milliseconds since the start.
    last_told_ms: AtomicU64,
    /// When each lane's last order was decided.
    last_decided_ms: [AtomicU64; PARTITIONS as usize],
}

impl Tally {
    /// Nothing yet.
    pub(crate) fn new(started: Instant) -> Tally {
        let zero = AtomicU64::default;
        Tally {
            started,
            sent: zero(),
            attempts: zero(),
            told: zero(),
            unknown: zero(),
            resolved: zero(),
            not_taken: zero(),
            repeated: zero(),
            cancelled: zero(),
            moved: zero(),
            frames: zero(),
            totals: zero(),
            totals_untold: zero(),
            last_told_ms: zero(),
            last_decided_ms: Default::default(),
        }
    }

    /// An order of this lane was acknowledged, and decided where `is_decided`.
    pub(crate) fn was_told(&self, lane: usize, is_decided: bool) {
        self.told.fetch_add(1, Relaxed);
        let now = self.now_ms();
        self.last_told_ms.store(now, Relaxed);
        if is_decided && let Some(last) = self.last_decided_ms.get(lane) {
            last.store(now, Relaxed);
        }
    }

    /// A deposit, a withdrawal or a transfer is done.
    pub(crate) fn was_moved(&self) {
        self.moved.fetch_add(1, Relaxed);
        self.last_told_ms.store(self.now_ms(), Relaxed);
    }

    /// How long no order has been acknowledged.
    pub(crate) fn quiet(&self) -> Duration {
        self.since(self.last_told_ms.load(Relaxed))
    }

    /// How long some lane has decided no order.
    pub(crate) fn undecided(&self) -> Duration {
        let oldest = self.last_decided_ms.iter().map(|last| last.load(Relaxed)).min();
        self.since(oldest.unwrap_or_default())
    }

    /// Orders whose outcome is unknown now.
    pub(crate) fn unknown_open(&self) -> u64 {
        self.unknown.load(Relaxed).saturating_sub(self.resolved.load(Relaxed))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since(&self, moment_ms: u64) -> Duration {
        Duration::from_millis(self.now_ms().saturating_sub(moment_ms))
    }
}

/// The rate over the last second, from a count that is looked at often.
#[derive(Default)]
pub(crate) struct Rate {
    looks: VecDeque<(Instant, u64)>,
}

/// Over which time a rate is taken.
const WINDOW: Duration = Duration::from_secs(1);

impl Rate {
    /// Looks at the count, and returns the rate per second; 0 until a second has passed.
    pub(crate) fn look(&mut self, now: Instant, count: u64) -> f64 {
        self.looks.push_back((now, count));
        while self.looks.get(1).is_some_and(|(then, _)| now.duration_since(*then) >= WINDOW) {
            self.looks.pop_front();
        }
        let Some((then, before)) = self.looks.front() else { return 0.0 };
        let over = now.duration_since(*then);
        if over < WINDOW {
            return 0.0;
        }
        (count - before) as f64 / over.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_second() {
        let start = Instant::now();
        let mut rate = Rate::default();
        let mut last = 0.0;
        for tenth in 0..=30_u32 {
            // Ten a tenth for two seconds, then nothing.
            let count = u64::from(tenth.min(20)) * 10;
            last = rate.look(start + Duration::from_millis(100) * tenth, count);
            match tenth {
                0..10 => assert!(last.abs() < f64::EPSILON, "{tenth}: {last}"),
                10..=20 => assert!((last - 100.0).abs() < 1.0, "{tenth}: {last}"),
                _ => assert!(last < 100.0, "{tenth}: {last}"),
            }
        }
        assert!(last.abs() < f64::EPSILON);
    }
}
