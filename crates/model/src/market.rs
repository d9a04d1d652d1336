//! What a market is open for.

/// What an instrument's market is open for. Each is set by a recorded command, and what it means
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
}

impl MarketState {
    /// Every state.
    pub const ALL: [MarketState; 6] = [
        MarketState::Trading,
        MarketState::PostOnly,
        MarketState::LimitOnly,
        MarketState::CancelOnly,
        MarketState::Halted,
        MarketState::Delisted,
    ];
}
