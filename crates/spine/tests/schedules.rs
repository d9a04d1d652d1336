//! Two owners of one partition, crashes between any two steps, appends that are delayed, lost,
//! repeated and interleaved, inputs that an operator quarantines, and noise among the answers:
//! whatever happens, readers see the one true sequence.
//!
//! `TRADESPINE_TEST_SCHEDULES` sets how many seeds are run; a failure names its seed.

#[path = "schedules/readers.rs"]
mod readers;
#[path = "schedules/toy.rs"]
mod toy;
#[path = "schedules/world.rs"]
mod world;

use world::{Broken, Fault, run};

/// How many schedules are run where nobody asks for another number.
const SCHEDULES: u64 = 100_000;

/// How many schedules something that is built wrong may survive.
const CAUGHT_WITHIN: u64 = 2_000;

#[test]
fn readers_always_see_the_one_true_sequence() {
    let count = std::env::var("TRADESPINE_TEST_SCHEDULES").ok().and_then(|text| text.parse().ok());
    for seed in 0..count.unwrap_or(SCHEDULES) {
        if let Err(fault) = run(seed, Broken::Nothing) {
            panic!("seed {seed}: {fault:?}");
        }
    }
}

fn first_fault(broken: Broken) -> (u64, Fault) {
    (0..CAUGHT_WITHIN)
        .find_map(|seed| run(seed, broken).err().map(|fault| (seed, fault)))
        .unwrap_or_else(|| panic!("{broken:?} was not caught"))
}

#[test]
fn a_reader_that_takes_a_high_water_mark_is_caught() {
    let (seed, fault) = first_fault(Broken::HighWaterReaders);
    println!("caught by seed {seed}: {fault:?}");
}

#[test]
fn a_recovery_that_starts_at_the_last_physical_answer_is_caught() {
    let (seed, fault) = first_fault(Broken::SnapshotOfTheLastPhysicalAnswer);
    println!("caught by seed {seed}: {fault:?}");
}

#[test]
fn a_snapshot_published_ahead_of_its_answer_is_caught() {
    let (seed, fault) = first_fault(Broken::SnapshotAheadOfItsAnswer);
    println!("caught by seed {seed}: {fault:?}");
}
