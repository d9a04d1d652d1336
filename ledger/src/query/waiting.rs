//! Waiting until the tables have what a caller wrote, or all that is in the log.

use std::time::Duration;

use model::Partition;
use proto::ledger::AtLeast;
use spine::{Place, Visibility};
use tonic::Status;

use super::{Queries, page, refusal};

/// How long a query waits for the projection: well above a batch under load, below the patience
/// of whoever asked.
const WAIT_MAX: Duration = Duration::from_secs(2);

impl Queries {
    /// Waits until every position in `at_least` is projected.
    pub(super) async fn wait_for(&self, at_least: &[AtLeast]) -> Result<(), Status> {
        let positions = page::positions(at_least, &self.reached)?;
        self.wait_for_all(positions).await
    }

    pub(super) async fn wait_for_all(
        &self,
        positions: Vec<(Partition, u64)>,
    ) -> Result<(), Status> {
        let all = async {
            for (partition, offset) in &positions {
                if !self.reached.passes(*partition, *offset).await {
                    return false;
                }
            }
            true
        };
        match tokio::time::timeout(WAIT_MAX, all).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(refusal::behind()),
        }
    }

    /// The end of the inputs of `partition`, as it is now.
    pub(super) async fn end_of(&self, partition: Partition) -> Result<u64, Status> {
        let log = self.log.clone();
        let end = move || log.end(Place::orders(partition), Visibility::Synced);
        match tokio::task::spawn_blocking(end).await {
            Ok(Ok(end)) => Ok(end),
            Ok(Err(error)) => Err(refusal::unavailable(&error)),
            Err(error) => Err(refusal::unavailable(&error)),
        }
    }

    /// Waits until everything that is in the log now is projected, so that absence is certain.
    pub(super) async fn wait_for_everything(&self) -> Result<(), Status> {
        let mut positions = Vec::new();
        for partition in self.reached.partitions() {
            if let Some(last) = self.end_of(partition).await?.checked_sub(1) {
                positions.push((partition, last));
            }
        }
        self.wait_for_all(positions).await
    }
}
