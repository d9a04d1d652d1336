//! Cancelling: one order, or those of an account that a filter takes.

use model::{AccountHandle, InstrumentId, OrderFilter, OrderId};

use crate::{Books, EndReason, Outcome, slab::NIL};

impl Books {
    /// Cancels an open order, asleep or not, and with it what hangs on it; by the id of a list all
    /// of it. Tells whether there was one; else nothing changes.
    pub fn cancel(&mut self, id: OrderId, out: &mut Outcome) -> bool {
        let Some(place) = self.orders.find(id) else {
            let is_one = self.cancel_sleeper(id, out) || self.cancel_pending(id, out);
            return is_one || self.cancel_list(id, out);
        };
        let sequence = self.next_sequence(place);
        self.take_out(place, sequence, EndReason::Cancelled, out);
        true
    }

    /// Cancels every open order of an account, or those in one book, and tells how many there were:
    /// those that rest, oldest first, then those that sleep, oldest first, each with what hangs on
    /// it behind it; then those that are due. For each book it is one change of the public depth.
    pub fn cancel_all(
        &mut self,
        account: AccountHandle,
        instrument: Option<InstrumentId>,
        out: &mut Outcome,
    ) -> usize {
        self.cancel_matching(account, &OrderFilter::all(instrument), out)
    }

    /// The same of those that `filter` takes.
    pub fn cancel_matching(
        &mut self,
        account: AccountHandle,
        filter: &OrderFilter,
        out: &mut Outcome,
    ) -> usize {
        let (before, first_level) = (out.events.len(), out.levels.len());
        let mut place = self.orders.of_account(account.0).head;
        while place != NIL {
            let next = self.orders.slab[place].account_next;
            let level = &self.levels[self.orders.slab[place].level];
            let book = level.book as usize;
            if filter.takes(self.books[book].instrument.id, level.side, Some(level.price)) {
                let sequence = self.books[book].sequence + 1;
                self.take_out(place, sequence, EndReason::Cancelled, out);
            }
            place = next;
        }
        self.cancel_sleepers(account, filter, out);
        self.cancel_due(account, |o| filter.takes(o.instrument, o.side, o.price), out);
        // One that sleeps may have taken along one that rests.
        self.number_as_one(first_level, out);
        self.close_changes(first_level, out);
        out.events.len() - before
    }

    /// Gives all changes of a book from `first_level` on the number of the first of them.
    pub(crate) fn number_as_one(&mut self, first_level: usize, out: &mut Outcome) {
        for change in out.levels[first_level..].iter().rev() {
            let book = self.slot(change.instrument).expect("it has just changed");
            self.books[book as usize].sequence = change.sequence;
        }
        for change in &mut out.levels[first_level..] {
            let book = self.slot(change.instrument).expect("it has just changed");
            change.sequence = self.books[book as usize].sequence;
        }
    }
}
