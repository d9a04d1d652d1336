//! Reads one partition, from memory where it can and from the store where it must.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::{
    Locked,
    recent::{Found, Recent},
};
use crate::log::{LogError, Place, ReachedEnd, ReadLimit, Reader, Stored, Visibility};

pub(super) struct EmbeddedReader {
    pub(super) place: Place,
    pub(super) visibility: Visibility,
    /// The offset of the next record.
    pub(super) next: u64,
    /// The sequence number of the last record, where it was read from the store.
    pub(super) last_sequence: Option<u64>,
    pub(super) recent: Arc<Recent>,
    /// Weak, so that a reader somebody forgot does not keep the directory locked.
    pub(super) store: Weak<Locked>,
}

impl Reader for EmbeddedReader {
    fn poll(
        &mut self,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        let before = into.len();
        let end = match self.recent.read(self.next, self.visibility, limit, wait, into)? {
            Found::Recent(end) => {
                self.last_sequence = self.last_sequence.filter(|_| into.len() == before);
                end
            }
            Found::Older { until, end } => {
                self.read_older(until, limit, into)?;
                end
            }
        };
        self.next += (into.len() - before) as u64;
        Ok(if self.next >= end { ReachedEnd::Yes } else { ReachedEnd::No })
    }
}

impl EmbeddedReader {
    fn read_older(
        &mut self,
        end: u64,
        limit: ReadLimit,
        into: &mut Vec<Stored>,
    ) -> Result<(), LogError> {
        let locked = self.store.upgrade().ok_or_else(super::closed)?;
        let after = self.last_sequence;
        self.last_sequence = locked.store.scan(self.place, self.next, end, limit, after, into)?;
        Ok(())
    }
}
