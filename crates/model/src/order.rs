//! The words that describe an order: side, type, time in force.

use crate::Price;

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Buys the base asset, pays the quote asset; rests among the bids.
    Buy,
    /// Sells the base asset, receives the quote asset; rests among the asks.
    Sell,
}

impl Side {
    /// Both sides, in the order in which anything that lists them does so.
    pub const BOTH: [Side; 2] = [Side::Buy, Side::Sell];

    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// Whether, for a resting order of this side, `price` comes before `other`: higher for bids,
    /// lower for asks.
    pub fn improves(self, price: Price, other: Price) -> bool {
        match self {
            Side::Buy => price > other,
            Side::Sell => price < other,
        }
    }

    /// Whether a taker of this side with `limit` may trade at a maker's `price`. Equal prices
    /// trade.
    pub fn accepts(self, limit: Price, price: Price) -> bool {
        match self {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        }
    }
}

/// What an order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderType {
    /// Trades at its price or better; the rest may rest.
    Limit,
    /// Trades at what the book offers, within the instrument's price protection; never rests.
    Market,
}

/// How long an order works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// Good till cancelled: what does not trade at once rests.
    Gtc,
    /// Immediate or cancel: what does not trade at once expires.
    Ioc,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_and_tradable_depend_on_the_side() {
        let [low, high] = [10, 11].map(|ticks| Price::from_ticks(ticks).expect("in range"));
        assert!(Side::Buy.improves(high, low) && !Side::Buy.improves(low, high));
        assert!(Side::Sell.improves(low, high) && !Side::Sell.improves(low, low));
        assert!(Side::Buy.accepts(high, low) && Side::Buy.accepts(low, low));
        assert!(!Side::Buy.accepts(low, high) && !Side::Sell.accepts(high, low));
    }
}
