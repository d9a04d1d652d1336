//! What listeners are sent: a value, and its two encodings, each made once and only when wanted.

use std::sync::{Arc, OnceLock};

use model::{MarketState, OrderId, Price, Quantity, Side, Timestamp};
use proto::{
    convert,
    marketdata::{DepthChange, Gap, GetOrderBookResponse, MarketStatus, PriceLevel},
    trading,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Level, Listed, text};
use crate::trace::Cause;

/// One frame about one instrument. Shared by everybody who is sent it.
#[derive(Debug)]
pub struct Frame {
    listed: Arc<Listed>,
    content: Content,
    text: OnceLock<Utf8Bytes>,
    message: OnceLock<Message>,
    cause: OnceLock<Arc<Cause>>,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A trade.
    Trade(Trade),
    /// Levels that changed, with their new totals.
    Depth(Depth),
    /// A whole book, and what its market is open for.
    Snapshot(Depth, MarketState),
    /// What the market is open for from now on.
    Status(Status),
    /// Frames were left out.
    Gap {
        /// The sequence after which they were.
        last_sequence: u64,
        /// Why.
        reason: GapReason,
    },
}

/// Why frames were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The listener did not keep up.
    TooSlow,
    /// What it asked for is no longer remembered here.
    TooOld,
}

/// A trade as the public may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Counts the instrument's trades from 1.
    pub sequence: u64,
    /// The maker's price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// Who bought.
    pub buy_order_id: OrderId,
    /// Who sold.
    pub sell_order_id: OrderId,
    /// Which of the two came later.
    pub taker_side: Side,
    /// The log's own time at the taker's input.
    pub executed_at: Timestamp,
}

/// What a market is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What for.
    pub state: MarketState,
    /// The instrument's public depth sequence when that was said.
    pub sequence: u64,
}

/// Levels and the depth sequence that they belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// The instrument's public depth sequence.
    pub sequence: u64,
    /// Of buyers.
    pub bids: Vec<Level>,
    /// Of sellers.
    pub asks: Vec<Level>,
}

/// A frame as gRPC carries it.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// See [`Content::Trade`].
    Trade(trading::Trade),
    /// See [`Content::Depth`].
    Depth(DepthChange),
    /// See [`Content::Snapshot`].
    Snapshot(GetOrderBookResponse),
    /// See [`Content::Status`].
    Status(MarketStatus),
    /// See [`Content::Gap`].
    Gap(Gap),
}

impl Frame {
    /// A frame about an instrument.
    pub fn of(listed: &Arc<Listed>, content: Content) -> Arc<Frame> {
        let listed = Arc::clone(listed);
        Arc::new(Frame {
            listed,
            content,
            text: OnceLock::new(),
            message: OnceLock::new(),
            cause: OnceLock::new(),
        })
    }

    /// Notes the traced answer that it came of, once.
    pub fn caused_by(&self, cause: &Arc<Cause>) {
        let _ = self.cause.set(Arc::clone(cause));
    }

    /// The traced answer that it came of, where it is traced.
    pub fn cause(&self) -> Option<&Arc<Cause>> {
        self.cause.get()
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What it is about.
    pub fn listed(&self) -> &Arc<Listed> {
        &self.listed
    }

    /// The number of what it tells: of the trade, of the change, of the book, of the change that
    /// comes after a status, or of the last one before a gap.
    pub fn sequence(&self) -> u64 {
        match &self.content {
            Content::Trade(trade) => trade.sequence,
            Content::Depth(depth) | Content::Snapshot(depth, _) => depth.sequence,
            Content::Status(status) => status.sequence + 1,
            Content::Gap { last_sequence, .. } => *last_sequence,
        }
    }

    /// How much memory it holds, in lines of a book; a trade is one.
    pub fn weight(&self) -> usize {
        match &self.content {
            Content::Trade(_) | Content::Status(_) | Content::Gap { .. } => 1,
            Content::Depth(depth) | Content::Snapshot(depth, _) => {
                1 + depth.bids.len() + depth.asks.len()
            }
        }
    }

    /// It as JSON text.
    pub fn text(&self) -> Utf8Bytes {
        self.text.get_or_init(|| text::json(&self.content, self.message()).into()).clone()
    }

    /// It as a gRPC message.
    pub fn message(&self) -> &Message {
        self.message.get_or_init(|| message(&self.listed, &self.content))
    }
}

/// Two frames are equal where they say the same of the same instrument, encoded yet or not.
impl PartialEq for Frame {
    fn eq(&self, other: &Frame) -> bool {
        self.listed == other.listed && self.content == other.content
    }
}

fn message(listed: &Listed, content: &Content) -> Message {
    match content {
        Content::Trade(trade) => Message::Trade(trade_message(listed, trade)),
        Content::Depth(depth) => Message::Depth(DepthChange {
            instrument: listed.symbol().to_owned(),
            first_sequence: depth.sequence,
            last_sequence: depth.sequence,
            bids: price_levels(listed, &depth.bids),
            asks: price_levels(listed, &depth.asks),
        }),
        Content::Snapshot(book, state) => Message::Snapshot(listed.order_book(book, *state)),
        Content::Status(status) => Message::Status(listed.status(*status)),
        Content::Gap { last_sequence, .. } => Message::Gap(Gap {
            instrument: listed.symbol().to_owned(),
            last_sequence: *last_sequence,
        }),
    }
}

fn trade_message(listed: &Listed, trade: &Trade) -> trading::Trade {
    trading::Trade {
        id: format!("{}-{}", listed.symbol(), trade.sequence),
        instrument: listed.symbol().to_owned(),
        sequence: trade.sequence,
        price: listed.price(trade.price),
        quantity: listed.lots(trade.quantity.lots()),
        buy_order_id: trade.buy_order_id.number(),
        sell_order_id: trade.sell_order_id.number(),
        taker_side: convert::side_to_wire(trade.taker_side).into(),
        executed_at: Some(convert::to_proto_timestamp(trade.executed_at)),
        // What it cost is its parties' own.
        ..Default::default()
    }
}

impl Listed {
    /// A book of this instrument as gRPC answers with it.
    pub fn order_book(&self, book: &Depth, state: MarketState) -> GetOrderBookResponse {
        GetOrderBookResponse {
            state: convert::market_state_to_wire(state).into(),
            instrument: self.symbol().to_owned(),
            sequence: book.sequence,
            bids: price_levels(self, &book.bids),
            asks: price_levels(self, &book.asks),
        }
    }

    /// What its market is open for, as gRPC has it.
    pub fn status(&self, status: Status) -> MarketStatus {
        MarketStatus {
            instrument: self.symbol().to_owned(),
            state: convert::market_state_to_wire(status.state).into(),
            sequence: status.sequence,
        }
    }
}

fn price_levels(listed: &Listed, levels: &[Level]) -> Vec<PriceLevel> {
    let level = |level: &Level| PriceLevel {
        price: listed.price(level.price),
        quantity: listed.lots(level.lots),
    };
    levels.iter().map(level).collect()
}
