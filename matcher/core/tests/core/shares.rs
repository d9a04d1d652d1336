//! Bounds on keys: whom they refuse, and that together they have an end.

use std::collections::BTreeMap;

use matcher_core::{
    Holder, KeyRefused, Keys,
    keys::{EXPIRIES_MAX, KeyLimits},
};
use model::{AccountName, OrderId, keyed::Keyed};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    keys::{at, own},
    setup::id,
};

const LIMITS: KeyLimits = KeyLimits { of_account: 10, assured: 3, pool: 9, of_strangers: 5 };

fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("a good name")
}

/// Keys under small limits, each of an order of its own.
struct Trial {
    keys: Keys,
    next: u64,
}

impl Trial {
    fn new() -> Trial {
        Trial { keys: Keys::limited(7, LIMITS), next: 0 }
    }

    /// One more key of this name, until an instant.
    fn insert(&mut self, name: &str, until: u64, holder: Holder) -> Result<OrderId, KeyRefused> {
        self.next += 1;
        let (key, order) = (own(name, &self.next.to_string()), id(self.next));
        self.keys.insert(key, [0; 16], order, at(until), holder).map(|()| order)
    }

    /// An alias of an order's key, where it has one.
    fn alias(&mut self, original: OrderId, duplicate: OrderId) -> bool {
        let keys = self.keys.image().keys;
        let found = keys.into_iter().find(|key| key.order == original);
        found.is_some_and(|found| self.keys.alias(&found.key, duplicate))
    }

    /// How many keys and aliases this name has.
    fn places(&self, name: &str) -> usize {
        let keys = self.keys.image().keys;
        let own = keys.iter().filter(|key| key.key.account.as_str() == name);
        own.map(|key| 1 + key.aliases.len()).sum()
    }

    /// Inserts until that is refused, and tells how often it was not, and why then.
    fn fill(&mut self, name: &str, until: u64, holder: Holder) -> (usize, KeyRefused) {
        let mut count = 0;
        loop {
            match self.insert(name, until, holder) {
                Ok(_) => count += 1,
                Err(reason) => return (count, reason),
            }
        }
    }
}

#[test]
fn what_is_assured_to_an_account_nobody_takes() {
    let mut trial = Trial::new();
    assert_eq!(trial.fill("greedy", 9, Holder::Account), (10, KeyRefused::TooManyOfAccount));
    assert_eq!(trial.fill("second", 99, Holder::Account), (5, KeyRefused::PoolUsedUp));
    for late in ["third", "fourth", "fifth"] {
        assert_eq!(trial.fill(late, 99, Holder::Account), (3, KeyRefused::PoolUsedUp), "{late}");
    }
    assert_eq!(trial.keys.expire(at(10), |_| false), 10, "the greedy one's");
    assert_eq!(trial.fill("third", 99, Holder::Account), (7, KeyRefused::TooManyOfAccount));
    assert_eq!(trial.fill("second", 99, Holder::Account), (0, KeyRefused::PoolUsedUp));
    trial.keys.check_invariants(|_| true).expect("all is counted");
}

#[test]
fn an_alias_takes_a_place_and_a_retry_without_one_is_a_duplicate_still() {
    let mut trial = Trial::new();
    let original = trial.insert("alice", 9, Holder::Account).expect("room");
    for duplicate in 100..109 {
        assert!(trial.alias(original, id(duplicate)));
    }
    assert!(!trial.alias(original, id(109)), "ten places are taken");
    assert_eq!(
        trial.insert("alice", 9, Holder::Account),
        Err(KeyRefused::TooManyOfAccount),
        "also for a key"
    );
    trial.keys.check_invariants(|_| true).expect("all is counted");
    assert_eq!(trial.keys.expire(at(10), |_| false), 1);
    assert_eq!(trial.fill("alice", 9, Holder::Account).0, 10, "they went with their key");
}

#[test]
fn strangers_share_what_no_account_uses() {
    let mut trial = Trial::new();
    assert_eq!(trial.fill("one", 9, Holder::Stranger), (3, KeyRefused::TooManyOfStranger));
    assert_eq!(trial.fill("two", 9, Holder::Stranger), (2, KeyRefused::TooManyOfStrangers));
    assert_eq!(trial.fill("new", 9, Holder::Stranger), (0, KeyRefused::TooManyOfStrangers));
    assert_eq!(trial.fill("alice", 9, Holder::Account), (10, KeyRefused::TooManyOfAccount));
    // A stranger whose order opens an account brings its keys along and leaves room.
    trial.insert("two", 9, Holder::Account).expect("an account has room of its own");
    assert_eq!(trial.fill("new", 9, Holder::Stranger), (2, KeyRefused::TooManyOfStrangers));
    trial.keys.open_account(&name("new"));
    let strangers = |stranger: &AccountName| stranger.as_str() != "one";
    trial.keys.check_invariants(strangers).expect("all is counted");
}

#[test]
fn an_account_closes_once_strangers_have_room_for_its_keys() {
    let mut trial = Trial::new();
    for until in [5, 20, 20, 20] {
        trial.insert("alice", until, Holder::Account).expect("room");
    }
    assert!(!trial.keys.close_account(&name("alice")), "more keys than a stranger may have");
    trial.keys.expire(at(6), |_| false);
    trial.insert("one", 8, Holder::Stranger).expect("room");
    trial.insert("two", 9, Holder::Stranger).expect("room");
    trial.insert("two", 9, Holder::Stranger).expect("room");
    assert!(!trial.keys.close_account(&name("alice")), "strangers have two places left");
    trial.keys.check_invariants(|name| name.as_str() == "alice").expect("nothing has changed");
    trial.keys.expire(at(9), |_| false);
    assert!(trial.keys.close_account(&name("alice")));
    assert!(trial.keys.close_account(&name("nobody")), "without keys there is nothing to keep");
    assert_eq!(trial.insert("alice", 9, Holder::Stranger), Err(KeyRefused::TooManyOfStranger));
    trial.keys.check_invariants(|_| false).expect("all is counted");
}

/// Whatever happens, in whatever order: an account below what is assured to it is never refused, a
/// stranger only by bounds that are reached, and the number of keys has an end.
#[test]
fn no_flow_of_keys_breaks_a_bound() {
    let mut random = Pcg64::seed_from_u64(3);
    let mut trial = Trial::new();
    let mut accounts: BTreeMap<String, bool> = BTreeMap::new();
    let mut refusals = BTreeMap::new();
    for now in 0..20_000_u64 {
        let draw = random.next_u64();
        // Some are much busier than others.
        let who = format!("client-{}", (draw % 12).min((draw >> 32) % 12));
        let has_account = accounts.entry(who.clone()).or_default();
        // As a shard does with every command, whoever is looked up then.
        if draw % 2 == 0 {
            let expected = name(&format!("client-{}", (draw >> 40) % 12));
            trial.keys.expect(&expected, Keyed::new([7, 8][now as usize % 2]).of(&expected));
        }
        match (draw >> 8) % 10 {
            0 => {
                trial.keys.open_account(&name(&who));
                *has_account = true;
            }
            1 if *has_account => *has_account = !trial.keys.close_account(&name(&who)),
            2 => {
                let original = id(trial.next.saturating_sub((draw >> 16) % 20));
                trial.next += 1;
                let duplicate = id(trial.next);
                let _ = trial.alias(original, duplicate);
            }
            _ => {
                let holder = if *has_account { Holder::Account } else { Holder::Stranger };
                let refused = trial.insert(&who, now + (draw >> 16) % 60, holder).err();
                if *has_account && refused.is_some() {
                    let places = trial.places(&who);
                    assert!(places >= LIMITS.assured as usize, "{who} is refused at {places}");
                }
                *refusals.entry(refused.map(|why| why.to_string())).or_insert(0) += 1;
            }
        }
        if draw % 3 == 0 {
            trial.keys.expire(at(now), |_| false);
        }
        let has_account = |name: &AccountName| accounts.get(name.as_str()) == Some(&true);
        trial.keys.check_invariants(has_account).expect("all is counted");
        let most = 12 * LIMITS.assured + LIMITS.pool + LIMITS.of_strangers;
        assert!(trial.keys.len() <= most as usize);
    }
    assert_eq!(refusals.len(), 5, "one way to succeed and four to fail: {refusals:?}");
    assert!(trial.keys.expire(at(1 << 40), |_| false) <= EXPIRIES_MAX);
}
