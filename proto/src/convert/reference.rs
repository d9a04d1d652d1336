//! Reference data from its wire form.

use model::{
    Amount, Asset, AssetId, Instrument, InstrumentId,
    instrument::{Listing, ListingError},
};

use crate::reference::{AssetListing, InstrumentListing};

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
    Instrument::list(base, quote, listing)
}
