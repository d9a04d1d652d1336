//! Sleepers out of an image, with everything checked; and what must be true of them.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use model::{AccountHandle, InstrumentId, OrderId, OrderType, Price, Side};

use super::{Bed, Lies, Queue, Sleeper, Watermark};
use crate::{
    ACCOUNTS_END, Books, COUNTER_MAX, NewOrder, RestoreError, Size, ladder::Ladder,
    market::lets_go_on, slab::NIL,
};

impl Books {
    pub(crate) fn restore_sleepers(
        &mut self,
        sleepers: &[Sleeper],
        woken: &[OrderId],
        held: &[OrderId],
        watermarks: &[Watermark],
    ) -> Result<(), RestoreError> {
        let mut awake = [woken, held].concat();
        awake.sort_unstable();
        if let Some(twice) = awake.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(RestoreError::Sleeper(twice[0]));
        }
        let (mut first_free, mut watermarks) = (0, watermarks.iter().peekable());
        let (mut waiting, mut followers) = (Vec::new(), Vec::new());
        for sleeper in sleepers {
            let id = sleeper.order.id;
            let entries = first_free..self.next_priority.min(COUNTER_MAX);
            if !entries.contains(&sleeper.entry) {
                return Err(RestoreError::PriorityOrder(id));
            }
            first_free = sleeper.entry + 1;
            let watermark = watermarks.next_if(|next| next.order == id);
            let watermark = watermark.map(|watermark| watermark.price);
            let is_awake = awake.binary_search(&id).is_ok();
            let at = self.restore_sleeper(sleeper, watermark, is_awake)?;
            followers.extend(watermark.map(|watermark| (watermark, at)));
            waiting.extend((watermark.is_none() && !is_awake).then_some(at));
        }
        if let Some(nobodys) = watermarks.next() {
            return Err(RestoreError::Sleeper(nobodys.order));
        }
        for id in woken {
            let at = self.sleepers.find(*id).ok_or(RestoreError::Sleeper(*id))?;
            self.sleepers.woken.push_back(at);
        }
        self.restore_held(held)?;
        self.lay_down(&waiting, followers);
        Ok(())
    }

    /// Those that have woken wait in their books, by instrument; and nobody waits that goes on, nor
    /// goes on that would wait.
    fn restore_held(&mut self, held: &[OrderId]) -> Result<(), RestoreError> {
        for id in held {
            let at = self.sleepers.find(*id).ok_or(RestoreError::Sleeper(*id))?;
            self.books[self.sleepers.beds[at].book as usize].held.push_back(at);
        }
        let goes_on = |at: u32| {
            let Bed { sleeper, book, .. } = &self.sleepers.beds[at];
            lets_go_on(self.books[*book as usize].state, &sleeper.order)
        };
        let waits = self.books.iter().flat_map(|book| &book.held).find(|at| goes_on(**at));
        let wrong = waits.or_else(|| self.sleepers.woken.iter().find(|at| !goes_on(**at)));
        if let Some(at) = wrong {
            return Err(RestoreError::Sleeper(self.sleepers.id_at(*at)));
        }
        match self.held().iter().zip(held).find(|(found, told)| found != told) {
            Some((_, told)) => Err(RestoreError::Sleeper(*told)),
            None => Ok(()),
        }
    }

    /// Adds a sleeper and tells where; it lies nowhere yet.
    fn restore_sleeper(
        &mut self,
        sleeper: &Sleeper,
        watermark: Option<Price>,
        is_awake: bool,
    ) -> Result<u32, RestoreError> {
        let order = &sleeper.order;
        let id = order.id;
        let book = self.slot(order.instrument).ok_or(RestoreError::UnknownInstrument(id))?;
        if order.account.0 >= ACCOUNTS_END {
            return Err(RestoreError::Account(id));
        }
        if self.is_open(id) {
            return Err(RestoreError::DuplicateOrder(id));
        }
        let last = self.books[book as usize].last_price;
        let may_sleep = match watermark {
            None => !last.is_some_and(|last| is_met(order, last)),
            Some(watermark) => !is_awake && last.is_some_and(|last| trails(order, watermark, last)),
        };
        if !is_sound(order) || !(may_sleep || (is_awake && watermark.is_none())) {
            return Err(RestoreError::Sleeper(id));
        }
        if !self.has_room_for(&order.fees) {
            return Err(RestoreError::Fees(id));
        }
        self.orders.schedules.enter(order.fees);
        self.count_in(order);
        Ok(self.sleepers.insert(*sleeper, book))
    }

    /// Puts restored sleepers where they lie: those that trail already last, each side's watermarks
    /// in the order in which they were reached.
    fn lay_down(&mut self, waiting: &[u32], mut followers: Vec<(Price, u32)>) {
        for at in waiting {
            match self.sleepers.beds[*at].sleeper.order.instructions.trigger {
                Some(_) => self.enqueue(*at),
                None => self.follow_from_next_trade(*at),
            }
        }
        followers.sort_by_key(|(watermark, at)| {
            let ticks = watermark.ticks();
            match self.sleepers.beds[*at].sleeper.order.side {
                Side::Buy => ticks,
                Side::Sell => Price::TICKS_MAX - ticks,
            }
        });
        for (watermark, at) in followers {
            self.follow_from(at, watermark);
        }
    }

    /// Whether queues, lists and the queue of the woken hold the same orders, each at its price.
    pub(crate) fn check_sleepers(&self) -> Result<(), String> {
        let (mut queued, mut trailing) = (0, 0);
        for (slot, book) in (0_u32..).zip(&self.books) {
            for side in Side::BOTH {
                trailing += self.check_trail(slot, side)?;
            }
            for (waits_for_rise, ladder) in [(true, &book.rising), (false, &book.falling)] {
                queued += self.check_beds(book.instrument.id, waits_for_rise, ladder)?;
            }
        }
        let accounts = 0..u32::try_from(self.sleepers.accounts.len()).unwrap_or(u32::MAX);
        let listed: usize =
            accounts.map(|account| self.sleepers_of(AccountHandle(account)).count()).sum();
        let held: usize = self.books.iter().map(|book| book.held.len()).sum();
        let (all, woken) = (self.sleepers.len(), self.sleepers.woken.len() + held);
        let found = queued + trailing + woken;
        if found != all || listed != all || self.sleepers.beds.len() != all {
            return Err(format!("{all} sleep by id, {queued} in queues, {woken} woken, {listed}"));
        }
        if !self.sleepers.reached.is_empty() {
            return Err("somebody was reached and has not woken".to_owned());
        }
        Ok(())
    }

    fn check_beds(
        &self,
        instrument: InstrumentId,
        waits_for_rise: bool,
        ladder: &Ladder,
    ) -> Result<usize, String> {
        let mut count = 0;
        for (price, queue) in ladder.iter() {
            let Queue { head, segments, book, .. } = self.sleepers.queues[queue];
            let is_its = self.slot(instrument) == Some(book);
            let known = (self.sleepers.queues[queue].price, waits_for_rise);
            if !is_its || known != (price, self.sleepers.queues[queue].waits_for_rise) {
                return Err(format!("the queue at {} is another's", price.ticks()));
            }
            let mut at = head;
            let mut newest = None;
            while at != NIL {
                let bed = &self.sleepers.beds[at];
                let Sleeper { order, entry } = bed.sleeper;
                let is_its = order.instructions.trigger.is_some_and(|trigger| {
                    trigger.price == price && trigger.waits_for_rise(order.side) == waits_for_rise
                });
                let is_here = bed.lies == Lies::Waits(queue) && order.instrument == instrument;
                let is_awake = self.last_price(instrument).is_some_and(|last| is_met(&order, last));
                if !is_its || !is_here || is_awake || newest >= Some(entry) {
                    return Err(format!("order {} sleeps in the wrong place", order.id));
                }
                newest = Some(entry);
                count += 1;
                at = bed.next;
            }
            if newest.is_none() && segments == NIL {
                return Err(format!("nobody sleeps at {}", price.ticks()));
            }
        }
        Ok(count)
    }
}

/// Whether a trade at this price is at the order's trigger, if it has one, or beyond.
fn is_met(order: &NewOrder, price: Price) -> bool {
    order.instructions.trigger.is_some_and(|trigger| trigger.is_met(order.side, price))
}

/// Whether an order can trail from this price after a last trade at that one.
fn trails(order: &NewOrder, watermark: Price, last: Price) -> bool {
    let Some(trailing) = order.instructions.trailing else { return false };
    let wakes_at = trailing.price(order.side, watermark);
    match order.side {
        Side::Buy => watermark <= last && wakes_at.is_none_or(|at| last < at),
        Side::Sell => watermark >= last && wakes_at.is_none_or(|at| last > at),
    }
}

/// Whether it is one that can be placed once it wakes, and waits for something.
fn is_sound(order: &NewOrder) -> bool {
    let is_limit = order.order_type == OrderType::Limit;
    let has_size = matches!(order.size, Size::Base(quantity) if !quantity.is_zero());
    let (trigger, trailing) = (order.instructions.trigger, order.instructions.trailing);
    let agree = trigger.zip(trailing).is_none_or(|(trigger, trails)| trigger.kind == trails.kind);
    has_size
        && is_limit == order.price.is_some()
        && order.instructions.waits_for().is_some()
        && agree
}
