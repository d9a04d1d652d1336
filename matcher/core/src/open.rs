//! The open orders of all books: by place, by id, and by account in order of entry.

use model::{Fees, OrderId, Quantity, Timestamp};

use crate::{
    book::Resting,
    by_id::ById,
    expiry::Timers,
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
    /// What self-trade prevention has taken off those that it left open: few.
    shrunk: Slab<Quantity>,
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
            shrunk: Slab::new(),
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
    pub(crate) fn insert(&mut self, mut order: Resting) -> Option<u32> {
        if self.find(order.id).is_some() {
            return None;
        }
        let OpenOrders { slab, index, accounts, .. } = self;
        let account = order.owner.account() as usize;
        if account >= accounts.len() {
            accounts.resize(account + 1, NONE);
        }
        let list = &mut accounts[account];
        order.account_previous = list.tail;
        order.account_next = NIL;
        let place = slab.insert(order);
        index.insert(place, slab);
        match list.tail {
            NIL => list.head = place,
            tail => slab[tail].account_next = place,
        }
        list.tail = place;
        list.count += 1;
        Some(place)
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

    /// What self-trade prevention has taken off the order at `place` so far.
    pub(crate) fn prevented(&self, place: u32) -> Quantity {
        match self.slab[place].shrunk {
            NIL => Quantity::ZERO,
            shrunk => self.shrunk[shrunk],
        }
    }

    /// Notes what self-trade prevention has taken off the order at `place` in all.
    pub(crate) fn set_prevented(&mut self, place: u32, prevented: Quantity) {
        let order = &mut self.slab[place];
        match order.shrunk {
            NIL if prevented.is_zero() => {}
            NIL => order.shrunk = self.shrunk.insert(prevented),
            shrunk => self.shrunk[shrunk] = prevented,
        }
    }

    /// Takes an order out of the index and out of its account's list, and gives its place back.
    pub(crate) fn remove(&mut self, place: u32) {
        let order = self.slab[place];
        self.index.remove(place, &self.slab);
        let list = &mut self.accounts[order.owner.account() as usize];
        match order.account_previous {
            NIL => list.head = order.account_next,
            previous => self.slab[previous].account_next = order.account_next,
        }
        match order.account_next {
            NIL => list.tail = order.account_previous,
            next => self.slab[next].account_previous = order.account_previous,
        }
        list.count -= 1;
        if order.timer != NIL {
            self.timers.remove(order.timer, &mut self.slab);
        }
        if order.shrunk != NIL {
            self.shrunk.free(order.shrunk);
        }
        self.schedules.leave(order.owner.schedule());
        self.slab.free(place);
    }
}
