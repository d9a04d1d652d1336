//! Copies of the newest snapshots, taken before the log is held still: a running shard takes new
//! ones, which may be of answers that the log held still does not have, and removes old ones.

use std::{collections::BTreeMap, sync::Arc};

use model::Partition;
use spine::{
    genesis::Identity,
    snapshot::{self, MemorySnapshots, SnapshotStore, StoreError},
};

/// One for each shard that has one.
pub struct Copies {
    store: Arc<MemorySnapshots>,
    found: BTreeMap<Partition, Copy>,
}

/// What there was of a shard's snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Copy {
    /// None, or none that this process can see.
    #[default]
    None,
    /// Some, none of which is a good one of this log.
    Unreadable {
        /// The number of the newest.
        newest: u64,
    },
    /// A good one.
    Taken {
        /// Its number.
        out_seq: u64,
        /// That of the newest; it is a good one only where it is this one.
        newest: u64,
    },
}

impl Copies {
    /// Copies the newest good snapshot of each shard.
    ///
    /// # Errors
    /// [`StoreError`] where they are there and cannot be read.
    pub fn take(kept: &dyn SnapshotStore, identity: &Identity) -> Result<Copies, StoreError> {
        let store = Arc::new(MemorySnapshots::default());
        let mut found = BTreeMap::new();
        for partition in identity.partitions() {
            // Listed first: what comes between is newer, and found next.
            let Some(newest) = kept.list(partition)?.pop() else { continue };
            let good = snapshot::newest_position(kept, identity, partition)?;
            let copy = match good.map(|position| position.out_seq) {
                None => Copy::Unreadable { newest },
                Some(out_seq) => {
                    store.put(partition, out_seq, kept.get(partition, out_seq)?)?;
                    Copy::Taken { out_seq, newest: newest.max(out_seq) }
                }
            };
            found.insert(partition, copy);
        }
        Ok(Copies { store, found })
    }

    /// What there was of this shard's.
    pub fn of(&self, partition: Partition) -> Copy {
        self.found.get(&partition).copied().unwrap_or_default()
    }

    /// The copies.
    pub fn store(&self) -> Arc<dyn SnapshotStore> {
        Arc::clone(&self.store) as Arc<dyn SnapshotStore>
    }
}
