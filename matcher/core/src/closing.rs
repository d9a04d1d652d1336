//! Closing: all open orders of an account, of a book, or all there are, are over from one moment
//! on, and end in steps that the caller bounds. None of them trades any more, as with orders whose
//! time is up; what is placed afterwards is not of them.

use alloc::{collections::BTreeMap, vec::Vec};

use model::{AccountHandle, InstrumentId};

use crate::{Books, EndReason, NewOrder, Outcome, book::Resting, slab::NIL};

/// What closes orders, and so what they end for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClosedBy {
    /// Their account was not heard of in time: [`EndReason::Closed`].
    CancelAfter,
    /// Somebody who runs the platform: [`EndReason::Killed`].
    KillSwitch,
}

impl ClosedBy {
    const fn reason(self) -> EndReason {
        match self {
            ClosedBy::CancelAfter => EndReason::Closed,
            ClosedBy::KillSwitch => EndReason::Killed,
        }
    }
}

/// What is being closed: the orders of one account or of all, in one book or in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Which {
    by: ClosedBy,
    account: Option<AccountHandle>,
    instrument: Option<InstrumentId>,
}

impl Which {
    fn takes(&self, order: &NewOrder) -> bool {
        self.account.is_none_or(|account| account == order.account)
            && self.instrument.is_none_or(|one| one == order.instrument)
    }
}

/// How far a closing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// Up to which priority, itself excluded.
    through: u64,
    /// The first account of which something may be left; of no meaning where it is of one.
    next_account: u32,
}

/// What is being closed and has not ended yet. Empty almost always.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closings {
    all: BTreeMap<Which, Progress>,
}

/// What is being closed: a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closing {
    /// By what.
    pub by: ClosedBy,
    /// Whose orders; everybody's where `None`.
    pub account: Option<AccountHandle>,
    /// Only those in this book.
    pub instrument: Option<InstrumentId>,
    /// Only those whose priority, or entry, is below this.
    pub through: u64,
    /// Of accounts below this nothing of it is left, where it is everybody's.
    pub next_account: u32,
}

impl Closings {
    pub(crate) const fn new() -> Closings {
        Closings { all: BTreeMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Why an order of this account and book, that came as `priority`, is over, if it is.
    pub(crate) fn includes(
        &self,
        account: AccountHandle,
        instrument: InstrumentId,
        priority: u64,
    ) -> Option<EndReason> {
        if self.is_empty() {
            return None;
        }
        let is_it = |by, account, instrument| {
            let progress = self.all.get(&Which { by, account, instrument });
            progress.is_some_and(|progress| priority < progress.through)
        };
        [ClosedBy::CancelAfter, ClosedBy::KillSwitch].into_iter().find_map(|by| {
            let is_any = [Some(account), None].into_iter().any(|account| {
                [None, Some(instrument)].into_iter().any(|one| is_it(by, account, one))
            });
            is_any.then_some(by.reason())
        })
    }

    pub(crate) fn image(&self) -> Vec<Closing> {
        let copy = |(which, progress): (&Which, &Progress)| {
            let Which { by, account, instrument } = *which;
            let Progress { through, next_account } = *progress;
            Closing { by, account, instrument, through, next_account }
        };
        self.all.iter().map(copy).collect()
    }

    /// Takes one from an image; whether it comes after the last, as it must.
    pub(crate) fn restore(&mut self, closing: Closing) -> bool {
        let Closing { by, account, instrument, through, next_account } = closing;
        let which = Which { by, account, instrument };
        let is_next = self.all.last_key_value().is_none_or(|(last, _)| *last < which);
        self.all.insert(which, Progress { through, next_account });
        is_next && (account.is_none() || next_account == 0)
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
        let account = Some(account);
        self.begin_closing(Which { by: ClosedBy::CancelAfter, account, instrument }, out);
    }

    /// The same by those who run the platform, of one account or of all.
    pub fn kill(
        &mut self,
        account: Option<AccountHandle>,
        instrument: Option<InstrumentId>,
        out: &mut Outcome,
    ) {
        self.begin_closing(Which { by: ClosedBy::KillSwitch, account, instrument }, out);
    }

    fn begin_closing(&mut self, which: Which, out: &mut Outcome) {
        self.end_due(|order| which.takes(order), which.by.reason(), out);
        let open = which.account.map_or(self.len(), |account| self.open_count(account));
        if open > 0 {
            let progress = Progress { through: self.next_priority, next_account: 0 };
            self.closings.all.insert(which, progress);
        }
    }

    /// Ends the next order that has woken, where it is being closed: instead of going on. Tells
    /// whether it was.
    pub fn end_closed_woken(&mut self, out: &mut Outcome) -> bool {
        let Some(sleeper) = self.first_woken() else { return false };
        let NewOrder { id, account, instrument, .. } = sleeper.order;
        let closed = self.closings.includes(account, instrument, sleeper.entry);
        if let Some(reason) = closed {
            self.end_sleeper_of(id, reason, out);
        }
        closed.is_some()
    }

    /// Ends what is being closed: by account, and of each what rests and then what sleeps, oldest
    /// first, with what hangs on each behind it; until `limit` have ended.
    pub(crate) fn end_closed(&mut self, limit: usize, out: &mut Outcome) {
        let end = out.events.len() + limit;
        while let Some((which, progress)) = self.closings.all.first_key_value() {
            let (which, through) = (*which, progress.through);
            let accounts = match which.account {
                Some(account) => account.0..account.0 + 1,
                None => progress.next_account..self.accounts_end(),
            };
            for account in accounts.map(AccountHandle) {
                self.end_closed_resting(account, which, through, end, out);
                self.end_closed_asleep(account, which, through, end, out);
                if out.events.len() >= end {
                    let next_account = which.account.map_or(account.0, |_| 0);
                    self.closings.all.insert(which, Progress { through, next_account });
                    return;
                }
            }
            self.closings.all.pop_first();
        }
    }

    fn end_closed_resting(
        &mut self,
        account: AccountHandle,
        Which { by, instrument, .. }: Which,
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
                self.take_out(place, sequence, by.reason(), out);
            }
            place = account_next;
        }
    }

    fn end_closed_asleep(
        &mut self,
        account: AccountHandle,
        which: Which,
        through: u64,
        end: usize,
        out: &mut Outcome,
    ) {
        let is_closed = |order: &NewOrder, entry: u64| which.takes(order) && entry < through;
        let asleep = self.sleepers_of(account).filter(|one| is_closed(&one.order, one.entry));
        let most = end.saturating_sub(out.events.len());
        let ids: Vec<_> = asleep.take(most).map(|one| one.order.id).collect();
        for id in ids {
            if out.events.len() < end {
                self.end_sleeper_of(id, which.by.reason(), out);
            }
        }
    }
}
