//! What a command did: events in the order in which they happened, and the new totals of the levels
//! that it touched.

use alloc::vec::Vec;

use model::{
    AccountHandle, Amount, Fees, InstrumentId, MarketState, OrderId, Price, Quantity, Side, TradeId,
};

use crate::{Amended, Interrupted, Prevented, Refill, Refused};

/// Filled by one command and read by the caller, who clears it and hands it in again: once it has
/// grown to the largest answer, nothing is allocated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What happened, in order: each trade or prevented trade, then the end of its maker if that
    /// was its last, or its refill; then the one end of the taker, or that it rests.
    pub events: Vec<BookEvent>,
    /// The final total of each level that changed, once for each: by instrument in ascending order
    /// of id, bids before asks, best price first.
    pub levels: Vec<LevelChange>,
}

impl Outcome {
    /// Nothing, with no memory taken yet.
    pub const fn new() -> Outcome {
        Outcome { events: Vec::new(), levels: Vec::new() }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.levels.clear();
    }

    /// The trades, in order.
    pub fn fills(&self) -> impl Iterator<Item = &Fill> {
        self.events.iter().filter_map(|event| match event {
            BookEvent::Fill(fill) => Some(fill),
            _ => None,
        })
    }

    /// The ends of orders that were placed, in order.
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        self.events.iter().filter_map(|event| match event {
            BookEvent::Ended(end) => Some(end),
            _ => None,
        })
    }

    /// The order that came to rest, if one did.
    pub fn rested(&self) -> Option<&Rested> {
        self.events.iter().find_map(|event| match event {
            BookEvent::Rested(rested) => Some(rested),
            _ => None,
        })
    }
}

/// One thing that happened in a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookEvent {
    /// Two orders traded.
    Fill(Fill),
    /// Two orders of one account, or of one group, would have traded.
    Prevented(Prevented),
    /// What was shown of an iceberg order is used up, and its next part is shown.
    Refilled(Refill),
    /// An order came to rest.
    Rested(Rested),
    /// An order sleeps until the price of a trade wakes it: which order.
    Sleeps(OrderId),
    /// An open order asks for less than before.
    Amended(Amended),
    /// An order ended. There is exactly one for each order, and nothing of it after.
    Ended(End),
    /// An order of a list ended before it was placed. So it has this for its one end.
    Dropped(End),
    /// A trade would have been outside the price band: the book collects orders from here on.
    Interrupted(Interrupted),
}

/// A trade between a resting order, the maker, and an incoming one, the taker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Its number within the instrument.
    pub trade: TradeId,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// The maker's price; in an auction that of the auction.
    pub price: Price,
    /// How much; above zero.
    pub quantity: Quantity,
    /// The resting order.
    pub maker: OrderId,
    /// Whose the maker is.
    pub maker_account: AccountHandle,
    /// What of the maker is left after this trade.
    pub maker_remaining: Quantity,
    /// The maker's side; the taker's is the opposite.
    pub maker_side: Side,
    /// The maker's limit, at which it rested.
    pub maker_limit: Price,
    /// The schedule that the maker is charged by.
    pub maker_fees: Fees,
    /// The incoming order; in an auction the one of the two that came to rest later.
    pub taker: OrderId,
    /// Whose the taker is. It may be the maker's account, where the taker's mode lets that be.
    pub taker_account: AccountHandle,
    /// What of the taker is left after this trade; zero for an order by quote amount, which asked
    /// for no quantity.
    pub taker_remaining: Quantity,
    /// The taker's limit; `None` for a market order.
    pub taker_limit: Option<Price>,
    /// The schedule that the taker is charged by.
    pub taker_fees: Fees,
    /// Whether this trade was the maker's last; its end follows at once.
    pub maker_done: bool,
    /// Whether it is one of an auction.
    pub in_auction: bool,
}

/// That an order rests from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rested {
    /// Which order.
    pub order: OrderId,
    /// Whose it is.
    pub account: AccountHandle,
    /// In which book.
    pub instrument: InstrumentId,
    /// On which side.
    pub side: Side,
    /// At which price.
    pub price: Price,
    /// How much; above zero.
    pub remaining: Quantity,
    /// How much of that is shown: all of it, but for an iceberg.
    pub shown: Quantity,
}

/// The one end of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Which order.
    pub order: OrderId,
    /// Whose it is.
    pub account: AccountHandle,
    /// In which book.
    pub instrument: InstrumentId,
    /// Which way it went.
    pub side: Side,
    /// Its limit; `None` for a market order.
    pub limit: Option<Price>,
    /// The schedule that it was charged by.
    pub fees: Fees,
    /// What was neither traded nor prevented; zero for an order by quote amount, which asked for no
    /// quantity.
    pub remaining: Quantity,
    /// Why it ended.
    pub reason: EndReason,
    /// What a market order was given that ended asleep; zero for any other.
    pub funds: Amount,
}

/// Why an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// It got all that it asked for; by quote amount: no further lot fits the amount.
    Filled,
    /// It was cancelled.
    Cancelled,
    /// The rest of an IOC order does not rest.
    ImmediateOrCancel,
    /// A FOK order could not be filled whole; nothing of it traded.
    FillOrKill,
    /// Its time was up: good till date, or for the day.
    Expired,
    /// Its account's orders were closed.
    Closed,
    /// Those who run the platform have stopped its account, its book, or all trading.
    Killed,
    /// It would have traded with its own account, and self-trade prevention left nothing of it.
    SelfTradePrevented,
    /// A market order found nothing more to trade with.
    InsufficientLiquidity,
    /// A market order would have traded beyond the instrument's price protection.
    PriceProtection,
    /// A market order's funds do not reach one more lot; or its quote amount not even the first.
    InsufficientFunds,
    /// The command made as many trades as one may: see [`FILLS_MAX`](crate::FILLS_MAX).
    SweepLimit,
    /// Another order of its list has decided it.
    OrderList,
    /// It waited for another order and would have taken when its turn came, though post-only.
    WouldTake,
    /// It waited for another order and would have woken at once when its turn came.
    WouldTrigger,
    /// It waited for another order, and is an iceberg that would be shown in too many parts.
    TooManyParts,
    /// Its instrument was delisted.
    Delisted,
    /// What is left of it would have traded outside the price band, and does not rest.
    PriceBand,
    /// It waited for another order, and the market was not open for it when its turn came.
    MarketState,
    /// It waited for another order, and the price was not between it and the other of its pair when
    /// their turn came.
    ListPrices,
}

impl From<Refused> for EndReason {
    /// How an order ends that its book refuses when its turn comes.
    fn from(refused: Refused) -> EndReason {
        match refused {
            Refused::WouldTake => EndReason::WouldTake,
            Refused::AlreadyExpired => EndReason::Expired,
            Refused::WouldTrigger => EndReason::WouldTrigger,
            Refused::ListPrices => EndReason::ListPrices,
            Refused::TooManyParts => EndReason::TooManyParts,
            Refused::Market(MarketState::Delisted) => EndReason::Delisted,
            Refused::Market(_) => EndReason::MarketState,
        }
    }
}

/// The new total of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// Of which instrument's book.
    pub instrument: InstrumentId,
    /// The book's public depth sequence after this command: the same for all levels of one book.
    pub sequence: u64,
    /// On which side.
    pub side: Side,
    /// At which price.
    pub price: Price,
    /// All that is shown there, in lots; zero where the level is gone.
    pub total_lots: u64,
}
