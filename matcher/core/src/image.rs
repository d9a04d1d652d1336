//! The state of all books as plain data, for snapshots, and back with everything checked.
//!
//! Orders are listed by priority: that is the order of every queue and of every account's list, so
//! adding them again in that order rebuilds both.

use alloc::vec::Vec;

use model::{
    AccountHandle, Instrument, InstrumentId, MarketState, OrderId, Price, Quantity, Side, Timestamp,
};
use thiserror::Error;

use crate::{
    ACCOUNTS_END, Auction, Books, Closing, Interruption, ORDERS_MAX, OpenOrder, OrderList,
    Reference, Sleeper, Watermark,
    book::{Book, Resting},
    iceberg::Aside,
    market,
};

/// The largest sequence, trade number or priority that is restored. A counter cannot get there in a
/// thousand years, and from it none overflows.
pub const COUNTER_MAX: u64 = 1 << 62;

/// All books and open orders as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BooksImage {
    /// Every listed instrument, in ascending order of id.
    pub books: Vec<BookImage>,
    /// Every open order, in ascending order of priority.
    pub orders: Vec<OpenOrder>,
    /// The priority of the next order that comes to rest.
    pub next_priority: u64,
    /// The latest instant that the books were told.
    pub now: Timestamp,
    /// Every order that sleeps or has woken, in ascending order of entry.
    pub sleepers: Vec<Sleeper>,
    /// Those of them that have woken and not gone on yet, in their order.
    pub woken: Vec<OrderId>,
    /// Those that have woken and wait until their book lets them go on: by instrument, then in
    /// their order.
    pub held: Vec<OrderId>,
    /// What of each is known that has begun to trail the price, in ascending order of entry.
    pub watermarks: Vec<Watermark>,
    /// The accounts that are in a group, and in which, ascending.
    pub groups: Vec<(AccountHandle, u64)>,
    /// Every list of which something is to be decided, in ascending order of id.
    pub lists: Vec<OrderList>,
    /// Those of them whose working order was filled, in that order.
    pub due: Vec<OrderId>,
    /// What is being closed, by account.
    pub closing: Vec<Closing>,
}

/// What one book is apart from its orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookImage {
    /// The instrument's settings.
    pub instrument: Instrument,
    /// The public depth sequence.
    pub sequence: u64,
    /// How many trades there were.
    pub trades: u64,
    /// How many trades were prevented.
    pub prevented: u64,
    /// The price of the last trade; `None` before the first.
    pub last_price: Option<Price>,
    /// What it is open for.
    pub state: MarketState,
    /// How its auction stands, while it is in one.
    pub auction: Option<Auction>,
    /// What its price band is around.
    pub reference: Option<Reference>,
    /// Until when it has stopped by that.
    pub interruption: Option<Interruption>,
}

/// Why an image is not one of books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// Two books of one instrument, or books out of order.
    #[error("instrument {} is out of order or listed twice", .0.0)]
    InstrumentOrder(InstrumentId),
    /// A counter beyond [`COUNTER_MAX`].
    #[error("a counter is beyond {COUNTER_MAX}")]
    Counter,
    /// Trades without a last price, a last price without trades, or trades or orders without a
    /// change of the depth.
    #[error("the counters of instrument {} contradict each other", .0.0)]
    Counters(InstrumentId),
    /// More than [`ORDERS_MAX`] orders.
    #[error("more than {ORDERS_MAX} open orders")]
    TooManyOrders,
    /// Priorities that do not ascend, or reach the next one to be given.
    #[error("order {0} is out of order")]
    PriorityOrder(OrderId),
    /// An order of an instrument that is not listed.
    #[error("order {0} is of an instrument that is not listed")]
    UnknownInstrument(OrderId),
    /// An account number at or beyond [`ACCOUNTS_END`].
    #[error("order {0} is of an account out of range")]
    Account(OrderId),
    /// Nothing remaining, or more than the order asked for.
    #[error("order {0} has an impossible quantity remaining")]
    Remaining(OrderId),
    /// An iceberg that shows nothing, or more than it may or has, or that ends by itself.
    #[error("order {0} is an iceberg as none can be")]
    Iceberg(OrderId),
    /// Two open orders with one id.
    #[error("order {0} is there twice")]
    DuplicateOrder(OrderId),
    /// An order that sleeps without anything that could wake it, one that would have woken, one
    /// that trails from a price that it cannot, or one that has woken and is not there.
    #[error("order {0} sleeps as none can")]
    Sleeper(OrderId),
    /// An order that is charged by one schedule more than there can be at a time.
    #[error("order {0} is charged by one schedule too many")]
    Fees(OrderId),
    /// An account out of range or out of order, or in group 0.
    #[error("account {} is in a group as none can be", .0.0)]
    Group(AccountHandle),
    /// A list that links orders that are not there, or as none can be linked.
    #[error("list {0} links orders as none can be")]
    List(OrderId),
    /// An account out of order or out of range that is being closed, or beyond what has come.
    #[error("orders are being closed as none can be")]
    Closing,
    /// A market in an auction that is none, or in none that is one.
    #[error("the market of instrument {} is in an auction as none can be", .0.0)]
    Auction(InstrumentId),
    /// A market that has stopped by its price band and has not, or opens for nothing.
    #[error("the market of instrument {} has stopped as none can have", .0.0)]
    Interruption(InstrumentId),
    /// A reference price of a band that is not there, before a trade, or of a time to come.
    #[error("instrument {} has a reference price as none can have", .0.0)]
    Reference(InstrumentId),
    /// A bid at or above an ask where orders trade.
    #[error("the book of instrument {} is crossed", .0.0)]
    Crossed(InstrumentId),
}

impl Books {
    /// The state as plain data. Equal images behave equally from here on.
    pub fn image(&self) -> BooksImage {
        let books = self.directory.iter().map(|(_, book)| {
            let book = &self.books[*book as usize];
            BookImage {
                instrument: book.instrument.clone(),
                sequence: book.sequence,
                trades: book.trades,
                prevented: book.prevented,
                last_price: book.last_price,
                state: book.state,
                auction: book.auction,
                reference: book.reference,
                interruption: book.interruption,
            }
        });
        let accounts = (0..self.orders.accounts_end()).map(AccountHandle);
        let mut orders = Vec::with_capacity(self.orders.len());
        orders.extend(accounts.flat_map(|account| self.orders_of(account)));
        orders.sort_unstable_by_key(|order| order.priority);
        let Books { next_priority, now, .. } = *self;
        let (sleepers, woken) = self.sleepers.image();
        let (watermarks, groups) = (self.watermarks(), self.grouped());
        let (lists, due) = self.lists.image();
        BooksImage {
            books: books.collect(),
            orders,
            next_priority,
            now,
            sleepers,
            woken,
            held: self.held(),
            watermarks,
            groups,
            lists,
            due,
            closing: self.closings.image(),
        }
    }

    /// The books of an image.
    ///
    /// # Errors
    /// [`RestoreError`] where no run of commands could have led to it. Never panics.
    pub fn restore(image: BooksImage) -> Result<Books, RestoreError> {
        let pending: usize = image.lists.iter().map(|list| list.link.pending().len()).sum();
        let placed = image.orders.len().saturating_add(image.sleepers.len());
        if placed.saturating_add(pending) > ORDERS_MAX {
            return Err(RestoreError::TooManyOrders);
        }
        if image.next_priority > COUNTER_MAX {
            return Err(RestoreError::Counter);
        }
        let BooksImage { next_priority, now, .. } = image;
        let mut books = Books { next_priority, now, ..Books::new() };
        for book in image.books {
            books.restore_book(book)?;
        }
        books.restore_groups(&image.groups)?;
        let mut first_free = 0;
        for order in image.orders {
            if !(first_free..image.next_priority).contains(&order.priority) {
                return Err(RestoreError::PriorityOrder(order.id));
            }
            first_free = order.priority + 1;
            books.restore_order(&order)?;
        }
        books.restore_sleepers(&image.sleepers, &image.woken, &image.held, &image.watermarks)?;
        books.restore_lists(&image.lists, &image.due)?;
        for closing in image.closing {
            let is_in_range = closing.account.is_none_or(|account| account.0 < ACCOUNTS_END);
            let is_possible = is_in_range
                && closing.through <= next_priority
                && closing.next_account <= ACCOUNTS_END;
            if !is_possible || !books.closings.restore(closing) {
                return Err(RestoreError::Closing);
            }
        }
        for book in &books.books {
            let id = book.instrument.id;
            if book.is_wrongly_crossed() {
                return Err(RestoreError::Crossed(id));
            }
            let is_empty = Side::BOTH.iter().all(|side| book.ladder(*side).best().is_none());
            if book.sequence == 0 && !is_empty {
                return Err(RestoreError::Counters(id));
            }
        }
        Ok(books)
    }

    fn restore_book(&mut self, image: BookImage) -> Result<(), RestoreError> {
        let BookImage {
            instrument, sequence, trades, prevented, last_price, state, auction, ..
        } = image;
        let BookImage { reference, interruption, .. } = image;
        let id = instrument.id;
        if self.directory.last().is_some_and(|(last, _)| *last >= id) {
            return Err(RestoreError::InstrumentOrder(id));
        }
        if [sequence, trades, prevented].into_iter().any(|counter| counter > COUNTER_MAX) {
            return Err(RestoreError::Counter);
        }
        let is_met = trades > 0 || prevented > 0;
        if (trades > 0) != last_price.is_some() || (is_met && sequence == 0) {
            return Err(RestoreError::Counters(id));
        }
        let slot =
            u32::try_from(self.books.len()).map_err(|_| RestoreError::InstrumentOrder(id))?;
        let is_referred = instrument.band.is_some() && last_price.is_some();
        let counted = Book { sequence, trades, prevented, ..Book::new(instrument) };
        let standing = Book { reference, interruption, ..counted };
        self.books.push(Book { last_price, state, auction, ..standing });
        self.directory.push((id, slot));
        let ends_open = auction.is_none_or(|auction| market::matches(auction.then));
        if auction.is_some() != (state == MarketState::Auction) || !ends_open {
            return Err(RestoreError::Auction(id));
        }
        let reopens = interruption.is_none_or(|stands| market::matches(stands.then));
        let is_interrupted = state == MarketState::VolatilityAuction;
        if interruption.is_some() != is_interrupted || !reopens {
            return Err(RestoreError::Interruption(id));
        }
        if reference.is_some_and(|reference| !is_referred || reference.since > self.now) {
            return Err(RestoreError::Reference(id));
        }
        self.collecting += usize::from(state.collects());
        self.auctions += usize::from(auction.is_some());
        if state == MarketState::Delisted {
            self.begin_delisting(slot);
        }
        Ok(())
    }

    fn restore_order(&mut self, order: &OpenOrder) -> Result<(), RestoreError> {
        let OpenOrder { id, account, side, price, priority, .. } = *order;
        let OpenOrder { quantity, remaining, prevented, fees, .. } = *order;
        let book = self.slot(order.instrument).ok_or(RestoreError::UnknownInstrument(id))?;
        if account.0 >= ACCOUNTS_END {
            return Err(RestoreError::Account(id));
        }
        let is_possible = remaining <= quantity && prevented <= quantity.minus(remaining);
        if remaining == Quantity::ZERO || !is_possible {
            return Err(RestoreError::Remaining(id));
        }
        if !self.has_room_for(&fees) {
            return Err(RestoreError::Fees(id));
        }
        let split = Aside::restored(remaining, prevented, order.iceberg);
        let never_ends = order.iceberg.is_none() || order.expires_at.is_none();
        let (aside, shown) = split.filter(|_| never_ends).ok_or(RestoreError::Iceberg(id))?;
        let resting = Resting::new(id, account.0, quantity, shown, priority);
        let level = self.put_in(book, side, price, resting);
        let level = level.ok_or(RestoreError::DuplicateOrder(id))?;
        let place = self.levels[level].tail;
        self.orders.set_aside(place, aside);
        self.orders.set_fees(place, fees);
        if let Some(expires_at) = order.expires_at {
            self.orders.set_timer(place, expires_at);
        }
        Ok(())
    }
}
