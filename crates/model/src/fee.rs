//! What trading costs: rates, how they round, and the schedule that an order is charged by.
//!
//! | operation | result |
//! |---|---|
//! | `FeeRate::from_millionths(n)` | `Ok` within [`FeeRate::MILLIONTHS_MAX`] either way |
//! | `FeeRate::from_text(text)` | the same of a fraction such as `0.001` |
//! | `rate.on(amount)` | the fee, rounded up: a charge to the next unit, a rebate down to it |
//! | `rate.net(amount)` | the most of which together with its fee is no more than `amount` |

use alloc::string::String;

use thiserror::Error;

use crate::{Amount, Side, decimal};

/// One in these many parts: the unit of rates.
const WHOLE: i128 = 1_000_000;

/// A rate in millionths of what it is charged on: above zero the house charges it, below zero it
/// pays it, which is a rebate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeeRate(i32);

/// Why rates are not a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FeesError {
    /// Beyond [`FeeRate::MILLIONTHS_MAX`].
    #[error("a fee is at most {} millionths, either way", FeeRate::MILLIONTHS_MAX)]
    OutOfRange,
    /// Not a fraction in decimal text, of whole millionths.
    #[error("a fee is a fraction of at most six decimals, such as 0.001 or -0.0002")]
    NotARate,
    /// Neither the quote asset nor what is received.
    #[error("a fee is charged in the quote asset or in what is received")]
    UnknownAsset,
    /// A rebate that is more than the other side is charged.
    #[error("a rebate must not be more than the other side's fee, which it is paid from")]
    RebateBeyondFee,
    /// A rebate where each side is charged in what it receives: the other's fee is another asset.
    #[error("a rebate needs fees that are charged in the quote asset")]
    RebateInReceived,
}

impl FeeRate {
    /// Nothing is charged and nothing paid.
    pub const FREE: FeeRate = FeeRate(0);

    /// The largest rate, and the largest rebate: a tenth. Whoever receives something can then
    /// always pay the fee on it, rounded up as it is.
    pub const MILLIONTHS_MAX: i32 = 100_000;

    /// A rate of so many millionths.
    ///
    /// # Errors
    /// [`FeesError::OutOfRange`].
    pub const fn from_millionths(millionths: i32) -> Result<FeeRate, FeesError> {
        if millionths < -Self::MILLIONTHS_MAX || millionths > Self::MILLIONTHS_MAX {
            return Err(FeesError::OutOfRange);
        }
        Ok(FeeRate(millionths))
    }

    /// The number of millionths.
    pub const fn millionths(self) -> i32 {
        self.0
    }

    /// Reads a fraction in decimal text, such as `0.001`, or `-0.0002` for a rebate.
    ///
    /// # Errors
    /// [`FeesError`] where it is not a number of whole millionths within range.
    pub fn from_text(text: &str) -> Result<FeeRate, FeesError> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let millionths = decimal::parse_units(digits, 6).map_err(|_| FeesError::NotARate)?;
        let millionths = i32::try_from(sign * millionths).map_err(|_| FeesError::OutOfRange)?;
        FeeRate::from_millionths(millionths)
    }

    /// As a fraction in decimal text: `0.001`, and below zero a rebate.
    pub fn to_text(self) -> String {
        decimal::format_units(self.0.into(), 6)
    }

    /// Whether the house pays it.
    pub const fn is_rebate(self) -> bool {
        self.0 < 0
    }

    /// This rate, or nothing where it is a rebate: what must be there to pay it.
    #[must_use]
    pub fn charged(self) -> FeeRate {
        self.max(FeeRate::FREE)
    }

    /// The fee on `amount`, which is not negative: a charge rounded up to the next unit, a rebate,
    /// which is negative, rounded down to it. Cannot overflow: an amount is split before it is
    /// multiplied.
    pub fn on(self, amount: Amount) -> Amount {
        if self == FeeRate::FREE {
            return Amount::ZERO;
        }
        let rate = i128::from(self.0);
        let (wholes, rest) = (amount.units() / WHOLE, amount.units() % WHOLE);
        // Rounded towards more: the negative of what the negative is rounded down to.
        let of_rest = -(-(rest * rate)).div_euclid(WHOLE);
        Amount::from_units(wholes * rate + of_rest)
    }

    /// The most of which together with its charge is no more than `amount`; a rebate adds nothing.
    pub fn net(self, amount: Amount) -> Amount {
        let rate = i128::from(self.charged().0);
        if rate == 0 {
            return amount;
        }
        let gross = WHOLE + rate;
        let (grosses, rest) = (amount.units() / gross, amount.units() % gross);
        Amount::from_units(grosses * WHOLE + rest * WHOLE / gross)
    }
}

/// Which asset a side's fee is taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeeAsset {
    /// The quote asset, whoever pays: a buyer pays it on top of the price.
    #[default]
    Quote,
    /// What the side receives: base for a buyer, quote for a seller.
    Received,
}

/// Whose order rested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// This side's.
    Maker,
    /// The other side's.
    Taker,
}

/// The schedule that an order is charged by: the one in force when it was accepted, for as long as
/// it is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fees {
    maker: FeeRate,
    taker: FeeRate,
    charged_in: FeeAsset,
}

impl Fees {
    /// Trading that costs nothing.
    pub const NONE: Fees =
        Fees { maker: FeeRate::FREE, taker: FeeRate::FREE, charged_in: FeeAsset::Quote };

    /// A schedule of these rates.
    ///
    /// # Errors
    /// [`FeesError`] where one side's rebate could not be paid out of what the other is charged.
    pub fn new(maker: FeeRate, taker: FeeRate, charged_in: FeeAsset) -> Result<Fees, FeesError> {
        if maker.0 + taker.0 < 0 {
            return Err(FeesError::RebateBeyondFee);
        }
        let pays = maker.is_rebate() || taker.is_rebate();
        if pays && charged_in == FeeAsset::Received {
            return Err(FeesError::RebateInReceived);
        }
        Ok(Fees { maker, taker, charged_in })
    }

    /// Whether it charges nothing and pays nothing.
    pub fn is_free(&self) -> bool {
        self.maker == FeeRate::FREE && self.taker == FeeRate::FREE
    }

    /// The rate of one role.
    pub const fn rate(&self, role: Role) -> FeeRate {
        match role {
            Role::Maker => self.maker,
            Role::Taker => self.taker,
        }
    }

    /// Which asset it charges in.
    pub const fn charged_in(&self) -> FeeAsset {
        self.charged_in
    }

    /// What an order of this side in this role pays on top of the price of a trade, in the quote
    /// asset: what it must hold beside it.
    pub fn on_top(&self, side: Side, role: Role) -> FeeRate {
        match (side, self.charged_in) {
            (Side::Buy, FeeAsset::Quote) => self.rate(role).charged(),
            (Side::Buy, FeeAsset::Received) | (Side::Sell, _) => FeeRate::FREE,
        }
    }

    /// The same in whichever role is the dearer: an order that may rest does not know its own.
    pub fn on_top_at_worst(&self, side: Side) -> FeeRate {
        self.on_top(side, Role::Maker).max(self.on_top(side, Role::Taker))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(millionths: i32) -> FeeRate {
        FeeRate::from_millionths(millionths).expect("in range")
    }

    fn fee(millionths: i32, units: i128) -> i128 {
        rate(millionths).on(Amount::from_units(units)).units()
    }

    #[test]
    fn charges_round_up_and_rebates_down() {
        assert_eq!([fee(1_000, 1_000), fee(1_000, 1_001), fee(1_000, 1)], [1, 2, 1]);
        assert_eq!([fee(-1_000, 1_000), fee(-1_000, 1_999), fee(-1_000, 1)], [-1, -1, 0]);
        assert_eq!([fee(0, 1), fee(500, 0), fee(-500, 0)], [0; 3]);
        assert_eq!(fee(FeeRate::MILLIONTHS_MAX, 1 << 112), (1_i128 << 112) / 10 + 1);
    }

    #[test]
    fn rates_are_at_most_a_tenth_and_rebates_at_most_the_other_fee() {
        assert_eq!(FeeRate::from_millionths(100_001), Err(FeesError::OutOfRange));
        assert_eq!(FeeRate::from_millionths(-100_001), Err(FeesError::OutOfRange));
        let make = |maker, taker, asset| Fees::new(rate(maker), rate(taker), asset).map(|_| ());
        assert_eq!(make(-5, 5, FeeAsset::Quote), Ok(()));
        assert_eq!(make(5, -5, FeeAsset::Quote), Ok(()));
        assert_eq!(make(-6, 5, FeeAsset::Quote), Err(FeesError::RebateBeyondFee));
        assert_eq!(make(-5, 5, FeeAsset::Received), Err(FeesError::RebateInReceived));
        assert_eq!(make(0, 5, FeeAsset::Received), Ok(()));
    }

    #[test]
    fn rates_are_read_and_written_as_fractions() {
        for (text, millionths) in [("0.001", 1_000), ("-0.0002", -200), ("0", 0), ("0.1", 100_000)]
        {
            assert_eq!(FeeRate::from_text(text), Ok(rate(millionths)), "{text}");
            assert_eq!(rate(millionths).to_text(), text);
        }
        for text in ["", "-", "+0.1", "0.0000001", "1e-3", "--0.1", "x"] {
            assert_eq!(FeeRate::from_text(text), Err(FeesError::NotARate), "{text:?}");
        }
        assert_eq!(FeeRate::from_text("0.11"), Err(FeesError::OutOfRange));
        assert_eq!(FeeRate::from_text("99999999999"), Err(FeesError::OutOfRange));
    }

    proptest! {
        #[test]
        fn what_is_paid_net_is_the_most_that_fits(
            units in 0..1_i128 << 112, millionths in -100_000..100_001,
        ) {
            let (rate, gross) = (rate(millionths).charged(), Amount::from_units(units));
            let cost = |units| units + rate.on(Amount::from_units(units)).units();
            let net = rate.net(gross).units();
            prop_assert!(cost(net) <= units);
            prop_assert!(cost(net + 1) > units);
        }

        #[test]
        fn a_fee_is_the_exact_one_rounded(
            units in 0..1_i128 << 100, millionths in -100_000..100_001,
        ) {
            let (exact, fee) = (units * i128::from(millionths), fee(millionths, units));
            prop_assert!(fee * WHOLE >= exact && (fee - 1) * WHOLE < exact);
        }
    }
}
