//! What the trades of a command do to those that sleep.

use model::{Price, Side};

use super::{Lies, Queue, Sleepers};
use crate::{BookEvent, Books, book::Book, market::lets_go_on, slab::NIL};

/// A sleeper that a command has reached. They are ordered as they wake: those that waited for a
/// fall first, by the price that woke them as the price reaches it, then by entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reached {
    waited_for_rise: bool,
    rank: u64,
    entry: u64,
    bed: u32,
}

impl Books {
    /// A command has done this: wakes all that its trades reach, in their order, and lets those
    /// that trail follow.
    pub(crate) fn wake_sleepers(&mut self, book: u32, events: &[BookEvent]) {
        if self.sleepers.len() == 0 {
            return;
        }
        let mut before = None;
        for event in events {
            if let BookEvent::Fill(fill) = event
                && before.replace(fill.price) != Some(fill.price)
            {
                self.pass_trade(book, fill.price);
            }
        }
        let Sleepers { reached, woken, beds, .. } = &mut self.sleepers;
        let Book { state, held, .. } = &mut self.books[book as usize];
        reached.sort_unstable();
        for Reached { bed, .. } in reached.drain(..) {
            beds[bed].lies = Lies::Woken;
            let goes_on = lets_go_on(*state, &beds[bed].sleeper.order);
            if goes_on { woken.push_back(bed) } else { held.push_back(bed) }
        }
    }

    /// What one trade does to those that sleep.
    fn pass_trade(&mut self, book: u32, price: Price) {
        for side in Side::BOTH {
            self.follow(book, side, price);
        }
        for waits_for_rise in [false, true] {
            loop {
                let ladder = self.books[book as usize].sleepers_mut(waits_for_rise);
                let Some((at, queue)) = ladder.best() else { break };
                let is_met = if waits_for_rise { at <= price } else { at >= price };
                if !is_met {
                    break;
                }
                self.pass_queue(queue, price);
            }
        }
    }

    /// A trade has reached what lies in a queue: the first of it wakes, or begins to trail.
    fn pass_queue(&mut self, at: u32, traded: Price) {
        let Queue { head, segments, waits_for_rise, price, .. } = self.sleepers.queues[at];
        let bed = if head == NIL { self.take_first(segments) } else { head };
        if head != NIL {
            self.dequeue(head, at);
            if self.sleepers.beds[head].sleeper.order.instructions.trailing.is_some() {
                return self.follow_from(head, traded);
            }
        }
        let ticks = price.ticks();
        let rank = if waits_for_rise { ticks } else { Price::TICKS_MAX - ticks };
        let entry = self.sleepers.beds[bed].sleeper.entry;
        self.sleepers.reached.push(Reached { waited_for_rise: waits_for_rise, rank, entry, bed });
    }

    /// Takes one that has woken out of its queue: of those that go on, or of those that wait until
    /// its book lets them.
    pub(super) fn leave_woken(&mut self, at: u32) {
        let held = &mut self.books[self.sleepers.beds[at].book as usize].held;
        if held.front() == Some(&at) {
            held.pop_front();
            return;
        }
        let count = held.len();
        held.retain(|held| *held != at);
        if held.len() == count {
            self.sleepers.woken.retain(|woken| *woken != at);
        }
    }
}
