//! What can be told of an order before it does anything: whether it would take at all, and whether
//! it would be filled whole. Both only look.

use model::{Instructions, InstrumentId, Price, Side};
use thiserror::Error;

use crate::{Books, FILLS_MAX, prevention::Meeting, slab::NIL, sweep::Taker};

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
    /// Two orders of which one is to cancel the other, and that are not on both sides of the price.
    #[error("the last trade's price is not between the two orders; put one above and one below it")]
    ListPrices,
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
        instructions: &Instructions,
    ) -> Result<(), Refused> {
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
    /// its limit, and without what self-trade prevention would keep from it.
    pub(crate) fn can_fill(&self, taker: &Taker<'_>) -> bool {
        let side = taker.order.side;
        let ladder = self.books[taker.book as usize].ladder(side.opposite());
        let (mut left, mut meetings) = (taker.remaining.lots(), 0);
        for (price, level) in ladder.iter() {
            if !side.accepts(taker.bound, price) {
                return false;
            }
            let mut place = self.levels[level].head;
            while place != NIL {
                if meetings >= FILLS_MAX {
                    return false;
                }
                meetings += self.matches_of(self.orders.slab[place].id);
                match self.meeting(taker, place) {
                    Meeting::Trades => {
                        left = left.saturating_sub(self.orders.slab[place].remaining.lots());
                    }
                    Meeting::MakerGoes { .. } => {}
                    Meeting::TakerGoes | Meeting::BothGo | Meeting::BothShrink => return false,
                }
                if left == 0 {
                    return true;
                }
                place = self.orders.slab[place].next;
            }
        }
        false
    }
}
