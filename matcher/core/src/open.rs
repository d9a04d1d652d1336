//! The open orders of all books: by place, by id, and by account in order of entry.

use alloc::vec::Vec;

use model::{Fees, OrderId, Quantity, Timestamp};

use crate::{
    book::Resting,
    by_id::ById,
    expiry::Timers,
    iceberg::Aside,
    schedules::Schedules,
    slab::{NIL, Slab},
};

/// Every open order of the shard.
#[derive(Clone, Debug)]
pub(crate) struct OpenOrders {
    pub(crate) slab: Slab<Resting>,
    index: ById,
    accounts: Vec<AccountOrders>,
    /// When those end that do so by themselves.
    pub(crate) timers: Timers,
    /// What few have, and an order has a place for it only then.
    aside: Slab<Aside>,
    /// What they are charged by, and those that sleep.
    pub(crate) schedules: Schedules,
}

/// The open orders of one account, oldest first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountOrders {
    pub(crate) head: u32,
    pub(crate) tail: u32,
    pub(crate) count: u32,
}

pub(crate) const NONE: AccountOrders = AccountOrders { head: NIL, tail: NIL, count: 0 };

impl OpenOrders {
    pub(crate) const fn new() -> OpenOrders {
        OpenOrders {
            slab: Slab::new(),
            index: ById::new(),
            accounts: Vec::new(),
            timers: Timers::new(),
            aside: Slab::new(),
            schedules: Schedules::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn find(&self, id: OrderId) -> Option<u32> {
        self.index.find(id, &self.slab)
    }

    pub(crate) fn of_account(&self, account: u32) -> AccountOrders {
        self.accounts.get(account as usize).copied().unwrap_or(NONE)
    }

    /// How many accounts have ever had an open order here, as the end of their numbers.
    pub(crate) fn accounts_end(&self) -> u32 {
        u32::try_from(self.accounts.len()).expect("accounts are numbered in 32 bits")
    }

    /// Adds an order as the newest of its account, and tells its place; `None` where an open order
    /// has its id.
    pub(crate) fn insert(&mut self, order: Resting) -> Option<u32> {
        if self.find(order.id).is_some() {
            return None;
        }
        let OpenOrders { slab, index, accounts, .. } = self;
        let account = order.owner.account() as usize;
        if account >= accounts.len() {
            accounts.resize(account + 1, NONE);
        }
        let place = slab.insert(order);
        index.insert(place, slab);
        self.enlist(place);
        Some(place)
    }

    /// Puts an order at the end of its account's list.
    fn enlist(&mut self, place: u32) {
        let OpenOrders { slab, accounts, .. } = self;
        let order = &mut slab[place];
        let list = &mut accounts[order.owner.account() as usize];
        let tail = core::mem::replace(&mut list.tail, place);
        (order.account_previous, order.account_next) = (tail, NIL);
        match tail {
            NIL => list.head = place,
            tail => slab[tail].account_next = place,
        }
        list.count += 1;
    }

    /// Takes an order out of its account's list.
    fn unlist(&mut self, place: u32) {
        let Resting { owner, account_previous, account_next, .. } = self.slab[place];
        let list = &mut self.accounts[owner.account() as usize];
        match account_previous {
            NIL => list.head = account_next,
            previous => self.slab[previous].account_next = account_next,
        }
        match account_next {
            NIL => list.tail = account_previous,
            next => self.slab[next].account_previous = account_previous,
        }
        list.count -= 1;
    }

    /// Lets the order at `place` end by itself at an instant.
    pub(crate) fn set_timer(&mut self, place: u32, expires_at: Timestamp) {
        self.timers.insert(place, expires_at, &mut self.slab);
    }

    /// What the order at `place` is charged by.
    pub(crate) fn fees(&self, place: u32) -> Fees {
        self.schedules.get(self.slab[place].owner.schedule())
    }

    /// Notes what a new order is charged by.
    pub(crate) fn set_fees(&mut self, place: u32, fees: Fees) {
        let schedule = self.schedules.enter(fees);
        let owner = &mut self.slab[place].owner;
        *owner = owner.under(schedule);
    }

    /// What the order at `place` has that few have.
    pub(crate) fn aside(&self, place: u32) -> Aside {
        match self.slab[place].aside {
            NIL => Aside::default(),
            aside => self.aside[aside],
        }
    }

    /// Notes what the order at `place` has that few have.
    pub(crate) fn set_aside(&mut self, place: u32, aside: Aside) {
        let order = &mut self.slab[place];
        match order.aside {
            NIL if aside == Aside::default() => {}
            NIL => order.aside = self.aside.insert(aside),
            at => self.aside[at] = aside,
        }
    }

    /// What self-trade prevention has taken off the order at `place` so far.
    pub(crate) fn prevented(&self, place: u32) -> Quantity {
        self.aside(place).prevented
    }

    /// What remains of the order at `place`, hidden or not.
    pub(crate) fn remaining(&self, place: u32) -> Quantity {
        self.slab[place].shown.plus(self.aside(place).hidden)
    }

    /// Takes so much off the order at `place`, for self-trade prevention: what is shown first.
    pub(crate) fn prevent(&mut self, place: u32, prevented: Quantity) {
        let (mut aside, order) = (self.aside(place), &mut self.slab[place]);
        let shown = order.shown.min(prevented);
        order.shown = order.shown.minus(shown);
        aside.hidden = aside.hidden.minus(prevented.minus(shown));
        aside.prevented = aside.prevented.plus(prevented);
        self.set_aside(place, aside);
    }

    /// Takes so much off the order at `place`, for an amend: what is hidden first. Tells how much
    /// of that was shown.
    pub(crate) fn shrink(&mut self, place: u32, removed: Quantity) -> Quantity {
        let aside = self.aside(place);
        let hidden = aside.hidden.min(removed);
        self.set_aside(place, Aside { hidden: aside.hidden.minus(hidden), ..aside });
        let shown = removed.minus(hidden);
        let order = &mut self.slab[place];
        order.shown = order.shown.minus(shown);
        shown
    }

    /// Shows the next part of the order at `place`, of which nothing is shown; tells how much.
    pub(crate) fn show_next(&mut self, place: u32) -> Quantity {
        let aside = self.aside(place);
        let shown = aside.display.min(aside.hidden);
        self.slab[place].shown = shown;
        self.set_aside(place, Aside { hidden: aside.hidden.minus(shown), ..aside });
        shown
    }

    /// How many orders have something that few have.
    pub(crate) fn asides(&self) -> usize {
        self.aside.len()
    }

    /// Moves an order to the end of its account's list: it has a new priority.
    pub(crate) fn make_newest(&mut self, place: u32) {
        self.unlist(place);
        self.enlist(place);
    }

    /// Takes an order out of the index and out of its account's list, and gives its place back.
    pub(crate) fn remove(&mut self, place: u32) {
        let order = self.slab[place];
        self.index.remove(place, &self.slab);
        self.unlist(place);
        if order.timer != NIL {
            self.timers.remove(order.timer, &mut self.slab);
        }
        if order.aside != NIL {
            self.aside.free(order.aside);
        }
        self.schedules.leave(order.owner.schedule());
        self.slab.free(place);
    }
}
