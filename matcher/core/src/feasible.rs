//! What can be told of an order before it does anything: whether it would take at all, and whether
//! it would be filled whole. Both only look.

use model::{Instructions, InstrumentId, MarketState, Price, Side, TimeInForce};
use thiserror::Error;

use crate::{
    Books, FILLS_MAX, Size,
    iceberg::{Hidden, check_parts},
    prevention::Meeting,
    slab::NIL,
    sweep::Taker,
};

/// Why an order is refused by its book. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Refused {
    /// A post-only order that would take.
    #[error("the order is post-only and would trade at once; give a price that does not cross")]
    WouldTake,
    /// Its time was up before it came.
    #[error("expires_at is not after the log's own time; give a later one")]
    AlreadyExpired,
    /// An order that is to sleep, and that the price of the last trade would wake at once.
    #[error("the last trade's price would trigger the order at once; give a stop_price beyond it")]
    WouldTrigger,
    /// An iceberg order that would be shown in more than
    /// [`ICEBERG_PARTS_MAX`](crate::ICEBERG_PARTS_MAX) parts.
    #[error("the order would be shown in more parts than one may; show more of it at a time")]
    TooManyParts,
    /// Two orders of which one is to cancel the other, and that are not on both sides of the price.
    #[error("the last trade's price is not between the two orders; put one above and one below it")]
    ListPrices,
    /// The market is not open for such an order.
    #[error("the market does not take such an order now; what it is open for is told beside it")]
    Market(MarketState),
}

impl Books {
    /// Whether the book takes an order of these terms now.
    ///
    /// # Errors
    /// [`Refused`], by the first rule that it breaks.
    pub fn check(
        &self,
        instrument: InstrumentId,
        side: Side,
        price: Option<Price>,
        size: Size,
        time_in_force: TimeInForce,
        instructions: &Instructions,
    ) -> Result<(), Refused> {
        if let Some(book) = self.book(instrument) {
            book.check_state(price.is_some(), time_in_force, instructions)?;
        }
        if let Size::Base(asked) = size {
            check_parts(asked, instructions.display)?;
        }
        if instructions.expires_at.is_some_and(|expires_at| expires_at <= self.now) {
            return Err(Refused::AlreadyExpired);
        }
        let last = self.last_price(instrument);
        let is_met = |price| instructions.trigger.is_some_and(|at| at.is_met(side, price));
        if last.is_some_and(is_met) {
            return Err(Refused::WouldTrigger);
        }
        let takes = |price| self.would_take(instrument, side, price);
        if instructions.post_only && price.is_some_and(takes) {
            return Err(Refused::WouldTake);
        }
        Ok(())
    }

    /// Whether a limit order at `price` would meet one of the other side; whose that is makes no
    /// difference. One that is overdue still counts until it has ended.
    fn would_take(&self, instrument: InstrumentId, side: Side, price: Price) -> bool {
        let Some(book) = self.slot(instrument) else { return false };
        let best = self.books[book as usize].ladder(side.opposite()).best();
        best.is_some_and(|(best, _)| side.accepts(price, best))
    }

    /// Whether a fill-or-kill order would be filled whole, by one command: over all levels up to
    /// its limit, what is hidden there included, and without what self-trade prevention would keep
    /// from it.
    pub(crate) fn can_fill(&self, taker: &Taker<'_>) -> bool {
        let side = taker.order.side;
        let ladder = self.books[taker.book as usize].ladder(side.opposite());
        let mut ahead = Ahead { left: taker.remaining.lots(), matches: 0 };
        for (price, level) in ladder.iter() {
            let hidden = if side.accepts(taker.bound, price) {
                self.meet_shown(taker, level, &mut ahead)
            } else {
                None
            };
            let Some(hidden) = hidden else { return false };
            if ahead.left > 0 {
                let (left, matches) = self.meet_hidden(taker, level, ahead.left, hidden);
                ahead = Ahead { left, matches: ahead.matches.saturating_add(matches) };
                if matches > 0 && ahead.matches > FILLS_MAX as u64 {
                    return false;
                }
            }
            if ahead.left == 0 {
                return true;
            }
        }
        false
    }

    /// Goes once through the queue of a level as a sweep would, which meets everything that is
    /// shown before anything that is hidden. Tells what is hidden there; `None` where the sweep
    /// would end before the order is filled.
    fn meet_shown(&self, taker: &Taker<'_>, at: u32, ahead: &mut Ahead) -> Option<Hidden> {
        let mut hidden = Hidden::default();
        let mut place = self.levels[at].head;
        while place != NIL && ahead.left > 0 {
            if ahead.matches >= FILLS_MAX as u64 {
                return None;
            }
            ahead.matches += self.matches_of(self.orders.slab[place].id) as u64;
            match self.meeting(taker, place) {
                // The band counts where it would trade, as in a sweep.
                Meeting::Trades if taker.is_banned_at(self.levels[at].price) => return None,
                Meeting::Trades => {
                    let shown = self.orders.slab[place].shown;
                    ahead.left = ahead.left.saturating_sub(shown.lots());
                    hidden.add(self.orders.aside(place), u64::MAX);
                }
                Meeting::MakerGoes { .. } => {}
                Meeting::TakerGoes | Meeting::BothGo | Meeting::BothShrink => return None,
            }
            place = self.orders.slab[place].next;
        }
        Some(hidden)
    }
}

/// How far a fill-or-kill order would have come.
struct Ahead {
    /// What would be left of it, in lots.
    left: u64,
    /// In how many matches.
    matches: u64,
}
