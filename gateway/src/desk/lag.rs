//! How far this gateway's clock is from the log's.

use std::time::{Duration, Instant};

use model::{Span, Timestamp};

/// How far the clocks may be apart: beyond it an order could be late before it is sent.
const LAG_MAX: Span = Span::from_secs(1);

/// How long the smallest lag is remembered, once or twice: several ticks of a shard.
const WINDOW: Duration = Duration::from_secs(5);

/// The smallest time by which answers were behind the clock lately. An answer cannot come before
/// its record was appended, so the smallest is the nearest to what the clocks differ by: a slow
/// shard makes some answers late, a wrong clock makes all of them so.
#[derive(Debug)]
pub(super) struct Lag {
    window_began: Instant,
    /// In nanoseconds; negative where the log's clock is ahead.
    current: Option<i64>,
    previous: Option<i64>,
}

impl Lag {
    pub(super) fn new(at: Instant) -> Lag {
        Lag { window_began: at, current: None, previous: None }
    }

    /// An answer of the log's instant `log_now` came when the clock showed `now`.
    pub(super) fn sample(&mut self, at: Instant, now: Timestamp, log_now: Timestamp) {
        if at.saturating_duration_since(self.window_began) >= WINDOW {
            self.previous = self.current.take();
            self.window_began = at;
        }
        let behind = i128::from(now.unix_nanos()) - i128::from(log_now.unix_nanos());
        let farthest = if behind < 0 { i64::MIN } else { i64::MAX };
        let behind = i64::try_from(behind).unwrap_or(farthest);
        self.current = Some(self.current.map_or(behind, |smallest| smallest.min(behind)));
    }

    /// How far the clock is ahead of the log's, or behind it (negative), where that is too far.
    pub(super) fn excess_seconds(&self) -> Option<f64> {
        let smallest = self.current.into_iter().chain(self.previous).min()?;
        let is_too_far = smallest.unsigned_abs() > LAG_MAX.nanos();
        is_too_far.then_some(smallest as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(millis: &[i64]) -> Lag {
        let at = Instant::now();
        let mut lag = Lag::new(at);
        let now = Timestamp::from_unix_millis(100_000);
        for millis in millis {
            let log_now = Timestamp::from_unix_millis(100_000_u64.wrapping_add_signed(-millis));
            lag.sample(at, now, log_now);
        }
        lag
    }

    #[test]
    fn one_prompt_answer_clears_the_clock_of_suspicion() {
        assert_eq!(sampled(&[]).excess_seconds(), None);
        assert_eq!(sampled(&[3_000, 20, 4_000]).excess_seconds(), None);
        assert_eq!(sampled(&[3_000, 4_000]).excess_seconds(), Some(3.0));
        assert_eq!(sampled(&[20, -1_500]).excess_seconds(), Some(-1.5));
    }

    #[test]
    fn old_samples_are_forgotten() {
        let mut lag = sampled(&[20]);
        let now = Timestamp::from_unix_millis(100_000);
        let log_now = Timestamp::from_unix_millis(90_000);
        let later = lag.window_began;
        for windows in 1..=2 {
            lag.sample(later + WINDOW * windows, now, log_now);
        }
        assert_eq!(lag.excess_seconds(), Some(10.0));
    }
}
