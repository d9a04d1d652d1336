//! The market as the public may see it, folded from accepted answers.
//!
//! | event | what it does |
//! |---|---|
//! | `reference_applied` | lists an asset or an instrument; the copies that other partitions hold of it change nothing |
//! | `trade` | goes on the instrument's tape; its number must be the last one + 1 |
//! | `market_state_changed` | says what the market is open for; it names the last change of depth |
//! | `auction_indicated` | says what its auction would do, while it collects orders; likewise |
//! | `book_changed` | sets the levels it names to their new totals; its sequence must be the last one + 1 |
//! | any other | nothing |
//!
//! Within one answer trades come before depth. Whatever does not fit is an error: the log is
//! damaged, and a market that guesses would be wrong under a right-looking number.
//!
//! What will never live here: IO, a clock, a listener.

mod book;
mod frame;
mod image;
mod listing;
mod tape;
mod text;

use std::{collections::BTreeMap, sync::Arc};

use model::{InstrumentId, Timestamp};
use proto::{
    convert::{self, Malformed},
    log,
};
use spine::answer::Happened;
use thiserror::Error;

use self::listing::Listings;
pub use self::{
    book::{Book, Level},
    frame::{Content, Depth, Frame, GapReason, Indication, Message, Standing, Status, Trade},
    image::{ImageError, MarketImage},
    listing::{Listed, ListingError},
    tape::{RECENT_TRADES_MAX, Tape},
};

/// Why an answer does not fit the market before it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MarketError {
    /// It names an instrument that was never listed.
    #[error("instrument {0} was never listed")]
    UnknownInstrument(u32),
    /// A depth change is not the next one.
    #[error("depth change {found} of {symbol} came where {expected} was due")]
    DepthSequence {
        /// The instrument.
        symbol: String,
        /// The next number.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A trade is not the next one.
    #[error("trade {found} of {symbol} came where {expected} was due")]
    TradeSequence {
        /// The instrument.
        symbol: String,
        /// The next number.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A change of state names another change of depth than the last.
    #[error(
        "a change of the state of {symbol} names depth change {found}, and {expected} was last"
    )]
    StateSequence {
        /// The instrument.
        symbol: String,
        /// The last number.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A number in it is none.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A listing in it does not fit.
    #[error(transparent)]
    Listing(#[from] ListingError),
}

/// Everything of one instrument.
#[derive(Clone, Debug, PartialEq)]
struct Desk {
    listed: Arc<Listed>,
    book: Book,
    tape: Tape,
    standing: Standing,
}

/// All instruments, their books and their last trades.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Market {
    listings: Listings,
    desks: BTreeMap<InstrumentId, Desk>,
    symbols: BTreeMap<String, InstrumentId>,
}

impl Market {
    /// Folds the next accepted answer of a partition in, and appends the frames that came of it.
    ///
    /// # Errors
    /// [`MarketError`] where the answer does not fit. The market is then of no further use.
    pub fn apply(
        &mut self,
        answer: &Happened,
        published: &mut Vec<Arc<Frame>>,
    ) -> Result<(), MarketError> {
        use log::event::Kind;
        let kinds = || answer.events.iter().filter_map(|event| event.kind.as_ref());
        for kind in kinds() {
            match kind {
                Kind::ReferenceApplied(record) => {
                    if let Some(listed) = self.listings.apply(record)? {
                        self.list(listed);
                    }
                }
                Kind::Trade(trade) => published.push(self.trade(trade, answer.now)?),
                _ => {}
            }
        }
        for kind in kinds() {
            match kind {
                Kind::BookChanged(change) => published.push(self.change_book(change)?),
                Kind::MarketStateChanged(change) => published.push(self.change_state(change)?),
                Kind::AuctionIndicated(told) => published.push(self.indicate(told)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// The instrument with this symbol.
    pub fn find(&self, symbol: &str) -> Option<InstrumentId> {
        self.symbols.get(symbol).copied()
    }

    /// How an instrument is shown.
    pub fn listed(&self, instrument: InstrumentId) -> Option<&Arc<Listed>> {
        self.desks.get(&instrument).map(|desk| &desk.listed)
    }

    /// The book of an instrument.
    pub fn book(&self, instrument: InstrumentId) -> Option<&Book> {
        self.desks.get(&instrument).map(|desk| &desk.book)
    }

    /// The last trades of an instrument.
    pub fn tape(&self, instrument: InstrumentId) -> Option<&Tape> {
        self.desks.get(&instrument).map(|desk| &desk.tape)
    }

    /// The whole book of an instrument as a frame: the state from which its next change goes on.
    pub fn snapshot(&self, instrument: InstrumentId) -> Option<Arc<Frame>> {
        let desk = self.desks.get(&instrument)?;
        Some(Frame::of(&desk.listed, Content::Snapshot(desk.book.top(usize::MAX), desk.standing)))
    }

    /// How the market of an instrument stands.
    pub fn standing(&self, instrument: InstrumentId) -> Option<Standing> {
        self.desks.get(&instrument).map(|desk| desk.standing)
    }

    /// What each market is open for, by symbol.
    pub fn statuses(&self) -> impl Iterator<Item = (&Arc<Listed>, Status)> {
        let desks = self.symbols.values().filter_map(|id| self.desks.get(id));
        desks.map(|desk| {
            let (standing, sequence) = (desk.standing, desk.book.sequence());
            (&desk.listed, Status { standing, sequence })
        })
    }

    fn list(&mut self, listed: Listed) {
        let listed = Arc::new(listed);
        let instrument = listed.instrument.id;
        // Of two instruments with one symbol the first keeps it: a name never changes its meaning.
        self.symbols.entry(listed.symbol().to_owned()).or_insert(instrument);
        match self.desks.get_mut(&instrument) {
            Some(desk) => desk.listed = listed,
            None => {
                let (book, tape, standing) = Default::default();
                let desk = Desk { listed, book, tape, standing };
                self.desks.insert(instrument, desk);
            }
        }
    }

    fn desk(&mut self, instrument_id: u32) -> Result<&mut Desk, MarketError> {
        self.desks
            .get_mut(&InstrumentId(instrument_id))
            .ok_or(MarketError::UnknownInstrument(instrument_id))
    }

    fn trade(
        &mut self,
        wire: &log::TradeExecuted,
        executed_at: Timestamp,
    ) -> Result<Arc<Frame>, MarketError> {
        let desk = self.desk(wire.instrument_id)?;
        let expected = desk.tape.last_sequence() + 1;
        if wire.trade_id != expected {
            let symbol = desk.listed.symbol().to_owned();
            return Err(MarketError::TradeSequence { symbol, expected, found: wire.trade_id });
        }
        let maker = convert::order_id(wire.maker_order_id)?;
        let taker = convert::order_id(wire.taker_order_id)?;
        let taker_side = convert::side_from_wire(wire.taker_side)?;
        let (buy_order_id, sell_order_id) = match taker_side {
            model::Side::Buy => (taker, maker),
            model::Side::Sell => (maker, taker),
        };
        let trade = Trade {
            sequence: wire.trade_id,
            price: convert::price(wire.price_ticks)?,
            quantity: convert::quantity(wire.quantity_lots)?,
            buy_order_id,
            sell_order_id,
            taker_side,
            executed_at,
            in_auction: wire.in_auction,
        };
        let frame = Frame::of(&desk.listed, Content::Trade(trade));
        desk.tape.add(trade.sequence, Arc::clone(&frame));
        Ok(frame)
    }

    fn change_state(&mut self, wire: &log::MarketStateChanged) -> Result<Arc<Frame>, MarketError> {
        let desk = self.desk_at(wire.instrument_id, wire.sequence)?;
        let state = convert::market_state_from_wire(wire.state)?;
        let opens_at = match wire.opens_at_unix_nanos {
            0 => None,
            nanos => Some(Timestamp::from_unix_nanos(nanos)),
        };
        let indication = desk.standing.indication.filter(|_| state.collects());
        desk.standing = Standing { state, opens_at, indication };
        let status = Status { standing: desk.standing, sequence: wire.sequence };
        Ok(Frame::of(&desk.listed, Content::Status(status)))
    }

    fn indicate(&mut self, wire: &log::AuctionIndicated) -> Result<Arc<Frame>, MarketError> {
        let desk = self.desk_at(wire.instrument_id, wire.sequence)?;
        let indication = indication(wire)?;
        desk.standing.indication = indication;
        let sequence = wire.sequence;
        Ok(Frame::of(&desk.listed, Content::Indication { indication, sequence }))
    }

    /// The desk of an instrument whose last change of depth must be this.
    fn desk_at(&mut self, instrument_id: u32, found: u64) -> Result<&mut Desk, MarketError> {
        let desk = self.desk(instrument_id)?;
        let expected = desk.book.sequence();
        if found != expected {
            let symbol = desk.listed.symbol().to_owned();
            return Err(MarketError::StateSequence { symbol, expected, found });
        }
        Ok(desk)
    }

    fn change_book(&mut self, wire: &log::BookChanged) -> Result<Arc<Frame>, MarketError> {
        let desk = self.desk(wire.instrument_id)?;
        let expected = desk.book.sequence() + 1;
        if wire.sequence != expected {
            let symbol = desk.listed.symbol().to_owned();
            return Err(MarketError::DepthSequence { symbol, expected, found: wire.sequence });
        }
        let change =
            Depth { sequence: wire.sequence, bids: levels(&wire.bids)?, asks: levels(&wire.asks)? };
        desk.book.change(&change);
        Ok(Frame::of(&desk.listed, Content::Depth(change)))
    }
}

/// What an auction would do; `None` where nothing would trade.
fn indication(wire: &log::AuctionIndicated) -> Result<Option<Indication>, Malformed> {
    if wire.price_ticks == 0 {
        return Ok(None);
    }
    let imbalance = match (wire.imbalance_side, wire.imbalance_lots) {
        (0, _) => None,
        (side, lots) => Some((convert::side_from_wire(side)?, lots)),
    };
    let price = convert::price(wire.price_ticks)?;
    Ok(Some(Indication { price, volume_lots: wire.volume_lots, imbalance }))
}

fn levels(wire: &[log::Level]) -> Result<Vec<Level>, Malformed> {
    let level = |level: &log::Level| {
        Ok(Level { price: convert::price(level.price_ticks)?, lots: level.total_lots })
    };
    wire.iter().map(level).collect()
}

#[cfg(test)]
mod tests;
