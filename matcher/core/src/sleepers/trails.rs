//! Orders that trail the price: where each side's watermarks are, and what a trade does to them.
//!
//! The orders of one side of a book that began to follow at different trades have different
//! watermarks, but those of whoever began later are never better: a buy's is the lowest price of a
//! shorter time. So the watermarks of a side stand in a row of *segments*, and a trade that is
//! better than some of them makes the latest segments one, with its price for watermark. Within a
//! segment only the order that lets the price turn least can be the next to wake; the others lie
//! below it in a heap. And each segment lies, at the price that wakes its first, in the ladder in
//! which all that sleeps lies by price.
//!
//! So a trade looks at the ends of two ladders and of two rows, and goes on only where something
//! changes: it wakes, it begins to follow, or it makes segments one. A segment is made by an order
//! that begins to follow and is gone once it is joined to another, so that over time each order
//! pays for a few steps, each a search in a ladder and a logarithm in a heap, however many others
//! there are and however often the price moves.

use alloc::{format, string::String, vec::Vec};

use model::{InstrumentId, OrderId, Price, Side};

use super::{Bed, Lies, Sleepers};
use crate::{Books, slab::NIL};

/// The orders of one side of a book that trail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trail {
    /// The segment whose watermark was reached last; from it the older ones.
    newest: u32,
    /// The top of the heap of those that follow from the next trade on.
    fresh: u32,
}

impl Trail {
    pub(crate) const fn new() -> Trail {
        Trail { newest: NIL, fresh: NIL }
    }
}

/// Orders that follow with one watermark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    watermark: Price,
    /// The top of their heap.
    top: u32,
    book: u32,
    side: Side,
    older: u32,
    newer: u32,
    /// The queue of the price that wakes the first of them, and the others there; none where no
    /// price does.
    queue: u32,
    pub(super) next: u32,
    previous: u32,
}

/// The best price of an order that trails, since it began to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// Which order.
    pub order: OrderId,
    /// The lowest price since then for a buy, the highest for a sell.
    pub price: Price,
}

impl Sleepers {
    fn trailing_price(&self, at: u32, watermark: Price) -> Option<Price> {
        let order = &self.beds[at].sleeper.order;
        order.instructions.trailing?.price(order.side, watermark)
    }
}

impl Books {
    /// A sleeper follows from the next trade on.
    pub(super) fn follow_from_next_trade(&mut self, at: u32) {
        let Bed { sleeper, book, .. } = self.sleepers.beds[at];
        self.sleepers.beds[at].lies = Lies::Trails(NIL);
        let trail = self.books[book as usize].trail_mut(sleeper.order.side);
        trail.fresh = self.sleepers.beds.meld(trail.fresh, at);
        self.sleepers.beds[trail.fresh].lies = Lies::Trails(NIL);
    }

    /// A sleeper follows from a trade at this price on, which its side has been told of.
    pub(super) fn follow_from(&mut self, at: u32, price: Price) {
        let Bed { sleeper, book, .. } = self.sleepers.beds[at];
        self.sleepers.beds[at].lies = Lies::Trails(NIL);
        self.add_to_newest(book, sleeper.order.side, price, at);
    }

    /// A side learns of a trade: whoever waited for one begins to follow with its price, and so do
    /// those for whom it is better than all before.
    pub(super) fn follow(&mut self, book: u32, side: Side, price: Price) {
        let trail = self.books[book as usize].trail_mut(side);
        let mut top = core::mem::replace(&mut trail.fresh, NIL);
        loop {
            let newest = self.books[book as usize].trail_mut(side).newest;
            if newest == NIL {
                break;
            }
            let segment = self.sleepers.segments[newest];
            let is_better = match side {
                Side::Buy => price < segment.watermark,
                Side::Sell => price > segment.watermark,
            };
            if !is_better {
                break;
            }
            self.drop_segment(newest);
            top = self.sleepers.beds.meld(top, segment.top);
        }
        if top != NIL {
            self.add_to_newest(book, side, price, top);
        }
    }

    /// Adds a heap to the segment of this watermark, which is the newest or a new one.
    fn add_to_newest(&mut self, book: u32, side: Side, watermark: Price, top: u32) {
        let newest = self.books[book as usize].trail_mut(side).newest;
        let is_its = newest != NIL && self.sleepers.segments[newest].watermark == watermark;
        let at = if is_its {
            self.unqueue_segment(newest);
            newest
        } else {
            let [top, newer, queue, next, previous] = [NIL; 5];
            let older = newest;
            let segment =
                Segment { watermark, top, book, side, older, newer, queue, next, previous };
            let at = self.sleepers.segments.insert(segment);
            if older != NIL {
                self.sleepers.segments[older].newer = at;
            }
            self.books[book as usize].trail_mut(side).newest = at;
            at
        };
        let top = self.sleepers.beds.meld(self.sleepers.segments[at].top, top);
        self.set_top(at, top);
    }

    /// Gives a segment that is in no queue its heap, and its place by price.
    fn set_top(&mut self, at: u32, top: u32) {
        let Sleepers { segments, beds, .. } = &mut self.sleepers;
        segments[at].top = top;
        beds[top].lies = Lies::Trails(at);
        let Segment { watermark, book, side, .. } = segments[at];
        let Some(price) = self.sleepers.trailing_price(top, watermark) else { return };
        let queue = self.queue_at(book, side == Side::Buy, price);
        let Sleepers { segments, queues, .. } = &mut self.sleepers;
        let next = core::mem::replace(&mut queues[queue].segments, at);
        if next != NIL {
            segments[next].previous = at;
        }
        (segments[at].queue, segments[at].next, segments[at].previous) = (queue, next, NIL);
    }

    fn unqueue_segment(&mut self, at: u32) {
        let Sleepers { segments, queues, .. } = &mut self.sleepers;
        let Segment { queue, next, previous, .. } = segments[at];
        if queue == NIL {
            return;
        }
        match previous {
            NIL => queues[queue].segments = next,
            previous => segments[previous].next = next,
        }
        if next != NIL {
            segments[next].previous = previous;
        }
        segments[at].queue = NIL;
        self.drop_if_empty(queue);
    }

    fn drop_segment(&mut self, at: u32) {
        self.unqueue_segment(at);
        let Segment { book, side, older, newer, .. } = self.sleepers.segments[at];
        if older != NIL {
            self.sleepers.segments[older].newer = newer;
        }
        match newer {
            NIL => self.books[book as usize].trail_mut(side).newest = older,
            newer => self.sleepers.segments[newer].older = older,
        }
        self.sleepers.segments.free(at);
    }

    /// Takes the first to wake out of a segment, and tells who it is.
    pub(super) fn take_first(&mut self, at: u32) -> u32 {
        self.unqueue_segment(at);
        let first = self.sleepers.segments[at].top;
        match self.sleepers.beds.take_top(first) {
            NIL => self.drop_segment(at),
            top => self.set_top(at, top),
        }
        first
    }

    /// Takes a sleeper that trails, or will from the next trade on, out of where it lies.
    pub(super) fn leave_trail(&mut self, at: u32, segment: u32) {
        let Bed { sleeper, book, previous, .. } = self.sleepers.beds[at];
        if previous != NIL {
            return self.sleepers.beds.take_from_below(at);
        }
        if segment != NIL {
            self.take_first(segment);
            return;
        }
        let top = self.sleepers.beds.take_top(at);
        if top != NIL {
            self.sleepers.beds[top].lies = Lies::Trails(NIL);
        }
        self.books[book as usize].trail_mut(sleeper.order.side).fresh = top;
    }

    /// The watermark of every order that has begun to follow, by entry.
    pub(crate) fn watermarks(&self) -> Vec<Watermark> {
        let mut found: Vec<(u64, Watermark)> = Vec::new();
        for (book, side) in self.books.iter().flat_map(|book| Side::BOTH.map(|side| (book, side))) {
            for (_, segment) in self.segments(book.trail(side)) {
                found.extend(self.sleepers.beds.heap(segment.top).into_iter().map(|at| {
                    let sleeper = &self.sleepers.beds[at].sleeper;
                    let (order, price) = (sleeper.order.id, segment.watermark);
                    (sleeper.entry, Watermark { order, price })
                }));
            }
        }
        found.sort_unstable_by_key(|(entry, _)| *entry);
        found.into_iter().map(|(_, watermark)| watermark).collect()
    }

    /// The segments of a side, the newest first.
    fn segments(&self, trail: &Trail) -> impl Iterator<Item = (u32, Segment)> {
        let mut at = trail.newest;
        core::iter::from_fn(move || {
            let segment = (at != NIL).then(|| (at, self.sleepers.segments[at]))?;
            at = segment.1.older;
            Some(segment)
        })
    }

    /// Whether a side's watermarks stand in their row, and each segment and its orders where they
    /// should; tells how many orders trail, or will from the next trade on.
    pub(super) fn check_trail(&self, slot: u32, side: Side) -> Result<usize, String> {
        let book = &self.books[slot as usize];
        let (trail, beds) = (book.trail(side), &self.sleepers.beds);
        let mut count = beds.heap(trail.fresh).len();
        let (mut newer, mut newer_watermark) = (NIL, None);
        for (at, segment) in self.segments(trail) {
            let watermark = segment.watermark;
            let is_in_row = newer_watermark.is_none_or(|newer| side.improves(newer, watermark));
            let follows = match (side, book.last_price) {
                (_, None) => false,
                (Side::Buy, Some(last)) => watermark <= last,
                (Side::Sell, Some(last)) => watermark >= last,
            };
            let wakes_at = self.sleepers.trailing_price(segment.top, watermark);
            let (queue, is_its) = match segment.queue {
                NIL => (None, beds[segment.top].lies == Lies::Trails(at)),
                queue => (
                    Some(self.sleepers.queues[queue].price),
                    beds[segment.top].lies == Lies::Trails(at) && self.lists(queue, at),
                ),
            };
            let is_awake = wakes_at.zip(book.last_price).is_some_and(|(at, last)| match side {
                Side::Buy => last >= at,
                Side::Sell => last <= at,
            });
            let is_sound = is_in_row && follows && is_its && !is_awake && queue == wakes_at;
            if !is_sound || segment.newer != newer || !beds.is_heap(segment.top) {
                let (InstrumentId(id), ticks) = (book.instrument.id, watermark.ticks());
                return Err(format!("what trails {side:?} in {id} from {ticks} is out of place"));
            }
            count += self.check_trailing(segment.top, slot, side)?;
            (newer, newer_watermark) = (at, Some(watermark));
        }
        self.check_trailing(trail.fresh, slot, side)?;
        Ok(count)
    }

    /// Whether a queue lists a segment.
    fn lists(&self, queue: u32, segment: u32) -> bool {
        let mut at = self.sleepers.queues[queue].segments;
        while at != NIL && at != segment {
            at = self.sleepers.segments[at].next;
        }
        at == segment
    }

    /// Whether those of a heap are of this book and side and say that they trail; how many.
    fn check_trailing(&self, top: u32, slot: u32, side: Side) -> Result<usize, String> {
        let heap = self.sleepers.beds.heap(top);
        for at in &heap {
            let Bed { sleeper, book, lies, .. } = &self.sleepers.beds[*at];
            let order = &sleeper.order;
            let trails = order.instructions.trailing.is_some() && matches!(lies, Lies::Trails(_));
            if !trails || *book != slot || order.side != side {
                return Err(format!("order {} does not trail there", order.id));
            }
        }
        Ok(heap.len())
    }
}
