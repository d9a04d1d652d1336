//! How far the projection has come, for those who wait for it.

use std::{collections::BTreeMap, sync::Arc};

use model::Partition;
use tokio::sync::watch;

use crate::row::Progress;

/// How far each partition is projected. Clones see the same.
#[derive(Clone, Debug)]
pub struct Reached(Arc<BTreeMap<Partition, watch::Receiver<Option<Progress>>>>);

impl Reached {
    pub(crate) fn new(
        partitions: BTreeMap<Partition, watch::Receiver<Option<Progress>>>,
    ) -> Reached {
        Reached(Arc::new(partitions))
    }

    /// Whether the log has this partition.
    pub fn has(&self, partition: Partition) -> bool {
        self.0.contains_key(&partition)
    }

    /// Every partition of the log.
    pub fn partitions(&self) -> impl Iterator<Item = Partition> + '_ {
        self.0.keys().copied()
    }

    /// How far `partition` is projected; `None` before its first answer.
    pub fn of(&self, partition: Partition) -> Option<Progress> {
        self.0.get(&partition).and_then(|receiver| *receiver.borrow())
    }

    /// Whether the answer to the input at `offset` of `partition` is projected.
    pub fn has_passed(&self, partition: Partition, offset: u64) -> bool {
        self.of(partition).is_some_and(|progress| progress.in_offset >= offset)
    }

    /// Waits until the answer to the input at `offset` of `partition` is projected. Returns whether
    /// it is: not where the log has no such partition, or nobody projects any more.
    pub async fn passes(&self, partition: Partition, offset: u64) -> bool {
        let Some(receiver) = self.0.get(&partition) else { return false };
        let mut receiver = receiver.clone();
        let passed = |progress: &Option<Progress>| {
            progress.is_some_and(|progress| progress.in_offset >= offset)
        };
        receiver.wait_for(passed).await.is_ok()
    }
}
