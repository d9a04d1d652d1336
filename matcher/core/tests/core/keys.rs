//! Keys: what a retry is told, how long, and at whose cost.

use std::{cell::Cell, collections::BTreeMap};

use matcher_core::{
    Holder, KeyCheck, KeyRefused, KeySpace, Keys, KeysRestoreError, OrderKey,
    keys::{ALIASES_PER_KEY_MAX, EXPIRIES_MAX, KEYS_PER_ACCOUNT_MAX, RECHECK},
};
use model::{AccountName, InstrumentId, KeyText, OrderId, Timestamp};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

use crate::setup::id;

const DAY: u64 = 24 * 60 * 60 * 1_000;

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(millis)
}

pub(crate) fn key(account: &str, instrument: u32, space: KeySpace, text: &str) -> OrderKey {
    OrderKey {
        account: AccountName::new(account).expect("a good name"),
        instrument: InstrumentId(instrument),
        space,
        text: KeyText::new(text).expect("a good key"),
    }
}

pub(crate) fn own(account: &str, text: &str) -> OrderKey {
    key(account, 1, KeySpace::ClientOrderId, text)
}

const NONE_OPEN: fn(OrderId) -> bool = |_| false;

/// Every name has an account.
const ACCOUNTS: fn(&AccountName) -> bool = |_| true;

#[test]
fn a_retry_is_told_its_original_and_other_content_is_refused() {
    let mut keys = Keys::seeded(42);
    let first = own("alice", "a-1");
    assert_eq!(keys.check(&first, &[1; 16]), KeyCheck::New);
    assert_eq!(keys.insert(first.clone(), [1; 16], id(7), at(DAY), Holder::Account), Ok(()));
    assert_eq!(keys.check(&first, &[1; 16]), KeyCheck::Same { original: id(7) });
    assert_eq!(keys.check(&first, &[2; 16]), KeyCheck::OtherContent);
    assert_eq!(
        keys.insert(first, [1; 16], id(8), at(DAY), Holder::Account),
        Err(KeyRefused::Taken)
    );
    // Everything that scopes a key: account, instrument, name space, text.
    for other in [
        own("bob", "a-1"),
        key("alice", 2, KeySpace::ClientOrderId, "a-1"),
        key("alice", 1, KeySpace::IdempotencyKey, "a-1"),
        key("alice", 1, KeySpace::Generated, "a-1"),
        own("alice", "a-2"),
    ] {
        assert_eq!(keys.check(&other, &[1; 16]), KeyCheck::New, "{other:?}");
    }
    assert_eq!(keys.len(), 1);
}

#[test]
fn the_id_of_a_duplicate_means_the_original_as_long_as_the_key_lives() {
    let mut keys = Keys::new();
    keys.insert(own("alice", "a"), [0; 16], id(10), at(100), Holder::Account).expect("room");
    let key = own("alice", "a");
    assert!(keys.alias(&key, id(11)) && keys.alias(&key, id(15)));
    assert!(!keys.alias(&key, id(11)), "it has a meaning already");
    assert!(!keys.alias(&key, id(10)), "it is the order itself");
    assert!(!keys.alias(&own("alice", "b"), id(98)), "no such key");
    assert_eq!([10, 11, 15, 12].map(|n| keys.resolve(id(n))), [10, 10, 10, 12].map(id));
    for number in 100..100 + ALIASES_PER_KEY_MAX as u64 - 2 {
        assert!(keys.alias(&key, id(number)));
    }
    assert!(!keys.alias(&key, id(999)), "the key has as many as it may");
    assert_eq!(keys.check(&own("alice", "a"), &[0; 16]), KeyCheck::Same { original: id(10) });
    assert_eq!(keys.expire(at(101), NONE_OPEN), 1);
    assert_eq!([10, 11, 15, 100].map(|n| keys.resolve(id(n))), [10, 11, 15, 100].map(id));
    assert!(keys.is_empty());
}

#[test]
fn a_key_lives_to_its_instant_and_while_its_order_is_open() {
    let mut keys = Keys::new();
    keys.insert(own("alice", "a"), [0; 16], id(1), at(DAY), Holder::Account).expect("room");
    keys.insert(own("alice", "b"), [0; 16], id(2), at(DAY), Holder::Account).expect("room");
    keys.insert(key("alice", 1, KeySpace::Generated, "g"), [0; 16], id(3), at(11), Holder::Account)
        .expect("room");
    let open = |order| order == id(2);
    assert_eq!(keys.expire(at(11), open), 0, "its instant has not passed");
    assert_eq!(keys.expire(at(12), open), 1);
    assert_eq!(keys.expire(at(DAY), open), 0);
    assert_eq!(keys.expire(at(DAY + 1), open), 1);
    assert_eq!(
        keys.check(&own("alice", "a"), &[0; 16]),
        KeyCheck::New,
        "a used text is free again"
    );
    assert_eq!(keys.check(&own("alice", "b"), &[0; 16]), KeyCheck::Same { original: id(2) });
    let hour = 60 * 60 * 1_000;
    let again = at(DAY + 1 + hour);
    assert_eq!(again, at(DAY + 1).plus(RECHECK));
    assert_eq!(keys.expire(again, NONE_OPEN), 0);
    assert_eq!(keys.expire(at(again.unix_millis() + 1), NONE_OPEN), 1);
    assert!(keys.is_empty());
}

#[test]
fn expiry_is_bounded_and_in_order_of_time_then_order() {
    let mut keys = Keys::new();
    for number in (0..100).rev() {
        keys.insert(
            own("alice", &number.to_string()),
            [0; 16],
            id(number),
            at(5 + number / 50),
            Holder::Account,
        )
        .expect("room");
    }
    let (asked, seen) = (Cell::new(0), std::cell::RefCell::new(Vec::new()));
    let is_open = |order: OrderId| {
        asked.set(asked.get() + 1);
        seen.borrow_mut().push(order.number());
        false
    };
    while keys.is_due(at(1_000)) {
        asked.set(0);
        keys.expire(at(1_000), is_open);
        assert!(asked.get() <= EXPIRIES_MAX);
    }
    assert!(seen.borrow().iter().copied().eq(0..100), "{:?}", seen.borrow());
}

#[test]
fn an_account_at_its_cap_is_refused_and_nobody_else() {
    let mut keys = Keys::new();
    for number in 0..u64::from(KEYS_PER_ACCOUNT_MAX) {
        let taken = keys.insert(
            own("greedy", &number.to_string()),
            [0; 16],
            id(number),
            at(9),
            Holder::Account,
        );
        assert_eq!(taken, Ok(()));
    }
    let refused = keys.insert(own("greedy", "more"), [0; 16], id(1 << 40), at(9), Holder::Account);
    assert_eq!(refused, Err(KeyRefused::TooManyOfAccount));
    assert_eq!(keys.check(&own("greedy", "more"), &[0; 16]), KeyCheck::New);
    assert_eq!(
        keys.insert(own("modest", "0"), [0; 16], id(1 << 41), at(99), Holder::Account),
        Ok(())
    );
    assert_eq!(keys.expire(at(10), NONE_OPEN), EXPIRIES_MAX);
    assert_eq!(
        keys.insert(own("greedy", "more"), [0; 16], id(1 << 40), at(99), Holder::Account),
        Ok(())
    );
}

/// A sorted map with the same rules, on a random flow with images in between.
#[test]
fn keys_agree_with_a_sorted_map_and_survive_images() {
    let mut random = Pcg64::seed_from_u64(11);
    let mut keys = Keys::seeded(3);
    let mut map: BTreeMap<OrderKey, (u8, OrderId, u64)> = BTreeMap::new();
    for now in 0..30_000_u64 {
        let draw = random.next_u64();
        let space = [KeySpace::ClientOrderId, KeySpace::IdempotencyKey, KeySpace::Generated]
            [(draw % 3) as usize];
        let account = ["alice", "bob", "carol"][(draw >> 8) as usize % 3];
        let key = key(account, (draw >> 16) as u32 % 2, space, &((draw >> 24) % 200).to_string());
        let content = (draw >> 40) as u8 % 2;
        let checked = keys.check(&key, &[content; 16]);
        let expected = match map.get(&key) {
            None => KeyCheck::New,
            Some((same, original, _)) if *same == content => KeyCheck::Same { original: *original },
            Some(_) => KeyCheck::OtherContent,
        };
        assert_eq!(checked, expected, "at {now}");
        match checked {
            KeyCheck::New => {
                let until = now + (draw >> 48) % 600;
                keys.insert(key.clone(), [content; 16], id(now), at(until), Holder::Account)
                    .expect("room");
                map.insert(key, (content, id(now), until));
            }
            KeyCheck::Same { original } => {
                if keys.alias(&key, id(now)) {
                    assert_eq!(keys.resolve(id(now)), original);
                }
            }
            KeyCheck::OtherContent => {}
        }
        keys.expire(at(now), NONE_OPEN);
        assert!(!keys.is_due(at(now)), "no more fall due than a call removes");
        map.retain(|_, (_, _, until)| *until >= now);
        assert_eq!(keys.len(), map.len());
        if now % 1_000 == 0 {
            let image = keys.image();
            keys = Keys::restore(image.clone(), ACCOUNTS).expect("a good image");
            assert_eq!(keys.image(), image);
        }
    }
}

#[test]
fn bad_images_are_refused() {
    let good = || {
        let mut keys = Keys::new();
        keys.insert(own("alice", "a"), [0; 16], id(1), at(9), Holder::Account).expect("room");
        keys.insert(own("alice", "b"), [0; 16], id(2), at(9), Holder::Account).expect("room");
        let [one, other] = ["a", "b"].map(|text| own("alice", text));
        assert!(keys.alias(&one, id(5)) && keys.alias(&other, id(6)));
        keys.image()
    };
    let refused = |change: fn(&mut matcher_core::KeysImage)| {
        let mut image = good();
        change(&mut image);
        Keys::restore(image, ACCOUNTS).expect_err("a bad image")
    };
    assert!(Keys::restore(good(), ACCOUNTS).is_ok());
    assert_eq!(refused(|image| image.keys.reverse()), KeysRestoreError::Order(id(1)));
    assert_eq!(refused(|image| image.keys[1].order = id(1)), KeysRestoreError::Order(id(1)));
    let taken = KeysRestoreError::Refused { order: id(2), reason: KeyRefused::Taken };
    assert_eq!(refused(|image| image.keys[1].key = image.keys[0].key.clone()), taken);
    assert_eq!(refused(|image| image.keys[1].aliases[0] = id(5)), KeysRestoreError::Alias(id(5)));
    assert_eq!(refused(|image| image.keys[0].aliases[0] = id(2)), KeysRestoreError::Alias(id(2)));
    let crowd = |image: &mut matcher_core::KeysImage| {
        image.keys[0].aliases = (100..=100 + ALIASES_PER_KEY_MAX as u64).map(id).collect();
    };
    assert!(matches!(refused(crowd), KeysRestoreError::Alias(_)));
}
