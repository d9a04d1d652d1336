//! Orders that sleep until the price of a trade wakes them: stop-loss and take-profit, each as a
//! limit or as a market order, at a price or trailing it.
//!
//! They are in no queue of the book and nobody sees them. For each book there are two ladders of
//! prices, one of those that wait for a rise and one of those that wait for a fall, so that what a
//! trade wakes is at the end of one of them. Waking only moves them to a queue: what they do they
//! do afterwards, each as a command of its own, when the caller asks for [`Books::next_woken`].
//!
//! Those that trail move with the price: see `trails`, and `heap` for those that move as one.

use alloc::{collections::VecDeque, vec::Vec};

mod heap;
mod image;
mod trails;
mod waking;

use core::hash::BuildHasher;
use hashbrown::HashTable;
use model::{AccountHandle, OrderFilter, OrderId, Price};
use rustc_hash::FxBuildHasher;

use crate::{
    BookEvent, Books, EndReason, NewOrder, Outcome,
    ladder::Ladder,
    lists::end_of,
    open::{AccountOrders, NONE},
    slab::{NIL, Slab},
};

pub(crate) use trails::Trail;
pub use trails::Watermark;

/// An order that sleeps: a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sleeper {
    /// The order as it came, with its trigger.
    pub order: NewOrder,
    /// Its place in time: the counter that resting orders take theirs from.
    pub entry: u64,
}

/// A sleeper and its links: where it lies, and in the list of its account.
#[derive(Clone, Copy, Debug)]
struct Bed {
    sleeper: Sleeper,
    book: u32,
    lies: Lies,
    /// In a queue its neighbours. In a heap the next of those below the same, and who lies before
    /// it there or, for the first, above it.
    next: u32,
    previous: u32,
    /// In a heap the first of those below.
    child: u32,
    account_next: u32,
    account_previous: u32,
}

/// Where a sleeper lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lies {
    /// In the queue of its trigger's price.
    Waits(u32),
    /// In the heap of a segment; none where it follows from the next trade on. Only the top of a
    /// heap knows which segment it is.
    Trails(u32),
    /// Among those that have woken.
    Woken,
}

/// What lies at one price and waits for the same: orders whose trigger it is, and segments of which
/// it wakes the first.
#[derive(Clone, Copy, Debug)]
struct Queue {
    head: u32,
    tail: u32,
    segments: u32,
    book: u32,
    waits_for_rise: bool,
    price: Price,
}

/// Every sleeper of the shard. The index by id is never iterated.
#[derive(Clone, Debug)]
pub(crate) struct Sleepers {
    beds: Slab<Bed>,
    queues: Slab<Queue>,
    segments: Slab<trails::Segment>,
    index: HashTable<u32>,
    accounts: Vec<AccountOrders>,
    woken: VecDeque<u32>,
    /// Whom the current command has reached; empty between commands.
    reached: Vec<waking::Reached>,
}

fn hash(id: OrderId) -> u64 {
    FxBuildHasher.hash_one(id.number())
}

impl Sleepers {
    pub(crate) const fn new() -> Sleepers {
        Sleepers {
            beds: Slab::new(),
            queues: Slab::new(),
            segments: Slab::new(),
            index: HashTable::new(),
            accounts: Vec::new(),
            woken: VecDeque::new(),
            reached: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    fn find(&self, id: OrderId) -> Option<u32> {
        self.index.find(hash(id), |bed| self.beds[*bed].sleeper.order.id == id).copied()
    }

    fn of_account(&self, account: u32) -> AccountOrders {
        self.accounts.get(account as usize).copied().unwrap_or(NONE)
    }

    /// How many accounts have ever had an order that slept, as the end of their numbers.
    pub(crate) fn accounts_end(&self) -> u32 {
        u32::try_from(self.accounts.len()).expect("accounts are numbered in 32 bits")
    }

    pub(crate) fn count_of(&self, account: u32) -> usize {
        self.of_account(account).count as usize
    }

    pub(crate) fn order_mut(&mut self, id: OrderId) -> Option<&mut NewOrder> {
        self.find(id).map(|at| &mut self.beds[at].sleeper.order)
    }

    pub(crate) fn id_at(&self, at: u32) -> OrderId {
        self.beds[at].sleeper.order.id
    }

    pub(crate) fn order_at(&self, at: u32) -> &NewOrder {
        &self.beds[at].sleeper.order
    }

    /// The place of the book that a sleeper is of.
    pub(crate) fn slot_at(&self, at: u32) -> u32 {
        self.beds[at].book
    }

    /// Those that have woken and go on next.
    pub(crate) fn woken(&self) -> &VecDeque<u32> {
        &self.woken
    }

    pub(crate) fn set_woken(&mut self, woken: VecDeque<u32>) {
        self.woken = woken;
    }

    /// Every sleeper by entry, and those that have woken in their order.
    pub(crate) fn image(&self) -> (Vec<Sleeper>, Vec<OrderId>) {
        let mut sleepers: Vec<Sleeper> = Vec::with_capacity(self.len());
        for list in &self.accounts {
            let mut at = list.head;
            while at != NIL {
                sleepers.push(self.beds[at].sleeper);
                at = self.beds[at].account_next;
            }
        }
        sleepers.sort_unstable_by_key(|sleeper| sleeper.entry);
        let woken = self.woken.iter().map(|bed| self.beds[*bed].sleeper.order.id);
        (sleepers, woken.collect())
    }

    /// Adds a sleeper as the newest of its account, as one that has woken.
    fn insert(&mut self, sleeper: Sleeper, book: u32) -> u32 {
        let Sleepers { beds, index, accounts, .. } = self;
        let account = sleeper.order.account.0 as usize;
        if account >= accounts.len() {
            accounts.resize(account + 1, NONE);
        }
        let list = &mut accounts[account];
        let [next, previous, child, account_next] = [NIL; 4];
        let (lies, account_previous) = (Lies::Woken, list.tail);
        let bed =
            Bed { sleeper, book, lies, next, previous, child, account_next, account_previous };
        let at = beds.insert(bed);
        let id = |at: &u32| hash(beds[*at].sleeper.order.id);
        index.insert_unique(hash(sleeper.order.id), at, id);
        match list.tail {
            NIL => list.head = at,
            tail => beds[tail].account_next = at,
        }
        list.tail = at;
        list.count += 1;
        at
    }

    /// Takes a sleeper that is in no queue any more out of the index and its account's list.
    fn remove(&mut self, at: u32) -> Sleeper {
        let bed = self.beds[at];
        let id = bed.sleeper.order.id;
        if let Ok(entry) = self.index.find_entry(hash(id), |other| *other == at) {
            entry.remove();
        }
        let list = &mut self.accounts[bed.sleeper.order.account.0 as usize];
        match bed.account_previous {
            NIL => list.head = bed.account_next,
            previous => self.beds[previous].account_next = bed.account_next,
        }
        match bed.account_next {
            NIL => list.tail = bed.account_previous,
            next => self.beds[next].account_previous = bed.account_previous,
        }
        list.count -= 1;
        self.beds.free(at);
        bed.sleeper
    }
}

impl Books {
    /// An order that sleeps, or that has woken and not gone on yet.
    pub fn sleeper(&self, id: OrderId) -> Option<Sleeper> {
        self.sleepers.find(id).map(|at| self.sleepers.beds[at].sleeper)
    }

    /// An account's orders that sleep, oldest first.
    pub fn sleepers_of(&self, account: AccountHandle) -> impl Iterator<Item = Sleeper> {
        let mut at = self.sleepers.of_account(account.0).head;
        core::iter::from_fn(move || {
            let bed = (at != NIL).then(|| self.sleepers.beds[at])?;
            at = bed.account_next;
            Some(bed.sleeper)
        })
    }

    /// Whether an order has woken that [`Books::next_woken`] has not given yet.
    pub fn has_woken(&self) -> bool {
        !self.sleepers.woken.is_empty()
    }

    /// The next order that has woken, without what it slept for: it sleeps no longer, and the
    /// caller places it as a command of its own. Where it is one of a pair, the other ends now.
    /// Those that the fall of the price has reached come first, the highest trigger first; then
    /// those that its rise has, the lowest first; at one price in order of entry. What these wake
    /// comes behind all that had woken before.
    pub fn next_woken(&mut self, out: &mut Outcome) -> Option<NewOrder> {
        let at = self.sleepers.woken.pop_front()?;
        let mut order = self.take_sleeper(at);
        (order.instructions.trigger, order.instructions.trailing) = (None, None);
        self.decide_pair(order.id, out);
        Some(order)
    }

    /// Takes a sleeper out of everything but queues, and its schedule with it.
    fn take_sleeper(&mut self, at: u32) -> NewOrder {
        let order = self.sleepers.remove(at).order;
        self.count_out(&order);
        let schedules = &mut self.orders.schedules;
        schedules.leave(schedules.number_of(&order.fees));
        order
    }

    /// Lets an accepted order sleep.
    pub(crate) fn put_to_sleep(&mut self, order: NewOrder, book: u32, out: &mut Outcome) {
        let entry = self.next_priority;
        self.orders.schedules.enter(order.fees);
        self.count_in(&order);
        self.next_priority += 1;
        let at = self.sleepers.insert(Sleeper { order, entry }, book);
        match order.instructions.trigger {
            Some(_) => self.enqueue(at),
            None => self.follow_from_next_trade(at),
        }
        out.events.push(BookEvent::Sleeps(order.id));
    }

    /// What lies at a price and waits for the same.
    fn queue_at(&mut self, book: u32, waits_for_rise: bool, price: Price) -> u32 {
        let ladder = self.books[book as usize].sleepers_mut(waits_for_rise);
        ladder.find(price).unwrap_or_else(|| {
            let [head, tail, segments] = [NIL; 3];
            let queue = Queue { head, tail, segments, book, waits_for_rise, price };
            let at = self.sleepers.queues.insert(queue);
            ladder.insert(price, at);
            at
        })
    }

    /// Takes a queue in which nothing lies any more off its ladder.
    fn drop_if_empty(&mut self, at: u32) {
        let Queue { head, segments, book, waits_for_rise, price, .. } = self.sleepers.queues[at];
        if head == NIL && segments == NIL {
            self.books[book as usize].sleepers_mut(waits_for_rise).remove(price);
            self.sleepers.queues.free(at);
        }
    }

    /// Puts a sleeper at the end of the queue of its trigger's price.
    fn enqueue(&mut self, at: u32) {
        let Bed { sleeper: Sleeper { order, .. }, book, .. } = self.sleepers.beds[at];
        let trigger = order.instructions.trigger.expect("what waits for a price has one");
        let queue = self.queue_at(book, trigger.waits_for_rise(order.side), trigger.price);
        let Queue { head, tail, .. } = &mut self.sleepers.queues[queue];
        let previous = core::mem::replace(tail, at);
        match previous {
            NIL => *head = at,
            previous => self.sleepers.beds[previous].next = at,
        }
        let bed = &mut self.sleepers.beds[at];
        (bed.lies, bed.previous, bed.next) = (Lies::Waits(queue), previous, NIL);
    }

    /// Takes a sleeper out of the queue of its trigger's price.
    fn dequeue(&mut self, at: u32, queue: u32) {
        let Bed { next, previous, .. } = self.sleepers.beds[at];
        match previous {
            NIL => self.sleepers.queues[queue].head = next,
            previous => self.sleepers.beds[previous].next = next,
        }
        match next {
            NIL => self.sleepers.queues[queue].tail = previous,
            next => self.sleepers.beds[next].previous = previous,
        }
        let bed = &mut self.sleepers.beds[at];
        (bed.next, bed.previous) = (NIL, NIL);
        self.drop_if_empty(queue);
    }

    /// Cancels an order that sleeps, or that has woken and not gone on yet.
    pub(crate) fn cancel_sleeper(&mut self, id: OrderId, out: &mut Outcome) -> bool {
        let Some(at) = self.sleepers.find(id) else { return false };
        self.end_sleeper(at, EndReason::Cancelled, out);
        true
    }

    /// The next order that has woken.
    pub(crate) fn first_woken(&self) -> Option<Sleeper> {
        self.sleepers.woken.front().map(|at| self.sleepers.beds[*at].sleeper)
    }

    /// Ends an order that sleeps, if this one does, because of another of its list.
    pub(crate) fn end_sleeper_of(&mut self, id: OrderId, reason: EndReason, out: &mut Outcome) {
        if let Some(at) = self.sleepers.find(id) {
            self.end_sleeper(at, reason, out);
        }
    }

    pub(crate) fn cancel_sleepers(
        &mut self,
        account: AccountHandle,
        filter: &OrderFilter,
        out: &mut Outcome,
    ) {
        let mut at = self.sleepers.of_account(account.0).head;
        while at != NIL {
            let (bed_at, bed) = (at, self.sleepers.beds[at]);
            let NewOrder { id, instrument, side, price, .. } = bed.sleeper.order;
            at = bed.account_next;
            if filter.takes(instrument, side, price) {
                // The other of its pair came with it and goes with it.
                if at != NIL && self.sleepers.beds[at].sleeper.order.id.record() == id.record() {
                    at = self.sleepers.beds[at].account_next;
                }
                self.end_sleeper(bed_at, EndReason::Cancelled, out);
            }
        }
    }

    fn end_sleeper(&mut self, at: u32, reason: EndReason, out: &mut Outcome) {
        match self.sleepers.beds[at].lies {
            Lies::Woken => self.leave_woken(at),
            Lies::Waits(queue) => self.dequeue(at, queue),
            Lies::Trails(segment) => self.leave_trail(at, segment),
        }
        let order = self.take_sleeper(at);
        out.events.push(BookEvent::Ended(end_of(&order, reason)));
        self.follow_end(order.id, reason, out);
    }
}

impl crate::book::Book {
    fn sleepers_mut(&mut self, waits_for_rise: bool) -> &mut Ladder {
        if waits_for_rise { &mut self.rising } else { &mut self.falling }
    }
}
