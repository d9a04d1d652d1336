//! The hash of names, under a key.
//!
//! Clients choose their names. Where everybody knows how names are hashed, a client can make up
//! thousands that fall into one place of a table, and each look-up of one of them walks past all
//! the others. Under a key that it does not know it cannot. No answer ever depends on the key.

use core::hash::{BuildHasher, Hasher};

use siphasher::sip::SipHasher13;

use crate::AccountName;

/// SipHash-1-3 that has taken the key in already, so that no look-up pays for it again.
#[derive(Clone, Debug)]
pub struct Keyed {
    seed: u128,
    begun: SipHasher13,
}

/// The hash of a name, for all tables that hash names under the same key.
#[derive(Clone, Copy, Debug)]
pub struct NameHash {
    seed: u128,
    hash: u64,
}

impl Keyed {
    /// The hash under this key.
    pub fn new(seed: u128) -> Keyed {
        let mut begun = SipHasher13::new();
        begun.write_u128(seed);
        Keyed { seed, begun }
    }

    /// The key.
    pub fn seed(&self) -> u128 {
        self.seed
    }

    /// The hash of a name, so that other tables need not compute it.
    pub fn of(&self, name: &AccountName) -> NameHash {
        NameHash { seed: self.seed, hash: self.hash_one(name) }
    }

    /// The same as a table's hash: `known` where that is under this key, else computed.
    pub fn known(&self, known: NameHash, name: &AccountName) -> u64 {
        if known.seed == self.seed { known.hash } else { self.hash_one(name) }
    }
}

impl Default for Keyed {
    fn default() -> Keyed {
        Keyed::new(0)
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        self.begun
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use rustc_hash::FxBuildHasher;

    use super::*;

    /// How many places a table of some thousand names has.
    const PLACES: u64 = 1 << 12;

    fn places(names: &[AccountName], hasher: &impl BuildHasher) -> Vec<u64> {
        names.iter().map(|name| hasher.hash_one(name) % PLACES).collect()
    }

    fn count(places: &[u64]) -> usize {
        places.iter().collect::<BTreeSet<_>>().len()
    }

    /// Names made up so that a hash without a key puts them all into one place.
    fn colliding() -> Vec<AccountName> {
        let names = (0..).map(|number: u32| AccountName::new(&format!("mallory-{number}")));
        let names = names.map(|name| name.expect("a good name"));
        names.filter(|name| FxBuildHasher.hash_one(name).is_multiple_of(PLACES)).take(64).collect()
    }

    #[test]
    fn names_chosen_to_collide_do_not_and_another_key_puts_them_elsewhere() {
        let names = colliding();
        assert_eq!(count(&places(&names, &FxBuildHasher)), 1);
        let [one, other] = [7, 8].map(|seed| places(&names, &Keyed::new(seed)));
        assert!(count(&one) > 48 && count(&other) > 48, "{one:?} {other:?}");
        assert_ne!(one, other);
        assert_eq!(places(&names, &Keyed::new(7)), one, "the same key, the same places");
        let (keyed, other) = (Keyed::new(7), Keyed::new(8));
        for name in &names {
            assert_eq!(keyed.known(keyed.of(name), name), keyed.hash_one(name));
            assert_eq!(keyed.known(other.of(name), name), keyed.hash_one(name), "not its own");
        }
    }
}
