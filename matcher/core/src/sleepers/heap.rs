//! Pairing heaps of the sleepers that trail with one watermark: the one that wakes first on top.
//!
//! Two of them become one by a single comparison, whatever their size, and one that is cancelled is
//! taken out where it lies; taking the top off costs a logarithm, over time. The links are the
//! beds' own, so that nothing is allocated, and nothing here calls itself.

use alloc::{vec, vec::Vec};

use super::Bed;
use crate::slab::{NIL, Slab};

impl Slab<Bed> {
    /// Who wakes first where the watermark is the same: who lets the price turn least, then who
    /// came first.
    fn rank(&self, at: u32) -> (u32, u64) {
        let sleeper = &self[at].sleeper;
        let delta_bps = sleeper.order.instructions.trailing.map_or(0, |trails| trails.delta_bps());
        (delta_bps, sleeper.entry)
    }

    /// The top of two heaps as one; either may be none.
    pub(super) fn meld(&mut self, one: u32, two: u32) -> u32 {
        if one == NIL || two == NIL {
            return if one == NIL { two } else { one };
        }
        let (top, below) = if self.rank(two) < self.rank(one) { (two, one) } else { (one, two) };
        let child = core::mem::replace(&mut self[top].child, below);
        (self[below].previous, self[below].next) = (top, child);
        if child != NIL {
            self[child].previous = below;
        }
        top
    }

    /// Takes the top off a heap; tells the top of what is left.
    pub(super) fn take_top(&mut self, top: u32) -> u32 {
        let child = core::mem::replace(&mut self[top].child, NIL);
        self.meld_all(child)
    }

    /// Takes a sleeper that is not the top out of its heap.
    pub(super) fn take_from_below(&mut self, at: u32) {
        let Bed { child, next, previous, .. } = self[at];
        (self[at].child, self[at].next, self[at].previous) = (NIL, NIL, NIL);
        // Whoever was below it is not above who is above it: they may take its place.
        let heir = self.meld_all(child);
        let instead = if heir == NIL { next } else { heir };
        if heir != NIL {
            (self[heir].previous, self[heir].next) = (previous, next);
        }
        if next != NIL {
            self[next].previous = if heir == NIL { previous } else { heir };
        }
        // Before the first of those below one lies that one itself.
        if self[previous].child == at {
            self[previous].child = instead;
        } else {
            self[previous].next = instead;
        }
    }

    /// The top of all heaps of a list as one: first two by two, then all from the last on.
    fn meld_all(&mut self, first: u32) -> u32 {
        let (mut at, mut pairs) = (first, NIL);
        while at != NIL {
            let second = self.detach(at);
            let rest = if second == NIL { NIL } else { self.detach(second) };
            let pair = self.meld(at, second);
            self[pair].next = pairs;
            (pairs, at) = (pair, rest);
        }
        let mut top = NIL;
        while pairs != NIL {
            let next = self.detach(pairs);
            top = self.meld(top, pairs);
            pairs = next;
        }
        top
    }

    /// Takes the first of a list off it; tells the next.
    fn detach(&mut self, at: u32) -> u32 {
        self[at].previous = NIL;
        core::mem::replace(&mut self[at].next, NIL)
    }

    /// Every sleeper of a heap, in no order that matters.
    pub(super) fn heap(&self, top: u32) -> Vec<u32> {
        let mut found: Vec<u32> = if top == NIL { Vec::new() } else { vec![top] };
        let mut seen = 0;
        while seen < found.len() {
            let mut below = self[found[seen]].child;
            while below != NIL {
                found.push(below);
                below = self[below].next;
            }
            seen += 1;
        }
        found
    }

    /// Whether nobody in a heap wakes before who is above.
    pub(super) fn is_heap(&self, top: u32) -> bool {
        let is_below = |above: u32, at: u32| self.rank(above) < self.rank(at);
        self.heap(top).into_iter().all(|above| {
            let mut below = self[above].child;
            let mut holds = true;
            while below != NIL {
                holds &= is_below(above, below);
                below = self[below].next;
            }
            holds
        })
    }
}
