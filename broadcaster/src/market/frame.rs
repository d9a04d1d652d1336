//! What listeners are sent: a value, and its two encodings, each made once and only when wanted.

use std::sync::{Arc, OnceLock};

use model::{MarketState, OrderId, Price, Quantity, Side, Timestamp};
use proto::{
    convert,
    marketdata::{
        AuctionIndicated, AuctionIndication, DepthChange, Gap, GetOrderBookResponse, MarketStatus,
        PriceLevel,
    },
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
    /// A whole book, and how its market stands.
    Snapshot(Depth, Standing),
    /// What the market is open for from now on.
    Status(Status),
    /// What its auction would do is another than before.
    Indication {
        /// What; `None`: nothing would trade.
        indication: Option<Indication>,
        /// The instrument's public depth sequence when that was told.
        sequence: u64,
    },
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
    /// Whether it is one of an auction.
    pub in_auction: bool,
}

/// What an auction would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indication {
    /// At which price it would trade.
    pub price: Price,
    /// How many lots.
    pub volume_lots: u64,
    /// How many lots more one side wants there than the other, and which side.
    pub imbalance: Option<(Side, u64)>,
}

/// How a market stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What it is open for.
    pub state: MarketState,
    /// When it opens again by itself, where it has stopped by itself.
    pub opens_at: Option<Timestamp>,
    /// What its auction would do, while it collects orders.
    pub indication: Option<Indication>,
}

/// What a market is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What for.
    pub standing: Standing,
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
    /// See [`Content::Indication`].
    Indication(AuctionIndicated),
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
    /// comes after a status or an indication, or of the last one before a gap.
    pub fn sequence(&self) -> u64 {
        match &self.content {
            Content::Trade(trade) => trade.sequence,
            Content::Depth(depth) | Content::Snapshot(depth, _) => depth.sequence,
            Content::Status(Status { sequence, .. }) | Content::Indication { sequence, .. } => {
                sequence + 1
            }
            Content::Gap { last_sequence, .. } => *last_sequence,
        }
    }

    /// How much memory it holds, in lines of a book; a trade is one.
    pub fn weight(&self) -> usize {
        match &self.content {
            Content::Trade(_)
            | Content::Status(_)
            | Content::Indication { .. }
            | Content::Gap { .. } => 1,
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
        Content::Snapshot(book, standing) => Message::Snapshot(listed.order_book(book, standing)),
        Content::Status(status) => Message::Status(listed.status(*status)),
        Content::Indication { indication, sequence } => Message::Indication(AuctionIndicated {
            instrument: listed.symbol().to_owned(),
            sequence: *sequence,
            indication: indication.map(|indication| listed.indication(&indication)),
        }),
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
        auction: trade.in_auction,
        // What it cost is its parties' own.
        ..Default::default()
    }
}

impl Listed {
    /// A book of this instrument as gRPC answers with it.
    pub fn order_book(&self, book: &Depth, standing: &Standing) -> GetOrderBookResponse {
        GetOrderBookResponse {
            state: convert::market_state_to_wire(standing.state).into(),
            opens_at: standing.opens_at.map(convert::to_proto_timestamp),
            indication: standing.indication.map(|indication| self.indication(&indication)),
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
            state: convert::market_state_to_wire(status.standing.state).into(),
            sequence: status.sequence,
            opens_at: status.standing.opens_at.map(convert::to_proto_timestamp),
            indication: status.standing.indication.map(|indication| self.indication(&indication)),
        }
    }

    fn indication(&self, indication: &Indication) -> AuctionIndication {
        let Indication { price, volume_lots, imbalance } = *indication;
        let side = imbalance.map_or(0, |(side, _)| convert::side_to_wire(side).into());
        AuctionIndication {
            price: self.price(price),
            volume: self.lots(volume_lots),
            imbalance: self.lots(imbalance.map_or(0, |(_, lots)| lots)),
            imbalance_side: side,
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
