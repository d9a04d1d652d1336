//! Where an account is at home: the one partition that its money comes to from outside, and from
//! which other shards ask for it.
//!
//! The map is part of what a log means, so it never changes under a log that exists. What could
//! change one day is which partition a *slot* is on; the slot of an account is fixed forever.

use crate::{AccountName, Partition};

/// How many slots accounts fall into. Fixed forever: a slot is what could move between partitions.
pub const SLOTS: u16 = 1_024;

/// The offset basis of 64-bit FNV-1a.
const FNV_OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
/// The prime of 64-bit FNV-1a.
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The slot of an account: 64-bit FNV-1a over its name, the upper half folded onto the lower by
/// exclusive or, modulo [`SLOTS`]. Fixed forever.
#[expect(clippy::cast_possible_truncation, reason = "a remainder of 1,024")]
pub fn slot(account: &AccountName) -> u16 {
    let hash = account
        .as_str()
        .bytes()
        .fold(FNV_OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    ((hash >> 32 ^ hash) % u64::from(SLOTS)) as u16
}

/// The home partition of an account, of `partition_count` that there are: its slot modulo their
/// number. This is the first version of the map, which every log has that does not name another.
pub fn home(account: &AccountName, partition_count: u16) -> Partition {
    if partition_count <= 1 {
        return Partition::FIRST;
    }
    Partition::new(slot(account) % partition_count).expect("a slot is below the largest partition")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountName {
        AccountName::new(name).expect("a good name")
    }

    #[test]
    fn slots_are_what_they_always_were() {
        // FNV-1a of "a" is af63dc4c8601ec8c by its authors' own test vectors.
        let folded = (0xaf63_dc4c_u64 ^ 0x8601_ec8c) % 1_024;
        assert_eq!(u64::from(slot(&account("a"))), folded);
        assert_eq!(u64::from(slot(&account("foobar"))), (0x8594_4171_u64 ^ 0xf739_67e8) % 1_024);
    }

    #[test]
    fn one_partition_is_everybodys_home_and_three_share() {
        let names = (0..3_000).map(|number| account(&format!("client-{number}")));
        let mut counts = [0; 3];
        for name in names {
            assert_eq!(home(&name, 1), Partition::FIRST);
            counts[usize::from(home(&name, 3).number())] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
