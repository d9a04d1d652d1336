//! How much a producer may have unacknowledged, so that nothing it lets in finds librdkafka full.

use std::sync::atomic::{AtomicUsize, Ordering};

use proto::topic::RECORD_BYTES_MAX;

use crate::log::WriterRole;

/// How many records a shard may have unacknowledged before it waits: a few tenths of a second of
/// the broker's best.
const SHARD_RECORDS_MAX: usize = 100_000;

/// How many records an edge may have unacknowledged before it refuses: more wait longer for their
/// turn than a client for its answer.
pub(super) const EDGE_RECORDS_MAX: usize = 20_000;

/// How many bytes a producer may have unacknowledged: sixteen of the largest records.
pub(super) const UNACKNOWLEDGED_BYTES_MAX: usize = 16 * RECORD_BYTES_MAX;

/// How much is unacknowledged, on its way or waiting.
pub(super) struct Room {
    records: AtomicUsize,
    bytes: AtomicUsize,
    records_max: usize,
}

impl Room {
    pub(super) const fn of(role: WriterRole) -> Room {
        let records_max = records_max(role);
        Room { records: AtomicUsize::new(0), bytes: AtomicUsize::new(0), records_max }
    }

    /// Whether there is room for a record of this size, which then is taken.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let records = self.records.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes_all = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let fits = records <= self.records_max && bytes_all <= UNACKNOWLEDGED_BYTES_MAX;
        if !fits {
            self.leave(bytes);
        }
        fits
    }

    pub(super) fn leave(&self, bytes: usize) {
        self.records.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.records.load(Ordering::Relaxed) == 0 && self.bytes.load(Ordering::Relaxed) == 0
    }
}

/// How many records a producer of this role may have unacknowledged.
pub(super) const fn records_max(role: WriterRole) -> usize {
    match role {
        WriterRole::Shard => SHARD_RECORDS_MAX,
        WriterRole::Edge { .. } => EDGE_RECORDS_MAX,
    }
}
