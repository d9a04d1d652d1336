//! Reads one partition of a memory log.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{Shared, State};
use crate::log::{LogError, Place, ReachedEnd, ReadLimit, Reader, Stored, Visibility};

/// A reader that waits until the log has grown, or not at all where the log is simulated.
pub(super) struct MemoryReader {
    pub(super) shared: Arc<Shared>,
    pub(super) place: Place,
    pub(super) next: u64,
    pub(super) visibility: Visibility,
}

impl Reader for MemoryReader {
    fn poll(
        &mut self,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        let mut state = self.shared.lock();
        if !wait.is_zero() && self.shared.walkers.is_none() {
            let (place, visibility, next) = (self.place, self.visibility, self.next);
            let nothing = |state: &mut State| state.journal.end(place, visibility) == Ok(next);
            let waited = self.shared.grown.wait_timeout_while(state, wait, nothing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let before = into.len();
        let reached = state.journal.read(self.place, self.next, self.visibility, limit, into)?;
        self.next += (into.len() - before) as u64;
        Ok(reached)
    }
}
