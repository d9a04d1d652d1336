//! An instrument: what one order book trades, and what its ticks and lots are worth.
//!
//! Tick and lot are the *units* in which an instrument's prices and quantities are stored, so they
//! never change once it is listed. Coarser [`filter`](crate::filter)s come and go without touching
//! resting orders.

use alloc::{format, string::String, sync::Arc};
use core::fmt;

use thiserror::Error;

use crate::{
    Amount, Asset, AssetId, BandError, FeeTier, Fees, FeesError, Filters, FiltersError,
    InstrumentId, Price, PriceBand, Quantity, Side, TierFees, TiersError,
    decimal::{self, DECIMALS_MAX, DecimalError},
};

/// The symbol of an instrument, base and quote code joined by a dash: `BTC-USDT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// The symbol of `base` priced in `quote`.
    pub fn of(base: &Asset, quote: &Asset) -> Symbol {
        Symbol(Arc::from(format!("{}-{}", base.code, quote.code)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why an instrument cannot be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ListingError {
    /// Base and quote are one asset.
    #[error("base and quote are the same asset")]
    SameAsset,
    /// A tick or a lot of zero or less, or larger than [`UNIT_MAX`].
    #[error("tick size and lot size must be from 1 to 2^32 smallest units")]
    UnitOutOfRange,
    /// An asset finer than [`DECIMALS_MAX`] digits.
    #[error("an asset has at most {DECIMALS_MAX} decimals")]
    TooManyDecimals,
    /// One lot at one tick is not a whole number of the quote's smallest unit, so that some trade
    /// could not be paid exactly.
    #[error("tick size times lot size is not a whole number of the quote asset's smallest unit")]
    TickTimesLotNotWhole,
    /// The price protection is outside 1 ..= 10,000 basis points.
    #[error("price protection must be from 1 to 10000 basis points")]
    ProtectionOutOfRange,
    /// Fees that are no schedule.
    #[error(transparent)]
    Fees(#[from] FeesError),
    /// Fee tiers that are none.
    #[error(transparent)]
    Tiers(#[from] TiersError),
    /// Filters that make no sense.
    #[error(transparent)]
    Filters(#[from] FiltersError),
    /// A price band that makes no sense.
    #[error(transparent)]
    Band(#[from] BandError),
}

/// Why a text is not a price or a quantity of an instrument.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Not an exact decimal number.
    #[error(transparent)]
    Decimal(#[from] DecimalError),
    /// Zero.
    #[error("must be above zero")]
    Zero,
    /// Not a whole number of ticks or lots.
    #[error("is not a multiple of {unit}")]
    OffGrid {
        /// The tick size or lot size as decimal text.
        unit: String,
    },
    /// Beyond the largest price or quantity.
    #[error("is above the maximum of {maximum}")]
    TooLarge {
        /// The largest value as decimal text.
        maximum: String,
    },
}

/// The largest tick or lot, in smallest units. It keeps the worth of a lot at a tick below 2^32
/// times 2^32, so that a notional stays below 2^40 * 2^40 * 2^32 = 2^112 (see [`WORTH_MAX`]).
pub const UNIT_MAX: i128 = 1 << 32;

/// The largest worth of one lot at one tick, in the quote's smallest units.
pub const WORTH_MAX: i128 = 1 << 32;

/// An instrument as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its number.
    pub id: InstrumentId,
    /// Its symbol.
    pub symbol: Symbol,
    /// What is bought and sold.
    pub base: AssetId,
    /// What it is paid in.
    pub quote: AssetId,
    /// How far from the reference price a market order may trade, in basis points.
    pub price_protection_bps: u32,
    /// What trading it costs who has no tier of its own.
    pub fees: Fees,
    /// What it costs who has one.
    pub tier_fees: TierFees,
    /// What it takes of orders when they come.
    pub filters: Filters,
    /// Where it stops for an auction, if it does.
    pub band: Option<PriceBand>,
    base_decimals: u8,
    quote_decimals: u8,
    tick_size: i128,
    lot_size: i128,
    /// What one lot at one tick is worth, in the quote's smallest units.
    worth: i128,
}

/// The numbers of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The instrument's number.
    pub id: InstrumentId,
    /// The quote asset's smallest units in one tick.
    pub tick_size: Amount,
    /// The base asset's smallest units in one lot.
    pub lot_size: Amount,
    /// How far from the reference price a market order may trade, in basis points.
    pub price_protection_bps: u32,
}

impl Instrument {
    /// Lists `base` priced in `quote`.
    ///
    /// # Errors
    /// [`ListingError`] where the numbers do not make an instrument whose every trade is exact.
    pub fn list(base: &Asset, quote: &Asset, listing: Listing) -> Result<Self, ListingError> {
        if base.id == quote.id {
            return Err(ListingError::SameAsset);
        }
        if base.decimals > DECIMALS_MAX || quote.decimals > DECIMALS_MAX {
            return Err(ListingError::TooManyDecimals);
        }
        if !(1..=10_000).contains(&listing.price_protection_bps) {
            return Err(ListingError::ProtectionOutOfRange);
        }
        let [tick_size, lot_size] = [listing.tick_size.units(), listing.lot_size.units()];
        if ![tick_size, lot_size].iter().all(|unit| (1..=UNIT_MAX).contains(unit)) {
            return Err(ListingError::UnitOutOfRange);
        }
        let one_base = 10_i128.pow(u32::from(base.decimals));
        let product = tick_size * lot_size;
        if product % one_base != 0 {
            return Err(ListingError::TickTimesLotNotWhole);
        }
        if product / one_base > WORTH_MAX {
            return Err(ListingError::UnitOutOfRange);
        }
        Ok(Instrument {
            id: listing.id,
            symbol: Symbol::of(base, quote),
            base: base.id,
            quote: quote.id,
            price_protection_bps: listing.price_protection_bps,
            fees: Fees::NONE,
            tier_fees: TierFees::NONE,
            filters: Filters::NONE,
            band: None,
            base_decimals: base.decimals,
            quote_decimals: quote.decimals,
            tick_size,
            lot_size,
            worth: product / one_base,
        })
    }

    /// The same instrument, trading which costs this.
    #[must_use]
    pub fn charging(self, fees: Fees) -> Instrument {
        Instrument { fees, ..self }
    }

    /// The same instrument, trading which costs this who has a tier.
    #[must_use]
    pub fn charging_tiers(self, tier_fees: TierFees) -> Instrument {
        Instrument { tier_fees, ..self }
    }

    /// What trading it costs an account of this tier.
    pub fn fees_of(&self, tier: FeeTier) -> Fees {
        self.tier_fees.of(tier, self.fees)
    }

    /// The same instrument, which takes only such orders.
    ///
    /// # Errors
    /// [`FiltersError`] where the filters make no sense.
    pub fn filtering(self, filters: Filters) -> Result<Instrument, FiltersError> {
        filters.check()?;
        Ok(Instrument { filters, ..self })
    }

    /// The same instrument, which stops for an auction where a trade would be outside this band.
    ///
    /// # Errors
    /// [`BandError`] where the band makes no sense.
    pub fn banding(self, band: Option<PriceBand>) -> Result<Instrument, BandError> {
        band.iter().try_for_each(PriceBand::check)?;
        Ok(Instrument { band, ..self })
    }

    /// The numbers it was listed with.
    pub fn listing(&self) -> Listing {
        Listing {
            id: self.id,
            tick_size: Amount::from_units(self.tick_size),
            lot_size: Amount::from_units(self.lot_size),
            price_protection_bps: self.price_protection_bps,
        }
    }

    /// What `quantity` at `price` costs, in the quote's smallest units. Cannot overflow: see
    /// [`WORTH_MAX`].
    pub fn notional(&self, price: Price, quantity: Quantity) -> Amount {
        let ticks_lots = i128::from(price.ticks()) * i128::from(quantity.lots());
        Amount::from_units(ticks_lots * self.worth)
    }

    /// How much `quantity` is, in the base's smallest units.
    pub fn base_amount(&self, quantity: Quantity) -> Amount {
        Amount::from_units(i128::from(quantity.lots()) * self.lot_size)
    }

    /// The largest quantity that `funds` of the quote asset buy at `price`: floored to the lot, so
    /// that it never over-spends.
    pub fn affordable(&self, funds: Amount, price: Price) -> Quantity {
        let lots = funds.units().max(0) / (i128::from(price.ticks()) * self.worth);
        let lots = u64::try_from(lots).unwrap_or(u64::MAX).min(Quantity::LOTS_MAX);
        Quantity::from_lots(lots).expect("capped at the maximum")
    }

    /// The worst price at which a market order of this side may trade, from this reference: the
    /// price protection away, rounded towards the reference.
    pub fn protected(&self, reference: Price, side: Side) -> Price {
        const WHOLE_BPS: u64 = 10_000;
        let reference = reference.ticks();
        let protection = u64::from(self.price_protection_bps);
        // Below 2^40 * 20,000: far from overflow.
        let ticks = match side {
            Side::Buy => (reference * (WHOLE_BPS + protection) / WHOLE_BPS).min(Price::TICKS_MAX),
            Side::Sell => {
                let least = reference * WHOLE_BPS.saturating_sub(protection);
                least.div_ceil(WHOLE_BPS).max(Price::MIN.ticks())
            }
        };
        Price::from_ticks(ticks).expect("kept within the range of prices")
    }

    /// Reads decimal text as a price.
    ///
    /// # Errors
    /// [`ValueError`] where the text is not a price on the tick, above zero and within range.
    pub fn parse_price(&self, text: &str) -> Result<Price, ValueError> {
        let units = decimal::parse_units(text, self.quote_decimals)?;
        let decimals = self.quote_decimals;
        let ticks = whole_units(units, self.tick_size, Price::TICKS_MAX, decimals)?;
        Ok(Price::from_ticks(ticks).expect("checked against the range"))
    }

    /// Reads decimal text as a quantity of the base asset.
    ///
    /// # Errors
    /// [`ValueError`] where the text is not a quantity on the lot, above zero and within range.
    pub fn parse_quantity(&self, text: &str) -> Result<Quantity, ValueError> {
        let units = decimal::parse_units(text, self.base_decimals)?;
        let decimals = self.base_decimals;
        let lots = whole_units(units, self.lot_size, Quantity::LOTS_MAX, decimals)?;
        Ok(Quantity::from_lots(lots).expect("checked against the range"))
    }

    /// Reads decimal text as an amount of the quote asset, above zero.
    ///
    /// # Errors
    /// [`ValueError`] where the text is not an exact amount above zero.
    pub fn parse_quote_amount(&self, text: &str) -> Result<Amount, ValueError> {
        match decimal::parse_units(text, self.quote_decimals)? {
            0 => Err(ValueError::Zero),
            units => Ok(Amount::from_units(units)),
        }
    }

    /// Writes a price as decimal text without trailing zeros.
    pub fn format_price(&self, price: Price) -> String {
        decimal::format_units(i128::from(price.ticks()) * self.tick_size, self.quote_decimals)
    }

    /// Writes a quantity as decimal text without trailing zeros.
    pub fn format_quantity(&self, quantity: Quantity) -> String {
        decimal::format_units(self.base_amount(quantity).units(), self.base_decimals)
    }

    /// Writes an amount of the quote asset as decimal text without trailing zeros.
    pub fn format_quote_amount(&self, amount: Amount) -> String {
        decimal::format_units(amount.units(), self.quote_decimals)
    }
}

fn whole_units(units: i128, unit: i128, maximum: u64, decimals: u8) -> Result<u64, ValueError> {
    if units == 0 {
        return Err(ValueError::Zero);
    }
    if units % unit != 0 {
        return Err(ValueError::OffGrid { unit: decimal::format_units(unit, decimals) });
    }
    match u64::try_from(units / unit) {
        Ok(count) if count <= maximum => Ok(count),
        _ => {
            let maximum = decimal::format_units(i128::from(maximum) * unit, decimals);
            Err(ValueError::TooLarge { maximum })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(id: u32, code: &str) -> Asset {
        Asset { id: AssetId(id), code: code.to_owned(), decimals: 8 }
    }

    fn listing(tick_size: i128, lot_size: i128) -> Listing {
        Listing {
            id: InstrumentId(1),
            tick_size: Amount::from_units(tick_size),
            lot_size: Amount::from_units(lot_size),
            price_protection_bps: 500,
        }
    }

    fn btc_usdt() -> Instrument {
        Instrument::list(&asset(1, "BTC"), &asset(2, "USDT"), listing(1_000_000, 1_000))
            .expect("a good listing")
    }

    #[test]
    fn a_listing_must_make_every_trade_exact() {
        let (btc, usdt) = (asset(1, "BTC"), asset(2, "USDT"));
        let list = |tick, lot| Instrument::list(&btc, &usdt, listing(tick, lot)).map(|_| ());
        assert_eq!(list(1_000_000, 1_000), Ok(()));
        assert_eq!(list(1_000_000, 99), Err(ListingError::TickTimesLotNotWhole));
        assert_eq!(list(0, 1_000), Err(ListingError::UnitOutOfRange));
        assert_eq!(list(1 << 33, 1_000), Err(ListingError::UnitOutOfRange));
        let same = Instrument::list(&btc, &btc, listing(1_000_000, 1_000)).map(|_| ());
        assert_eq!(same, Err(ListingError::SameAsset));
    }

    #[test]
    fn a_notional_is_exact_to_the_smallest_unit() {
        let instrument = btc_usdt();
        let price = instrument.parse_price("61837.63").expect("on tick");
        let quantity = instrument.parse_quantity("0.00001").expect("on lot");
        let notional = instrument.notional(price, quantity);
        assert_eq!(instrument.format_quote_amount(notional), "0.6183763");
        assert_eq!(instrument.affordable(notional, price), quantity);
        let less = Amount::from_units(notional.units() - 1);
        assert_eq!(instrument.affordable(less, price), Quantity::ZERO);
    }

    #[test]
    fn the_largest_notional_does_not_overflow() {
        let widest = Instrument::list(
            &Asset { decimals: 0, ..asset(1, "A") },
            &asset(2, "B"),
            listing(1 << 32, 1),
        )
        .expect("the widest listing");
        let largest = Quantity::from_lots(Quantity::LOTS_MAX).expect("the maximum");
        assert_eq!(widest.notional(Price::MAX, largest).units(), 1 << 112);
    }

    #[test]
    fn prices_and_quantities_say_what_is_wrong() {
        let instrument = btc_usdt();
        let price = |text| instrument.parse_price(text).map(Price::ticks);
        assert_eq!(price("100.01"), Ok(10_001));
        assert_eq!(price("0"), Err(ValueError::Zero));
        assert_eq!(price("100.001"), Err(ValueError::OffGrid { unit: "0.01".to_owned() }));
        let maximum = "10995116277.76".to_owned();
        assert_eq!(price("99999999999"), Err(ValueError::TooLarge { maximum }));
        let off_lot = instrument.parse_quantity("0.000001");
        assert_eq!(off_lot, Err(ValueError::OffGrid { unit: "0.00001".to_owned() }));
    }
}
