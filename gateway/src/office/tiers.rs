//! Fee tiers: by what volume each is reached, and who has which.
//!
//! The ledger says whose volume gives another tier than some shard has, and every shard is told
//! those. Accounts go by in the order of their names, so that it has an end; said again, it finds
//! only what is not done yet.

use model::{AccountName, FeeTier, OperatorName, Partition, TierVolumes};
use proto::{
    admin::ShardResult,
    command::OperatorWord,
    convert,
    ledger::{ListTierChangesRequest, TierChange},
    listing::FEE_TIERS_KEY,
    reference::{TierThreshold, reference_body::Body},
};
use tonic::metadata::AsciiMetadataValue;

use super::{Office, admin::Relisted};
use crate::{
    desk::Said,
    problem::{Kind, Problem},
};

/// What a recomputation came to.
#[derive(Debug, Default)]
pub(crate) struct Recomputed {
    /// How many accounts have another tier now.
    pub(crate) changed: u32,
    /// The time whose trades count.
    pub(crate) from: Option<prost_types::Timestamp>,
    pub(crate) until: Option<prost_types::Timestamp>,
    /// What the shards made of the last that they were told.
    pub(crate) results: Vec<ShardResult>,
}

impl Office {
    /// By what volume each tier is reached.
    ///
    /// # Errors
    /// [`Problem`] where it was not read yet.
    pub(crate) fn tier_thresholds(&self) -> Result<Vec<TierThreshold>, Problem> {
        let catalogue = self.reference.loaded()?;
        let thresholds = catalogue.tier_volumes().thresholds().filter_map(|(tier, id, volume)| {
            let asset = catalogue.asset_by_id(id)?;
            Some(TierThreshold {
                tier: tier.number().into(),
                asset: asset.code.clone(),
                volume: asset.format_amount(volume),
            })
        });
        Ok(thresholds.collect())
    }

    /// Lists the next version of the thresholds, everywhere.
    ///
    /// # Errors
    /// [`Problem`] where the first shard did not take it: then nothing has changed.
    pub(crate) async fn set_fee_tiers(
        &self,
        by: &OperatorName,
        volumes: &TierVolumes,
    ) -> Result<Relisted, Problem> {
        let table = Body::FeeTiers(convert::tier_volumes_to_wire(volumes));
        let in_force = self.journal.listings().await?.remove(FEE_TIERS_KEY);
        self.list_next(by, FEE_TIERS_KEY.to_owned(), in_force, table).await
    }

    /// Gives every account the tier of its volume.
    ///
    /// # Errors
    /// [`Problem`] where the ledger does not say who is to have which.
    pub(crate) async fn recompute_fee_tiers(
        &self,
        by: &OperatorName,
        bearer: Option<AsciiMetadataValue>,
    ) -> Result<Recomputed, Problem> {
        let thresholds = self.tier_thresholds()?;
        let mut recomputed = Recomputed::default();
        let mut after = String::new();
        loop {
            let request = ListTierChangesRequest { thresholds: thresholds.clone(), after };
            let found = self.upstream.tier_changes(request, bearer.clone()).await?;
            (recomputed.from, recomputed.until) = (found.from, found.until);
            for changes in found.changes.chunks(convert::TIERS_ASSIGNED_MAX) {
                recomputed.results = self.assign_fee_tiers(by, changes).await?;
                if recomputed.results.iter().any(|result| !result.problem.is_empty()) {
                    return Ok(recomputed);
                }
                let count = u32::try_from(changes.len()).unwrap_or(u32::MAX);
                recomputed.changed = recomputed.changed.saturating_add(count);
            }
            after = found.next_after;
            if after.is_empty() {
                let changed = recomputed.changed;
                tracing::info!(changed, by = by.as_str(), "recomputed the fee tiers");
                return Ok(recomputed);
            }
        }
    }

    async fn assign_fee_tiers(
        &self,
        by: &OperatorName,
        changes: &[TierChange],
    ) -> Result<Vec<ShardResult>, Problem> {
        let not_told = || {
            let message = "the ledger names an account or a tier that is none; nobody was told";
            Problem::new(Kind::Internal, "bad_tier", message)
        };
        let one = |change: &TierChange| -> Result<(AccountName, FeeTier), Problem> {
            let account = AccountName::new(&change.client_id).map_err(|_| not_told())?;
            Ok((account, convert::fee_tier(change.tier).map_err(|_| not_told())?))
        };
        let tiers: Vec<_> = changes.iter().map(one).collect::<Result<_, Problem>>()?;
        let word = OperatorWord::AssignFeeTiers(tiers);
        let said = |_: Partition| Said::Command(word.clone());
        Ok(self.tell(by, self.partitions(), said).await)
    }
}
