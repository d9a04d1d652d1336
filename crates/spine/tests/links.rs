//! Three shards that send each other coins over links, with owners and senders that crash between
//! any two steps, appends that are delayed, lost, repeated and interleaved, and snapshots: whatever
//! happens, every item is taken once and in order, and at every answer the coins on the shards and
//! on their way are as many as in the beginning.
//!
//! `TRADESPINE_TEST_SCHEDULES` sets how many seeds are run; a failure names its seed.

#[path = "links/check.rs"]
mod check;
#[path = "links/purse.rs"]
mod purse;
#[path = "links/world.rs"]
mod world;

use world::{Broken, Fault, run};

/// How many schedules are run where nobody asks for another number.
const SCHEDULES: u64 = 10_000;

/// How many schedules something that is built wrong may survive.
const CAUGHT_WITHIN: u64 = 2_000;

#[test]
fn every_item_is_taken_once_and_no_coin_is_made_or_lost() {
    let count = std::env::var("TRADESPINE_TEST_SCHEDULES").ok().and_then(|text| text.parse().ok());
    let mut taken = 0;
    for seed in 0..count.unwrap_or(SCHEDULES) {
        match run(seed, Broken::Nothing) {
            Ok(items) => taken += items,
            Err(fault) => panic!("seed {seed}: {fault:?}"),
        }
    }
    assert!(taken > 0, "nothing was ever sent: nothing was shown");
    println!("{taken} items were taken");
}

fn first_fault(broken: Broken) -> (u64, Fault) {
    (0..CAUGHT_WITHIN)
        .find_map(|seed| run(seed, broken).err().map(|fault| (seed, fault)))
        .unwrap_or_else(|| panic!("{broken:?} was not caught"))
}

#[test]
fn a_run_that_tells_of_more_than_was_taken_is_caught() {
    let (seed, fault) = first_fault(Broken::ToldTooMuch);
    println!("caught by seed {seed}: {fault:?}");
}

#[test]
fn items_that_are_numbered_by_the_way_and_not_by_the_state_are_caught() {
    let (seed, fault) = first_fault(Broken::NumberedOnTheWay);
    println!("caught by seed {seed}: {fault:?}");
}
