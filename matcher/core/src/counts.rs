//! How many orders each account has open in each instrument: an index, so that a filter of counts
//! costs one look. It holds whom the queues, the sleepers and the lists hold, and nobody else.

use alloc::{borrow::ToOwned, string::String};
use core::hash::BuildHasher;
use hashbrown::HashTable;
use model::{AccountHandle, InstrumentId};
use rustc_hash::FxBuildHasher;

use crate::{Books, NewOrder};

/// How many orders of an account are open in one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenCount {
    /// All of them: they rest, sleep, or wait for another.
    pub orders: u32,
    /// Those that a price has to reach first, or to turn for, and that have not gone on since.
    pub algo_orders: u32,
}

impl OpenCount {
    /// That of one order.
    pub const fn of(waits_for_price: bool) -> OpenCount {
        OpenCount { orders: 1, algo_orders: waits_for_price as u32 }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: OpenCount) -> OpenCount {
        let orders = self.orders + other.orders;
        OpenCount { orders, algo_orders: self.algo_orders + other.algo_orders }
    }

    const fn minus(self, other: OpenCount) -> OpenCount {
        let orders = self.orders - other.orders;
        OpenCount { orders, algo_orders: self.algo_orders - other.algo_orders }
    }
}

type Where = (AccountHandle, InstrumentId);

/// The counts of all accounts that have an order open, by account and instrument. Iterated only to
/// be held against what is open.
#[derive(Clone, Debug)]
pub(crate) struct OpenCounts {
    table: HashTable<(Where, OpenCount)>,
}

fn hash(of: Where) -> u64 {
    FxBuildHasher.hash_one((of.0.0, of.1.0))
}

impl OpenCounts {
    pub(crate) const fn new() -> OpenCounts {
        OpenCounts { table: HashTable::new() }
    }

    pub(crate) fn get(&self, of: Where) -> OpenCount {
        let found = self.table.find(hash(of), |(known, _)| *known == of);
        found.map(|(_, count)| *count).unwrap_or_default()
    }

    pub(crate) fn add(&mut self, of: Where, more: OpenCount) {
        let is_it = |(known, _): &(Where, OpenCount)| *known == of;
        let entry = self.table.entry(hash(of), is_it, |(known, _)| hash(*known));
        let mut entry = entry.or_insert((of, OpenCount::default()));
        let (_, count) = entry.get_mut();
        *count = count.plus(more);
    }

    /// An account of which nothing is open in an instrument is forgotten there.
    pub(crate) fn take(&mut self, of: Where, less: OpenCount) {
        let found = self.table.find_entry(hash(of), |(known, _)| *known == of);
        let mut entry = found.expect("what is open was counted");
        let (_, count) = entry.get_mut();
        *count = count.minus(less);
        if *count == OpenCount::default() {
            entry.remove();
        }
    }
}

impl Books {
    /// How many orders an account has open in an instrument: they rest, sleep, or wait for another.
    pub fn open_count_in(&self, account: AccountHandle, instrument: InstrumentId) -> OpenCount {
        self.counts.get((account, instrument))
    }

    /// An order is open from now on, in no queue of a book: it sleeps, or waits for another.
    pub(crate) fn count_in(&mut self, order: &NewOrder) {
        self.counts.add((order.account, order.instrument), of_order(order));
    }

    /// Such an order is not open any more.
    pub(crate) fn count_out(&mut self, order: &NewOrder) {
        self.counts.take((order.account, order.instrument), of_order(order));
    }

    /// Whether the index counts whom the books hold.
    pub(crate) fn check_counts(&self) -> Result<(), String> {
        let mut counted = OpenCounts::new();
        let image = self.image();
        for order in &image.orders {
            counted.add((order.account, order.instrument), OpenCount::of(false));
        }
        let asleep = image.sleepers.iter().map(|sleeper| &sleeper.order);
        for order in asleep.chain(image.lists.iter().flat_map(|list| list.link.pending())) {
            counted.add((order.account, order.instrument), of_order(order));
        }
        let is_there = |(of, count): &(Where, OpenCount)| self.counts.get(*of) == *count;
        if counted.table.len() != self.counts.table.len() || !counted.table.iter().all(is_there) {
            return Err("open orders are counted wrong by account and instrument".to_owned());
        }
        Ok(())
    }
}

fn of_order(order: &NewOrder) -> OpenCount {
    OpenCount::of(order.instructions.waits_for().is_some())
}
