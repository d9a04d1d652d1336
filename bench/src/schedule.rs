//! When each request of an open loop is to be sent, whatever became of those before it.
//!
//! A request that found every connection busy is sent late, and its latency is counted from when it
//! should have been: what waits outside a slow platform waits for that platform all the same.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

/// How long after its making a schedule begins: everybody is at their place by then.
const LEAD: Duration = Duration::from_millis(200);

/// A constant rate from one moment on.
#[derive(Debug)]
pub(crate) struct Schedule {
    began: Instant,
    rate: u32,
    count: u64,
    next: AtomicU64,
}

impl Schedule {
    /// `rate` requests a second for so long.
    pub(crate) fn new(rate: u32, duration: Duration) -> Schedule {
        let count = (f64::from(rate) * duration.as_secs_f64()).ceil() as u64;
        Schedule { began: Instant::now() + LEAD, rate, count, next: AtomicU64::new(0) }
    }

    /// How many requests there are in all.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// The number of the next request; `None` when all were taken. Whoever takes it sends it.
    pub(crate) fn take(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Relaxed);
        (number < self.count).then_some(number)
    }

    /// When a request is to be sent.
    pub(crate) fn due(&self, number: u64) -> Instant {
        self.began + Duration::from_secs_f64(number as f64 / f64::from(self.rate.max(1)))
    }

    /// Sleeps until a request is to be sent, and tells when that is. A thread's sleep is exact to
    /// some 60 us; the runtime's timers are to a millisecond, as much as is measured here.
    pub(crate) fn wait(&self, number: u64) -> Instant {
        let due = self.due(number);
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            thread::sleep(left);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_one_after_the_other_and_taken_once() {
        let schedule = Schedule::new(1_000, Duration::from_millis(50));
        let taken: Vec<u64> = std::iter::from_fn(|| schedule.take()).collect();
        assert_eq!(taken, (0..50).collect::<Vec<_>>());
        assert_eq!(schedule.take(), None);
        assert_eq!(schedule.due(10) - schedule.due(0), Duration::from_millis(10));
        let due = schedule.wait(3);
        assert_eq!(due, schedule.due(3));
        assert!(Instant::now() >= due);
    }
}
