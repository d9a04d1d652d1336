//! Lists: orders of which one decides what becomes of the others.
//!
//! The orders of a list came with one record, and their ids say so: [`OrderId::record`] of each is
//! the list's own. So the books keep only what still links them, found by that: two orders of which
//! one cancels the other, or orders that wait until another is filled. As soon as nothing is left
//! to decide there is no list any more, only orders like any.

use alloc::{collections::VecDeque, vec::Vec};

mod cancel;
mod image;

use core::slice;

use core::hash::BuildHasher;
use hashbrown::HashTable;
use model::{
    AccountHandle, Amount, Instructions, InstrumentId, OrderId, Price, Quantity, Side, TimeInForce,
};
use rustc_hash::FxBuildHasher;

use crate::{BookEvent, Books, End, EndReason, NewOrder, Outcome, Refused, Size, slab::Slab};

/// Orders that wait until the working order of their list is filled whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// One order.
    One(NewOrder),
    /// Two, of which one is to cancel the other.
    Pair([NewOrder; 2]),
}

impl Pending {
    /// The orders, by id.
    pub fn orders(&self) -> &[NewOrder] {
        match self {
            Pending::One(order) => slice::from_ref(order),
            Pending::Pair(pair) => pair,
        }
    }

    fn find(&self, id: OrderId) -> Option<&NewOrder> {
        self.orders().iter().find(|order| order.id == id)
    }
}

/// What links the orders of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Both are open and whole: what takes something off one, or triggers it, ends the other.
    Pair([OrderId; 2]),
    /// The working order rests; the others are not placed yet.
    Waits(OrderId, Pending),
    /// The working order was filled; the others go on when the caller asks for them.
    Due(Pending),
}

impl Link {
    /// The orders that are open and not placed yet.
    pub(crate) fn pending(&self) -> &[NewOrder] {
        match self {
            Link::Pair(_) => &[],
            Link::Waits(_, pending) | Link::Due(pending) => pending.orders(),
        }
    }
}

/// A list of which something is still to be decided: a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderList {
    /// Its id, which is the place of its record.
    pub id: OrderId,
    /// What links its orders.
    pub link: Link,
}

/// All lists of the shard. The index by id is iterated for images only, which are sorted.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    slab: Slab<OrderList>,
    index: HashTable<u32>,
    /// Those whose working order was filled, in that order.
    due: VecDeque<u32>,
    /// How many orders are not placed yet, of all accounts and of each.
    pending: usize,
    pending_of: Vec<u32>,
}

fn hash(id: OrderId) -> u64 {
    FxBuildHasher.hash_one(id.number())
}

impl Lists {
    pub(crate) const fn new() -> Lists {
        Lists {
            slab: Slab::new(),
            index: HashTable::new(),
            due: VecDeque::new(),
            pending: 0,
            pending_of: Vec::new(),
        }
    }

    /// How many orders are not placed yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// The same of one account.
    pub(crate) fn pending_of(&self, account: u32) -> usize {
        self.pending_of.get(account as usize).copied().unwrap_or(0) as usize
    }

    /// The list of the record that brought this order.
    fn find(&self, id: OrderId) -> Option<u32> {
        let id = id.record();
        self.index.find(hash(id), |at| self.slab[*at].id == id).copied()
    }

    fn insert(&mut self, list: OrderList) {
        for order in list.link.pending() {
            let account = order.account.0 as usize;
            if account >= self.pending_of.len() {
                self.pending_of.resize(account + 1, 0);
            }
            self.pending_of[account] += 1;
            self.pending += 1;
        }
        let Lists { slab, index, .. } = self;
        let at = slab.insert(list);
        index.insert_unique(hash(list.id), at, |at| hash(slab[*at].id));
        if matches!(list.link, Link::Due(_)) {
            self.due.push_back(at);
        }
    }

    /// Nothing links its orders any more.
    fn remove(&mut self, at: u32) -> OrderList {
        let list = self.slab[at];
        if let Ok(entry) = self.index.find_entry(hash(list.id), |other| *other == at) {
            entry.remove();
        }
        if matches!(list.link, Link::Due(_)) {
            self.due.retain(|due| *due != at);
        }
        for order in list.link.pending() {
            self.pending_of[order.account.0 as usize] -= 1;
            self.pending -= 1;
        }
        self.slab.free(at);
        list
    }
}

/// What a check of a pair looks at in each of the two.
pub type PairTerms<'a> = [(Option<Price>, Size, &'a Instructions); 2];

/// The price at which an order of a pair has its turn, and whether it waits above the price of the
/// last trade and not below it.
pub fn turn(
    side: Side,
    price: Option<Price>,
    instructions: &Instructions,
) -> (Option<Price>, bool) {
    match instructions.trigger {
        Some(trigger) => (Some(trigger.price), trigger.waits_for_rise(side)),
        None => (price, side == Side::Sell),
    }
}

/// The end of an order that is in no book.
pub(crate) fn end_of(order: &NewOrder, reason: EndReason) -> End {
    let remaining = match order.size {
        Size::Base(quantity) => quantity,
        Size::Quote(_) => Quantity::ZERO,
    };
    let NewOrder { id, account, instrument, side, price, fees, .. } = *order;
    let funds = if price.is_none() { order.funds } else { Amount::ZERO };
    End { order: id, account, instrument, side, limit: price, fees, remaining, reason, funds }
}

impl Books {
    /// Links orders. Those that are not placed yet have their schedules from now on.
    pub(crate) fn link(&mut self, list: OrderList) {
        for order in list.link.pending() {
            self.orders.schedules.enter(order.fees);
            self.count_in(order);
        }
        self.lists.insert(list);
    }

    /// Nothing links them any more, and those that are not placed have no schedule.
    fn unlink_list(&mut self, at: u32) -> OrderList {
        let list = self.lists.remove(at);
        for order in list.link.pending() {
            let schedules = &mut self.orders.schedules;
            schedules.leave(schedules.number_of(&order.fees));
            self.count_out(order);
        }
        list
    }

    /// What still links the orders of a list, asked by the id of any of them or by its own.
    pub fn list_of(&self, id: OrderId) -> Option<OrderList> {
        self.lists.find(id).map(|at| self.lists.slab[at])
    }

    /// An order of a list that waits for its working order.
    pub fn pending_order(&self, id: OrderId) -> Option<NewOrder> {
        let at = self.lists.find(id)?;
        let pending = self.lists.slab[at].link.pending();
        pending.iter().find(|order| order.id == id).copied()
    }

    /// Whether an order of the list with this id is open.
    pub fn has_open_leg(&self, id: OrderId) -> bool {
        id.legs().any(|leg| self.is_open(leg))
    }

    /// Whether books take two orders of which one is to cancel the other: one waits above and one
    /// below the price of the last trade, neither at it; where there is none, the one above the
    /// other. And each as any order.
    ///
    /// # Errors
    /// [`Refused`], by the first rule that they break.
    pub fn check_pair(
        &self,
        instrument: InstrumentId,
        side: Side,
        pair: &PairTerms<'_>,
    ) -> Result<(), Refused> {
        let [(one, one_above), (other, other_above)] =
            pair.map(|(price, _, instructions)| turn(side, price, instructions));
        let (above, below) = if one_above { (one, other) } else { (other, one) };
        let last = self.last_price(instrument);
        let is_between = last.is_none_or(|last| Some(last) > below && above > Some(last));
        if one_above == other_above || above <= below || !is_between {
            return Err(Refused::ListPrices);
        }
        pair.iter().try_for_each(|(price, size, instructions)| {
            // What rests or sleeps, whatever it is once it has woken.
            self.check(instrument, side, *price, *size, TimeInForce::Gtc, instructions)
        })
    }

    /// The same for orders whose turn has come.
    ///
    /// # Errors
    /// [`Refused`], by the first rule that they break.
    pub fn check_pending(&self, pending: &Pending) -> Result<(), Refused> {
        match pending {
            Pending::One(order) => self.check_order(order),
            Pending::Pair(pair) => {
                let terms = pair.each_ref();
                let terms = terms.map(|order| (order.price, order.size, &order.instructions));
                self.check_pair(pair[0].instrument, pair[0].side, &terms)
            }
        }
    }

    /// Whether the book takes an order.
    ///
    /// # Errors
    /// [`Refused`], by the first rule that it breaks.
    pub fn check_order(&self, order: &NewOrder) -> Result<(), Refused> {
        let NewOrder { instrument, side, price, size, time_in_force, ref instructions, .. } =
            *order;
        self.check(instrument, side, price, size, time_in_force, instructions)
    }

    /// Whose an open order is, or a list with an open one.
    pub fn account_of(&self, id: OrderId) -> Option<AccountHandle> {
        let resting = self.order(id).map(|order| order.account);
        let asleep = || self.sleeper(id).map(|sleeper| sleeper.order.account);
        let pending = || self.pending_order(id).map(|order| order.account);
        let of_list = || id.legs().find_map(|leg| self.account_of(leg));
        resting.or_else(asleep).or_else(pending).or_else(of_list)
    }

    /// Places two orders of one record, account, instrument and side of which one is to cancel the
    /// other: [`Books::check_pair`] has taken them, so that neither does more than rest or sleep.
    ///
    /// # Panics
    /// As [`Books::place`].
    pub fn place_pair(&mut self, pair: &[NewOrder; 2], out: &mut Outcome) {
        let link = Link::Pair([pair[0].id, pair[1].id]);
        self.link(OrderList { id: pair[0].id.record(), link });
        for order in pair {
            self.place(order, out);
        }
    }

    /// Places the working order of a list. Those that wait for it are open from now on, and go on
    /// with [`Books::next_due`] once it is filled whole.
    ///
    /// # Panics
    /// As [`Books::place`].
    pub fn place_working(&mut self, order: &NewOrder, pending: Pending, out: &mut Outcome) {
        let link = Link::Waits(order.id, pending);
        self.link(OrderList { id: order.id.record(), link });
        self.place(order, out);
    }

    /// Whether a working order was filled whose list [`Books::next_due`] has not given yet.
    pub fn has_due(&self) -> bool {
        !self.lists.due.is_empty()
    }

    /// The next orders whose working order was filled: they are in no list and not open any more,
    /// and the caller places them as a command of their own, or does not.
    pub fn next_due(&mut self) -> Option<Pending> {
        let at = *self.lists.due.front()?;
        match self.unlink_list(at).link {
            Link::Due(pending) => Some(pending),
            Link::Pair(_) | Link::Waits(..) => None,
        }
    }

    /// Ends orders that were due and cannot be placed.
    pub fn drop_pending(&self, pending: &Pending, reason: EndReason, out: &mut Outcome) {
        let ends = pending.orders().iter().map(|order| end_of(order, reason));
        out.events.extend(ends.map(BookEvent::Dropped));
    }

    /// How many of the matches of a command it is to meet this order: one of a pair makes an answer
    /// as long as two, for the other ends with it.
    pub(crate) fn matches_of(&self, id: OrderId) -> usize {
        if id.leg() == 0 {
            return 1;
        }
        let list = self.lists.find(id).map(|at| &self.lists.slab[at]);
        1 + usize::from(list.is_some_and(|list| matches!(list.link, Link::Pair(_))))
    }

    /// Something is about to be taken off an order, or it goes on: where it is one of a pair, the
    /// other ends.
    pub(crate) fn decide_pair(&mut self, id: OrderId, out: &mut Outcome) {
        if id.leg() == 0 {
            return;
        }
        let Some(at) = self.lists.find(id) else { return };
        if let Link::Pair(pair) = self.lists.slab[at].link {
            self.unlink_list(at);
            self.end_linked(other_of(pair, id), EndReason::OrderList, out);
        }
    }

    /// An order has ended, and what hangs on it follows: the other of its pair ends, and those that
    /// waited for it go on or end.
    pub(crate) fn follow_end(&mut self, id: OrderId, reason: EndReason, out: &mut Outcome) {
        if id.leg() == 0 {
            return;
        }
        let Some(at) = self.lists.find(id) else { return };
        let along = match reason {
            EndReason::Cancelled | EndReason::Closed | EndReason::Killed | EndReason::Delisted => {
                reason
            }
            _ => EndReason::OrderList,
        };
        match self.lists.slab[at].link {
            Link::Pair(pair) => {
                self.unlink_list(at);
                self.end_linked(other_of(pair, id), along, out);
            }
            Link::Waits(working, pending) if working == id => {
                if reason == EndReason::Filled {
                    self.lists.slab[at].link = Link::Due(pending);
                    self.lists.due.push_back(at);
                    return;
                }
                self.unlink_list(at);
                self.drop_pending(&pending, along, out);
            }
            Link::Waits(..) | Link::Due(_) => {}
        }
    }

    /// Ends an order that rests or sleeps, because of another of its list.
    fn end_linked(&mut self, id: OrderId, reason: EndReason, out: &mut Outcome) {
        match self.orders.find(id) {
            Some(place) => {
                let sequence = self.next_sequence(place);
                self.take_out(place, sequence, reason, out);
            }
            None => self.end_sleeper_of(id, reason, out),
        }
    }
}

fn other_of([one, other]: [OrderId; 2], id: OrderId) -> OrderId {
    if one == id { other } else { one }
}
