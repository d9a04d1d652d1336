//! The levels of one side, in four structures, on the same operations: what the choice of
//! `src/ladder.rs` rests on. The figures are in docs/adr/0004-price-levels.md.
//!
//! `cargo bench -p tradespine-matcher-core --bench ladder`

#![allow(missing_docs, dead_code, unreachable_pub, reason = "a program")]

extern crate alloc;

#[allow(unused_imports, reason = "its unit tests do not run here")]
#[path = "../src/ladder.rs"]
mod ladder;

use std::collections::{BTreeMap, BTreeSet};

use divan::{Bencher, black_box, counter::ItemsCount};
use hashbrown::HashMap;
use model::{Price, Side};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};
use rustc_hash::FxBuildHasher;

use ladder::Ladder;

fn main() {
    divan::main();
}

#[derive(Clone, Copy)]
enum Step {
    Find(u64),
    Insert(u64),
    Remove(u64),
    Best,
}

/// What the levels of one side are asked.
trait Levels: Clone {
    fn empty() -> Self;
    fn find(&self, price: Price) -> Option<u32>;
    fn insert(&mut self, price: Price, level: u32);
    fn remove(&mut self, price: Price);
    fn best(&self) -> Option<(Price, u32)>;
}

impl Levels for Ladder {
    fn empty() -> Self {
        Ladder::new(Side::Buy)
    }
    fn find(&self, price: Price) -> Option<u32> {
        self.find(price)
    }
    fn insert(&mut self, price: Price, level: u32) {
        self.insert(price, level);
    }
    fn remove(&mut self, price: Price) {
        self.remove(price);
    }
    fn best(&self) -> Option<(Price, u32)> {
        self.best()
    }
}

#[derive(Clone)]
struct SortedVec(Vec<(Price, u32)>);

impl Levels for SortedVec {
    fn empty() -> Self {
        SortedVec(Vec::new())
    }
    fn find(&self, price: Price) -> Option<u32> {
        let at = self.0.binary_search_by_key(&price, |(price, _)| *price).ok()?;
        Some(self.0[at].1)
    }
    fn insert(&mut self, price: Price, level: u32) {
        let at = self.0.partition_point(|(other, _)| *other < price);
        self.0.insert(at, (price, level));
    }
    fn remove(&mut self, price: Price) {
        if let Ok(at) = self.0.binary_search_by_key(&price, |(price, _)| *price) {
            self.0.remove(at);
        }
    }
    fn best(&self) -> Option<(Price, u32)> {
        self.0.last().copied()
    }
}

#[derive(Clone)]
struct OrderedMap(BTreeMap<Price, u32>);

impl Levels for OrderedMap {
    fn empty() -> Self {
        OrderedMap(BTreeMap::new())
    }
    fn find(&self, price: Price) -> Option<u32> {
        self.0.get(&price).copied()
    }
    fn insert(&mut self, price: Price, level: u32) {
        self.0.insert(price, level);
    }
    fn remove(&mut self, price: Price) {
        self.0.remove(&price);
    }
    fn best(&self) -> Option<(Price, u32)> {
        self.0.last_key_value().map(|(price, level)| (*price, *level))
    }
}

/// A hash map finds the level, an ordered set the next best price.
#[derive(Clone)]
struct HashAndSet(HashMap<Price, u32, FxBuildHasher>, BTreeSet<Price>);

impl Levels for HashAndSet {
    fn empty() -> Self {
        HashAndSet(HashMap::default(), BTreeSet::new())
    }
    fn find(&self, price: Price) -> Option<u32> {
        self.0.get(&price).copied()
    }
    fn insert(&mut self, price: Price, level: u32) {
        self.0.insert(price, level);
        self.1.insert(price);
    }
    fn remove(&mut self, price: Price) {
        self.0.remove(&price);
        self.1.remove(&price);
    }
    fn best(&self) -> Option<(Price, u32)> {
        let price = *self.1.last()?;
        Some((price, self.0[&price]))
    }
}

/// Orders come and go at a power-law distance below a wandering best price (`octaves` of it), or
/// anywhere among 2^`octaves` prices where `is_even`. A level is found for each order, made for the
/// first at its price and dropped with the last.
fn steps(octaves: u32, is_even: bool, orders: usize, count: usize) -> (Vec<u64>, Vec<Step>) {
    let mut random = Pcg64::seed_from_u64(7);
    let mut middle = 1_u64 << 30;
    let (mut counts, mut open) = (BTreeMap::<u64, u32>::new(), Vec::new());
    let (mut steps, mut first) = (Vec::new(), Vec::new());
    let mut warm = false;
    while steps.len() < count {
        if !warm && open.len() == orders {
            warm = true;
            first = counts.keys().copied().collect();
            steps.clear();
        }
        middle = middle + random.next_u64() % 3 - 1;
        let many = open.len() > orders / 2;
        if warm && many && (open.len() > orders || random.next_u64().is_multiple_of(2)) {
            let at = usize::try_from(random.next_u64()).expect("64 bits") % open.len();
            let price = open.swap_remove(at);
            let left = counts.get_mut(&price).expect("it is open");
            *left -= 1;
            if *left == 0 {
                counts.remove(&price);
                steps.push(Step::Remove(price));
            }
        } else {
            let octave = random.next_u64().trailing_zeros().min(octaves);
            let away = match is_even {
                true => random.next_u64() % (1 << octaves),
                false => (1 << octave) + random.next_u64() % (1 << octave),
            };
            let price = middle - away;
            steps.push(Step::Find(price));
            let level = counts.entry(price).or_insert(0);
            if *level == 0 {
                steps.push(Step::Insert(price));
            }
            *level += 1;
            open.push(price);
        }
        steps.push(Step::Best);
    }
    (first, steps)
}

fn price(ticks: u64) -> Price {
    Price::from_ticks(ticks).expect("in range")
}

fn bench<L: Levels>(bencher: Bencher<'_, '_>, (first, steps): (Vec<u64>, Vec<Step>)) {
    let mut levels = L::empty();
    first.iter().for_each(|ticks| levels.insert(price(*ticks), 1));
    bencher.counter(ItemsCount::new(steps.len())).with_inputs(|| levels.clone()).bench_local_refs(
        |levels| {
            for step in &steps {
                match *step {
                    Step::Find(ticks) => drop(black_box(levels.find(price(ticks)))),
                    Step::Insert(ticks) => levels.insert(price(ticks), 1),
                    Step::Remove(ticks) => levels.remove(price(ticks)),
                    Step::Best => drop(black_box(levels.best())),
                }
            }
        },
    );
}

#[divan::bench(types = [Ladder, SortedVec, OrderedMap, HashAndSet], sample_count = 20)]
fn near_the_best<L: Levels>(bencher: Bencher<'_, '_>) {
    bench::<L>(bencher, steps(12, false, 10_000, 200_000));
}

#[divan::bench(types = [Ladder, SortedVec, OrderedMap, HashAndSet], sample_count = 20)]
fn few_orders<L: Levels>(bencher: Bencher<'_, '_>) {
    bench::<L>(bencher, steps(6, false, 50, 200_000));
}

#[divan::bench(types = [Ladder, SortedVec, OrderedMap, HashAndSet], sample_count = 5)]
fn hundred_thousand_levels<L: Levels>(bencher: Bencher<'_, '_>) {
    bench::<L>(bencher, steps(26, true, 100_000, 100_000));
}
