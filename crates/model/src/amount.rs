//! An amount of money or of any other asset, in its smallest unit.
//!
//! | operation | result |
//! |---|---|
//! | `a.checked_add(b)`, `a.checked_sub(b)` | `None` on overflow of 127 bits |
//! | `-a` | the same amount the other way; [`Amount::MIN`] is never made |
//! | `sum` of an iterator | through `checked_add`; `None` on overflow |
//!
//! Amounts are signed because postings are: what leaves an account is negative. Balances are
//! amounts that are kept at or above zero by the rules of money, not by this type.

use core::ops::Neg;

/// An amount as a whole number of an asset's smallest unit; 128 bits, signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);
    /// The largest amount.
    pub const MAX: Amount = Amount(i128::MAX);
    /// The most negative amount: the mirror of [`Amount::MAX`], so that `-a` always exists.
    pub const MIN: Amount = Amount(-i128::MAX);

    /// Makes an amount of `units` smallest units.
    ///
    /// # Panics
    /// On `i128::MIN`, the one number without a mirror.
    pub const fn from_units(units: i128) -> Amount {
        assert!(units != i128::MIN, "the one amount without a mirror");
        Amount(units)
    }

    /// The number of smallest units.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum, or `None` beyond [`Amount::MIN`] ..= [`Amount::MAX`].
    #[must_use]
    pub const fn checked_add(self, other: Amount) -> Option<Amount> {
        match self.0.checked_add(other.0) {
            Some(units) if units != i128::MIN => Some(Amount(units)),
            _ => None,
        }
    }

    /// The difference, or `None` beyond [`Amount::MIN`] ..= [`Amount::MAX`].
    #[must_use]
    pub const fn checked_sub(self, other: Amount) -> Option<Amount> {
        match self.0.checked_sub(other.0) {
            Some(units) if units != i128::MIN => Some(Amount(units)),
            _ => None,
        }
    }

    /// The sum of all `amounts`, or `None` on overflow.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Amount>) -> Option<Amount> {
        amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add)
    }
}

impl Neg for Amount {
    type Output = Amount;

    fn neg(self) -> Amount {
        Amount(-self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_is_none_in_both_directions() {
        assert_eq!(Amount::MAX.checked_add(Amount(1)), None);
        assert_eq!(Amount::MIN.checked_sub(Amount(1)), None);
        assert_eq!(Amount::MAX.checked_sub(Amount(-1)), None);
        assert_eq!(Amount::MAX.checked_add(Amount::MIN), Some(Amount::ZERO));
    }

    #[test]
    fn a_sum_that_overflows_on_the_way_is_none() {
        assert_eq!(Amount::checked_sum([Amount::MAX, Amount(1), Amount(-1)]), None);
        assert_eq!(Amount::checked_sum([Amount(2), Amount(-5)]), Some(Amount(-3)));
    }
}
