//! Reference data from its wire form.

use model::{
    Amount, Asset, AssetId, FeeAsset, FeeRate, Fees, FeesError, FiltersError, Instrument,
    InstrumentId, PriceBand, Span,
    instrument::{Listing, ListingError},
};

use super::{filter, tier};
use crate::reference::{self, AssetListing, InstrumentListing};

/// The longest code of an asset.
const CODE_BYTES_MAX: usize = 12;

/// An asset from its listing; `None` where its code or precision is not one.
pub fn asset(wire: &AssetListing) -> Option<Asset> {
    let decimals = u8::try_from(wire.decimals).ok()?;
    let code_fits = (1..=CODE_BYTES_MAX).contains(&wire.code.len())
        && wire.code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let fits = code_fits && wire.id > 0 && decimals <= model::decimal::DECIMALS_MAX;
    fits.then(|| Asset { id: AssetId(wire.id), code: wire.code.clone(), decimals })
}

/// An instrument from its listing and the two assets that it names.
///
/// # Errors
/// [`ListingError`] where the numbers do not make an instrument.
pub fn instrument(
    wire: &InstrumentListing,
    base: &Asset,
    quote: &Asset,
) -> Result<Instrument, ListingError> {
    let listing = Listing {
        id: InstrumentId(wire.id),
        tick_size: Amount::from_units(i128::from(wire.tick_size_units)),
        lot_size: Amount::from_units(i128::from(wire.lot_size_units)),
        price_protection_bps: wire.price_protection_bps,
    };
    let fees = fees(wire)?;
    let tier_fees = tier::tier_fees(wire)?;
    let instrument = Instrument::list(base, quote, listing)?.charging(fees);
    let instrument = instrument.charging_tiers(tier_fees);
    let filters = filter::filters(wire.filters.as_ref()).ok_or(NO_FILTERS)?;
    Ok(instrument.filtering(filters)?.banding(wire.price_band.map(price_band))?)
}

/// The price band of a listing, not checked yet.
fn price_band(wire: reference::PriceBand) -> PriceBand {
    let span = |secs: u32| Span::from_secs(secs.into());
    PriceBand {
        width_bps: wire.width_bps,
        reference_for: (wire.reference_secs > 0).then(|| span(wire.reference_secs)),
        auction_for: span(wire.auction_secs),
    }
}

/// A price band as a listing has it.
pub fn price_band_to_wire(band: &PriceBand) -> reference::PriceBand {
    // A band that was checked is at most a day long.
    let secs = |span: Span| u32::try_from(span.nanos() / 1_000_000_000).unwrap_or(u32::MAX);
    reference::PriceBand {
        width_bps: band.width_bps,
        reference_secs: band.reference_for.map_or(0, secs),
        auction_secs: secs(band.auction_for),
    }
}

/// Filters of which an amount is none.
const NO_FILTERS: ListingError = ListingError::Filters(FiltersError::Notional);

/// What a listing says that trading costs.
///
/// # Errors
/// [`FeesError`] where that is no schedule.
pub fn fees(wire: &InstrumentListing) -> Result<Fees, FeesError> {
    let maker = FeeRate::from_millionths(wire.maker_fee_millionths)?;
    let taker = FeeRate::from_millionths(wire.taker_fee_millionths)?;
    Fees::new(maker, taker, fee_asset(wire.fee_asset)?)
}

/// Which asset fees are taken in; the quote asset where it is unspecified.
///
/// # Errors
/// [`FeesError::UnknownAsset`].
pub fn fee_asset(wire: i32) -> Result<FeeAsset, FeesError> {
    match reference::FeeAsset::try_from(wire) {
        Ok(reference::FeeAsset::Unspecified | reference::FeeAsset::Quote) => Ok(FeeAsset::Quote),
        Ok(reference::FeeAsset::Received) => Ok(FeeAsset::Received),
        Err(_) => Err(FeesError::UnknownAsset),
    }
}

/// Which asset fees are taken in, also where it is the quote asset.
pub const fn fee_asset_to_wire(asset: FeeAsset) -> reference::FeeAsset {
    match asset {
        FeeAsset::Quote => reference::FeeAsset::Quote,
        FeeAsset::Received => reference::FeeAsset::Received,
    }
}
