//! A quantity, in lots.
//!
//! | operation | result |
//! |---|---|
//! | `Quantity::from_lots(n)` | `Ok` for 0 ..= [`Quantity::LOTS_MAX`], else [`QuantityError`] |
//! | `a.plus(b)` | `a + b`; panics beyond [`Quantity::LOTS_MAX`], likewise |
//! | `a.minus(b)` | `a - b`; panics where `b > a`, which is a bug in a book, never bad input |
//! | `a.min(b)` | the smaller, from [`Ord`] |
//!
//! Zero is a quantity (an order can have nothing remaining); whether an order may *ask* for zero
//! is a rule of entry, not of this type.

use thiserror::Error;

/// A quantity as a whole number of lots of its instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u64);

/// Why a number of lots is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// Beyond [`Quantity::LOTS_MAX`].
    #[error("a quantity is at most {} lots", Quantity::LOTS_MAX)]
    TooLarge,
}

impl Quantity {
    /// The largest quantity of one order, in lots: 2^40. See
    /// [`Price::TICKS_MAX`](crate::Price::TICKS_MAX).
    pub const LOTS_MAX: u64 = 1 << 40;

    /// Nothing.
    pub const ZERO: Quantity = Quantity(0);

    /// Makes a quantity of `lots` lots.
    ///
    /// # Errors
    /// [`QuantityError`] for more than [`Quantity::LOTS_MAX`].
    pub const fn from_lots(lots: u64) -> Result<Quantity, QuantityError> {
        if lots > Self::LOTS_MAX { Err(QuantityError::TooLarge) } else { Ok(Quantity(lots)) }
    }

    /// The number of lots.
    pub const fn lots(self) -> u64 {
        self.0
    }

    /// Whether nothing is left.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Both together.
    ///
    /// # Panics
    /// Where that is more than [`Quantity::LOTS_MAX`]: only a broken book adds up to more than an
    /// order asked for.
    #[must_use]
    pub const fn plus(self, other: Quantity) -> Quantity {
        let lots = self.0 + other.0;
        assert!(lots <= Self::LOTS_MAX, "more than an order can ask for");
        Quantity(lots)
    }

    /// What remains of `self` after `taken`.
    ///
    /// # Panics
    /// Where `taken` is more than there is: only a broken book asks for that.
    #[must_use]
    pub const fn minus(self, taken: Quantity) -> Quantity {
        assert!(taken.0 <= self.0, "more was taken than there was");
        Quantity(self.0 - taken.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_zero_to_the_maximum() {
        assert_eq!(Quantity::from_lots(0), Ok(Quantity::ZERO));
        assert!(Quantity::from_lots(Quantity::LOTS_MAX).is_ok());
        assert_eq!(Quantity::from_lots(Quantity::LOTS_MAX + 1), Err(QuantityError::TooLarge));
    }

    #[test]
    #[should_panic(expected = "more than an order can ask for")]
    fn adding_up_to_more_than_an_order_can_ask_for_is_a_bug() {
        let most = Quantity(Quantity::LOTS_MAX);
        assert_eq!(Quantity(Quantity::LOTS_MAX - 1).plus(Quantity(1)), most);
        let _ = most.plus(Quantity(1));
    }

    #[test]
    #[should_panic(expected = "more was taken than there was")]
    fn taking_more_than_there_is_is_a_bug() {
        let _ = Quantity::ZERO.minus(Quantity(1));
    }
}
