//! The words that describe an order: side, type, time in force, and what else it may say.

use crate::{Price, Timestamp};

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
    /// Fill or kill: all of it trades at once, or nothing does and it expires.
    Fok,
    /// Good till date: what does not trade at once rests until an instant that the order names.
    Gtd,
    /// What does not trade at once rests until the end of the day (UTC) in which it is accepted.
    Day,
}

/// What becomes of an order that would trade with one of its own account. The taker's word counts,
/// whatever the resting order said when it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SelfTradePrevention {
    /// They trade.
    #[default]
    None,
    /// What is left of the taker expires; the maker stays.
    ExpireTaker,
    /// The maker expires; the taker goes on to the next order.
    ExpireMaker,
    /// Both expire.
    ExpireBoth,
    /// Both become smaller by what would have traded; one of which nothing is left expires.
    Decrement,
}

impl SelfTradePrevention {
    /// Every mode, in the order in which anything that lists them does so.
    pub const ALL: [SelfTradePrevention; 5] = [
        SelfTradePrevention::None,
        SelfTradePrevention::ExpireTaker,
        SelfTradePrevention::ExpireMaker,
        SelfTradePrevention::ExpireBoth,
        SelfTradePrevention::Decrement,
    ];
}

/// What an order may say beyond side, size, price and time in force. Most say none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Instructions {
    /// It only ever rests: where it would take, it is refused.
    pub post_only: bool,
    /// What becomes of it where it would trade with its own account.
    pub self_trade: SelfTradePrevention,
    /// When a good-till-date order ends.
    pub expires_at: Option<Timestamp>,
}

impl Instructions {
    /// Whether it says nothing.
    pub fn is_plain(&self) -> bool {
        *self == Instructions::default()
    }
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
