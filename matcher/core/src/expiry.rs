//! Orders that end by themselves at an instant: good till date, and good for the day.
//!
//! The instants are a heap whose entries know their order's place, and an order knows its entry's,
//! so that one that ends otherwise takes its entry along: nothing is left behind that would have to
//! be skipped later, and memory is bounded by the orders that are open.

use alloc::{format, string::String, vec::Vec};

use model::{AccountHandle, Timestamp};

use crate::{
    Books, EndReason, Outcome,
    book::Resting,
    slab::{NIL, Slab},
};

/// One order's instant. Entries are ordered by it, then by priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    expires_at: Timestamp,
    priority: u64,
    place: u32,
}

/// The instants of all open orders that have one, earliest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    heap: Vec<Timer>,
}

impl Timers {
    pub(crate) const fn new() -> Timers {
        Timers { heap: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The instant of the entry at `at`.
    pub(crate) fn expires_at(&self, at: u32) -> Option<Timestamp> {
        self.heap.get(at as usize).map(|timer| timer.expires_at)
    }

    /// Whether the order with the entry at `at` should have ended by `now`.
    fn is_over(&self, at: u32, now: Timestamp) -> bool {
        self.expires_at(at).is_some_and(|expires_at| expires_at <= now)
    }

    fn first(&self) -> Option<Timer> {
        self.heap.first().copied()
    }

    /// Gives the order at `place` an instant.
    pub(crate) fn insert(&mut self, place: u32, expires_at: Timestamp, orders: &mut Slab<Resting>) {
        let priority = orders[place].priority;
        self.heap.push(Timer { expires_at, priority, place });
        self.rise(self.heap.len() - 1, orders);
    }

    /// Takes the entry at `at` away: its order ends.
    pub(crate) fn remove(&mut self, at: u32, orders: &mut Slab<Resting>) {
        let at = at as usize;
        self.heap.swap_remove(at);
        if at < self.heap.len() {
            self.rise(at, orders);
            let settled = orders[self.heap[at].place].timer as usize;
            if settled == at {
                self.sink(at, orders);
            }
        }
    }

    fn rise(&mut self, mut at: usize, orders: &mut Slab<Resting>) {
        while at > 0 && self.heap[at] < self.heap[(at - 1) / 2] {
            self.swap(at, (at - 1) / 2, orders);
            at = (at - 1) / 2;
        }
        self.note(at, orders);
    }

    fn sink(&mut self, mut at: usize, orders: &mut Slab<Resting>) {
        loop {
            let children = [2 * at + 1, 2 * at + 2].into_iter();
            let least = children
                .filter(|child| *child < self.heap.len())
                .min_by_key(|child| self.heap[*child]);
            let Some(child) = least.filter(|child| self.heap[*child] < self.heap[at]) else {
                return self.note(at, orders);
            };
            self.swap(at, child, orders);
            at = child;
        }
    }

    fn swap(&mut self, one: usize, two: usize, orders: &mut Slab<Resting>) {
        self.heap.swap(one, two);
        self.note(one, orders);
        self.note(two, orders);
    }

    /// Tells an order where its entry is.
    fn note(&self, at: usize, orders: &mut Slab<Resting>) {
        orders[self.heap[at].place].timer = u32::try_from(at).expect("fewer than orders");
    }
}

impl Books {
    /// Time has come to `now`: ends the orders whose instant that reaches, earliest instant first
    /// and within one by priority, then what is being closed ([`Books::close`]) and what is left of
    /// delisted books ([`Books::set_market_state`]), with what hangs on each behind it, until
    /// `limit` have ended or there are no more; and tells how many. For each book it is one change
    /// of the public depth. What is left over ([`Books::has_overdue`]) cannot trade any more and
    /// ends where a taker meets it, or by the next call. Time never goes back.
    pub fn expire(&mut self, now: Timestamp, limit: usize, out: &mut Outcome) -> usize {
        self.now = self.now.max(now);
        if !self.has_overdue() {
            return 0;
        }
        let (before, first_level) = (out.events.len(), out.levels.len());
        while out.events.len() - before < limit {
            let Some(timer) = self.orders.timers.first() else { break };
            if timer.expires_at > self.now {
                break;
            }
            let sequence = self.sequence_of(timer.place) + 1;
            self.take_out(timer.place, sequence, EndReason::Expired, out);
        }
        let ended = out.events.len() - before;
        self.end_closed(limit.saturating_sub(ended), out);
        let ended = out.events.len() - before;
        self.end_delisted(limit.saturating_sub(ended), out);
        // One that had woken may have taken along one that rests.
        self.number_as_one(first_level, out);
        self.close_changes(first_level, out);
        out.events.len() - before
    }

    /// The latest instant that [`Books::expire`] was told.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether an order is open whose time is up, or that is being closed or delisted: more than
    /// one call of [`Books::expire`] might end.
    pub fn has_overdue(&self) -> bool {
        !self.closings.is_empty()
            || !self.delistings.is_empty()
            || self.orders.timers.first().is_some_and(|timer| timer.expires_at <= self.now)
    }

    /// Why the order at `place` should have ended before now, if it should have.
    pub(crate) fn overdue(&self, place: u32) -> Option<EndReason> {
        let Resting { timer, owner, level, priority, .. } = self.orders.slab[place];
        if timer != NIL && self.orders.timers.is_over(timer, self.now) {
            return Some(EndReason::Expired);
        }
        let instrument = self.books[self.levels[level].book as usize].instrument.id;
        self.closings.includes(AccountHandle(owner.account()), instrument, priority)
    }

    /// Whether every order and its entry know each other, and no entry is later than those below.
    pub(crate) fn check_timers(&self) -> Result<(), String> {
        let heap = &self.orders.timers.heap;
        let accounts = (0..self.orders.accounts_end()).map(AccountHandle);
        let open = accounts.flat_map(|account| self.orders_of(account));
        let timed = open.filter(|order| order.expires_at.is_some()).count();
        if timed != self.orders.timers.len() {
            return Err(format!("{timed} orders expire, {} instants", self.orders.timers.len()));
        }
        for (at, timer) in heap.iter().enumerate() {
            let order = &self.orders.slab[timer.place];
            if order.timer as usize != at || order.priority != timer.priority {
                return Err(format!("order {} does not know its instant", order.id));
            }
            if at > 0 && heap[(at - 1) / 2] > *timer {
                return Err(format!("order {} would expire out of turn", order.id));
            }
        }
        Ok(())
    }
}
