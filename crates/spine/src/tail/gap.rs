//! When a missing answer is a matter for people. Pure.

use std::time::Duration;

use crate::{log::ReachedEnd, overdue::Overdue};

/// How long an answer may be missing while later ones are there. Whoever lost it is gone by then,
/// and somebody else should have published it again: several times what a takeover needs.
pub(super) const UNFILLED_AFTER: Duration = Duration::from_secs(5);

/// Watches whether gaps are filled, and tells once of each that is not.
#[derive(Debug, Default)]
pub(super) struct GapWatch {
    overdue: Overdue,
    pub(super) told_of: Option<u64>,
}

impl GapWatch {
    /// Takes note that a poll that came back at `now` left `missing` missing. Tells its number once
    /// it has been missing for [`UNFILLED_AFTER`], and only once.
    pub(super) fn look(
        &mut self,
        missing: Option<u64>,
        now: Duration,
        reached: ReachedEnd,
    ) -> Option<u64> {
        let looked_for = self.overdue.look(missing, now, reached);
        if looked_for < UNFILLED_AFTER || self.told_of == missing {
            return None;
        }
        self.told_of = missing;
        missing
    }
}
