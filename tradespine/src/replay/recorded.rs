//! The book that a recording describes, and the book that the platform shows: the same small thing.

use std::collections::BTreeMap;

use model::{Price, Quantity, Side};

/// The levels of one book. Best bids are the last of their map, best asks the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    bids: BTreeMap<Price, Quantity>,
    asks: BTreeMap<Price, Quantity>,
}

/// The best levels of both sides, best first.
pub type Top = [Vec<(Price, Quantity)>; 2];

impl Levels {
    /// Sets the total of a level; zero removes it.
    pub fn set(&mut self, side: Side, price: Price, total: Quantity) {
        let levels = self.side_mut(side);
        if total.is_zero() {
            levels.remove(&price);
        } else {
            levels.insert(price, total);
        }
    }

    /// The total of a level.
    pub fn total(&self, side: Side, price: Price) -> Quantity {
        self.side(side).get(&price).copied().unwrap_or_default()
    }

    /// The best `count` levels of each side.
    pub fn top(&self, count: usize) -> Top {
        let copied = |(price, total): (&Price, &Quantity)| (*price, *total);
        [
            self.bids.iter().rev().take(count).map(copied).collect(),
            self.asks.iter().take(count).map(copied).collect(),
        ]
    }

    fn side(&self, side: Side) -> &BTreeMap<Price, Quantity> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Quantity> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}
