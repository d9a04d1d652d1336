//! An order: as it comes in, and as it is known while it is open.

use model::{
    AccountHandle, Amount, Fees, Instructions, InstrumentId, OrderId, OrderType, Price, Quantity,
    Side, TimeInForce, Timestamp,
};

use crate::iceberg::Iceberg;

/// An accepted order, about to enter its book. The caller has checked it: the instrument is listed,
/// a limit order has a price and a size in base quantity, the size is above zero, the id is not
/// that of an open order, there is room (see [`Books::has_room`](crate::Books::has_room) and
/// [`Books::has_room_for`](crate::Books::has_room_for)), and its
/// book takes it ([`Books::check`](crate::Books::check)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Its id.
    pub id: OrderId,
    /// Whose it is.
    pub account: AccountHandle,
    /// In which book it trades.
    pub instrument: InstrumentId,
    /// Which way.
    pub side: Side,
    /// Limit or market; what it waits for is in its instructions.
    pub order_type: OrderType,
    /// What becomes of a limit order's rest. A market order never rests, whatever this says.
    pub time_in_force: TimeInForce,
    /// The worst price of a limit order; `None` for a market order.
    pub price: Option<Price>,
    /// How much it asks for.
    pub size: Size,
    /// The most that a market order may give away where its size does not say it: of the quote
    /// asset for every market buy, of the base asset for a market sell by quote amount. Ignored for
    /// limit orders and for market sells by base quantity, which give away just their size.
    pub funds: Amount,
    /// The schedule that it is charged by. What it makes a buyer pay on top of the price comes out
    /// of a market order's funds, and out of its amount.
    pub fees: Fees,
    /// What else it says. Where it is good till date or for the day, `expires_at` is its end. Only
    /// limit orders are post-only or end by themselves.
    pub instructions: Instructions,
}

/// How much an order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So much of the base asset.
    Base(Quantity),
    /// So much of the quote asset: spend at most that, or sell until that much is received, each
    /// floored to the lot. Market orders only.
    Quote(Amount),
}

/// What is known of an open order: a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Its id.
    pub id: OrderId,
    /// Whose it is.
    pub account: AccountHandle,
    /// In which book it rests.
    pub instrument: InstrumentId,
    /// Which way.
    pub side: Side,
    /// Its limit, at which it rests.
    pub price: Price,
    /// What it asked for.
    pub quantity: Quantity,
    /// What is not traded yet and not prevented, hidden or not; above zero.
    pub remaining: Quantity,
    /// What of that is shown, if it is an iceberg.
    pub iceberg: Option<Iceberg>,
    /// What self-trade prevention has taken off it.
    pub prevented: Quantity,
    /// Its place in time: a counter over all books of the shard, taken when it came to rest or, of
    /// an iceberg, when it was last refilled. At one price the lower trades first.
    pub priority: u64,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// The schedule that it is charged by.
    pub fees: Fees,
}

impl OpenOrder {
    /// What of it has traded.
    pub fn traded(&self) -> Quantity {
        self.quantity.minus(self.remaining).minus(self.prevented)
    }
}
