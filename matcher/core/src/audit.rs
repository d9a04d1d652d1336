//! What must be true of the books between two commands. Tests and simulators ask after each.

use alloc::{borrow::ToOwned, format, string::String};

use model::{AccountHandle, MarketState, Price, Quantity, Side};

use crate::{
    Books, OpenOrder,
    book::{Book, Level},
    slab::NIL,
};

impl Books {
    /// Checks that no book is crossed; that each level's total is the sum of its queue, oldest
    /// first, and none is empty; that levels stand in order of price; and that the index by id, the
    /// lists by account and the queues hold the same orders. Costs a pass over everything.
    ///
    /// # Errors
    /// A sentence about the first breach.
    pub fn check_invariants(&self) -> Result<(), String> {
        let (mut queued, mut levels) = (0, 0);
        for (slot, book) in (0_u32..).zip(&self.books) {
            let symbol = &book.instrument.symbol;
            if book.is_wrongly_crossed() {
                return Err(format!("the book of {symbol} is crossed"));
            }
            let is_interrupted = book.state == MarketState::VolatilityAuction;
            if book.interruption.is_some() != is_interrupted {
                return Err(format!("{symbol} has stopped and has not"));
            }
            for side in Side::BOTH {
                let counted = self.check_side(slot, book, side);
                let (orders, count) = counted.map_err(|why| format!("{symbol} {side:?}: {why}"))?;
                queued += orders;
                levels += count;
            }
        }
        let collecting = self.books.iter().filter(|book| book.state.collects()).count();
        if collecting != self.collecting {
            return Err(format!("{collecting} books collect, {} counted", self.collecting));
        }
        if levels != self.levels.len() {
            return Err(format!("{levels} levels in books, {} in the slab", self.levels.len()));
        }
        let (places, indexed) = (self.orders.slab.len(), self.orders.len());
        if queued != indexed || queued != places {
            return Err(format!(
                "{queued} orders in queues, {indexed} by id, {places} in the slab"
            ));
        }
        self.check_timers()?;
        self.check_sleepers()?;
        self.check_schedules()?;
        self.check_lists()?;
        self.check_counts()?;
        self.check_accounts(queued)
    }

    /// Tells how many orders and levels a side has.
    fn check_side(&self, slot: u32, book: &Book, side: Side) -> Result<(usize, usize), String> {
        let (mut orders, mut levels) = (0, 0);
        let mut better: Option<Price> = None;
        for (price, at) in book.ladder(side).iter() {
            if better.is_some_and(|better| !side.improves(better, price)) {
                return Err(format!("the level at {} is out of order", price.ticks()));
            }
            if book.ladder(side).find(price) != Some(at) {
                return Err(format!("the level at {} is not found", price.ticks()));
            }
            let level = &self.levels[at];
            if (level.book, level.side, level.price) != (slot, side, price) {
                return Err(format!("the level at {} is another's", price.ticks()));
            }
            orders += self
                .check_queue(at, level)
                .map_err(|why| format!("at {}: {why}", price.ticks()))?;
            levels += 1;
            better = Some(price);
        }
        Ok((orders, levels))
    }

    fn check_queue(&self, at: u32, level: &Level) -> Result<usize, String> {
        let (mut count, mut total_lots) = (0, 0);
        let (mut place, mut previous) = (level.head, NIL);
        let mut newest = None;
        while place != NIL {
            let order = &self.orders.slab[place];
            if order.level != at || order.previous != previous {
                return Err(format!("order {} is not linked to its level", order.id));
            }
            if newest >= Some(order.priority) || order.priority >= self.next_priority {
                return Err(format!("order {} is out of its turn", order.id));
            }
            let aside = self.orders.aside(place);
            let parts = [order.shown, aside.hidden, aside.prevented].map(Quantity::lots);
            let gone = parts.into_iter().fold(0, u64::saturating_add);
            if order.shown == Quantity::ZERO || gone > order.quantity.lots() {
                return Err(format!("order {} has an impossible quantity remaining", order.id));
            }
            let is_whole = aside.display.is_zero() && aside.hidden.is_zero();
            if !is_whole && order.shown > aside.display {
                return Err(format!("order {} shows more than it may", order.id));
            }
            if self.orders.find(order.id) != Some(place) {
                return Err(format!("order {} is not found by its id", order.id));
            }
            count += 1;
            total_lots += order.shown.lots();
            newest = Some(order.priority);
            (previous, place) = (place, order.next);
        }
        if count == 0 {
            return Err("the level is empty".to_owned());
        }
        if level.tail != previous || level.total_lots != total_lots {
            return Err(format!(
                "the total is {}, its orders sum to {total_lots}",
                level.total_lots
            ));
        }
        Ok(count)
    }

    fn check_accounts(&self, queued: usize) -> Result<(), String> {
        let mut listed = 0;
        for account in (0..self.orders.accounts_end()).map(AccountHandle) {
            let mut newest = None;
            let before = listed;
            for order in self.orders_of(account) {
                if order.account != account || newest >= Some(order.priority) {
                    return Err(format!("order {} is out of place in its account", order.id));
                }
                if self.order(order.id) != Some(order) {
                    return Err(format!("order {} is listed but not open", order.id));
                }
                newest = Some(order.priority);
                listed += 1;
            }
            let resting = self.orders.of_account(account.0).count as usize;
            if listed - before != resting {
                return Err(format!("account {} counts its open orders wrongly", account.0));
            }
        }
        if listed != queued {
            return Err(format!("{listed} of {queued} in accounts"));
        }
        let has_aside = |order: &OpenOrder| order.iceberg.is_some() || !order.prevented.is_zero();
        let accounts = (0..self.orders.accounts_end()).map(AccountHandle);
        let asides = accounts.flat_map(|account| self.orders_of(account)).filter(has_aside);
        if asides.count() != self.orders.asides() {
            return Err(format!("{} orders have something kept aside", self.orders.asides()));
        }
        Ok(())
    }
}
