//! How long something that is due has not been there, by looks that would have shown it. Pure.
//!
//! Time alone proves nothing: a process that was paused for a minute has not looked for a minute.
//! So only looks that reached the end of the log count, each no more than [`COUNTED_A_LOOK_MAX`].

use std::time::Duration;

use crate::log::ReachedEnd;

/// The most that one look counts: twice the longest that a poll waits. A longer time since the look
/// before was a pause, or work.
const COUNTED_A_LOOK_MAX: Duration = Duration::from_millis(200);

/// Counts how long one number has been looked for in vain.
#[derive(Debug, Default)]
pub(crate) struct Overdue {
    due: Option<u64>,
    looked_at: Duration,
    looked_for: Duration,
}

impl Overdue {
    /// Takes a look at `now` that did not find `due`; `None` where nothing is. Tells for how long
    /// it has been looked for: from nothing again where another number was due before.
    pub(crate) fn look(
        &mut self,
        due: Option<u64>,
        now: Duration,
        reached: ReachedEnd,
    ) -> Duration {
        let since_last = now.saturating_sub(self.looked_at);
        self.looked_at = now;
        if due != self.due {
            self.due = due;
            self.looked_for = Duration::ZERO;
        } else if due.is_some() && reached == ReachedEnd::Yes {
            self.looked_for += since_last.min(COUNTED_A_LOOK_MAX);
        }
        self.looked_for
    }

    /// What the last look told.
    pub(crate) fn looked_for(&self) -> Duration {
        self.looked_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn only_looks_that_reached_the_end_count_and_a_pause_counts_as_one() {
        let mut overdue = Overdue::default();
        // When, what is due, whether the end was reached, and what it comes to.
        let looks = [
            (at(9_000), Some(7), ReachedEnd::Yes, at(0)),
            (at(9_100), Some(7), ReachedEnd::Yes, at(100)),
            (at(9_150), Some(7), ReachedEnd::No, at(100)),
            (at(9_250), Some(7), ReachedEnd::Yes, at(200)),
            (at(60_000), Some(7), ReachedEnd::Yes, at(400)),
            (at(60_100), Some(8), ReachedEnd::Yes, at(0)),
            (at(60_200), Some(8), ReachedEnd::Yes, at(100)),
            (at(60_300), None, ReachedEnd::Yes, at(0)),
            (at(60_400), None, ReachedEnd::Yes, at(0)),
        ];
        for (now, due, reached, expected) in looks {
            assert_eq!(overdue.look(due, now, reached), expected, "at {now:?}");
        }
    }
}
