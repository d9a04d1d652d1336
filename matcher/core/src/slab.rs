//! A table of items that are found by a small number, with its free places used again.
//!
//! Links between items are these numbers: half the size of a pointer, and they stay good while the
//! table grows. Nothing that leaves the core ever depends on them.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// The number of no item: the end of a list.
pub(crate) const NIL: u32 = u32::MAX;

/// Items by number. It allocates only beyond its largest size so far.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Slab<T> {
        Slab { items: Vec::new(), free: Vec::new() }
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    /// Puts an item in and tells its number. The owner bounds how many there are, far below
    /// [`NIL`].
    pub(crate) fn insert(&mut self, item: T) -> u32 {
        if let Some(place) = self.free.pop() {
            self.items[place as usize] = item;
            return place;
        }
        let place = u32::try_from(self.items.len()).expect("bounded by the owner");
        self.items.push(item);
        place
    }

    /// Gives a place back. What is in it stays there until the place is used again.
    pub(crate) fn free(&mut self, place: u32) {
        self.free.push(place);
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, place: u32) -> &T {
        &self.items[place as usize]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, place: u32) -> &mut T {
        &mut self.items[place as usize]
    }
}
