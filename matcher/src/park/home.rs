//! What the home of an account does with asks for its money.
//!
//! The asks for one purse are worked one after the other, so that two shards cannot pull the same
//! money to and fro. An ask that home cannot pay at once makes it recall from all other shards what
//! they do not hold. When all of them have returned something or nothing, or after
//! [`RECALL_WAIT`], the ask is granted as far as the money reaches, or nothing where that is of no
//! use. Each shard owes at most one return for a purse; one that comes late is credited like any.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ledger_core::Accounts;
use model::{AccountHandle, Amount, Partition, Timestamp};
use proto::{
    draft::Draft,
    link::{LinkItem, LinkKind},
};

use super::{Purse, wait::send};
use crate::{
    exchange::Exchange,
    limits::{ASKS_WORKED_MAX, LINKS_SENT_MAX, RECALL_WAIT, RECALLS_MAX},
};

/// One shard's ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Where the money is wanted; here, where home itself lacks it.
    pub(crate) from: Partition,
    pub(crate) wanted: Amount,
    pub(crate) least: Amount,
}

/// The asks for one purse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HomeQueue {
    /// In the order of arrival; each shard has one at most.
    pub(crate) asks: VecDeque<Ask>,
    /// Which shards owe a return.
    pub(crate) awaited: BTreeSet<Partition>,
    /// When the first ask is decided at the latest, once its money was recalled.
    pub(crate) until: Option<Timestamp>,
}

impl HomeQueue {
    fn is_idle(&self) -> bool {
        self.asks.is_empty() && self.awaited.is_empty()
    }
}

/// All asks for the money of accounts that are at home here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asks {
    pub(crate) queues: BTreeMap<Purse, HomeQueue>,
    /// Queues to look at: an ask or a return has come.
    pub(crate) ready: BTreeSet<Purse>,
    /// The instants of all queues that have one.
    until: BTreeSet<(Timestamp, Purse)>,
    /// How many returns are owed.
    owed: usize,
}

impl Asks {
    /// The asks as an image has them.
    pub(crate) fn restore(queues: BTreeMap<Purse, HomeQueue>, ready: BTreeSet<Purse>) -> Asks {
        let until = queues.iter().filter_map(|(purse, queue)| Some((queue.until?, *purse)));
        let (until, owed) =
            (until.collect(), queues.values().map(|queue| queue.awaited.len()).sum());
        Asks { queues, ready, until, owed }
    }

    /// Whether an ask or a return of this account is open.
    pub(crate) fn concerns(&self, account: AccountHandle) -> bool {
        self.queues.range(super::all_of(account)).next().is_some()
    }

    /// A new ask. Whether this shard had none for this purse.
    pub(crate) fn push(&mut self, purse: Purse, ask: Ask) -> bool {
        let queue = self.queues.entry(purse).or_default();
        let is_new = queue.asks.iter().all(|earlier| earlier.from != ask.from);
        queue.asks.push_back(ask);
        self.ready.insert(purse);
        is_new
    }

    /// A return has come. Whether it was owed.
    pub(crate) fn returned(&mut self, purse: Purse, from: Partition) -> bool {
        let Some(queue) = self.queues.get_mut(&purse) else { return false };
        let was_owed = queue.awaited.remove(&from);
        self.owed -= usize::from(was_owed);
        self.ready.insert(purse);
        was_owed
    }

    /// The next queue to look at.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Purse> {
        let overdue = || self.until.first().filter(|(until, _)| *until <= now);
        self.ready.first().copied().or_else(|| overdue().map(|(_, purse)| *purse))
    }

    fn set_until(&mut self, purse: Purse, until: Option<Timestamp>) {
        let Some(queue) = self.queues.get_mut(&purse) else { return };
        if let Some(before) = queue.until.take() {
            self.until.remove(&(before, purse));
        }
        queue.until = until;
        self.until.extend(until.map(|until| (until, purse)));
    }

    /// The first ask has been decided.
    fn pop(&mut self, purse: Purse) {
        self.set_until(purse, None);
        if let Some(queue) = self.queues.get_mut(&purse) {
            queue.asks.pop_front();
        }
    }

    fn drop_if_idle(&mut self, purse: Purse) {
        self.ready.remove(&purse);
        if self.queues.get(&purse).is_some_and(HomeQueue::is_idle) {
            self.set_until(purse, None);
            self.queues.remove(&purse);
        }
    }

    /// Checks what must always hold.
    pub(crate) fn check_invariants(&self, accounts: &Accounts) -> Result<(), String> {
        for (purse, queue) in &self.queues {
            let is_home = accounts.is_open(purse.0) && accounts.is_home(accounts.name(purse.0));
            if queue.is_idle() || !is_home {
                return Err(format!("the asks of {purse:?} are nobody's"));
            }
            // Who waits is looked at when a return comes or when the time is up.
            let waits = !queue.awaited.is_empty() && queue.until.is_some();
            if !queue.asks.is_empty() && !waits && !self.ready.contains(purse) {
                return Err(format!("the asks of {purse:?} are looked at by nobody"));
            }
        }
        let again = Asks::restore(self.queues.clone(), self.ready.clone());
        if again != *self {
            return Err("what is owed to the asks is counted wrong".to_owned());
        }
        Ok(())
    }
}

impl Exchange {
    /// Decides asks that can be, and recalls money for those that cannot, as far as fits an answer.
    pub(crate) fn work_asks(&mut self, now: Timestamp, body: &mut Draft) {
        for _ in 0..ASKS_WORKED_MAX {
            if body.links_sent.len() >= LINKS_SENT_MAX {
                break;
            }
            let Some(purse) = self.asks.next(now) else { break };
            self.work_ask(purse, now, body);
        }
    }

    /// Works the first ask of this purse; the queue stays ready where that made way for another.
    fn work_ask(&mut self, purse: Purse, now: Timestamp, body: &mut Draft) {
        let Some(queue) = self.asks.queues.get(&purse) else {
            self.asks.ready.remove(&purse);
            return;
        };
        let Some(ask) = queue.asks.front().copied() else {
            self.asks.drop_if_idle(purse);
            return;
        };
        let free = self.accounts.available(purse.0, purse.1);
        if free < ask.wanted && queue.until.is_none() {
            self.recall(purse, ask, free, now, body);
        }
        let queue = &self.asks.queues[&purse];
        let is_over = queue.awaited.is_empty() || queue.until.is_some_and(|until| until <= now);
        if free >= ask.wanted || is_over {
            self.decide(purse, ask, free, body);
            self.asks.pop(purse);
            if self.asks.queues.get(&purse).is_some_and(|queue| queue.asks.is_empty()) {
                self.asks.drop_if_idle(purse);
            } else {
                self.asks.ready.insert(purse);
            }
        } else {
            self.asks.ready.remove(&purse);
        }
    }

    /// Recalls what is missing from every shard but the one that asks and those that owe already.
    fn recall(&mut self, purse: Purse, ask: Ask, free: Amount, now: Timestamp, body: &mut Draft) {
        let wanted = ask.wanted.checked_sub(free).unwrap_or_default();
        let account = self.accounts.name(purse.0).clone();
        let item = LinkItem { account, asset: purse.1, kind: LinkKind::Recalled { wanted } };
        let others = (0..self.accounts.partition_count()).filter_map(Partition::new);
        for other in others.filter(|other| *other != self.partition && *other != ask.from) {
            let Some(queue) = self.asks.queues.get_mut(&purse) else { break };
            if self.asks.owed < RECALLS_MAX && queue.awaited.insert(other) {
                self.asks.owed += 1;
                send(other, &item, body);
            }
        }
        self.asks.set_until(purse, Some(now.plus(RECALL_WAIT)));
    }

    /// Grants what is there, or nothing where that is of no use. Who asks and is paid in full gets
    /// a share of the rest on top, so that the next order there need not ask again.
    fn decide(&mut self, purse: Purse, ask: Ask, free: Amount, body: &mut Draft) {
        let (account, asset) = purse;
        let rest = free.checked_sub(ask.wanted).unwrap_or_default();
        if ask.from == self.partition {
            self.park.answered(purse, free.min(ask.wanted));
            return;
        }
        let share = rest.units().div_euclid(i128::from(self.accounts.partition_count()));
        let amount = if !rest.is_negative() {
            let share = Amount::from_units(share);
            ask.wanted.checked_add(share).expect("no more than is available")
        } else if free >= ask.least {
            free
        } else {
            Amount::ZERO
        };
        self.accounts.send(account, asset, amount, ask.from, &mut self.postings);
        let account = self.accounts.name(account).clone();
        let item = LinkItem { account, asset, kind: LinkKind::Granted { amount } };
        send(ask.from, &item, body);
    }
}
