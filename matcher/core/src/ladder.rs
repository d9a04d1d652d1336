//! The price levels of one side of a book, in order of price.
//!
//! A sorted run of blocks: each block holds up to [`BLOCK`] prices in order, and a directory holds
//! the first price of each block. Trading happens near the best price, which is the last entry of
//! the last block, so that most searches and moves touch one block and stay in the cache; and a
//! book with 100,000 levels still moves no more than one block and, once in many inserts, a
//! directory of a few thousand entries. Blocks that empty are kept for the next. What lost, and by
//! how much, is in `docs/adr/0004-price-levels.md`.

use alloc::vec::Vec;

use model::{Price, Side};

/// How many levels a block holds: 512 bytes of prices, eight cache lines, to move at the most.
const BLOCK: usize = 64;

/// A block below this size is joined with a neighbour where both fit in half a block, so that
/// scattered cancels leave no trail of nearly empty blocks.
const SPARSE: usize = BLOCK / 4;

/// The levels of one side, best last. The value of a level is its place in the slab of levels.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    side: Side,
    directory: Vec<Run>,
    blocks: Vec<Block>,
    free: Vec<u32>,
}

/// A block in its place in the order.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    block: u32,
}

#[derive(Clone, Debug)]
struct Block {
    length: usize,
    ranks: [u64; BLOCK],
    levels: [u32; BLOCK],
}

impl Ladder {
    pub(crate) const fn new(side: Side) -> Ladder {
        Ladder { side, directory: Vec::new(), blocks: Vec::new(), free: Vec::new() }
    }

    /// The level that trades first.
    pub(crate) fn best(&self) -> Option<(Price, u32)> {
        let run = self.directory.last()?;
        let block = &self.blocks[run.block as usize];
        let last = block.length - 1;
        Some((self.price(block.ranks[last]), block.levels[last]))
    }

    /// The level at `price`.
    pub(crate) fn find(&self, price: Price) -> Option<u32> {
        let rank = self.rank(price);
        let block = &self.blocks[self.directory.get(self.run_of(rank))?.block as usize];
        let at = block.ranks().binary_search(&rank).ok()?;
        Some(block.levels[at])
    }

    /// Adds a level at a price that has none.
    pub(crate) fn insert(&mut self, price: Price, level: u32) {
        let rank = self.rank(price);
        if self.directory.is_empty() {
            let block = self.new_block();
            self.directory.push(Run { first: rank, block });
        }
        let mut run = self.run_of(rank);
        if self.block(run).length == BLOCK {
            self.split(run);
            run = self.run_of(rank);
        }
        let block = self.block(run);
        let at = block.ranks().partition_point(|other| *other < rank);
        block.insert(at, rank, level);
        if at == 0 {
            self.directory[run].first = rank;
        }
    }

    /// Takes away the level at `price`, if there is one.
    pub(crate) fn remove(&mut self, price: Price) {
        let rank = self.rank(price);
        if self.directory.is_empty() {
            return;
        }
        let run = self.run_of(rank);
        let block = self.block(run);
        let Ok(at) = block.ranks().binary_search(&rank) else { return };
        block.remove(at);
        match (block.length, block.ranks[0]) {
            (0, _) => self.drop_run(run),
            (length, first) => {
                self.directory[run].first = first;
                if length < SPARSE {
                    self.join_neighbours(run);
                }
            }
        }
    }

    /// All levels, best first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Price, u32)> {
        self.directory.iter().rev().flat_map(move |run| {
            let block = &self.blocks[run.block as usize];
            let entries = block.ranks().iter().zip(&block.levels);
            entries.rev().map(move |(rank, level)| (self.price(*rank), *level))
        })
    }

    /// A price as a number that is larger the earlier the price trades.
    fn rank(&self, price: Price) -> u64 {
        match self.side {
            Side::Buy => price.ticks(),
            Side::Sell => Price::TICKS_MAX - price.ticks(),
        }
    }

    fn price(&self, rank: u64) -> Price {
        let ticks = match self.side {
            Side::Buy => rank,
            Side::Sell => Price::TICKS_MAX - rank,
        };
        Price::from_ticks(ticks).expect("only ranks of prices are kept")
    }

    /// Which run holds `rank`, or would: the last one that begins at or before it.
    fn run_of(&self, rank: u64) -> usize {
        let last = self.directory.len().saturating_sub(1);
        match self.directory.last() {
            Some(run) if run.first > rank => {
                self.directory.partition_point(|run| run.first <= rank).saturating_sub(1)
            }
            _ => last,
        }
    }

    fn block(&mut self, run: usize) -> &mut Block {
        &mut self.blocks[self.directory[run].block as usize]
    }

    fn new_block(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.blocks.push(Block { length: 0, ranks: [0; BLOCK], levels: [0; BLOCK] });
            u32::try_from(self.blocks.len() - 1).expect("fewer blocks than orders")
        })
    }

    fn drop_run(&mut self, run: usize) {
        let dropped = self.directory.remove(run);
        self.free.push(dropped.block);
    }

    /// Moves the better half of a full block to a new one behind it.
    fn split(&mut self, run: usize) {
        let half = BLOCK / 2;
        let full = self.block(run).clone();
        self.block(run).length = half;
        let block = self.new_block();
        let upper = &mut self.blocks[block as usize];
        upper.length = 0;
        upper.append(&full.ranks[half..], &full.levels[half..]);
        self.directory.insert(run + 1, Run { first: full.ranks[half], block });
    }

    fn join_neighbours(&mut self, run: usize) {
        for lower in [Some(run), run.checked_sub(1)].into_iter().flatten() {
            if lower + 1 >= self.directory.len() {
                continue;
            }
            let upper = self.block(lower + 1);
            let (length, ranks, levels) = (upper.length, upper.ranks, upper.levels);
            if self.block(lower).length + length <= BLOCK / 2 {
                self.block(lower).append(&ranks[..length], &levels[..length]);
                self.block(lower + 1).length = 0;
                return self.drop_run(lower + 1);
            }
        }
    }
}

impl Block {
    fn ranks(&self) -> &[u64] {
        &self.ranks[..self.length]
    }

    fn insert(&mut self, at: usize, rank: u64, level: u32) {
        self.ranks.copy_within(at..self.length, at + 1);
        self.levels.copy_within(at..self.length, at + 1);
        self.ranks[at] = rank;
        self.levels[at] = level;
        self.length += 1;
    }

    fn remove(&mut self, at: usize) {
        self.ranks.copy_within(at + 1..self.length, at);
        self.levels.copy_within(at + 1..self.length, at);
        self.length -= 1;
    }

    fn append(&mut self, ranks: &[u64], levels: &[u32]) {
        let end = self.length + ranks.len();
        self.ranks[self.length..end].copy_from_slice(ranks);
        self.levels[self.length..end].copy_from_slice(levels);
        self.length = end;
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use rand_pcg::{
        Pcg64,
        rand_core::{Rng, SeedableRng},
    };

    use super::*;

    fn price(ticks: u64) -> Price {
        Price::from_ticks(ticks).expect("in range")
    }

    /// A sorted map must agree after any mix of inserts and removals: runs of one price after the
    /// other, and prices all over the range, with sizes that split and join blocks.
    #[test]
    fn it_agrees_with_a_sorted_map() {
        for (side, spread) in [(Side::Buy, 600), (Side::Sell, 600), (Side::Sell, 1 << 39)] {
            let mut random = Pcg64::seed_from_u64(spread);
            let (mut ladder, mut map) = (Ladder::new(side), BTreeMap::new());
            for step in 0..40_000_u32 {
                let growing = (step / 2_000) % 2 == 0;
                let ticks = 1 + random.next_u64() % spread;
                if map.contains_key(&ticks) || (!growing && random.next_u64() % 4 != 0) {
                    let near = map.range(ticks..).next().or_else(|| map.iter().next());
                    let Some(ticks) = near.map(|(ticks, _)| *ticks) else { continue };
                    map.remove(&ticks);
                    ladder.remove(price(ticks));
                    assert_eq!(ladder.find(price(ticks)), None);
                } else {
                    map.insert(ticks, step);
                    ladder.insert(price(ticks), step);
                    assert_eq!(ladder.find(price(ticks)), Some(step));
                }
                let best = match side {
                    Side::Buy => map.iter().next_back(),
                    Side::Sell => map.iter().next(),
                };
                assert_eq!(ladder.best(), best.map(|(ticks, level)| (price(*ticks), *level)));
                if step % 500 == 0 {
                    let mut all: Vec<_> = map.iter().map(|(t, l)| (price(*t), *l)).collect();
                    if side == Side::Buy {
                        all.reverse();
                    }
                    assert!(ladder.iter().eq(all));
                }
            }
        }
    }

    #[test]
    fn scattered_removals_leave_few_blocks() {
        let mut ladder = Ladder::new(Side::Buy);
        for ticks in 1..=10_000 {
            ladder.insert(price(ticks), 0);
        }
        for ticks in (1..=10_000).filter(|ticks| ticks % 50 != 0) {
            ladder.remove(price(ticks));
        }
        assert_eq!(ladder.iter().count(), 200);
        assert!(ladder.directory.len() <= 200 / SPARSE * 2, "{} blocks", ladder.directory.len());
    }
}
