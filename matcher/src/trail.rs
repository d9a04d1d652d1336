//! The audit trail: what those who run the platform asked for, let in or not. The first shard alone
//! has it, as a chain of hashes that can be checked without replaying anything else.

use blake3::Hash;
use model::{OperatorName, Partition, Timestamp};
use prost::Message;
use proto::{
    draft::Draft,
    log::{AdminCall, AdminCallRecorded, RefusalReason, event},
};

use crate::{
    answer::{applied, refused},
    exchange::Exchange,
};

/// What comes before the first entry.
pub const BEGINNING: [u8; 32] = [0; 32];

/// The end of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trail {
    pub(crate) entries: u64,
    pub(crate) hash: [u8; 32],
}

impl Default for Trail {
    fn default() -> Trail {
        Trail { entries: 0, hash: BEGINNING }
    }
}

/// The hash of an entry: of all of it but the hash itself.
pub fn hash(entry: &AdminCallRecorded) -> [u8; 32] {
    let bare = AdminCallRecorded { hash: Vec::new(), ..entry.clone() };
    *blake3::hash(&bare.encode_to_vec()).as_bytes()
}

/// Whether an entry is the one after the entry of this number and hash, and says what it said.
pub fn follows(entry: &AdminCallRecorded, entries: u64, previous: [u8; 32]) -> bool {
    // Compared as hashes are, in a time that tells nothing.
    let is = |bytes: &[u8], hash: [u8; 32]| {
        <[u8; 32]>::try_from(bytes).is_ok_and(|bytes| Hash::from(bytes) == Hash::from(hash))
    };
    Some(entry.sequence) == entries.checked_add(1)
        && is(&entry.previous_hash, previous)
        && is(&entry.hash, hash(entry))
}

impl Exchange {
    /// Takes a call into the trail, however late: it is what has happened.
    pub(crate) fn record(
        &mut self,
        by: &OperatorName,
        call: &AdminCall,
        now: Timestamp,
        body: &mut Draft,
    ) {
        if self.partition != Partition::FIRST {
            body.outcome = refused(RefusalReason::BadListing);
            return;
        }
        let Trail { entries, hash: previous } = self.trail;
        let mut entry = AdminCallRecorded {
            sequence: entries.saturating_add(1),
            operator: by.as_str().to_owned(),
            call: Some(call.clone()),
            at_unix_nanos: now.unix_nanos(),
            previous_hash: previous.to_vec(),
            hash: Vec::new(),
        };
        let hash = hash(&entry);
        entry.hash = hash.to_vec();
        self.trail = Trail { entries: entry.sequence, hash };
        body.event(&event::Kind::AdminCallRecorded(entry));
        body.outcome = applied();
    }
}
