//! The wall clock, as something that is handed in.
//!
//! Trading itself takes its time from the log; only edges ask a [`Clock`]: for the stamp of a
//! request, its last valid moment, and how far the log is from the world. Lengths of time
//! (timeouts, latencies) are measured with `std::time::Instant`, which nobody can set.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use model::{Span, Timestamp};

/// Tells the time. It may step in both directions, as wall clocks do.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    /// The present instant; the epoch where the machine's clock stands before 1970.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
        Timestamp::from_unix_nanos(nanos)
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at `now`.
    pub const fn new(now: Timestamp) -> ManualClock {
        ManualClock(AtomicU64::new(now.unix_nanos()))
    }

    /// Puts the clock to `now`, be it earlier or later.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.unix_nanos(), Ordering::SeqCst);
    }

    /// Moves the clock forward by `span`.
    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.nanos(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01 and 2200-01-01: any machine that builds this stands between them.
    const PLAUSIBLE_MILLIS: std::ops::Range<u64> = 1_704_067_200_000..7_258_118_400_000;

    #[test]
    fn the_wall_clock_counts_from_the_epoch() {
        let now = WallClock.now();
        assert!(PLAUSIBLE_MILLIS.contains(&now.unix_millis()), "{now:?}");
    }

    #[test]
    fn a_manual_clock_moves_only_when_moved() {
        let clock = ManualClock::new(Timestamp::from_unix_millis(5));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Span::from_millis(2));
        assert_eq!(clock.now(), Timestamp::from_unix_millis(7));
        clock.set(Timestamp::EPOCH);
        assert_eq!(clock.now(), Timestamp::EPOCH);
    }
}
