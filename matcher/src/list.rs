//! Reference data: which assets and instruments there are.
//!
//! Partition 0 decides a change; its accepted body is copied to the others. Either way it is
//! applied iff its version is the successor of the one in force, so a repeated copy changes
//! nothing.

use std::collections::BTreeMap;

use model::{Amount, Asset, AssetId, InstrumentId};
use proto::{
    convert,
    draft::Draft,
    listing::instrument_key,
    log::{RefusalReason, event},
    reference::{
        AssetListing, FeeTierTable, FeeTierVolume, InstrumentListing, ReferenceRecord,
        reference_body::Body,
    },
};

use crate::{
    answer::{applied, refused},
    exchange::{Exchange, reference_key},
    limits::LISTINGS_MAX,
};

/// What is listed, as it was asked for, by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Listings {
    pub(crate) records: BTreeMap<String, ReferenceRecord>,
}

impl Listings {
    /// The listed asset with this number.
    pub(crate) fn asset(&self, id: u32) -> Option<Asset> {
        match &self.records.get(&format!("asset/{id}"))?.body.as_ref()?.body {
            Some(Body::Asset(listing)) => convert::asset(listing),
            _ => None,
        }
    }

    /// The listing of the instrument of this key.
    fn instrument(&self, key: &str) -> Option<&InstrumentListing> {
        match &self.records.get(key)?.body.as_ref()?.body {
            Some(Body::Instrument(listing)) => Some(listing),
            _ => None,
        }
    }

    fn version(&self, key: &str) -> u32 {
        self.records.get(key).map_or(0, |record| record.version)
    }
}

impl Exchange {
    /// Applies a change of reference data, or refuses it whole.
    pub(crate) fn list(&mut self, change: &ReferenceRecord, body: &mut Draft) {
        body.outcome = match self.try_list(change) {
            Ok(()) => {
                let record = change.clone();
                self.listings.records.insert(record.key.clone(), record.clone());
                body.event(&event::Kind::ReferenceApplied(record));
                applied()
            }
            Err(reason) => refused(reason),
        };
    }

    fn try_list(&mut self, change: &ReferenceRecord) -> Result<(), RefusalReason> {
        let listed = change.body.as_ref().and_then(|body| body.body.as_ref());
        let listed = listed.ok_or(RefusalReason::BadListing)?;
        if change.key != reference_key(listed) {
            return Err(RefusalReason::BadListing);
        }
        let in_force = self.listings.version(&change.key);
        if in_force.checked_add(1) != Some(change.version) {
            return Err(RefusalReason::NotSuccessor);
        }
        if in_force == 0 && self.listings.records.len() >= LISTINGS_MAX {
            return Err(RefusalReason::BadListing);
        }
        match listed {
            Body::Asset(asset) => self.list_asset(asset),
            Body::Instrument(instrument) => self.list_instrument(instrument),
            Body::FeeTiers(table) => self.list_fee_tiers(table),
            // Only an operator's word changes one.
            Body::Credential(_) => Err(RefusalReason::BadListing),
        }
    }

    /// An asset's precision is the unit of everything counted in it: a later version must keep it.
    fn list_asset(&mut self, listing: &AssetListing) -> Result<(), RefusalReason> {
        let asset = convert::asset(listing).ok_or(RefusalReason::BadListing)?;
        if self.listings.asset(listing.id).is_some_and(|known| known != asset) {
            return Err(RefusalReason::BadListing);
        }
        let in_sandbox = self.accounts.grant().is_some();
        let units = if in_sandbox { listing.sandbox_grant_units } else { 0 };
        let grant = Amount::from_units(i128::from(units));
        self.accounts.list_asset(AssetId(listing.id), grant).map_err(|_| RefusalReason::BadListing)
    }

    /// Who has which tier is told by another word; this is what that is measured by.
    fn list_fee_tiers(&self, table: &FeeTierTable) -> Result<(), RefusalReason> {
        convert::tier_volumes(table).map_err(|_| RefusalReason::BadListing)?;
        let is_listed = |row: &FeeTierVolume| self.listings.asset(row.asset_id).is_some();
        let all = table.volumes.iter().all(is_listed);
        all.then_some(()).ok_or(RefusalReason::UnknownAsset)
    }

    /// Every partition learns every instrument; only its own shard has a book for it.
    fn list_instrument(&mut self, listing: &InstrumentListing) -> Result<(), RefusalReason> {
        let asset = |id| self.listings.asset(id).ok_or(RefusalReason::UnknownAsset);
        let (base, quote) = (asset(listing.base_asset_id)?, asset(listing.quote_asset_id)?);
        let instrument =
            convert::instrument(listing, &base, &quote).map_err(|_| RefusalReason::BadListing)?;
        let in_force = self.listings.instrument(&instrument_key(InstrumentId(listing.id)));
        let is_other = in_force.is_some_and(|in_force| is_another(in_force, listing));
        let is_nowhere = listing.partition >= self.partition_count;
        if listing.id == 0 || is_other || is_nowhere {
            return Err(RefusalReason::BadListing);
        }
        if u32::from(self.partition.number()) != listing.partition {
            return Ok(());
        }
        if self.books.list(instrument) { Ok(()) } else { Err(RefusalReason::BadListing) }
    }
}

/// Whether a listing is of something else than the one in force: of other assets, in other units
/// than those of what rests in the book, or on another shard; moving a book needs more than a
/// listing. Every shard says so alike, whether or not it has the book.
fn is_another(in_force: &InstrumentListing, listing: &InstrumentListing) -> bool {
    let what = |listing: &InstrumentListing| {
        let InstrumentListing { base_asset_id, quote_asset_id, partition, .. } = *listing;
        let InstrumentListing { tick_size_units, lot_size_units, .. } = *listing;
        (base_asset_id, quote_asset_id, partition, tick_size_units, lot_size_units)
    };
    what(in_force) != what(listing)
}
