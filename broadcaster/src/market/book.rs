//! The resting totals of one instrument, level by level.

use std::collections::BTreeMap;

use model::Price;

use super::Depth;

/// A price and the total that rests there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// The total of all orders there, in lots; 0 where the level is gone. Wider than one order's
    /// quantity may be.
    pub lots: u64,
}

/// The levels of both sides after a number of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    sequence: u64,
    bids: BTreeMap<Price, u64>,
    asks: BTreeMap<Price, u64>,
}

impl Book {
    /// How many changes it has seen: the instrument's public depth sequence.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Sets the levels of `change` to their new totals, and the sequence to its own.
    pub fn change(&mut self, change: &Depth) {
        for (side, levels) in [(&mut self.bids, &change.bids), (&mut self.asks, &change.asks)] {
            for level in levels {
                if level.lots == 0 {
                    side.remove(&level.price);
                } else {
                    side.insert(level.price, level.lots);
                }
            }
        }
        self.sequence = change.sequence;
    }

    /// At most `depth` levels a side, best first.
    pub fn top(&self, depth: usize) -> Depth {
        let level = |(price, lots): (&Price, &u64)| Level { price: *price, lots: *lots };
        Depth {
            sequence: self.sequence,
            bids: self.bids.iter().rev().take(depth).map(level).collect(),
            asks: self.asks.iter().take(depth).map(level).collect(),
        }
    }
}
