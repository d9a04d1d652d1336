//! The shape of a run and how rough it is, drawn from its seed.
//!
//! Rates are drawn anew for each run, and each is nothing in some: a fault that is always there can
//! hide what the others would show.

use crate::random::Random;

/// How many partitions there are: mostly one for each instrument, so that money has to go from one
/// to another; and one now and then, where nothing of that may show.
const PARTITIONS: [u16; 4] = [1, 3, 3, 3];

/// See the [module](self). Rates are in thousandths.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) partitions: u16,
    pub(crate) gateways: usize,
    /// How many ledgers project into the one store.
    pub(crate) projectors: usize,
    pub(crate) broadcasters: usize,
    pub(crate) clients: usize,
    /// How much each client wants.
    pub(crate) intents: usize,
    /// How often a process ends between two steps, or stops for a while, or a lane is clogged.
    pub(crate) crashes: u64,
    pub(crate) pauses: u64,
    pub(crate) clogs: u64,
    /// How often somebody writes into the log what nobody understands.
    pub(crate) noise: u64,
    pub(crate) snapshots: u64,
    /// Of records on their way: what becomes of them.
    pub(crate) losses: u64,
    pub(crate) repeats: u64,
    pub(crate) lost_words: u64,
    /// Of batches on their way into the store.
    pub(crate) store_failures: u64,
    pub(crate) store_delays: u64,
}

impl Plan {
    pub(crate) fn of(random: &mut Random) -> Plan {
        let count = |random: &mut Random, range| {
            usize::try_from(random.within(range)).expect("a small number")
        };
        Plan {
            partitions: *random.pick(&PARTITIONS),
            gateways: count(random, 1..4),
            projectors: count(random, 1..3),
            broadcasters: count(random, 1..3),
            clients: count(random, 2..7),
            intents: count(random, 4..14),
            crashes: *random.pick(&[0, 100, 300]),
            pauses: *random.pick(&[0, 50, 150]),
            clogs: *random.pick(&[0, 50, 150]),
            noise: *random.pick(&[0, 20, 60]),
            snapshots: *random.pick(&[0, 50, 200]),
            losses: *random.pick(&[0, 5, 40]),
            repeats: *random.pick(&[0, 20, 100]),
            lost_words: *random.pick(&[0, 10, 50]),
            store_failures: *random.pick(&[0, 50, 200]),
            store_delays: *random.pick(&[0, 100, 300]),
        }
    }
}
