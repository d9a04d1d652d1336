//! The circuit breaker: an instrument with a price band stops where a trade would be outside it,
//! collects orders for a while, and opens again by auction.
//!
//! The band is around a reference price that the book remembers: the price of the last trade when
//! it was taken, and from each auction on that of the auction. What stops a market is a taker that
//! would trade, never a price that only lies in the book.

use model::{InstrumentId, MarketState, Price, PriceBand, Side, Timestamp};

use crate::{BookEvent, Books, Outcome, book::Book, market};

/// What a band is around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The price.
    pub price: Price,
    /// When it became that.
    pub since: Timestamp,
}

/// A book that collects orders since a trade would have been outside its band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// When it opens again.
    pub opens_at: Timestamp,
    /// What for.
    pub then: MarketState,
    /// How often that was put off, because the auction would have been too far away.
    pub extensions: u32,
}

/// That a book has stopped; [`Books::interruption`] tells until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Which.
    pub instrument: InstrumentId,
    /// What its band is around.
    pub reference: Price,
    /// When it opens again.
    pub opens_at: Timestamp,
}

/// What became of a book whose time to open has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reopened {
    /// Which.
    pub instrument: InstrumentId,
    /// What it is open for now: [`MarketState::VolatilityAuction`] still where that is put off.
    pub state: MarketState,
}

/// How often it is put off at most. After fifty-four doublings of the narrowest band any price is
/// within it.
const EXTENSIONS_MAX: u32 = 64;

impl Books {
    /// How a book stands that has stopped.
    pub fn interruption(&self, instrument: InstrumentId) -> Option<Interruption> {
        self.book(instrument)?.interruption
    }

    /// What a book's band is around; `None` without a band, and before a trade.
    pub fn reference(&self, instrument: InstrumentId) -> Option<Reference> {
        self.book(instrument)?.reference
    }

    /// Whether a book has stopped whose time to open has come: [`Books::reopen`] opens it.
    pub fn has_reopening(&self) -> bool {
        self.first_reopening().is_some()
    }

    /// Opens the first book, by instrument, that has stopped and whose time to open has come, or
    /// puts that off; `None` where there is none. Where orders cross it is in an auction then.
    pub fn reopen(&mut self) -> Option<Reopened> {
        let (instrument, slot, stands) = self.first_reopening()?;
        let may_open = stands.extensions >= EXTENSIONS_MAX || self.would_open_within(slot, stands);
        match self.books[slot as usize].instrument.band.filter(|_| !may_open) {
            Some(band) => {
                let opens_at = self.now.plus(band.auction_for);
                let extensions = stands.extensions + 1;
                let put_off = Interruption { opens_at, extensions, ..stands };
                self.books[slot as usize].interruption = Some(put_off);
            }
            None => self.set_market_state(instrument, stands.then).expect("it is listed and open"),
        }
        Some(Reopened { instrument, state: self.books[slot as usize].state })
    }

    fn first_reopening(&self) -> Option<(InstrumentId, u32, Interruption)> {
        self.collecting_slots().find_map(|(instrument, slot)| {
            let stands = self.books[slot as usize].interruption?;
            (stands.opens_at <= self.now).then_some((instrument, slot, stands))
        })
    }

    /// Whether an auction now would be within the band, which is twice as wide after the first
    /// time, and twice as wide again each time that it was put off.
    fn would_open_within(&self, slot: u32, stands: Interruption) -> bool {
        let Book { instrument, reference, .. } = &self.books[slot as usize];
        let (Some(band), Some(reference)) = (instrument.band, *reference) else { return true };
        let found = self.indication_of(slot);
        found.is_none_or(|found| band.holds(reference.price, found.price, stands.extensions + 1))
    }

    /// The last price at which a taker of this side may trade, where there is a band.
    pub(crate) fn band_bound(&mut self, slot: u32, side: Side) -> Option<Price> {
        let band = self.books[slot as usize].instrument.band?;
        let now = self.now;
        let book = &mut self.books[slot as usize];
        if market::matches(book.state) {
            book.refresh_reference(&band, now);
        }
        book.reference.map(|reference| band.bound(reference.price, side))
    }

    /// A trade would have been outside the band: the book collects orders from here on.
    pub(crate) fn interrupt(&mut self, slot: u32, out: &mut Outcome) {
        let now = self.now;
        let Book { instrument, reference, state, interruption, .. } =
            &mut self.books[slot as usize];
        let (Some(band), Some(reference)) = (instrument.band, *reference) else { return };
        let opens_at = now.plus(band.auction_for);
        *interruption = Some(Interruption { opens_at, then: *state, extensions: 0 });
        *state = MarketState::VolatilityAuction;
        let instrument = instrument.id;
        self.collecting += 1;
        self.sort_woken(slot);
        let reference = reference.price;
        out.events.push(BookEvent::Interrupted(Interrupted { instrument, reference, opens_at }));
    }
}

impl Book {
    /// The last trade's price becomes the reference where there is none, or one that is too old.
    fn refresh_reference(&mut self, band: &PriceBand, now: Timestamp) {
        let is_over = |reference: Reference| {
            band.reference_for.is_some_and(|span| reference.since.plus(span) <= now)
        };
        if self.reference.is_none_or(is_over) {
            self.reference = self.last_price.map(|price| Reference { price, since: now });
        }
    }

    /// An auction has traded at a price: the band is around that from here on.
    pub(crate) fn refer_to(&mut self, price: Price, now: Timestamp) {
        self.reference = self.instrument.band.map(|_| Reference { price, since: now });
    }
}
