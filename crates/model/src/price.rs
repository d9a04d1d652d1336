//! A price, in ticks.
//!
//! | operation | result |
//! |---|---|
//! | `Price::from_ticks(n)` | `Ok` for 1 ..= [`Price::TICKS_MAX`], else [`PriceError`] |
//! | `price < other` | plain order of ticks; which of two prices is *better* depends on the side, see [`Side::improves`](crate::Side::improves) |
//!
//! There is no arithmetic on prices: a price and a quantity become money through
//! [`Instrument::notional`](crate::Instrument::notional), which knows what a tick is worth.

use thiserror::Error;

/// A price as a whole number of ticks of its instrument; never zero, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u64);

/// Why a number of ticks is not a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PriceError {
    /// A price of zero would make every notional zero.
    #[error("a price is at least one tick")]
    Zero,
    /// Beyond [`Price::TICKS_MAX`].
    #[error("a price is at most {} ticks", Price::TICKS_MAX)]
    TooHigh,
}

impl Price {
    /// The highest price, in ticks: 2^40. With [`Quantity::LOTS_MAX`](crate::Quantity::LOTS_MAX)
    /// it keeps every notional below 2^112, so that no sum of notionals overflows 127 bits.
    pub const TICKS_MAX: u64 = 1 << 40;

    /// The lowest price: one tick.
    pub const MIN: Price = Price(1);

    /// The highest price: [`Price::TICKS_MAX`] ticks.
    pub const MAX: Price = Price(Self::TICKS_MAX);

    /// Makes a price of `ticks` ticks.
    ///
    /// # Errors
    /// [`PriceError`] for zero and for more than [`Price::TICKS_MAX`].
    pub const fn from_ticks(ticks: u64) -> Result<Price, PriceError> {
        match ticks {
            0 => Err(PriceError::Zero),
            1..=Self::TICKS_MAX => Ok(Price(ticks)),
            _ => Err(PriceError::TooHigh),
        }
    }

    /// The number of ticks.
    pub const fn ticks(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_one_to_the_maximum() {
        assert_eq!(Price::from_ticks(0), Err(PriceError::Zero));
        assert_eq!(Price::from_ticks(1), Ok(Price::MIN));
        assert_eq!(Price::from_ticks(Price::TICKS_MAX), Ok(Price::MAX));
        assert_eq!(Price::from_ticks(Price::TICKS_MAX + 1), Err(PriceError::TooHigh));
    }
}
