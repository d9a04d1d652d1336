//! The open orders by id.
//!
//! An id is a place in the log, so new ones ascend without end, and most orders end young. The
//! latest ids are therefore found by their low bits in a plain table that has four to eight times
//! as many entries as orders are open: a new id is written next to the one before it, and a look
//! waits for one line of memory. An order that has grown so old that a new id needs its entry moves
//! to a hash table, once. `docs/adr/0004-price-levels.md` has what that gained.

use alloc::{vec, vec::Vec};
use core::hash::BuildHasher;

use hashbrown::HashTable;
use model::OrderId;
use rustc_hash::FxBuildHasher;

use crate::{
    book::Resting,
    slab::{NIL, Slab},
};

/// How many entries there are for each open order at least.
const SPREAD: usize = 4;

/// The fewest entries of a table that has any.
const ENTRIES_MIN: usize = 64;

/// The places of all open orders by id. Never iterated for output.
#[derive(Clone, Debug)]
pub(crate) struct ById {
    /// By the low bits of the id; as many as a power of two.
    latest: Vec<u32>,
    /// Those whose entry somebody else has taken.
    old: HashTable<u32>,
    /// The highest id that ever was among the old: no higher one is.
    old_max: u64,
    count: usize,
}

fn hash(id: OrderId) -> u64 {
    FxBuildHasher.hash_one(id.number())
}

impl ById {
    pub(crate) const fn new() -> ById {
        ById { latest: Vec::new(), old: HashTable::new(), old_max: 0, count: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn find(&self, id: OrderId, orders: &Slab<Resting>) -> Option<u32> {
        let place = *self.latest.get(self.entry(id))?;
        if place != NIL && orders[place].id == id {
            return Some(place);
        }
        if id.number() > self.old_max {
            return None;
        }
        self.old.find(hash(id), |place| orders[*place].id == id).copied()
    }

    /// Adds the order at `place`, whose id is not there.
    pub(crate) fn insert(&mut self, place: u32, orders: &Slab<Resting>) {
        self.count += 1;
        if self.count * SPREAD > self.latest.len() {
            self.grow(orders);
        }
        let entry = self.entry(orders[place].id);
        let before = core::mem::replace(&mut self.latest[entry], place);
        if before != NIL {
            let id = orders[before].id;
            self.old_max = self.old_max.max(id.number());
            self.old.insert_unique(hash(id), before, |place| hash(orders[*place].id));
        }
    }

    /// Takes away the order at `place`, which still is in the slab.
    pub(crate) fn remove(&mut self, place: u32, orders: &Slab<Resting>) {
        let id = orders[place].id;
        let entry = self.entry(id);
        if self.latest[entry] == place {
            self.latest[entry] = NIL;
        } else if let Ok(entry) = self.old.find_entry(hash(id), |other| *other == place) {
            entry.remove();
        }
        self.count -= 1;
    }

    /// Where the id's entry is; nowhere while there is none at all.
    fn entry(&self, id: OrderId) -> usize {
        let mask = (self.latest.len() as u64).wrapping_sub(1);
        usize::try_from(id.number() & mask).unwrap_or(usize::MAX)
    }

    fn grow(&mut self, orders: &Slab<Resting>) {
        let length = (2 * self.latest.len()).max(ENTRIES_MIN);
        let before = core::mem::replace(&mut self.latest, vec![NIL; length]);
        for place in before.into_iter().filter(|place| *place != NIL) {
            // What had an entry of its own has one among twice as many.
            let entry = self.entry(orders[place].id);
            self.latest[entry] = place;
        }
    }
}
