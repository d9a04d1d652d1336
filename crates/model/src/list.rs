//! The words that describe a list of orders.

/// How the orders of a list hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contingency {
    /// One cancels the other: a leg above and a leg below the price, of which only one is to trade.
    Oco,
    /// One triggers the other: a pending order that is placed once a working one was filled whole.
    Oto,
    /// One triggers a pair of which one cancels the other.
    Otoco,
}

impl Contingency {
    /// Every contingency, in the order in which anything that lists them does so.
    pub const ALL: [Contingency; 3] = [Contingency::Oco, Contingency::Oto, Contingency::Otoco];

    /// How many orders such a list has. The pair, where there is one, comes last.
    pub const fn legs(self) -> usize {
        match self {
            Contingency::Oco | Contingency::Oto => 2,
            Contingency::Otoco => 3,
        }
    }

    /// Whether the first order is placed alone and the others wait for it.
    pub const fn has_working(self) -> bool {
        matches!(self, Contingency::Oto | Contingency::Otoco)
    }
}
