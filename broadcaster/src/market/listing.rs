//! What is listed: assets and instruments, from the records that every partition repeats.

use std::collections::BTreeMap;

use model::{Amount, Asset, AssetId, Instrument, Price};
use proto::{
    convert,
    reference::{AssetListing, InstrumentListing, ReferenceRecord, reference_body::Body},
};
use thiserror::Error;

/// An instrument and what is needed to write its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The instrument.
    pub instrument: Instrument,
    base: Asset,
    lot_size_units: i128,
}

impl Listed {
    /// The instrument's symbol.
    pub fn symbol(&self) -> &str {
        self.instrument.symbol.as_str()
    }

    /// A price as decimal text.
    pub fn price(&self, price: Price) -> String {
        self.instrument.format_price(price)
    }

    /// A number of lots as decimal text. A level's total may be more than one order can have.
    pub fn lots(&self, lots: u64) -> String {
        // A lot is at most 2^32 units, so the product stays below 2^96.
        self.base.format_amount(Amount::from_units(i128::from(lots) * self.lot_size_units))
    }
}

/// Why a reference record does not fit those before it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ListingError {
    /// It is not the next version, nor one already known.
    #[error("version {found} of {key} came where at most {expected} was due")]
    Version {
        /// The record's key.
        key: String,
        /// The successor of the version in force.
        expected: u32,
        /// What came.
        found: u32,
    },
    /// Two partitions hold different bodies of one version.
    #[error("two partitions hold different bodies of version {version} of {key}")]
    Contradiction {
        /// The record's key.
        key: String,
        /// Its version.
        version: u32,
    },
    /// It has no body, or not the numbers of an asset or an instrument.
    #[error("the record {0} lists nothing that can be")]
    Impossible(String),
}

/// The records in force, and the assets in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listings {
    records: BTreeMap<String, ReferenceRecord>,
    assets: BTreeMap<AssetId, Asset>,
}

impl Listings {
    /// Takes a record that a partition applied. Returns the instrument that it lists anew.
    pub(super) fn apply(
        &mut self,
        record: &ReferenceRecord,
    ) -> Result<Option<Listed>, ListingError> {
        if lists_nothing(record) {
            return Ok(None);
        }
        let known = self.records.get(&record.key);
        let version = known.map_or(0, |known| known.version);
        if record.version > version.saturating_add(1) {
            return Err(ListingError::Version {
                key: record.key.clone(),
                expected: version.saturating_add(1),
                found: record.version,
            });
        }
        if record.version <= version {
            // The copy of a partition that is behind another one.
            return match known {
                Some(known) if known.version == record.version && known.body != record.body => {
                    Err(ListingError::Contradiction { key: record.key.clone(), version })
                }
                _ => Ok(None),
            };
        }
        self.put(record)
    }

    /// Takes a record whatever its version: one that was in force when the market was kept.
    pub(super) fn put(&mut self, record: &ReferenceRecord) -> Result<Option<Listed>, ListingError> {
        let impossible = || ListingError::Impossible(record.key.clone());
        let body = record.body.as_ref().and_then(|body| body.body.as_ref());
        let listed = match body.ok_or_else(impossible)? {
            Body::Asset(listing) => {
                self.list_asset(listing).ok_or_else(impossible)?;
                None
            }
            Body::Instrument(listing) => Some(self.instrument(listing).ok_or_else(impossible)?),
            // What a tier is measured by is nobody's market data.
            Body::Credential(_) | Body::FeeTiers(_) => return Ok(None),
        };
        self.records.insert(record.key.clone(), record.clone());
        Ok(listed)
    }

    /// The records in force, assets before the instruments that need them.
    pub(super) fn records(&self) -> impl Iterator<Item = &ReferenceRecord> {
        let [assets, instruments] = [true, false]
            .map(|wanted| self.records.values().filter(move |record| is_asset(record) == wanted));
        assets.chain(instruments)
    }

    fn list_asset(&mut self, listing: &AssetListing) -> Option<()> {
        let asset = convert::asset(listing)?;
        self.assets.insert(asset.id, asset);
        Some(())
    }

    fn instrument(&self, listing: &InstrumentListing) -> Option<Listed> {
        let base = self.assets.get(&AssetId(listing.base_asset_id))?;
        let quote = self.assets.get(&AssetId(listing.quote_asset_id))?;
        let instrument = convert::instrument(listing, base, quote).ok()?;
        let lot_size_units = instrument.listing().lot_size.units();
        Some(Listed { instrument, base: base.clone(), lot_size_units })
    }
}

/// Whether it is of those who trade, and not of what is traded.
fn lists_nothing(record: &ReferenceRecord) -> bool {
    let body = record.body.as_ref().and_then(|body| body.body.as_ref());
    matches!(body, Some(Body::Credential(_) | Body::FeeTiers(_)))
}

fn is_asset(record: &ReferenceRecord) -> bool {
    let body = record.body.as_ref().and_then(|body| body.body.as_ref());
    matches!(body, Some(Body::Asset(_)))
}
