//! The call auction: orders collect in a book that may be crossed, and then trade at one price.
//!
//! A market that opens while its book is crossed is in an auction until it is not any more. The
//! price is found once, over all that remains of every order that crosses, hidden or not; then the
//! best of both sides trade with each other, as many in a step as the caller lets. What ends on the
//! way (by cancellation, by its time) takes nothing from the price; if the book still crosses in
//! the end, there is another price for what is left.

use alloc::vec::Vec;

use model::{AccountHandle, InstrumentId, MarketState, Price, Quantity, Side};

use crate::{BookEvent, Books, EndReason, Fill, LevelChange, Outcome, book::Book, slab::NIL};

/// An auction that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auction {
    /// At which price; `None` before the first step.
    pub price: Option<Price>,
    /// What the market is open for after it.
    pub then: MarketState,
}

/// What an auction would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indication {
    /// At which price.
    pub price: Price,
    /// How many lots would trade.
    pub volume: u64,
    /// How many lots more would be bought there than sold; below zero the other way round.
    pub surplus: i128,
}

/// How a step of an auction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncrossed {
    /// Whose market.
    pub instrument: InstrumentId,
    /// What it is open for now: [`MarketState::Auction`] where more is to trade.
    pub state: MarketState,
    /// At which price this step traded, where it did.
    pub price: Option<Price>,
}

/// Lots that would be bought at a price or above, or sold at it or below.
type Offered = Vec<(Price, u64)>;

impl Books {
    /// Whether an auction is under way: [`Books::uncross`] goes on with it.
    pub fn has_auction(&self) -> bool {
        self.auctions > 0
    }

    /// How the auction of this book stands, where it is in one.
    pub fn auction(&self, instrument: InstrumentId) -> Option<Auction> {
        self.book(instrument)?.auction
    }

    /// What an auction of this book would do now; `None` where nothing would trade.
    pub fn indication(&self, instrument: InstrumentId) -> Option<Indication> {
        self.indication_of(self.slot(instrument)?)
    }

    /// The instruments whose books collect orders, in ascending order of id.
    pub fn collecting(&self) -> impl Iterator<Item = InstrumentId> {
        self.collecting_slots().map(|(id, _)| id)
    }

    /// The same with their places. Where none collects no book is looked at.
    pub(crate) fn collecting_slots(&self) -> impl Iterator<Item = (InstrumentId, u32)> {
        let books = if self.collecting > 0 { &self.directory[..] } else { &[] };
        let collects = |slot: u32| self.books[slot as usize].state.collects();
        books.iter().copied().filter(move |(_, slot)| collects(*slot))
    }

    /// Goes on with the first auction that is under way, by instrument: until it is done, or as
    /// many orders as `limit` have met others or ended. One of a pair counts twice, for the other
    /// ends with it. `None` where there is no auction.
    pub fn uncross(&mut self, limit: usize, out: &mut Outcome) -> Option<Uncrossed> {
        let in_auction = |(_, slot): &&(InstrumentId, u32)| {
            self.books[*slot as usize].state == MarketState::Auction
        };
        let (instrument, slot) = *self.directory.iter().find(in_auction)?;
        let (first_event, first_level) = (out.events.len(), out.levels.len());
        let is_done = self.uncross_some(slot, limit, out);
        self.number_as_one(first_level, out);
        self.close_changes(first_level, out);
        let book = &mut self.books[slot as usize];
        let mut prices = out.events[first_event..].iter().filter_map(|event| match event {
            BookEvent::Fill(fill) => Some(fill.price),
            _ => None,
        });
        let price = prices.next();
        if let Some(last) = prices.next_back().or(price) {
            book.refer_to(last, self.now);
        }
        if is_done && let Some(auction) = book.auction.take() {
            book.state = auction.then;
            self.auctions -= 1;
        }
        self.wake_sleepers(slot, &out.events[first_event..]);
        if is_done {
            self.sort_woken(slot);
        }
        let state = self.books[slot as usize].state;
        Some(Uncrossed { instrument, state, price })
    }

    /// Tells whether nothing crosses any more.
    fn uncross_some(&mut self, slot: u32, limit: usize, out: &mut Outcome) -> bool {
        let mut met = 0;
        loop {
            let book = &self.books[slot as usize];
            if !book.is_crossed() {
                return true;
            }
            if met >= limit {
                return false;
            }
            let (Some((bid, bids)), Some((ask, asks))) = (book.bids.best(), book.asks.best())
            else {
                return true;
            };
            let heads = [bids, asks].map(|level| self.levels[level].head);
            let sequence = book.sequence + 1;
            if let Some((place, reason)) = self.first_overdue(heads) {
                met += self.matches_of(self.orders.slab[place].id);
                self.take_out(place, sequence, reason, out);
                continue;
            }
            let price = book.auction.and_then(|auction| auction.price);
            match price.filter(|price| bid >= *price && ask <= *price) {
                Some(price) => met += self.match_heads(slot, heads, price, out),
                None => {
                    // Both heads are live and cross, so there is a price.
                    let found = self.indication_of(slot).map(|found| found.price);
                    if let Some(auction) = &mut self.books[slot as usize].auction {
                        auction.price = found;
                    }
                }
            }
        }
    }

    fn first_overdue(&self, heads: [u32; 2]) -> Option<(u32, EndReason)> {
        if !self.has_overdue() {
            return None;
        }
        heads.into_iter().find_map(|place| self.overdue(place).map(|reason| (place, reason)))
    }

    /// The oldest orders of the best levels trade as much as both have left. Tells how many orders
    /// that counts for.
    fn match_heads(
        &mut self,
        slot: u32,
        [bid, ask]: [u32; 2],
        price: Price,
        out: &mut Outcome,
    ) -> usize {
        // Who came to rest first is the maker.
        let is_older = self.orders.slab[bid].priority < self.orders.slab[ask].priority;
        let (maker, taker) = if is_older { (bid, ask) } else { (ask, bid) };
        let ids = [maker, taker].map(|place| self.orders.slab[place].id);
        let met = ids.map(|id| self.matches_of(id)).iter().sum();
        ids.into_iter().for_each(|id| self.decide_pair(id, out));
        let quantity = self.orders.remaining(bid).min(self.orders.remaining(ask));
        let [maker_level, taker_level] = [maker, taker].map(|place| self.take_off(place, quantity));
        let whose = |place: u32| AccountHandle(self.orders.slab[place].owner.account());
        let (maker_remaining, taker_remaining) =
            (self.orders.remaining(maker), self.orders.remaining(taker));
        let (maker_side, maker_limit) = self.side_and_price(maker);
        let (_, taker_limit) = self.side_and_price(taker);
        let (maker_account, taker_account) = (whose(maker), whose(taker));
        let (maker_fees, taker_fees) = (self.orders.fees(maker), self.orders.fees(taker));
        let book = &mut self.books[slot as usize];
        out.events.push(BookEvent::Fill(Fill {
            trade: book.next_trade(price),
            instrument: book.instrument.id,
            price,
            quantity,
            maker: ids[0],
            maker_account,
            maker_remaining,
            maker_side,
            maker_limit,
            maker_fees,
            taker: ids[1],
            taker_account,
            taker_remaining,
            taker_limit: Some(taker_limit),
            taker_fees,
            maker_done: maker_remaining.is_zero(),
            in_auction: true,
        }));
        for (place, level) in [(maker, maker_level), (taker, taker_level)] {
            if self.orders.remaining(place).is_zero() {
                let sequence = self.books[slot as usize].sequence + 1;
                self.take_out(place, sequence, EndReason::Filled, out);
            } else {
                out.levels.extend(level);
            }
        }
        met
    }

    /// Takes so much off an order, what is hidden first; tells how its level changed, if it did.
    fn take_off(&mut self, place: u32, quantity: Quantity) -> Option<LevelChange> {
        let shown = self.orders.shrink(place, quantity);
        let level = &mut self.levels[self.orders.slab[place].level];
        level.total_lots -= shown.lots();
        let book = &self.books[level.book as usize];
        let change = LevelChange {
            instrument: book.instrument.id,
            sequence: book.sequence + 1,
            side: level.side,
            price: level.price,
            total_lots: level.total_lots,
        };
        (!shown.is_zero()).then_some(change)
    }

    fn side_and_price(&self, place: u32) -> (Side, Price) {
        let level = &self.levels[self.orders.slab[place].level];
        (level.side, level.price)
    }

    /// The price at which most trades; of those the one at which least is left over; of those,
    /// where buyers are left over at all of them, the highest, where sellers are, the lowest, and
    /// else the nearest to the price of the last trade or, before the first, the middle.
    pub(crate) fn indication_of(&self, slot: u32) -> Option<Indication> {
        let book = &self.books[slot as usize];
        let (best_bid, best_ask) =
            (self.best_live(book, Side::Buy)?, self.best_live(book, Side::Sell)?);
        if best_bid < best_ask {
            return None;
        }
        let bids = self.offered(book, Side::Buy, best_ask);
        let asks = self.offered(book, Side::Sell, best_bid);
        let mut best: Option<Stretch> = None;
        for stretch in stretches(&bids, &asks, best_ask, best_bid) {
            best = match best {
                Some(best) if stretch.rank() < best.rank() => Some(best),
                Some(best) if stretch.rank() == best.rank() => Some(best.joined(&stretch)),
                _ => Some(stretch),
            };
        }
        let best = best?;
        let price = best.price(book.last_price);
        let at = |offered: &Offered, reaches: &dyn Fn(Price) -> bool| -> u64 {
            offered.iter().filter(|(limit, _)| reaches(*limit)).map(|(_, lots)| lots).sum()
        };
        let bought = at(&bids, &|limit| limit >= price);
        let sold = at(&asks, &|limit| limit <= price);
        let surplus = i128::from(bought) - i128::from(sold);
        Some(Indication { price, volume: bought.min(sold), surplus })
    }

    /// The best price at which an order lies that is not over.
    fn best_live(&self, book: &Book, side: Side) -> Option<Price> {
        let mut levels = book.ladder(side).iter();
        levels.find(|(_, level)| self.live_lots(*level) > 0).map(|(price, _)| price)
    }

    /// What lies at each price up to a bound, best first.
    fn offered(&self, book: &Book, side: Side, bound: Price) -> Offered {
        let levels = book.ladder(side).iter();
        let within =
            levels.take_while(|(price, _)| *price == bound || side.improves(*price, bound));
        within.map(|(price, level)| (price, self.live_lots(level))).collect()
    }

    /// All that remains at a level of orders that are not over, hidden or not.
    fn live_lots(&self, level: u32) -> u64 {
        if !self.has_overdue() && self.orders.asides() == 0 {
            return self.levels[level].total_lots;
        }
        let (mut lots, mut place) = (0, self.levels[level].head);
        while place != NIL {
            if self.overdue(place).is_none() {
                lots += self.orders.remaining(place).lots();
            }
            place = self.orders.slab[place].next;
        }
        lots
    }
}

/// Prices between two limits: what would trade and be left over is the same at all of them.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    low: u64,
    high: u64,
    volume: u64,
    /// What is left over of buyers, or below zero of sellers: the most and the least.
    surplus: (i128, i128),
}

impl Stretch {
    /// The larger the better.
    fn rank(&self) -> (u64, i128) {
        (self.volume, -self.surplus.0.abs())
    }

    /// This one and the next above it, which are as good.
    fn joined(self, next: &Stretch) -> Stretch {
        let surplus = (self.surplus.0.max(next.surplus.0), self.surplus.1.min(next.surplus.1));
        Stretch { high: next.high, surplus, ..self }
    }

    fn price(&self, reference: Option<Price>) -> Price {
        let middle = u64::midpoint(self.low, self.high);
        let ticks = match self.surplus {
            (_, least) if least > 0 => self.high,
            (most, _) if most < 0 => self.low,
            _ => reference.map_or(middle, |price| price.ticks().clamp(self.low, self.high)),
        };
        Price::from_ticks(ticks).expect("it is between two prices")
    }
}

/// The stretches of prices from the lowest to the highest, given what lies on both sides.
fn stretches(bids: &Offered, asks: &Offered, low: Price, high: Price) -> Vec<Stretch> {
    // A bid is gone one tick above its limit, an ask is there from its limit on.
    let above = bids.iter().map(|(price, _)| price.ticks() + 1);
    let mut starts: Vec<u64> = above.chain(asks.iter().map(|(price, _)| price.ticks())).collect();
    starts.retain(|start| (low.ticks()..=high.ticks()).contains(start));
    starts.push(low.ticks());
    starts.sort_unstable();
    starts.dedup();
    let mut bought: u64 = bids.iter().map(|(_, lots)| lots).sum();
    let (mut sold, mut worst_bids) = (0, bids.iter().rev().peekable());
    let mut best_asks = asks.iter().peekable();
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([high.ticks()]);
    let stretch = |(start, end): (&u64, u64)| {
        while let Some((_, lots)) = worst_bids.next_if(|(price, _)| price.ticks() < *start) {
            bought -= lots;
        }
        while let Some((_, lots)) = best_asks.next_if(|(price, _)| price.ticks() <= *start) {
            sold += lots;
        }
        let surplus = i128::from(bought) - i128::from(sold);
        let volume = bought.min(sold);
        Stretch { low: *start, high: end, volume, surplus: (surplus, surplus) }
    };
    starts.iter().zip(ends).map(stretch).collect()
}
