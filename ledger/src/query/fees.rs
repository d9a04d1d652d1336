//! What accounts are charged, what they have traded, and which tier that gives them.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AccountName, Amount, Asset, AssetId, FeeTier, InstrumentId, Partition, Role, TierVolumes,
    Timestamp, home::home,
};
use proto::{
    convert,
    ledger::{
        AssetVolume, GetAccountFeesRequest, GetAccountFeesResponse, InstrumentRates,
        ListTierChangesRequest, ListTierChangesResponse, TierChange,
    },
    reference::TierThreshold,
};
use tonic::Status;

use super::{Queries, account, refusal};
use crate::{
    control::ControlKey,
    store::Catalog,
    volume::{self, Volumes, VolumesQuery},
};

/// The most accounts that one answer names: half a megabyte.
const CHANGES_MAX: usize = 10_000;

impl Queries {
    pub(super) async fn fees_of(
        &self,
        request: GetAccountFeesRequest,
    ) -> Result<GetAccountFeesResponse, Status> {
        let account = account(&request.client_id)?;
        self.wait_for(&request.at_least).await?;
        let query = VolumesQuery::up_to(self.now(), Some(account.clone()));
        let catalog = self.fresh_catalog().await?;
        let mut volumes = self.volumes(&query, &catalog).await?;
        let volumes = volumes.remove(&account).unwrap_or_default();
        let controls = self.store.controls(&account).await.map_err(refusal::store)?;
        let tier = |partition: Partition| {
            controls.get(&partition).map_or(FeeTier::STANDARD, |control| control.tier)
        };
        let tier_in = |instrument| {
            let partition = catalog.partitions.get(&instrument);
            partition.map_or(FeeTier::STANDARD, |partition| tier(*partition))
        };
        Ok(GetAccountFeesResponse {
            client_id: request.client_id,
            fee_tier: tier(home(&account, self.partition_count())).number().into(),
            volumes: asset_volumes(&volumes, &catalog),
            from: Some(convert::to_proto_timestamp(query.after)),
            until: Some(convert::to_proto_timestamp(query.until)),
            rates: rates(&catalog, tier_in),
        })
    }

    pub(super) async fn tier_changes(
        &self,
        request: ListTierChangesRequest,
    ) -> Result<ListTierChangesResponse, Status> {
        let catalog = self.fresh_catalog().await?;
        let thresholds = thresholds(&request.thresholds, &catalog)?;
        let query = VolumesQuery::up_to(self.now(), None);
        let volumes = self.volumes(&query, &catalog).await?;
        let tiers = self.store.tiers().await.map_err(refusal::store)?;
        let mut changes = self.changes(&thresholds, &volumes, &tiers);
        changes.retain(|(account, _)| account.as_str() > request.after.as_str());
        let has_more = changes.len() > CHANGES_MAX;
        changes.truncate(CHANGES_MAX);
        let last = changes.last().filter(|_| has_more);
        let next_after = last.map_or_else(String::new, |(account, _)| account.as_str().to_owned());
        let change = |(account, tier): (AccountName, FeeTier)| TierChange {
            client_id: account.as_str().to_owned(),
            tier: tier.number().into(),
        };
        Ok(ListTierChangesResponse {
            changes: changes.into_iter().map(change).collect(),
            next_after,
            from: Some(convert::to_proto_timestamp(query.after)),
            until: Some(convert::to_proto_timestamp(query.until)),
        })
    }

    /// The accounts that some shard gives another tier than their volume, by name.
    fn changes(
        &self,
        thresholds: &TierVolumes,
        volumes: &Volumes,
        tiers: &BTreeMap<ControlKey, FeeTier>,
    ) -> Vec<(AccountName, FeeTier)> {
        let known = tiers.keys().map(|(account, _)| account);
        let accounts: BTreeSet<&AccountName> = volumes.keys().chain(known).collect();
        let nothing = BTreeMap::new();
        let wanted = accounts.into_iter().filter_map(|account| {
            let tier = thresholds.tier_of(volumes.get(account).unwrap_or(&nothing));
            let has = |partition| tiers.get(&(account.clone(), partition)).copied();
            let mut has = self.reached.partitions().map(|one| has(one).unwrap_or_default());
            has.any(|other| other != tier).then(|| (account.clone(), tier))
        });
        wanted.collect()
    }

    async fn volumes(&self, query: &VolumesQuery, catalog: &Catalog) -> Result<Volumes, Status> {
        let traded = self.store.traded(query).await.map_err(refusal::store)?;
        let volumes = volume::in_units(traded, catalog);
        volumes.ok_or_else(|| Status::data_loss("a volume is beyond what an amount holds"))
    }

    /// The log's time, as far as it is projected.
    fn now(&self) -> Timestamp {
        let times = self.reached.partitions().filter_map(|one| Some(self.reached.of(one)?.now));
        times.max().unwrap_or(Timestamp::EPOCH)
    }

    pub(super) fn partition_count(&self) -> u16 {
        u16::try_from(self.reached.partitions().count()).unwrap_or(u16::MAX)
    }
}

fn asset_volumes(volumes: &BTreeMap<AssetId, Amount>, catalog: &Catalog) -> Vec<AssetVolume> {
    let one = |(asset, volume): (&AssetId, &Amount)| {
        let (asset, _) = catalog.assets.get(asset)?;
        Some(AssetVolume { asset: asset.code.clone(), volume: asset.format_amount(*volume) })
    };
    volumes.iter().filter_map(one).collect()
}

fn rates(catalog: &Catalog, tier: impl Fn(InstrumentId) -> FeeTier) -> Vec<InstrumentRates> {
    let one = |instrument: &model::Instrument| {
        let fees = instrument.fees_of(tier(instrument.id));
        InstrumentRates {
            instrument: instrument.symbol.to_string(),
            maker_fee: fees.rate(Role::Maker).to_text(),
            taker_fee: fees.rate(Role::Taker).to_text(),
            fee_asset: convert::fee_asset_to_wire(fees.charged_in()).into(),
        }
    };
    let mut rates: Vec<_> = catalog.instruments.values().map(one).collect();
    rates.sort_by(|one, other| one.instrument.cmp(&other.instrument));
    rates
}

fn thresholds(rows: &[TierThreshold], catalog: &Catalog) -> Result<TierVolumes, Status> {
    let bad = |problem: &str| refusal::field("thresholds", problem);
    let asset = |code: &str| -> Option<&Asset> {
        catalog.assets.values().map(|(asset, _)| asset).find(|asset| asset.code == code)
    };
    let one = |row: &TierThreshold| {
        let tier = convert::fee_tier(row.tier).map_err(|_| bad("names no tier"))?;
        let asset = asset(&row.asset).ok_or_else(|| bad("names an asset that is not listed"))?;
        let volume = asset.parse_amount(&row.volume);
        Ok((tier, asset.id, volume.map_err(|error| bad(&error.to_string()))?))
    };
    let rows: Vec<_> = rows.iter().map(one).collect::<Result<_, Status>>()?;
    TierVolumes::new(rows).map_err(|error| bad(&error.to_string()))
}
