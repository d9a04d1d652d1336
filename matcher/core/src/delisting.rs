//! Delisting: all that is open in a book is over from one moment on, and ends in steps that the
//! caller bounds.
//!
//! Nothing comes to such a book any more, so an account of which nothing is left there is not
//! looked at again. Where a step has come to is no part of the state: from the first account on it
//! would find the same.

use alloc::vec::Vec;

use model::{AccountHandle, OrderId};

use crate::{Books, EndReason, Outcome, book::Resting, slab::NIL};

/// A book that is being delisted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delisting {
    slot: u32,
    /// The first account of which something may be left.
    from: u32,
}

impl Books {
    /// All that is open in a book is over.
    pub(crate) fn begin_delisting(&mut self, slot: u32) {
        self.delistings.push(Delisting { slot, from: 0 });
        let books = &self.books;
        self.delistings.sort_unstable_by_key(|one| books[one.slot as usize].instrument.id);
    }

    /// Ends what is left of books that are being delisted, by instrument, until `limit` have ended.
    pub(crate) fn end_delisted(&mut self, limit: usize, out: &mut Outcome) {
        let end = out.events.len() + limit;
        while let Some(delisting) = self.delistings.first().copied() {
            if !self.end_some_delisted(delisting, end, out) {
                break;
            }
            self.delistings.remove(0);
        }
    }

    /// Ends what is left of a book: first those that have woken, in their order; then by account,
    /// of each what rests and then what sleeps, oldest first. Tells whether nothing is left.
    fn end_some_delisted(&mut self, delisting: Delisting, end: usize, out: &mut Outcome) -> bool {
        let Delisting { slot, from } = delisting;
        while let Some(at) = self.books[slot as usize].held.front().copied() {
            if out.events.len() >= end {
                return false;
            }
            self.end_sleeper_of(self.sleepers.id_at(at), EndReason::Delisted, out);
        }
        for account in from..self.accounts_end() {
            self.end_resting_in(slot, account, end, out);
            self.end_sleeping_in(slot, account, end, out);
            if out.events.len() >= end {
                self.delistings[0].from = account;
                return false;
            }
        }
        true
    }

    fn end_resting_in(&mut self, slot: u32, account: u32, end: usize, out: &mut Outcome) {
        let mut place = self.orders.of_account(account).head;
        while place != NIL && out.events.len() < end {
            let Resting { account_next, level, .. } = self.orders.slab[place];
            if self.levels[level].book == slot {
                let sequence = self.books[slot as usize].sequence + 1;
                self.take_out(place, sequence, EndReason::Delisted, out);
            }
            place = account_next;
        }
    }

    fn end_sleeping_in(&mut self, slot: u32, account: u32, end: usize, out: &mut Outcome) {
        let instrument = self.books[slot as usize].instrument.id;
        let asleep = self.sleepers_of(AccountHandle(account));
        let asleep = asleep.filter(|one| one.order.instrument == instrument);
        let most = end.saturating_sub(out.events.len());
        let ids: Vec<OrderId> = asleep.take(most).map(|one| one.order.id).collect();
        for id in ids {
            if out.events.len() < end {
                self.end_sleeper_of(id, EndReason::Delisted, out);
            }
        }
    }
}
