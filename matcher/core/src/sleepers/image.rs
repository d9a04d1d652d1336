//! Sleepers out of an image, with everything checked; and what must be true of them.

use model::{AccountHandle, InstrumentId, OrderId, OrderType};

use super::Sleeper;
use crate::{
    ACCOUNTS_END, Books, COUNTER_MAX, NewOrder, RestoreError, Size, ladder::Ladder, slab::NIL,
};

impl Books {
    pub(crate) fn restore_sleepers(
        &mut self,
        sleepers: &[Sleeper],
        woken: &[OrderId],
    ) -> Result<(), RestoreError> {
        let mut first_free = 0;
        for sleeper in sleepers {
            let Sleeper { order, entry } = *sleeper;
            let id = order.id;
            if !(first_free..self.next_priority.min(COUNTER_MAX)).contains(&entry) {
                return Err(RestoreError::PriorityOrder(id));
            }
            first_free = entry + 1;
            let book = self.slot(order.instrument).ok_or(RestoreError::UnknownInstrument(id))?;
            if order.account.0 >= ACCOUNTS_END {
                return Err(RestoreError::Account(id));
            }
            if self.is_open(id) {
                return Err(RestoreError::DuplicateOrder(id));
            }
            let trigger = order.instructions.trigger.filter(|_| is_sound(&order));
            let trigger = trigger.ok_or(RestoreError::Sleeper(id))?;
            let last = self.books[book as usize].last_price;
            let is_met = last.is_some_and(|last| trigger.is_met(order.side, last));
            if is_met && !woken.contains(&id) {
                return Err(RestoreError::Sleeper(id));
            }
            if !self.has_room_for(&order.fees) {
                return Err(RestoreError::Fees(id));
            }
            self.orders.schedules.enter(order.fees);
            self.sleepers.insert(*sleeper, book);
        }
        for id in woken {
            let at = self.sleepers.find(*id).filter(|at| !self.sleepers.woken.contains(at));
            self.sleepers.woken.push_back(at.ok_or(RestoreError::Sleeper(*id))?);
        }
        for sleeper in sleepers {
            let at = self.sleepers.find(sleeper.order.id).expect("it was just put in");
            if !self.sleepers.woken.contains(&at) {
                self.enqueue(at);
            }
        }
        Ok(())
    }

    /// Whether queues, lists and the queue of the woken hold the same orders, each at its price.
    pub(crate) fn check_sleepers(&self) -> Result<(), String> {
        let mut queued = 0;
        for book in &self.books {
            for (waits_for_rise, ladder) in [(true, &book.rising), (false, &book.falling)] {
                queued += self.check_beds(book.instrument.id, waits_for_rise, ladder)?;
            }
        }
        let accounts = 0..u32::try_from(self.sleepers.accounts.len()).unwrap_or(u32::MAX);
        let listed: usize =
            accounts.map(|account| self.sleepers_of(AccountHandle(account)).count()).sum();
        let (all, woken) = (self.sleepers.len(), self.sleepers.woken.len());
        if queued + woken != all || listed != all || self.sleepers.beds.len() != all {
            return Err(format!("{all} sleep by id, {queued} in queues, {woken} woken, {listed}"));
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
            let mut at = self.sleepers.queues[queue].head;
            let mut newest = None;
            while at != NIL {
                let bed = &self.sleepers.beds[at];
                let Sleeper { order, entry } = bed.sleeper;
                let is_its = order.instructions.trigger.is_some_and(|trigger| {
                    trigger.price == price && trigger.waits_for_rise(order.side) == waits_for_rise
                });
                let is_here = bed.queue == queue && order.instrument == instrument;
                let met = |last| order.instructions.trigger.map(|at| at.is_met(order.side, last));
                let is_awake = self.last_price(instrument).and_then(met) == Some(true);
                if !is_its || !is_here || is_awake || newest >= Some(entry) {
                    return Err(format!("order {} sleeps in the wrong place", order.id));
                }
                newest = Some(entry);
                count += 1;
                at = bed.next;
            }
            if newest.is_none() {
                return Err(format!("nobody sleeps at {}", price.ticks()));
            }
        }
        Ok(count)
    }
}

/// Whether it is one that can be placed once it wakes.
fn is_sound(order: &NewOrder) -> bool {
    let is_limit = order.order_type == OrderType::Limit;
    let has_size = matches!(order.size, Size::Base(quantity) if !quantity.is_zero());
    has_size && is_limit == order.price.is_some()
}
