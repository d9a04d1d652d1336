//! What a market is open for.

/// What an instrument's market is open for. Most are set by a recorded command; what each means
/// is in the rules of matching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarketState {
    /// Everything.
    #[default]
    Trading,
    /// Orders that rest and take nothing.
    PostOnly,
    /// Limit orders.
    LimitOnly,
    /// Cancels.
    CancelOnly,
    /// Cancels, for now: nothing trades.
    Halted,
    /// Nothing, ever again.
    Delisted,
    /// Orders that collect: limit orders that rest, whatever they would meet, and orders that
    /// sleep. Nothing trades until the market opens, by an auction where orders cross.
    PreOpen,
    /// Cancels, while what has collected trades at one price. No command sets it: a market is in it
    /// on its way from orders that cross to another state.
    Auction,
    /// As pre-open, for a time: a trade would have been outside the price band. No command sets it.
    VolatilityAuction,
}

impl MarketState {
    /// Every state.
    pub const ALL: [MarketState; 9] = [
        MarketState::Trading,
        MarketState::PostOnly,
        MarketState::LimitOnly,
        MarketState::CancelOnly,
        MarketState::Halted,
        MarketState::Delisted,
        MarketState::PreOpen,
        MarketState::Auction,
        MarketState::VolatilityAuction,
    ];

    /// Whether orders collect in it, whatever they would meet, and nothing trades.
    pub const fn collects(self) -> bool {
        matches!(self, MarketState::PreOpen | MarketState::VolatilityAuction)
    }
}
