//! When a reader lets records gather before it brings the next ones.
//!
//! A broker is asked, and everybody behind a reader is woken, once for what came since the last
//! time. While few records come that is what each of them wants. While many come it is what costs
//! most of all: so a reader that brought many at once rests, and the next time brings more.
//!
//! What will never live here: a clock.

use std::time::{Duration, Instant};

/// How many records at once tell that many come. At the eager pace that is two thousand a second;
/// once a reader rests it goes on resting down to a thousand.
const MANY: usize = 5;

/// How long a reader rests then. A record waits half of that longer, at a load at which it would
/// wait as long for a processor.
const REST: Duration = Duration::from_millis(5);

/// The rests of one reader.
#[derive(Debug, Default)]
pub(super) struct Rests {
    until: Option<Instant>,
}

impl Rests {
    /// How long to rest at `now`, of the time that one would wait for a record anyway.
    pub(super) fn rest(&self, now: Instant, wait: Duration) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now).min(wait))
    }

    /// So many records were brought at `now`; `more` says that others are at hand already, and
    /// whoever is behind catches up without a rest.
    pub(super) fn brought(&mut self, records: usize, more: bool, now: Instant) {
        if records > 0 {
            self.until = (records >= MANY && !more).then(|| now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1);

    #[test]
    fn a_reader_rests_after_many_records_and_only_then() {
        let (mut rests, start) = (Rests::default(), Instant::now());
        assert_eq!(rests.rest(start, LONG), Duration::ZERO);
        for (records, rest) in [(1, Duration::ZERO), (MANY - 1, Duration::ZERO), (MANY, REST)] {
            rests.brought(records, false, start);
            assert_eq!(rests.rest(start, LONG), rest, "{records}");
        }
        assert_eq!(rests.rest(start + REST / 2, LONG), REST / 2);
        assert_eq!(rests.rest(start + REST, LONG), Duration::ZERO);
    }

    #[test]
    fn nobody_rests_longer_than_it_would_wait() {
        let (mut rests, start) = (Rests::default(), Instant::now());
        rests.brought(MANY, false, start);
        assert_eq!(rests.rest(start, REST / 5), REST / 5);
        assert_eq!(rests.rest(start, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn nobody_rests_who_is_behind() {
        let (mut rests, start) = (Rests::default(), Instant::now());
        rests.brought(MANY, false, start);
        rests.brought(100 * MANY, true, start);
        assert_eq!(rests.rest(start, LONG), Duration::ZERO);
    }

    #[test]
    fn a_look_that_brings_nothing_changes_nothing() {
        let (mut rests, start) = (Rests::default(), Instant::now());
        rests.brought(MANY, false, start);
        rests.brought(0, false, start);
        assert_eq!(rests.rest(start, LONG), REST);
        rests.brought(1, false, start);
        assert_eq!(rests.rest(start, LONG), Duration::ZERO);
    }
}
