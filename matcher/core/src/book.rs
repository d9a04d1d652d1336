//! One order book: the settings, the two ladders and the counters of an instrument.

use alloc::collections::VecDeque;

use model::{Instrument, MarketState, OrderId, Price, Quantity, Side, TradeId};

use crate::{
    Auction, Interruption, Reference, ladder::Ladder, market, schedules::Owner, slab::NIL,
    sleepers::Trail,
};

/// What has no account: a book of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) instrument: Instrument,
    pub(crate) bids: Ladder,
    pub(crate) asks: Ladder,
    /// Counts the commands that changed a level.
    pub(crate) sequence: u64,
    /// Counts the trades.
    pub(crate) trades: u64,
    /// Counts the trades that self-trade prevention kept from happening.
    pub(crate) prevented: u64,
    pub(crate) last_price: Option<Price>,
    /// What it is open for.
    pub(crate) state: MarketState,
    /// How its auction stands, while it is in one.
    pub(crate) auction: Option<Auction>,
    /// What its price band is around, where it has one and there was a trade.
    pub(crate) reference: Option<Reference>,
    /// Until when it has stopped, where a trade would have been outside the band.
    pub(crate) interruption: Option<Interruption>,
    /// Who has woken in it and waits until it lets them go on.
    pub(crate) held: VecDeque<u32>,
    /// The prices at which orders sleep that wait for a rise, the lowest first, and for a fall, the
    /// highest first.
    pub(crate) rising: Ladder,
    pub(crate) falling: Ladder,
    /// The orders of each side that trail the price.
    pub(crate) buys: Trail,
    pub(crate) sells: Trail,
}

/// All that rests at one price: a queue of orders, first come first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) price: Price,
    pub(crate) total_lots: u64,
    pub(crate) head: u32,
    pub(crate) tail: u32,
    /// Which book it is in, as its place in the list of books.
    pub(crate) book: u32,
    pub(crate) side: Side,
}

/// An open order and its links: in the queue of its level and in the list of its account. Price,
/// side and book are its level's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resting {
    pub(crate) id: OrderId,
    pub(crate) quantity: Quantity,
    /// What of it lies in the queue: what remains, but of an iceberg only what is shown.
    pub(crate) shown: Quantity,
    pub(crate) priority: u64,
    pub(crate) owner: Owner,
    pub(crate) level: u32,
    pub(crate) next: u32,
    pub(crate) previous: u32,
    pub(crate) account_next: u32,
    pub(crate) account_previous: u32,
    /// Its entry among the instants at which orders expire; none for most.
    pub(crate) timer: u32,
    /// Where it is kept what few have; nowhere for most.
    pub(crate) aside: u32,
}

const _: () = assert!(size_of::<Resting>() == 64, "one line of the cache");

impl Resting {
    /// An order that is in no queue yet.
    pub(crate) const fn new(
        id: OrderId,
        account: u32,
        quantity: Quantity,
        shown: Quantity,
        priority: u64,
    ) -> Resting {
        let [level, next, previous, account_next, account_previous, timer, aside] = [NIL; 7];
        Resting {
            id,
            quantity,
            shown,
            priority,
            owner: Owner::new(account),
            level,
            next,
            previous,
            account_next,
            account_previous,
            timer,
            aside,
        }
    }
}

impl Book {
    pub(crate) const fn new(instrument: Instrument) -> Book {
        Book {
            instrument,
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            sequence: 0,
            trades: 0,
            prevented: 0,
            last_price: None,
            state: MarketState::Trading,
            auction: None,
            reference: None,
            interruption: None,
            held: VecDeque::new(),
            rising: Ladder::new(Side::Sell),
            falling: Ladder::new(Side::Buy),
            buys: Trail::new(),
            sells: Trail::new(),
        }
    }

    pub(crate) const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    pub(crate) const fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    pub(crate) const fn trail(&self, side: Side) -> &Trail {
        match side {
            Side::Buy => &self.buys,
            Side::Sell => &self.sells,
        }
    }

    pub(crate) const fn trail_mut(&mut self, side: Side) -> &mut Trail {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    /// Whether it is crossed and must not be.
    pub(crate) fn is_wrongly_crossed(&self) -> bool {
        market::matches(self.state) && self.is_crossed()
    }

    /// Whether the best bid reaches the best ask: never so after a command where orders match.
    pub(crate) fn is_crossed(&self) -> bool {
        let (bid, ask) = (self.bids.best(), self.asks.best());
        bid.zip(ask).is_some_and(|((bid, _), (ask, _))| bid >= ask)
    }

    pub(crate) const fn next_trade(&mut self, price: Price) -> TradeId {
        self.trades += 1;
        self.last_price = Some(price);
        TradeId(self.trades)
    }

    /// The worst price at which a market order of this side may trade, rounded towards the
    /// reference: the last trade's price or, before the first trade, the best price it could meet.
    /// `None` where there is nothing to trade with.
    pub(crate) fn market_bound(&self, side: Side) -> Option<Price> {
        let (best, _) = self.ladder(side.opposite()).best()?;
        Some(self.instrument.protected(self.last_price.unwrap_or(best), side))
    }
}
