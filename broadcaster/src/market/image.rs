//! A market as bytes, to be kept in a file, and back; everything read is checked.

use std::sync::Arc;

use model::{InstrumentId, MarketState, Timestamp};
use prost::Message;
use proto::{convert, log, reference::ReferenceRecord};
use thiserror::Error;

use super::{
    Content, Depth, Desk, Frame, Indication, Level, ListingError, Market, Tape, Trade, indication,
    levels,
};

/// Beyond this no honest counter comes, and below it adding one never overflows.
const SEQUENCE_MAX: u64 = 1 << 62;

/// A market as it is kept.
#[derive(Clone, PartialEq, Message)]
pub struct MarketImage {
    /// The reference records in force, assets first: their keys ascend.
    #[prost(message, repeated, tag = "1")]
    records: Vec<ReferenceRecord>,
    #[prost(message, repeated, tag = "2")]
    desks: Vec<DeskImage>,
}

#[derive(Clone, PartialEq, Message)]
struct DeskImage {
    #[prost(uint32, tag = "1")]
    instrument_id: u32,
    #[prost(uint64, tag = "2")]
    depth_sequence: u64,
    #[prost(message, repeated, tag = "3")]
    bids: Vec<log::Level>,
    #[prost(message, repeated, tag = "4")]
    asks: Vec<log::Level>,
    #[prost(uint64, tag = "5")]
    trade_sequence: u64,
    /// The last trades, contiguous up to `trade_sequence`.
    #[prost(message, repeated, tag = "6")]
    recent: Vec<TradeImage>,
    /// 0 for a market that trades, as all did before there were states.
    #[prost(int32, tag = "7")]
    state: i32,
    /// When it opens again by itself; 0 where it does not.
    #[prost(fixed64, tag = "8")]
    opens_at_unix_nanos: u64,
    /// What its auction would do, as it was told; absent where nothing would trade.
    #[prost(message, optional, tag = "9")]
    indication: Option<log::AuctionIndicated>,
}

#[derive(Clone, PartialEq, Message)]
struct TradeImage {
    #[prost(uint64, tag = "1")]
    price_ticks: u64,
    #[prost(uint64, tag = "2")]
    quantity_lots: u64,
    #[prost(uint64, tag = "3")]
    buy_order_id: u64,
    #[prost(uint64, tag = "4")]
    sell_order_id: u64,
    #[prost(int32, tag = "5")]
    taker_side: i32,
    #[prost(fixed64, tag = "6")]
    executed_at_unix_nanos: u64,
    #[prost(bool, tag = "7")]
    in_auction: bool,
}

/// Why an image is not a market.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    /// A listing in it is none.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// A number in it is none.
    #[error(transparent)]
    Malformed(#[from] convert::Malformed),
    /// A part of it contradicts another.
    #[error("{0}")]
    Inconsistent(&'static str),
}

impl Market {
    /// The market as it is kept. Equal markets give equal images.
    pub fn image(&self) -> MarketImage {
        MarketImage {
            records: self.listings.records().cloned().collect(),
            desks: self.desks.iter().map(|(id, desk)| desk.image(*id)).collect(),
        }
    }

    /// The market of an image.
    ///
    /// # Errors
    /// [`ImageError`] where there can be no such market.
    pub fn from_image(image: &MarketImage) -> Result<Market, ImageError> {
        let mut market = Market::default();
        if !image.records.is_sorted_by(|one, next| one.key < next.key) {
            let what = "a listing is kept twice, or not in the order of its key";
            return Err(ImageError::Inconsistent(what));
        }
        for record in &image.records {
            if let Some(listed) = market.listings.put(record)? {
                market.list(listed);
            }
        }
        if image.desks.len() != market.desks.len() {
            return Err(ImageError::Inconsistent("the books are not those of the instruments"));
        }
        for kept in &image.desks {
            let desk = market
                .desks
                .get_mut(&InstrumentId(kept.instrument_id))
                .ok_or(ImageError::Inconsistent("a book belongs to no instrument"))?;
            desk.fill(kept)?;
        }
        Ok(market)
    }
}

impl Desk {
    fn image(&self, instrument: InstrumentId) -> DeskImage {
        let book = self.book.top(usize::MAX);
        DeskImage {
            instrument_id: instrument.0,
            depth_sequence: book.sequence,
            bids: wire_levels(&book.bids),
            asks: wire_levels(&book.asks),
            trade_sequence: self.tape.last_sequence(),
            recent: self.tape.recent().filter_map(trade_image).collect(),
            state: match self.standing.state {
                MarketState::Trading => 0,
                state => convert::market_state_to_wire(state).into(),
            },
            opens_at_unix_nanos: self.standing.opens_at.map_or(0, Timestamp::unix_nanos),
            indication: self.standing.indication.map(indication_image),
        }
    }

    fn fill(&mut self, kept: &DeskImage) -> Result<(), ImageError> {
        if kept.depth_sequence.max(kept.trade_sequence) > SEQUENCE_MAX {
            return Err(ImageError::Inconsistent("a sequence is beyond what can be counted"));
        }
        let book = Depth {
            sequence: kept.depth_sequence,
            bids: levels(&kept.bids)?,
            asks: levels(&kept.asks)?,
        };
        self.book.change(&book);
        if self.book.top(usize::MAX) != book {
            return Err(ImageError::Inconsistent("the levels of a book are not in order"));
        }
        let before = kept
            .trade_sequence
            .checked_sub(kept.recent.len() as u64)
            .ok_or(ImageError::Inconsistent("more trades are remembered than there were"))?;
        self.tape = Tape::resumed(before);
        for (sequence, trade) in (before + 1..).zip(&kept.recent) {
            let content = Content::Trade(trade.trade(sequence)?);
            self.tape.add(sequence, Frame::of(&self.listed, content));
        }
        if kept.state != 0 {
            self.standing.state = convert::market_state_from_wire(kept.state)?;
        }
        let opens_at = kept.opens_at_unix_nanos;
        self.standing.opens_at = (opens_at > 0).then(|| Timestamp::from_unix_nanos(opens_at));
        self.standing.indication = kept.indication.as_ref().map_or(Ok(None), indication)?;
        Ok(())
    }
}

impl TradeImage {
    fn trade(&self, sequence: u64) -> Result<Trade, convert::Malformed> {
        Ok(Trade {
            sequence,
            price: convert::price(self.price_ticks)?,
            quantity: convert::quantity(self.quantity_lots)?,
            buy_order_id: convert::order_id(self.buy_order_id)?,
            sell_order_id: convert::order_id(self.sell_order_id)?,
            taker_side: convert::side_from_wire(self.taker_side)?,
            executed_at: Timestamp::from_unix_nanos(self.executed_at_unix_nanos),
            in_auction: self.in_auction,
        })
    }
}

fn trade_image(frame: &Arc<Frame>) -> Option<TradeImage> {
    let Content::Trade(trade) = frame.content() else { return None };
    Some(TradeImage {
        price_ticks: trade.price.ticks(),
        quantity_lots: trade.quantity.lots(),
        buy_order_id: trade.buy_order_id.number(),
        sell_order_id: trade.sell_order_id.number(),
        taker_side: convert::side_to_wire(trade.taker_side).into(),
        executed_at_unix_nanos: trade.executed_at.unix_nanos(),
        in_auction: trade.in_auction,
    })
}

fn indication_image(indication: Indication) -> log::AuctionIndicated {
    let (side, lots) = match indication.imbalance {
        None => (0, 0),
        Some((side, lots)) => (convert::side_to_wire(side).into(), lots),
    };
    log::AuctionIndicated {
        price_ticks: indication.price.ticks(),
        volume_lots: indication.volume_lots,
        imbalance_lots: lots,
        imbalance_side: side,
        ..Default::default()
    }
}

fn wire_levels(levels: &[Level]) -> Vec<log::Level> {
    let level =
        |level: &Level| log::Level { price_ticks: level.price.ticks(), total_lots: level.lots };
    levels.iter().map(level).collect()
}
