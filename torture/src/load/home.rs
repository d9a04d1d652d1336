//! Names of accounts that are at home on a shard: there all of an account's money is, so that none
//! of its orders waits for another shard's. Orders that do wait are not checked here yet.
//!
//! The rule is written again from docs/adr/0007, as the rig shares no code with the services.

use crate::platform::PARTITIONS;

/// How many slots accounts fall into.
const SLOTS: u64 = 1_024;

/// The basis and the prime of 64-bit FNV-1a.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The first name of this worker's that is at home on the shard of this lane.
pub(super) fn name(worker: u32, lane: usize) -> String {
    (0_u32..)
        .map(|attempt| format!("trader-{worker}-{attempt}"))
        .find(|name| home(name) == lane as u64)
        .expect("every third name is")
}

fn home(name: &str) -> u64 {
    let hash = name.bytes().fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    (hash >> 32 ^ hash) % SLOTS % u64::from(PARTITIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_has_names_of_its_own() {
        for lane in 0..usize::from(PARTITIONS) {
            let names: Vec<_> = (0..96).map(|worker| name(worker, lane)).collect();
            assert!(names.iter().all(|name| home(name) == lane as u64), "{names:?}");
        }
        // FNV-1a of "a" is af63dc4c8601ec8c by its authors' own test vectors.
        assert_eq!(home("a"), (0xaf63_dc4c_u64 ^ 0x8601_ec8c) % SLOTS % u64::from(PARTITIONS));
    }
}
