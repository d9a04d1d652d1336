//! Closing: all open orders of an account, or those in one book, are over from one moment on, and
//! end in steps that the caller bounds. None of them trades any more, as with orders whose time is
//! up; what the account places afterwards is not of them.

use std::collections::BTreeMap;

use model::{AccountHandle, InstrumentId};

use crate::{Books, EndReason, NewOrder, Outcome, book::Resting, slab::NIL};

/// What is being closed: an account's orders, or those in one book.
type Which = (AccountHandle, Option<InstrumentId>);

/// What is being closed and has not ended yet. Empty almost always.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closings {
    /// Up to which priority, itself excluded.
    through: BTreeMap<Which, u64>,
}

/// What is being closed: a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closing {
    /// Whose orders.
    pub account: AccountHandle,
    /// Only those in this book.
    pub instrument: Option<InstrumentId>,
    /// Only those whose priority, or entry, is below this.
    pub through: u64,
}

impl Closings {
    pub(crate) const fn new() -> Closings {
        Closings { through: BTreeMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.through.is_empty()
    }

    /// Whether an order of this account and book, that came as `priority`, is over.
    pub(crate) fn includes(
        &self,
        account: AccountHandle,
        instrument: InstrumentId,
        priority: u64,
    ) -> bool {
        !self.is_empty()
            && [None, Some(instrument)].into_iter().any(|which| {
                self.through.get(&(account, which)).is_some_and(|through| priority < *through)
            })
    }

    pub(crate) fn image(&self) -> Vec<Closing> {
        let closings = self.through.iter();
        let copy = |(which, through): (&Which, &u64)| {
            let (account, instrument) = *which;
            Closing { account, instrument, through: *through }
        };
        closings.map(copy).collect()
    }

    /// Takes one from an image; whether it comes after the last, as it must.
    pub(crate) fn restore(&mut self, closing: Closing) -> bool {
        let which = (closing.account, closing.instrument);
        let is_next = self.through.last_key_value().is_none_or(|(last, _)| *last < which);
        self.through.insert(which, closing.through);
        is_next
    }
}

impl Books {
    /// From now on all open orders of an account, or those in one book, are over: they do not trade
    /// any more, and [`Books::expire`] ends them, after those whose time is up. What is due ends at
    /// once: there is little of it, and it has no place in time.
    pub fn close(
        &mut self,
        account: AccountHandle,
        instrument: Option<InstrumentId>,
        out: &mut Outcome,
    ) {
        let is_it = |order: &NewOrder| instrument.is_none_or(|one| one == order.instrument);
        self.end_due(account, is_it, EndReason::Closed, out);
        if self.open_count(account) > 0 {
            self.closings.through.insert((account, instrument), self.next_priority);
        }
    }

    /// Ends the next order that has woken, where it is being closed: instead of going on. Tells
    /// whether it was.
    pub fn end_closed_woken(&mut self, out: &mut Outcome) -> bool {
        let Some(sleeper) = self.first_woken() else { return false };
        let NewOrder { id, account, instrument, .. } = sleeper.order;
        let is_closed = self.closings.includes(account, instrument, sleeper.entry);
        if is_closed {
            self.end_sleeper_of(id, EndReason::Closed, out);
        }
        is_closed
    }

    /// Ends what is being closed: by account, and of each what rests and then what sleeps, oldest
    /// first, with what hangs on each behind it; until `limit` have ended.
    pub(crate) fn end_closed(&mut self, limit: usize, out: &mut Outcome) {
        let end = out.events.len() + limit;
        while let Some((which, through)) = self.closings.through.first_key_value() {
            let (which, through) = (*which, *through);
            self.end_closed_resting(which, through, end, out);
            self.end_closed_asleep(which, through, end, out);
            if out.events.len() >= end {
                break;
            }
            self.closings.through.pop_first();
        }
    }

    fn end_closed_resting(
        &mut self,
        (account, instrument): Which,
        through: u64,
        end: usize,
        out: &mut Outcome,
    ) {
        let mut place = self.orders.of_account(account.0).head;
        while place != NIL && out.events.len() < end {
            let Resting { account_next, level, priority, .. } = self.orders.slab[place];
            let book = &self.books[self.levels[level].book as usize];
            if instrument.is_none_or(|one| one == book.instrument.id) && priority < through {
                let sequence = book.sequence + 1;
                self.take_out(place, sequence, EndReason::Closed, out);
            }
            place = account_next;
        }
    }

    fn end_closed_asleep(
        &mut self,
        (account, instrument): Which,
        through: u64,
        end: usize,
        out: &mut Outcome,
    ) {
        let is_closed = |order: &NewOrder, entry: u64| {
            instrument.is_none_or(|one| one == order.instrument) && entry < through
        };
        let asleep = self.sleepers_of(account).filter(|one| is_closed(&one.order, one.entry));
        let most = end.saturating_sub(out.events.len());
        let ids: Vec<_> = asleep.take(most).map(|one| one.order.id).collect();
        for id in ids {
            if out.events.len() < end {
                self.end_sleeper_of(id, EndReason::Closed, out);
            }
        }
    }
}
