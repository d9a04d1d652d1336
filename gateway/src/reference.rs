//! The listed instruments and assets, from the compacted reference topic.
//!
//! [`Catalogue`] is an immutable snapshot; [`Reference`] holds the newest one for readers that
//! never wait, and a thread that follows the topic and replaces it. What cannot be read is told of
//! and left out: one bad listing does not close the others.

mod filters;
mod follow;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use model::{
    Asset, AssetId, FeeTier, Fees, Instrument, InstrumentId, Partition, Role, TierVolumes,
};
use proto::{
    convert,
    reference::{
        AssetListing, FeeTierTable, InstrumentListing, InstrumentSummary, TierFees,
        reference_body::Body,
    },
    trading::MarketState,
};
use rustc_hash::FxHashMap;

pub(crate) use self::{filters::MULTIPLIER_DECIMALS, follow::follow};
use crate::problem::Problem;

/// An instrument as the edges need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The instrument.
    pub instrument: Instrument,
    /// The partition whose shard trades it.
    pub partition: Partition,
    /// What is bought and sold.
    pub base: Asset,
    /// What it is paid in.
    pub quote: Asset,
}

impl Listed {
    /// The instrument as the edges show it, but for what its market is open for.
    pub fn summary(&self) -> InstrumentSummary {
        let listing = self.instrument.listing();
        InstrumentSummary {
            symbol: self.symbol().to_owned(),
            base: self.base.code.clone(),
            quote: self.quote.code.clone(),
            tick_size: self.quote.format_amount(listing.tick_size),
            lot_size: self.base.format_amount(listing.lot_size),
            price_protection_bps: listing.price_protection_bps,
            maker_fee: self.instrument.fees.rate(Role::Maker).to_text(),
            taker_fee: self.instrument.fees.rate(Role::Taker).to_text(),
            fee_asset: convert::fee_asset_to_wire(self.instrument.fees.charged_in()).into(),
            filters: filters::summary(&self.instrument),
            price_band: self.instrument.band.as_ref().map(convert::price_band_to_wire),
            state: MarketState::Unspecified.into(),
            fee_tiers: self.instrument.tier_fees.listed().map(tier_fees).collect(),
        }
    }

    /// Its symbol.
    pub fn symbol(&self) -> &str {
        self.instrument.symbol.as_str()
    }
}

/// What a tier is charged, as the edges show it.
fn tier_fees((tier, fees): (FeeTier, Fees)) -> TierFees {
    TierFees {
        tier: tier.number().into(),
        maker_fee: fees.rate(Role::Maker).to_text(),
        taker_fee: fees.rate(Role::Taker).to_text(),
    }
}

/// Everything that is listed, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// By symbol, so that lists of them come in that order.
    by_symbol: BTreeMap<String, Arc<Listed>>,
    by_id: FxHashMap<InstrumentId, Arc<Listed>>,
    assets_by_code: BTreeMap<String, Asset>,
    assets_by_id: FxHashMap<AssetId, Asset>,
    tier_volumes: TierVolumes,
}

impl Catalogue {
    /// The catalogue of these listings, in any order.
    pub fn of<'a>(bodies: impl IntoIterator<Item = &'a Body>) -> Catalogue {
        let mut catalogue = Catalogue::default();
        let (mut instruments, mut tiers) = (Vec::new(), None);
        for body in bodies {
            match body {
                Body::Asset(listing) => catalogue.add_asset(listing),
                Body::Instrument(listing) => instruments.push(listing),
                Body::FeeTiers(table) => tiers = Some(table),
                Body::Credential(_) => {}
            }
        }
        for listing in instruments {
            catalogue.add_instrument(listing);
        }
        if let Some(table) = tiers {
            catalogue.add_tiers(table);
        }
        catalogue
    }

    /// The instrument with this symbol.
    pub fn instrument(&self, symbol: &str) -> Option<&Arc<Listed>> {
        self.by_symbol.get(symbol)
    }

    /// The instrument with this id.
    pub fn instrument_by_id(&self, id: InstrumentId) -> Option<&Arc<Listed>> {
        self.by_id.get(&id)
    }

    /// The asset with this code.
    pub fn asset(&self, code: &str) -> Option<&Asset> {
        self.assets_by_code.get(code)
    }

    /// The asset with this id.
    pub fn asset_by_id(&self, id: AssetId) -> Option<&Asset> {
        self.assets_by_id.get(&id)
    }

    /// By what volume each fee tier is reached.
    pub fn tier_volumes(&self) -> &TierVolumes {
        &self.tier_volumes
    }

    /// All instruments, by symbol.
    pub fn instruments(&self) -> impl Iterator<Item = &Arc<Listed>> {
        self.by_symbol.values()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.by_symbol.is_empty()
    }

    fn add_asset(&mut self, listing: &AssetListing) {
        let Some(asset) = convert::asset(listing) else {
            tracing::warn!(id = listing.id, code = listing.code, "left out an asset that is none");
            return;
        };
        self.assets_by_code.insert(asset.code.clone(), asset.clone());
        self.assets_by_id.insert(asset.id, asset);
    }

    fn add_tiers(&mut self, table: &FeeTierTable) {
        match convert::tier_volumes(table) {
            Ok(volumes) => self.tier_volumes = volumes,
            Err(error) => tracing::warn!(%error, "left out a table of fee tiers that is none"),
        }
    }

    fn add_instrument(&mut self, listing: &InstrumentListing) {
        match self.listed(listing) {
            Ok(listed) => {
                let listed = Arc::new(listed);
                self.by_symbol.insert(listed.symbol().to_owned(), Arc::clone(&listed));
                self.by_id.insert(listed.instrument.id, listed);
            }
            Err(reason) => tracing::warn!(id = listing.id, reason, "left out an instrument"),
        }
    }

    fn listed(&self, listing: &InstrumentListing) -> Result<Listed, String> {
        let asset =
            |id| self.asset_by_id(AssetId(id)).ok_or_else(|| format!("asset {id} is not listed"));
        let (base, quote) = (asset(listing.base_asset_id)?, asset(listing.quote_asset_id)?);
        let instrument =
            convert::instrument(listing, base, quote).map_err(|error| error.to_string())?;
        let partition = u16::try_from(listing.partition)
            .ok()
            .and_then(Partition::new)
            .ok_or_else(|| format!("partition {} is out of range", listing.partition))?;
        Ok(Listed { instrument, partition, base: base.clone(), quote: quote.clone() })
    }
}

/// The newest catalogue, read without a lock.
#[derive(Debug, Default)]
pub struct Reference {
    current: ArcSwap<Catalogue>,
    is_loaded: AtomicBool,
}

impl Reference {
    /// The newest catalogue, for requests that name something listed. Before the topic was read to
    /// its end, what is not found may well be listed: nobody is told that it is not.
    ///
    /// # Errors
    /// [`Problem`] where it was not read yet, or nothing is listed yet.
    pub fn loaded(&self) -> Result<arc_swap::Guard<Arc<Catalogue>>, Problem> {
        match self.objection() {
            None => Ok(self.current.load()),
            Some(reason) => {
                let message = format!("this gateway has just started and {reason}; try again");
                Err(Problem::unavailable("starting", message))
            }
        }
    }

    /// Why nothing can be looked up here, where that is so.
    pub fn objection(&self) -> Option<&'static str> {
        if !self.is_loaded.load(Ordering::Acquire) {
            return Some("has not read the instruments yet");
        }
        self.current.load().is_empty().then_some("no instrument is listed yet")
    }

    /// The end of the topic was reached for the first time.
    pub(crate) fn is_loaded_now(&self) {
        self.is_loaded.store(true, Ordering::Release);
    }

    /// The newest catalogue, as far as it was read: for showing what others have decided.
    pub fn catalogue(&self) -> arc_swap::Guard<Arc<Catalogue>> {
        self.current.load()
    }

    /// From now on this is the newest.
    pub fn replace(&self, catalogue: Catalogue) {
        self.current.store(Arc::new(catalogue));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// BTC-USDT on partition 0 and ETH-USDT on partition 1, tick 0.01 and lot 0.00001.
    pub(crate) fn bodies() -> Vec<Body> {
        let asset = |id, code: &str| {
            Body::Asset(AssetListing {
                id,
                code: code.to_owned(),
                decimals: 8,
                sandbox_grant_units: 1,
            })
        };
        let instrument = |id, base_asset_id, partition| {
            Body::Instrument(InstrumentListing {
                id,
                base_asset_id,
                quote_asset_id: 2,
                tick_size_units: 1_000_000,
                lot_size_units: 1_000,
                price_protection_bps: 500,
                partition,
                ..Default::default()
            })
        };
        vec![
            instrument(1, 1, 0),
            instrument(2, 3, 1),
            asset(1, "BTC"),
            asset(2, "USDT"),
            asset(3, "ETH"),
        ]
    }

    #[test]
    fn instruments_are_found_whatever_the_order_of_their_records() {
        let catalogue = Catalogue::of(&bodies());
        let listed = catalogue.instrument("ETH-USDT").expect("it is listed");
        assert_eq!(listed.partition.number(), 1);
        let summary = listed.summary();
        assert_eq!((summary.tick_size.as_str(), summary.lot_size.as_str()), ("0.01", "0.00001"));
        assert_eq!(catalogue.instrument("eth-usdt"), None);
        let symbols: Vec<_> = catalogue.instruments().map(|listed| listed.symbol()).collect();
        assert_eq!(symbols, ["BTC-USDT", "ETH-USDT"]);
    }

    #[test]
    fn nothing_is_looked_up_before_the_topic_was_read_to_its_end_and_had_something() {
        let reference = Reference::default();
        let code = |found: Result<_, Problem>| found.map(drop).map_err(|problem| problem.code);
        assert_eq!(code(reference.loaded()), Err("starting"));
        reference.replace(Catalogue::of(&bodies()[..1]));
        assert_eq!(code(reference.loaded()), Err("starting"), "some of it is not all of it");
        reference.replace(Catalogue::of(&bodies()));
        reference.is_loaded_now();
        assert_eq!(code(reference.loaded()), Ok(()));
        reference.replace(Catalogue::default());
        assert_eq!(code(reference.loaded()), Err("starting"), "nothing is listed");
    }

    #[test]
    fn a_bad_listing_does_not_close_the_others() {
        let mut bodies = bodies();
        bodies.push(Body::Instrument(InstrumentListing {
            id: 9,
            base_asset_id: 77,
            ..Default::default()
        }));
        bodies.push(Body::Asset(AssetListing {
            id: 5,
            code: "no code".to_owned(),
            ..Default::default()
        }));
        assert_eq!(Catalogue::of(&bodies).instruments().count(), 2);
    }
}
