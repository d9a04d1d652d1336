//! Every order book of a shard and its open orders: listing and looking.
//!
//! Placing is in [`sweep`](crate::sweep), cancelling in `cancel`.

use alloc::vec::Vec;

use model::{
    AccountHandle, Amount, Fees, Instrument, InstrumentId, OrderId, Price, Side, Timestamp,
};

use crate::{
    BookEvent, End, EndReason, LevelChange, OpenOrder, Outcome,
    book::{Book, Level, Resting},
    closing::Closings,
    counts::{OpenCount, OpenCounts},
    delisting::Delisting,
    groups::Groups,
    lists::Lists,
    open::OpenOrders,
    slab::{NIL, Slab},
    sleepers::Sleepers,
};

/// How many orders can be open at once on a shard. With at most 2^40 lots each, what rests at any
/// price stays below 2^64 lots; and at about 100 bytes each they fill 1.7 GB.
pub const ORDERS_MAX: usize = (1 << 24) - 1;

/// The end of the account numbers that books accept: the table of accounts is an array. A shard has
/// fewer accounts by its own limit.
pub const ACCOUNTS_END: u32 = 1 << 24;

/// Every order book of one shard and its open orders.
#[derive(Clone, Debug)]
pub struct Books {
    pub(crate) books: Vec<Book>,
    /// Where each instrument's book is, ascending by id.
    pub(crate) directory: Vec<(InstrumentId, u32)>,
    pub(crate) levels: Slab<Level>,
    pub(crate) orders: OpenOrders,
    /// The priority of the next order that comes to rest.
    pub(crate) next_priority: u64,
    /// The latest instant that [`Books::expire`] was told.
    pub(crate) now: Timestamp,
    /// The orders that sleep, and those that have woken and not gone on yet.
    pub(crate) sleepers: Sleepers,
    /// Which accounts are one to self-trade prevention.
    pub(crate) groups: Groups,
    /// What links orders that came as a list.
    pub(crate) lists: Lists,
    /// What is being closed and has not ended yet.
    pub(crate) closings: Closings,
    /// How many orders are open, by account and instrument.
    pub(crate) counts: OpenCounts,
    /// The books of which something may be left since they were delisted, by instrument.
    pub(crate) delistings: Vec<Delisting>,
    /// How many books are in an auction.
    pub(crate) auctions: usize,
    /// How many collect orders: mostly none, so that nobody looks through all books for them.
    pub(crate) collecting: usize,
}

impl Default for Books {
    fn default() -> Books {
        Books::new()
    }
}

/// The best levels of one book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// The book's public depth sequence: the number of its last change.
    pub sequence: u64,
    /// Buyers' prices and the total lots at each, best (highest) first.
    pub bids: Vec<(Price, u64)>,
    /// Sellers' prices and the total lots at each, best (lowest) first.
    pub asks: Vec<(Price, u64)>,
}

impl Books {
    /// No book at all.
    pub const fn new() -> Books {
        Books {
            books: Vec::new(),
            directory: Vec::new(),
            levels: Slab::new(),
            orders: OpenOrders::new(),
            next_priority: 0,
            now: Timestamp::EPOCH,
            sleepers: Sleepers::new(),
            groups: Groups::new(),
            lists: Lists::new(),
            closings: Closings::new(),
            counts: OpenCounts::new(),
            delistings: Vec::new(),
            auctions: 0,
            collecting: 0,
        }
    }

    /// Opens a book for `instrument`, or replaces the settings of one that is listed; resting
    /// orders stay as they are. Tells whether it did: what an instrument's prices and quantities
    /// count (assets, tick, lot) never changes, so other units are refused and nothing changes.
    pub fn list(&mut self, instrument: Instrument) -> bool {
        let id = instrument.id;
        match self.directory.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(at) => {
                let book = &mut self.books[self.directory[at].1 as usize];
                let replaces = same_units(&book.instrument, &instrument);
                if replaces {
                    // Another band begins with a reference price of its own.
                    book.reference =
                        book.reference.filter(|_| book.instrument.band == instrument.band);
                    book.instrument = instrument;
                }
                replaces
            }
            Err(at) => {
                let book = u32::try_from(self.books.len()).expect("instruments have 32-bit ids");
                self.books.push(Book::new(instrument));
                self.directory.insert(at, (id, book));
                true
            }
        }
    }

    /// The settings of a listed instrument.
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.book(id).map(|book| &book.instrument)
    }

    /// All listed instruments, in ascending order of id.
    pub fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        self.directory.iter().map(|(_, book)| &self.books[*book as usize].instrument)
    }

    /// The worst price at which a market order of this side could trade now; `None` where there is
    /// nothing to trade with, or no such book. What the order may cost follows from it.
    pub fn market_bound(&self, instrument: InstrumentId, side: Side) -> Option<Price> {
        self.book(instrument)?.market_bound(side)
    }

    /// The price of an instrument's last trade.
    pub fn last_price(&self, instrument: InstrumentId) -> Option<Price> {
        self.book(instrument)?.last_price
    }

    /// How many orders are open, of all accounts: they rest, sleep, or wait for another.
    pub fn len(&self) -> usize {
        self.orders.len() + self.sleepers.len() + self.lists.pending()
    }

    /// Whether no order is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether one more order may come to rest: see [`ORDERS_MAX`].
    pub fn has_room(&self) -> bool {
        self.has_room_for_orders(1)
    }

    /// Whether one more order may be charged by these: at most 255 schedules are in use at a time.
    pub fn has_room_for(&self, fees: &Fees) -> bool {
        self.orders.schedules.has_room(fees)
    }

    /// Whether so many more orders may come to rest.
    pub fn has_room_for_orders(&self, count: usize) -> bool {
        self.len() + count <= ORDERS_MAX
    }

    /// Whether an order of this id is open: it rests, sleeps, or waits for another of its list.
    pub fn is_open(&self, id: OrderId) -> bool {
        let is_placed = self.orders.find(id).is_some() || self.sleeper(id).is_some();
        is_placed || self.pending_order(id).is_some()
    }

    /// What is known of an order that rests.
    pub fn order(&self, id: OrderId) -> Option<OpenOrder> {
        self.orders.find(id).map(|place| self.open_order(place))
    }

    /// How many orders an account has open: they rest, sleep, or wait for another.
    pub fn open_count(&self, account: AccountHandle) -> usize {
        let placed =
            self.orders.of_account(account.0).count as usize + self.sleepers.count_of(account.0);
        placed + self.lists.pending_of(account.0)
    }

    /// An account's resting orders, oldest first.
    pub fn orders_of(&self, account: AccountHandle) -> impl Iterator<Item = OpenOrder> {
        let mut place = self.orders.of_account(account.0).head;
        core::iter::from_fn(move || {
            let order = (place != NIL).then(|| self.open_order(place))?;
            place = self.orders.slab[place].account_next;
            Some(order)
        })
    }

    /// The best `levels` levels of each side of a book; nothing where there is no such book.
    pub fn depth(&self, instrument: InstrumentId, levels: usize) -> Depth {
        let Some(book) = self.book(instrument) else { return Depth::default() };
        let side = |side| {
            let best_first = book.ladder(side).iter().take(levels);
            best_first.map(|(price, level)| (price, self.levels[level].total_lots)).collect()
        };
        Depth { sequence: book.sequence, bids: side(Side::Buy), asks: side(Side::Sell) }
    }

    /// The end of the numbers of accounts that have ever had an open order.
    pub(crate) fn accounts_end(&self) -> u32 {
        self.orders.accounts_end().max(self.sleepers.accounts_end())
    }

    pub(crate) fn slot(&self, id: InstrumentId) -> Option<u32> {
        let at = self.directory.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.directory[at].1)
    }

    pub(crate) fn book(&self, id: InstrumentId) -> Option<&Book> {
        self.slot(id).map(|book| &self.books[book as usize])
    }

    pub(crate) fn open_order(&self, place: u32) -> OpenOrder {
        let order = &self.orders.slab[place];
        let level = &self.levels[order.level];
        OpenOrder {
            id: order.id,
            account: AccountHandle(order.owner.account()),
            instrument: self.books[level.book as usize].instrument.id,
            side: level.side,
            price: level.price,
            quantity: order.quantity,
            remaining: self.orders.remaining(place),
            iceberg: self.iceberg(place),
            priority: order.priority,
            expires_at: self.orders.timers.expires_at(order.timer),
            prevented: self.orders.prevented(place),
            fees: self.orders.fees(place),
        }
    }

    /// The public depth sequence of the book that the order at `place` is in.
    pub(crate) fn sequence_of(&self, place: u32) -> u64 {
        self.books[self.levels[self.orders.slab[place].level].book as usize].sequence
    }

    /// Counts a change of the book that the order at `place` is in, and tells its number.
    pub(crate) fn next_sequence(&mut self, place: u32) -> u64 {
        let book = &mut self.books[self.levels[self.orders.slab[place].level].book as usize];
        book.sequence += 1;
        book.sequence
    }

    /// Brings the changes from `first_level` on into their published order, each level once, and
    /// counts them as one change of each book.
    pub(crate) fn close_changes(&mut self, first_level: usize, out: &mut Outcome) {
        keep_last_totals(&mut out.levels, first_level);
        for change in &out.levels[first_level..] {
            let book = self.slot(change.instrument).expect("it has just changed");
            self.books[book as usize].sequence = change.sequence;
        }
    }

    /// Puts an order at the end of the queue at its price; `None` where an open order has its id.
    pub(crate) fn put_in(
        &mut self,
        book: u32,
        side: Side,
        price: Price,
        order: Resting,
    ) -> Option<u32> {
        let ladder = self.books[book as usize].ladder_mut(side);
        let found = ladder.find(price);
        let level = found.unwrap_or_else(|| {
            let empty = Level { price, total_lots: 0, head: NIL, tail: NIL, book, side };
            self.levels.insert(empty)
        });
        let previous = self.levels[level].tail;
        let Some(place) = self.orders.insert(Resting { level, next: NIL, previous, ..order })
        else {
            if found.is_none() {
                self.levels.free(level);
            }
            return None;
        };
        if found.is_none() {
            ladder.insert(price, level);
        }
        let instrument = self.books[book as usize].instrument.id;
        self.counts.add((AccountHandle(order.owner.account()), instrument), OpenCount::of(false));
        let queue = &mut self.levels[level];
        queue.total_lots += order.shown.lots();
        queue.tail = place;
        match previous {
            NIL => queue.head = place,
            previous => self.orders.slab[previous].next = place,
        }
        Some(level)
    }

    /// Takes an order out of the queue of its level, wherever in it it is.
    pub(crate) fn unlink(&mut self, place: u32) {
        let Resting { level, previous, next, .. } = self.orders.slab[place];
        let level = &mut self.levels[level];
        match previous {
            NIL => level.head = next,
            previous => self.orders.slab[previous].next = next,
        }
        match next {
            NIL => level.tail = previous,
            next => self.orders.slab[next].previous = previous,
        }
    }

    /// Takes an order that is in no queue any more out of everything else.
    pub(crate) fn remove(&mut self, place: u32, instrument: InstrumentId) {
        let account = AccountHandle(self.orders.slab[place].owner.account());
        self.counts.take((account, instrument), OpenCount::of(false));
        self.orders.remove(place);
    }

    /// Ends an order that no taker meets, wherever in its queue it is, and what hangs on it.
    pub(crate) fn take_out(
        &mut self,
        place: u32,
        sequence: u64,
        reason: EndReason,
        out: &mut Outcome,
    ) {
        let (order, fees) = (self.orders.slab[place], self.orders.fees(place));
        let remaining = self.orders.remaining(place);
        self.unlink(place);
        let level = &mut self.levels[order.level];
        level.total_lots -= order.shown.lots();
        let Level { price, side, total_lots, head, book, .. } = *level;
        let book = &mut self.books[book as usize];
        let instrument = book.instrument.id;
        if head == NIL {
            book.ladder_mut(side).remove(price);
            self.levels.free(order.level);
        }
        self.remove(place, instrument);
        out.events.push(BookEvent::Ended(End {
            order: order.id,
            account: AccountHandle(order.owner.account()),
            instrument,
            side,
            limit: Some(price),
            fees,
            remaining,
            reason,
            funds: Amount::ZERO,
        }));
        out.levels.push(LevelChange { instrument, sequence, side, price, total_lots });
        self.follow_end(order.id, reason, out);
    }
}

fn same_units(listed: &Instrument, new: &Instrument) -> bool {
    let units = |instrument: &Instrument| {
        let listing = instrument.listing();
        (instrument.base, instrument.quote, listing.tick_size, listing.lot_size)
    };
    units(listed) == units(new)
}

/// Brings the changes from `first` on into their published order and keeps the last total of each
/// level. Ending orders only lowers totals, so the last is the smallest.
fn keep_last_totals(changes: &mut Vec<LevelChange>, first: usize) {
    changes[first..].sort_unstable_by_key(|change| {
        let ticks = change.price.ticks();
        let rank = if change.side == Side::Buy { Price::TICKS_MAX - ticks } else { ticks };
        (change.instrument, change.side, rank, change.total_lots)
    });
    let mut kept = first;
    for at in first..changes.len() {
        let change = changes[at];
        let level = |change: &LevelChange| (change.instrument, change.side, change.price);
        if kept == first || level(&changes[kept - 1]) != level(&change) {
            changes[kept] = change;
            kept += 1;
        }
    }
    changes.truncate(kept);
}
