//! What waits for money from other shards: orders, and withdrawals and transfers at the account's
//! home.
//!
//! For each account and asset there is a queue in the order of arrival, and at most one ask to the
//! account's home without an answer. Whatever came with the answer, the queue is then gone through
//! from its front: what can be paid is done, what cannot and was asked for itself is refused, and
//! for what cannot and was not the next ask goes. So everything that waits has somebody who owes an
//! answer, and an instant after which it waits no longer.
//!
//! This file is the bookkeeping. `wait` is how something comes to wait and stops, `wake` what
//! happens when money has come, `home` the other side: what the home of an account does with asks.

pub(crate) mod home;
mod wait;
mod wake;

pub(crate) use wait::{Need, send};

use std::collections::{BTreeMap, BTreeSet};

use model::{AccountHandle, Amount, AssetId, OrderId, Timestamp};
use proto::command::{Movement, PlaceList, PlaceOrder, Transfer};

use crate::limits::{ASKS_MAX, PARKED_MAX, PARKED_PER_ACCOUNT_MAX};

/// Whose money of what.
pub(crate) type Purse = (AccountHandle, AssetId);

/// What waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Order(PlaceOrder),
    List(PlaceList),
    Withdrawal(Movement),
    Transfer(Transfer),
}

/// Something that waits for money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) purse: Purse,
    pub(crate) waiting: Waiting,
    /// What it holds meanwhile: all that was there when it last looked.
    pub(crate) held: Amount,
    /// It waits through this instant.
    pub(crate) until: Timestamp,
}

/// An ask that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// For whom. It may have stopped waiting.
    pub(crate) by: OrderId,
    pub(crate) wanted: Amount,
}

/// What waits for the money of one purse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Ids are places in the log, so their order is that of arrival.
    pub(crate) waiting: BTreeSet<OrderId>,
    /// The ask that is without an answer.
    pub(crate) asked: Option<Asked>,
    /// Whose ask was answered with less than was asked for, so that there is no more to be had.
    pub(crate) denied: Option<OrderId>,
}

/// Everything that waits on this shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Park {
    pub(crate) parked: BTreeMap<OrderId, Parked>,
    pub(crate) queues: BTreeMap<Purse, Queue>,
    /// Queues to go through: an answer has come.
    pub(crate) ready: BTreeSet<Purse>,
    /// The instants of everything in `parked`.
    until: BTreeSet<(Timestamp, OrderId)>,
    /// How many of `parked` each account has, where it has any.
    counts: BTreeMap<AccountHandle, usize>,
}

impl Park {
    pub(crate) fn get(&self, id: OrderId) -> Option<&Parked> {
        self.parked.get(&id)
    }

    pub(crate) fn holds(&self, id: OrderId) -> bool {
        self.parked.contains_key(&id)
    }

    /// Everything of this account that waits, by asset and in order.
    pub(crate) fn of(&self, account: AccountHandle) -> impl Iterator<Item = OrderId> {
        let queues = self.queues.range(all_of(account));
        queues.flat_map(|(_, queue)| queue.waiting.iter().copied())
    }

    /// Whether something of this account waits, or is owed an answer.
    pub(crate) fn concerns(&self, account: AccountHandle) -> bool {
        self.queues.range(all_of(account)).next().is_some()
    }

    /// Whether one more of this account may wait for this asset; `None` is one that is not open.
    pub(crate) fn has_room(&self, account: Option<AccountHandle>, asset: AssetId) -> bool {
        let is_known = |account| self.queues.contains_key(&(account, asset));
        let may_ask = account.is_some_and(is_known) || self.queues.len() < ASKS_MAX;
        let waiting = account.and_then(|account| self.counts.get(&account)).copied().unwrap_or(0);
        may_ask && waiting < PARKED_PER_ACCOUNT_MAX && self.parked.len() < PARKED_MAX
    }

    pub(crate) fn insert(&mut self, id: OrderId, parked: Parked) {
        self.queues.entry(parked.purse).or_default().waiting.insert(id);
        self.until.insert((parked.until, id));
        *self.counts.entry(parked.purse.0).or_default() += 1;
        self.parked.insert(id, parked);
    }

    /// It waits no longer. Its queue stays while something is owed to it or waits in it.
    pub(crate) fn remove(&mut self, id: OrderId) -> Option<Parked> {
        let parked = self.parked.remove(&id)?;
        self.until.remove(&(parked.until, id));
        let account = parked.purse.0;
        if let Some(count) = self.counts.get_mut(&account) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&account);
            }
        }
        if let Some(queue) = self.queues.get_mut(&parked.purse) {
            queue.waiting.remove(&id);
        }
        self.drop_if_idle(parked.purse);
        Some(parked)
    }

    /// An answer of so much has come to the ask of this purse. Whether one was owed.
    pub(crate) fn answered(&mut self, purse: Purse, amount: Amount) -> bool {
        let Some(queue) = self.queues.get_mut(&purse) else { return false };
        let Some(Asked { by, wanted }) = queue.asked.take() else { return false };
        queue.denied = (amount < wanted).then_some(by);
        self.ready.insert(purse);
        // Whoever it was asked for may have stopped waiting.
        self.drop_if_idle(purse);
        true
    }

    /// Forgets a queue in which nothing waits and to which nothing is owed.
    pub(crate) fn drop_if_idle(&mut self, purse: Purse) {
        let is_idle = |queue: &Queue| queue.waiting.is_empty() && queue.asked.is_none();
        if self.queues.get(&purse).is_some_and(is_idle) {
            self.queues.remove(&purse);
            self.ready.remove(&purse);
        }
    }

    /// The first whose time was up before `now`.
    pub(crate) fn overdue(&self, now: Timestamp) -> Option<OrderId> {
        self.until.first().filter(|(until, _)| *until < now).map(|(_, id)| *id)
    }

    /// What everything of this account that waits holds, by asset.
    pub(crate) fn held(&self, account: AccountHandle) -> impl Iterator<Item = (AssetId, Amount)> {
        self.of(account).filter_map(|id| {
            let parked = self.get(id)?;
            Some((parked.purse.1, parked.held))
        })
    }

    /// Checks what must always hold.
    pub(crate) fn check_invariants(&self) -> Result<(), String> {
        let queued: BTreeSet<_> = self
            .queues
            .iter()
            .flat_map(|(purse, queue)| queue.waiting.iter().map(|id| (*id, *purse)))
            .collect();
        let parked: BTreeSet<_> = self.parked.iter().map(|(id, one)| (*id, one.purse)).collect();
        let until: BTreeSet<_> = self.parked.iter().map(|(id, one)| (one.until, *id)).collect();
        if queued != parked || until != self.until {
            return Err("what waits is not what is in the queues".to_owned());
        }
        let mut counts = BTreeMap::new();
        for parked in self.parked.values() {
            *counts.entry(parked.purse.0).or_default() += 1;
        }
        if counts != self.counts {
            return Err("what waits is not as many as were counted".to_owned());
        }
        for (purse, queue) in &self.queues {
            let is_idle = queue.waiting.is_empty() && queue.asked.is_none();
            let is_owed = queue.asked.is_some() != self.ready.contains(purse);
            if is_idle || !is_owed {
                return Err(format!("nobody owes anything to the queue of {purse:?}"));
            }
        }
        let is_known = |purse: &Purse| self.queues.contains_key(purse);
        if !self.ready.iter().all(is_known) || self.queues.len() > ASKS_MAX + PARKED_MAX {
            return Err("a queue is ready that is not there".to_owned());
        }
        Ok(())
    }
}

fn all_of(account: AccountHandle) -> std::ops::RangeInclusive<Purse> {
    (account, AssetId(0))..=(account, AssetId(u32::MAX))
}
