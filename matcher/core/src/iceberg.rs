//! Iceberg orders: limit orders of which only a part is shown at a time.
//!
//! What is shown lies in the queue like any order and is all that the level's total counts. What is
//! hidden lies aside, so that orders without it stay as small as they are. A part that is used up
//! is replaced at once, before the next order is met: by the next part, with a new priority, behind
//! everything else at its price. So a large taker goes round: what is shown of each order in turn,
//! then what they show next, and only then to the next price.

use model::{AccountHandle, InstrumentId, OrderId, Quantity};

use crate::{
    BookEvent, Books, FILLS_MAX, Outcome, Refused, book::Resting, prevention::Meeting, slab::NIL,
    sweep::Taker,
};

/// In how many parts an iceberg order may be shown at most: each is a match of its own in some
/// taker's answer, so that one order can use up no more than a fiftieth of what a command may do.
pub const ICEBERG_PARTS_MAX: u64 = 100;
const _: () = assert!(ICEBERG_PARTS_MAX * 50 <= FILLS_MAX as u64);
const _: () = assert!(ICEBERG_PARTS_MAX == model::Filters::ICEBERG_PARTS_MAX as u64);

/// How an iceberg order stands: a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iceberg {
    /// How much of it is shown at a time.
    pub display: Quantity,
    /// What of it is shown now: above zero, at most `display`, and at most what remains.
    pub shown: Quantity,
}

/// That the next part of an iceberg order is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refill {
    /// Which order.
    pub order: OrderId,
    /// Whose it is.
    pub account: AccountHandle,
    /// In which book.
    pub instrument: InstrumentId,
    /// What is shown now; above zero.
    pub shown: Quantity,
}

/// What few orders have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Aside {
    /// What self-trade prevention has taken off it.
    pub(crate) prevented: Quantity,
    /// How much of it is shown at a time, and what is hidden behind that; zero for all but
    /// icebergs.
    pub(crate) display: Quantity,
    pub(crate) hidden: Quantity,
}

impl Aside {
    /// Of an order of which so much remains and, if it is an iceberg, so much is shown at a time;
    /// and what is shown of it first.
    pub(crate) fn split(remaining: Quantity, display: Option<Quantity>) -> (Aside, Quantity) {
        let shown = display.map_or(remaining, |display| display.min(remaining));
        let display = display.unwrap_or_default();
        (Aside { display, hidden: remaining.minus(shown), prevented: Quantity::ZERO }, shown)
    }

    /// The same out of an image; `None` where no iceberg can stand so.
    pub(crate) fn restored(
        remaining: Quantity,
        prevented: Quantity,
        iceberg: Option<Iceberg>,
    ) -> Option<(Aside, Quantity)> {
        let Some(Iceberg { display, shown }) = iceberg else {
            return Some((Aside { prevented, ..Aside::default() }, remaining));
        };
        let is_part = !shown.is_zero() && shown <= display && shown <= remaining;
        let aside = is_part.then(|| Aside { prevented, display, hidden: remaining.minus(shown) });
        aside.map(|aside| (aside, shown))
    }
}

/// Whether an order may be shown in parts of this size.
pub(crate) fn check_parts(asked: Quantity, display: Option<Quantity>) -> Result<(), Refused> {
    let parts = display.map_or(1, |display| asked.lots().div_ceil(display.lots().max(1)));
    if parts > ICEBERG_PARTS_MAX { Err(Refused::TooManyParts) } else { Ok(()) }
}

impl Books {
    /// How the order at `place` stands if it is an iceberg.
    pub(crate) fn iceberg(&self, place: u32) -> Option<Iceberg> {
        let Aside { display, .. } = self.orders.aside(place);
        let shown = self.orders.slab[place].shown;
        (!display.is_zero()).then_some(Iceberg { display, shown })
    }

    /// Where what is shown of the order at the head of a level is used up: shows the next part of
    /// it, behind everything else there. Something of it is left.
    pub(crate) fn refill_head(&mut self, at: u32, out: &mut Outcome) {
        let place = self.levels[at].head;
        if !self.orders.slab[place].shown.is_zero() {
            return;
        }
        let shown = self.orders.show_next(place);
        self.unlink(place);
        let level = &mut self.levels[at];
        level.total_lots += shown.lots();
        let previous = core::mem::replace(&mut level.tail, place);
        let book = level.book;
        match previous {
            NIL => level.head = place,
            previous => self.orders.slab[previous].next = place,
        }
        let priority = self.next_priority;
        self.next_priority += 1;
        let order = &mut self.orders.slab[place];
        (order.previous, order.next, order.priority) = (previous, NIL, priority);
        let Resting { id, owner, .. } = *order;
        self.orders.make_newest(place);
        out.events.push(BookEvent::Refilled(Refill {
            order: id,
            account: AccountHandle(owner.account()),
            instrument: self.books[book as usize].instrument.id,
            shown,
        }));
    }
}

/// What the icebergs of one level hide from a taker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hidden {
    lots: u64,
    /// In how many parts, and in how many the one that has most.
    parts: u64,
    rounds: u64,
}

impl Hidden {
    /// And what this order hides, or shows of it in so many rounds.
    pub(crate) fn add(&mut self, aside: Aside, rounds: u64) {
        let display = aside.display.lots();
        let lots = aside.hidden.lots().min(display.saturating_mul(rounds));
        let parts = lots.div_ceil(display.max(1));
        self.lots += lots;
        self.parts += parts;
        self.rounds = self.rounds.max(parts);
    }
}

impl Books {
    /// What a taker of `left` lots, which has met everything that is shown at a level, meets of
    /// what is hidden there: what is then left of it, and in how many matches.
    pub(crate) fn meet_hidden(
        &self,
        taker: &Taker<'_>,
        at: u32,
        left: u64,
        hidden: Hidden,
    ) -> (u64, u64) {
        if left >= hidden.lots {
            return (left - hidden.lots, hidden.parts);
        }
        // How many rounds it goes whole: as long as something of it is left.
        let (mut whole, mut too_many) = (0, hidden.rounds);
        while whole + 1 < too_many {
            let middle = whole.midpoint(too_many);
            let is_left = self.rounds(taker, at, middle).lots < left;
            if is_left { whole = middle } else { too_many = middle }
        }
        let Hidden { lots, parts, .. } = self.rounds(taker, at, whole);
        (0, parts + self.matches_in_round(taker, at, whole, left - lots))
    }

    /// What the icebergs of a level show in so many rounds after what they show now.
    fn rounds(&self, taker: &Taker<'_>, at: u32, rounds: u64) -> Hidden {
        let mut sum = Hidden::default();
        self.each_iceberg(taker, at, |aside| {
            sum.add(aside, rounds);
            true
        });
        sum
    }

    /// In how many matches the round after so many takes `left` lots.
    fn matches_in_round(&self, taker: &Taker<'_>, at: u32, rounds: u64, mut left: u64) -> u64 {
        let mut matches = 0;
        self.each_iceberg(taker, at, |aside| {
            let before = aside.display.lots().saturating_mul(rounds);
            let part = aside.hidden.lots().saturating_sub(before).min(aside.display.lots());
            matches += u64::from(part > 0);
            left = left.saturating_sub(part);
            left > 0
        });
        matches
    }

    /// The icebergs of a level with which a taker would trade and that hide something, first come
    /// first, until told to stop.
    fn each_iceberg(&self, taker: &Taker<'_>, at: u32, mut visit: impl FnMut(Aside) -> bool) {
        let mut place = self.levels[at].head;
        while place != NIL {
            let aside = self.orders.aside(place);
            let trades = || self.meeting(taker, place) == Meeting::Trades;
            if !aside.hidden.is_zero() && trades() && !visit(aside) {
                return;
            }
            place = self.orders.slab[place].next;
        }
    }
}
