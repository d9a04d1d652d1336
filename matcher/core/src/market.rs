//! What each book is open for, and what becomes of orders when that changes.
//!
//! A book's state is asked where an order or an amend comes. Who has woken while its book does not
//! let it go on is kept apart, in the book, and goes on once that does: so whoever looks for the
//! next that has woken never has to pass over others.

use alloc::{collections::VecDeque, vec::Vec};

use model::{Instructions, InstrumentId, MarketState, OrderId, OrderType, TimeInForce};
use thiserror::Error;

use crate::{Auction, Books, NewOrder, Refused, book::Book};

/// Why a market's state is not changed. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum StateRefused {
    /// There is no such book.
    #[error("the instrument is not listed here")]
    UnknownInstrument,
    /// It was delisted.
    #[error("the instrument was delisted, and stays so; list another")]
    Delisted,
    /// An auction is not set, of either kind.
    #[error("an auction is how a market opens; set what it is to be open for")]
    NotSet,
}

/// Whether a book in this state takes such an order.
pub(crate) fn takes(
    state: MarketState,
    is_limit: bool,
    time_in_force: TimeInForce,
    instructions: &Instructions,
) -> bool {
    let rests = !matches!(time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    match state {
        MarketState::Trading => true,
        MarketState::PostOnly => instructions.post_only,
        MarketState::LimitOnly => is_limit,
        MarketState::PreOpen | MarketState::VolatilityAuction => {
            let collects = is_limit && rests && !instructions.post_only;
            instructions.waits_for().is_some() || collects
        }
        MarketState::CancelOnly
        | MarketState::Halted
        | MarketState::Delisted
        | MarketState::Auction => false,
    }
}

/// Whether a book in this state takes an amend of an order that rests: it takes nothing from
/// others, whatever it was when it came.
pub(crate) const fn takes_amend(state: MarketState) -> bool {
    match state {
        MarketState::Trading
        | MarketState::PostOnly
        | MarketState::LimitOnly
        | MarketState::PreOpen
        | MarketState::VolatilityAuction => true,
        MarketState::CancelOnly
        | MarketState::Halted
        | MarketState::Delisted
        | MarketState::Auction => false,
    }
}

/// Whether a book in this state matches what crosses, so that none is left.
pub(crate) const fn matches(state: MarketState) -> bool {
    matches!(state, MarketState::Trading | MarketState::PostOnly | MarketState::LimitOnly)
}

/// Whether an order that has woken goes on in a book in this state.
pub(crate) fn lets_go_on(state: MarketState, order: &NewOrder) -> bool {
    match state {
        MarketState::Trading => true,
        MarketState::LimitOnly => order.order_type.awake() == OrderType::Limit,
        MarketState::PostOnly
        | MarketState::CancelOnly
        | MarketState::Halted
        | MarketState::Delisted
        | MarketState::PreOpen
        | MarketState::Auction
        | MarketState::VolatilityAuction => false,
    }
}

impl Book {
    /// Whether it takes such an order now.
    ///
    /// # Errors
    /// [`Refused::Market`] where its state does not let it.
    pub(crate) fn check_state(
        &self,
        is_limit: bool,
        time_in_force: TimeInForce,
        instructions: &Instructions,
    ) -> Result<(), Refused> {
        let state = self.state;
        if state == MarketState::Trading || takes(state, is_limit, time_in_force, instructions) {
            return Ok(());
        }
        Err(Refused::Market(state))
    }
}

impl Books {
    /// What the market of a listed instrument is open for.
    pub fn market_state(&self, instrument: InstrumentId) -> Option<MarketState> {
        self.book(instrument).map(|book| book.state)
    }

    /// Opens a market for this from now on, or closes it. Where orders cross that would trade then,
    /// it is in an auction first ([`Books::uncross`]). Who has woken and may not go on waits, and
    /// goes on once it may, before whoever wakes later. From [`MarketState::Delisted`] on all that
    /// is open there is over, and [`Books::expire`] ends it.
    ///
    /// # Errors
    /// [`StateRefused`], with nothing changed.
    pub fn set_market_state(
        &mut self,
        instrument: InstrumentId,
        state: MarketState,
    ) -> Result<(), StateRefused> {
        let slot = self.slot(instrument).ok_or(StateRefused::UnknownInstrument)?;
        let book = &mut self.books[slot as usize];
        if matches!(state, MarketState::Auction | MarketState::VolatilityAuction) {
            return Err(StateRefused::NotSet);
        }
        if book.state == MarketState::Delisted && state != MarketState::Delisted {
            return Err(StateRefused::Delisted);
        }
        if book.state == state {
            return Ok(());
        }
        let auction = (matches(state) && book.is_crossed()).then(|| {
            let price = book.auction.and_then(|auction| auction.price);
            Auction { price, then: state }
        });
        self.auctions += usize::from(auction.is_some());
        self.auctions -= usize::from(book.auction.is_some());
        self.collecting -= usize::from(book.state.collects());
        book.interruption = None;
        book.auction = auction;
        book.state = if auction.is_some() { MarketState::Auction } else { state };
        self.collecting += usize::from(book.state.collects());
        self.sort_woken(slot);
        if state == MarketState::Delisted {
            self.begin_delisting(slot);
        }
        Ok(())
    }

    /// Orders that have woken and wait until their books let them go on: by book in ascending order
    /// of instrument, and in each as they woke.
    pub(crate) fn held(&self) -> Vec<OrderId> {
        let books = self.directory.iter().map(|(_, book)| &self.books[*book as usize]);
        let held = books.flat_map(|book| &book.held);
        held.map(|at| self.sleepers.id_at(*at)).collect()
    }

    /// After a change of a book's state: lets go on those that woke in it and now may, and keeps
    /// back those that may not.
    pub(crate) fn sort_woken(&mut self, slot: u32) {
        let Books { books, sleepers, .. } = self;
        let Book { state, held, .. } = &mut books[slot as usize];
        let goes_on = |at: &u32| lets_go_on(*state, sleepers.order_at(*at));
        let (free, kept): (VecDeque<u32>, VecDeque<u32>) =
            held.iter().copied().partition(|at| goes_on(at));
        *held = kept;
        let is_kept = |at: &u32| sleepers.slot_at(*at) == slot && !goes_on(at);
        held.extend(sleepers.woken().iter().filter(|at| is_kept(at)));
        let woken = sleepers.woken().iter().filter(|at| !is_kept(at));
        let woken: VecDeque<u32> = free.iter().chain(woken).copied().collect();
        sleepers.set_woken(woken);
    }
}
