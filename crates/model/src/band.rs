//! The price band of an instrument: how far from a reference price it trades before it stops to
//! collect orders for an auction.
//!
//! | operation | result |
//! |---|---|
//! | `band.check()` | [`BandError`] where a number is out of range |
//! | `band.bound(reference, side)` | the worst price at which a taker of this side trades |
//! | `band.holds(reference, price, doublings)` | whether a price is within the band, so many times twice as wide |

use thiserror::Error;

use crate::{Price, Side, Span};

/// A price band, and what happens where a trade would be outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBand {
    /// How far from the reference price, either way, in basis points.
    pub width_bps: u32,
    /// How long a reference price is one; `None`: until the next auction.
    pub reference_for: Option<Span>,
    /// How long the market collects orders before it opens again.
    pub auction_for: Span,
}

/// Why a band makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BandError {
    /// No width, or one that reaches below zero.
    #[error("price_band_bps must be from 1 to {}", PriceBand::WIDTH_BPS_MAX)]
    Width,
    /// A market that opens at once, or far too late.
    #[error("price_band_auction_secs must be from 1 to {}", PriceBand::SECS_MAX)]
    Auction,
    /// A reference price that nobody remembers.
    #[error("price_band_reference_secs must be at most {}", PriceBand::SECS_MAX)]
    Reference,
}

impl PriceBand {
    /// The widest: down to the least price, and up to twice the reference.
    pub const WIDTH_BPS_MAX: u32 = 10_000;

    /// A day, in seconds: whoever wants to wait longer halts the market.
    pub const SECS_MAX: u32 = 86_400;

    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`BandError`] by the first number that is out of range.
    pub fn check(&self) -> Result<(), BandError> {
        let longest = Span::from_secs(Self::SECS_MAX.into());
        if !(1..=Self::WIDTH_BPS_MAX).contains(&self.width_bps) {
            return Err(BandError::Width);
        }
        if self.auction_for == Span::default() || self.auction_for > longest {
            return Err(BandError::Auction);
        }
        if self.reference_for.is_some_and(|span| span == Span::default() || span > longest) {
            return Err(BandError::Reference);
        }
        Ok(())
    }

    /// The worst price at which a taker of this side trades: the last tick within the band.
    pub fn bound(&self, reference: Price, side: Side) -> Price {
        let [least, most] = self.range(reference, 0);
        let ticks = if side == Side::Buy { most } else { least };
        Price::from_ticks(ticks).expect("kept within the range of prices")
    }

    /// Whether a price is within the band, each doubling making that twice as wide.
    pub fn holds(&self, reference: Price, price: Price, doublings: u32) -> bool {
        let [least, most] = self.range(reference, doublings);
        (least..=most).contains(&price.ticks())
    }

    /// The least and the most ticks, rounded towards the reference.
    fn range(&self, reference: Price, doublings: u32) -> [u64; 2] {
        const WHOLE_BPS: u128 = 10_000;
        let reference = u128::from(reference.ticks());
        // Below 2^14 * 2^64, and a price is below 2^41: far from overflow.
        let width = u128::from(self.width_bps) << doublings.min(64);
        let least = (reference * WHOLE_BPS.saturating_sub(width)).div_ceil(WHOLE_BPS);
        let most = reference * (WHOLE_BPS + width) / WHOLE_BPS;
        let within = |ticks: u128| {
            let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
            ticks.clamp(Price::MIN.ticks(), Price::TICKS_MAX)
        };
        [within(least), within(most)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(width_bps: u32) -> PriceBand {
        let auction_for = Span::from_secs(120);
        PriceBand { width_bps, reference_for: None, auction_for }
    }

    #[test]
    fn bounds_are_rounded_towards_the_reference() {
        let price = |ticks| Price::from_ticks(ticks).expect("in range");
        let bounds =
            |bps, reference| Side::BOTH.map(|side| band(bps).bound(price(reference), side).ticks());
        assert_eq!(bounds(500, 100), [105, 95]);
        assert_eq!(bounds(500, 90), [94, 86]);
        assert_eq!(bounds(10_000, 90), [180, 1]);
        assert_eq!(bounds(10_000, Price::TICKS_MAX), [Price::TICKS_MAX, 1]);
        let holds = |at, doublings| band(500).holds(price(100), price(at), doublings);
        assert!(holds(105, 0) && !holds(106, 0) && !holds(94, 0));
        assert!(holds(110, 1) && !holds(111, 1) && holds(90, 1) && !holds(89, 1));
        assert!(holds(Price::TICKS_MAX, 60) && holds(1, 60));
        assert!(holds(Price::TICKS_MAX, u32::MAX));
    }

    #[test]
    fn a_band_says_which_number_is_out_of_range() {
        let good = band(500);
        assert_eq!(good.check(), Ok(()));
        for width_bps in [0, 10_001] {
            assert_eq!(PriceBand { width_bps, ..good }.check(), Err(BandError::Width));
        }
        for secs in [0, 86_401] {
            let span = Span::from_secs(secs);
            let other = PriceBand { auction_for: span, ..good };
            assert_eq!(other.check(), Err(BandError::Auction));
            let other = PriceBand { reference_for: Some(span), ..good };
            assert_eq!(other.check(), Err(BandError::Reference));
        }
    }
}
