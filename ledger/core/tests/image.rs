//! Images: what is restored is what was; what is no state is refused, and never panics.

use ledger_core::{
    Accounts, AccountsImage, Grant, MoneyError, Movement, MovementKind, Postings, RestoreError,
    SUPPLY_MAX,
};
use model::{AccountHandle, AccountName, Amount, AssetId, KeyText, OrderId};
use proptest::prelude::*;

const USD: AssetId = AssetId(1);
const BTC: AssetId = AssetId(2);

fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("a name")
}

fn key(text: &str) -> KeyText {
    KeyText::new(text).expect("a key")
}

fn amount(units: i128) -> Amount {
    Amount::from_units(units)
}

/// Two assets, three accounts with a deposit, a withdrawal and a hold, and one free slot.
fn sandbox() -> Accounts {
    let mut accounts = Accounts::seeded(Some(Grant::STANDARD), 3);
    let mut out = Postings::new();
    accounts.list_asset(USD, amount(1_000)).expect("listed");
    accounts.list_asset(BTC, amount(10)).expect("listed");
    let mut open = |text| accounts.open(&name(text), &mut out).expect("opened");
    let [alice, bob, gone, _carol] = ["alice", "bob", "gone", "carol"].map(&mut open);
    accounts.deposit(alice, USD, amount(50), &key("d1"), &mut out).expect("deposited");
    accounts.withdraw(alice, BTC, amount(3), &key("w1"), &mut out).expect("withdrawn");
    let order = OrderId::from_number(1).expect("in range");
    accounts.hold(bob, USD, amount(400), order, &mut out).expect("held");
    assert!(accounts.compact(gone, 0, &mut out));
    accounts
}

#[test]
fn a_restored_state_goes_on_as_the_original_would() {
    let mut original = sandbox();
    let mut restored = Accounts::restore(original.image()).expect("a real image");
    let both = [&mut original, &mut restored].map(|accounts| {
        let mut out = Postings::new();
        let reused = accounts.open(&name("dave"), &mut out).expect("opened");
        let again = accounts.deposit(AccountHandle(0), USD, amount(50), &key("d1"), &mut out);
        (reused, again, accounts.image())
    });
    assert_eq!(both[0], both[1]);
    assert_eq!(both[0].0, AccountHandle(2), "the slot that was freed last");
    assert_eq!(both[0].1, Ok(Movement::AlreadyApplied));
}

#[test]
fn the_seed_is_kept_and_changes_nothing_else() {
    let original = sandbox();
    assert_eq!(original.image().seed, 3);
    let elsewhere = AccountsImage { seed: 4, ..original.image() };
    let mut both = [original, Accounts::restore(elsewhere).expect("a real image")];
    let images = both.each_mut().map(|accounts| {
        let mut out = Postings::new();
        accounts.open(&name("dave"), &mut out).expect("opened");
        let carol = accounts.find(&name("carol")).expect("open");
        assert!(accounts.compact(carol, 0, &mut out));
        assert_eq!(accounts.check_invariants(), Ok(()));
        AccountsImage { seed: 0, ..accounts.image() }
    });
    assert_eq!(images[0], images[1]);
}

#[test]
fn the_slot_that_was_freed_last_is_reused_first() {
    let mut accounts = sandbox();
    let mut out = Postings::new();
    let carol = accounts.find(&name("carol")).expect("open");
    assert!(accounts.compact(carol, 0, &mut out));
    assert!(!accounts.is_open(carol) && accounts.name(carol) == &name("carol"));
    let reopened =
        ["dave", "erin", "frank"].map(|text| accounts.open(&name(text), &mut out).expect("opened"));
    assert_eq!(reopened, [carol, AccountHandle(2), AccountHandle(4)]);
}

#[test]
fn an_external_id_is_remembered_for_each_account_and_direction() {
    let mut accounts = sandbox();
    let mut out = Postings::new();
    let [alice, bob] = [AccountHandle(0), AccountHandle(1)];
    let mut deposit = |account, asset, units| {
        accounts.deposit(account, asset, amount(units), &key("d1"), &mut out)
    };
    assert_eq!(deposit(alice, USD, 50), Ok(Movement::AlreadyApplied));
    assert_eq!(deposit(alice, USD, 51), Err(MoneyError::IdReused));
    assert_eq!(deposit(alice, BTC, 50), Err(MoneyError::IdReused));
    assert_eq!(deposit(bob, USD, 50), Ok(Movement::Applied));
    let withdrawn = accounts.withdraw(alice, USD, amount(7), &key("d1"), &mut out);
    assert_eq!(withdrawn, Ok(Movement::Applied), "another name space");
    assert_eq!(out.len(), 2, "only what was applied is posted");
}

#[test]
fn the_supply_is_bounded_so_that_nothing_overflows() {
    let mut accounts = sandbox();
    let mut out = Postings::new();
    let alice = AccountHandle(0);
    let room = amount(SUPPLY_MAX.units() - 50);
    let mut deposit = |units, id: &str| accounts.deposit(alice, USD, units, &key(id), &mut out);
    assert_eq!(deposit(Amount::MAX, "too-much"), Err(MoneyError::SupplyLimit));
    assert_eq!(deposit(room, "all"), Ok(Movement::Applied));
    assert_eq!(deposit(amount(1), "one-more"), Err(MoneyError::SupplyLimit));
    assert_eq!(accounts.check_invariants(), Ok(()));
    let image = accounts.image();
    assert_eq!(Accounts::restore(image.clone()).map(|restored| restored.image()), Ok(image));
}

type Damage = fn(&mut AccountsImage);

/// What is done to a good image, and what is then said about it.
const DAMAGES: &[(&str, Damage)] = &[
    ("asset 1048576: an asset's number", |image| image.assets[0].id = AssetId(1 << 20)),
    ("asset 1 is listed twice", |image| image.assets[1].id = USD),
    ("a grant is from", |image| image.assets[0].grant = amount(-1)),
    ("a grant is from", |image| image.assets[0].grant = Amount::MAX),
    ("grants are given in a sandbox", |image| image.grant = None),
    ("the faucet of asset 1", |image| image.assets[0].faucet = amount(0)),
    ("the faucet of asset 1", |image| image.assets[0].faucet = Amount::MIN),
    ("the outside of asset 2", |image| image.assets[1].external = amount(4)),
    ("earned less than nothing of asset 1", |image| image.assets[0].fees = amount(-1)),
    ("asset 2 sums to 1, not to zero", |image| image.assets[1].fees = amount(1)),
    ("asset 1 came in than its supply", |image| image.assets[0].external = Amount::MIN),
    ("the handles", |image| image.accounts[1].handle = AccountHandle(0)),
    ("the handles", |image| image.accounts[2].handle = AccountHandle(u32::MAX)),
    ("the handles", |image| image.accounts.swap(0, 1)),
    ("the handles", |image| image.free.clear()),
    ("the handles", |image| image.free.push(AccountHandle(2))),
    ("account alice is there twice", |image| image.accounts[1].name = name("alice")),
    ("account bob was granted", |image| image.accounts[1].granted = 3),
    ("the faucet of asset 2", |image| image.accounts[1].granted = 1),
    ("account bob has a balance", |image| image.accounts[1].balances[0].0 = AssetId(9)),
    ("account bob has a balance", |image| image.accounts[1].balances.swap(0, 1)),
    ("account bob has a balance", |image| {
        let row = image.accounts[1].balances[0];
        image.accounts[1].balances.insert(0, row);
    }),
    ("account bob has a balance", |image| {
        let balance = &mut image.accounts[1].balances[0].1;
        (balance.available, balance.held) = (amount(1_001), amount(-1));
    }),
    ("account carol has a balance", |image| {
        image.accounts[2].balances[1].1.available = amount(0);
    }),
    ("asset 1 sums to -1,", |image| {
        image.accounts[1].balances[0].1.available = amount(599);
    }),
    ("the sum of asset 1 overflows", |image| {
        image.accounts[1].balances[0].1.available = Amount::MAX;
        image.accounts[2].balances[0].1.available = Amount::MAX;
    }),
    ("account alice has a movement", |image| image.accounts[0].movements.swap(0, 1)),
    ("account alice has a movement", |image| image.accounts[0].movements[0].asset = AssetId(9)),
    ("account alice has a movement", |image| image.accounts[0].movements[0].amount = amount(0)),
    ("account alice has a movement", |image| image.accounts[0].movements[0].amount = Amount::MAX),
    ("account alice has a movement", |image| {
        let twin = image.accounts[0].movements[0].clone();
        image.accounts[0].movements.insert(0, twin);
    }),
    ("the outside of asset 1", |image| {
        image.accounts[0].movements.remove(0);
    }),
    ("the outside of asset 1", |image| {
        image.accounts[0].movements[0].kind = MovementKind::Withdrawal;
        image.accounts[0].movements.truncate(1);
    }),
    ("account alice has a movement", |image| image.accounts[0].movements[0].to = Some(name("bob"))),
    ("account alice has a movement", |image| {
        image.accounts[0].movements.truncate(1);
        image.accounts[0].movements[0].kind = MovementKind::Transfer;
    }),
    ("account alice has a movement", |image| {
        image.accounts[0].movements.truncate(1);
        image.accounts[0].movements[0].kind = MovementKind::Adjustment;
        image.accounts[0].movements[0].amount = Amount::MIN;
    }),
    ("the adjustments of asset 1", |image| image.assets[0].adjustments = amount(4)),
    ("asset 1 was corrected than its supply", |image| image.assets[0].adjustments = Amount::MAX),
    ("account bob has a link", |image| image.accounts[1].links = vec![(AssetId(9), amount(1))]),
    ("account bob has a link", |image| image.accounts[1].links = vec![(USD, amount(0))]),
    ("account bob has a link", |image| {
        image.accounts[1].links = vec![(BTC, amount(1)), (USD, amount(1))];
    }),
    ("account bob has a link", |image| {
        image.accounts[1].links = vec![(USD, amount(1)), (USD, amount(1))];
    }),
    ("account bob has a link", |image| {
        image.accounts[0].links = vec![(USD, Amount::MAX)];
        image.accounts[1].links = vec![(USD, Amount::MAX)];
    }),
    ("asset 1 sums to 7,", |image| image.accounts[1].links = vec![(USD, amount(7))]),
    ("account alice was granted", |image| image.partition_count = 3),
];

#[test]
fn every_damage_is_refused_by_name() {
    let good = sandbox().image();
    for (number, (expected, damage)) in DAMAGES.iter().enumerate() {
        let mut image = good.clone();
        damage(&mut image);
        let error = Accounts::restore(image).err().map(|error: RestoreError| error.to_string());
        let said = error.as_deref().unwrap_or("nothing was wrong");
        assert!(said.contains(expected), "damage {number}: {said:?}, not {expected:?}");
    }
}

proptest! {
    /// Whatever numbers are put in, a restore answers; and what it accepts is a state.
    #[test]
    fn no_numbers_make_a_restore_panic(
        amounts in proptest::collection::vec(any::<i128>(), 14),
        numbers in proptest::collection::vec(0..5_u32, 12),
        kept in proptest::collection::vec(proptest::bool::weighted(0.8), 26),
    ) {
        let mut image = sandbox().image();
        let mut amounts = amounts.into_iter().map(|units| amount(units.max(-i128::MAX)));
        let mut numbers = numbers.into_iter();
        let mut kept = kept.into_iter();
        let mut damage = |slot: &mut Amount| {
            let value = amounts.next().unwrap_or_default();
            if !kept.next().unwrap_or(true) { *slot = value; }
        };
        for asset in &mut image.assets {
            damage(&mut asset.grant);
            damage(&mut asset.faucet);
            damage(&mut asset.external);
        }
        for account in &mut image.accounts {
            if let Some((_, balance)) = account.balances.first_mut() {
                damage(&mut balance.available);
                damage(&mut balance.held);
            }
        }
        for account in &mut image.accounts {
            let [handle, granted] = [0; 2].map(|_: i32| numbers.next().unwrap_or_default());
            if !kept.next().unwrap_or(true) { account.handle = AccountHandle(handle); }
            if !kept.next().unwrap_or(true) { account.granted = granted; }
        }
        if let Ok(restored) = Accounts::restore(image.clone()) {
            prop_assert_eq!(restored.check_invariants(), Ok(()));
            prop_assert_eq!(restored.image(), image);
        }
    }
}
