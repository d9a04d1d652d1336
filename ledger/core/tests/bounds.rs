//! How much there may be of anything, to the last one and one more.

use ledger_core::{
    ACCOUNTS_MAX, ASSET_NUMBER_MAX, Accounts, Grant, ListAssetError, MoneyError, Postings,
};
use model::{AccountHandle, AccountName, Amount, AssetId};

fn name(number: usize) -> AccountName {
    AccountName::new(&number.to_string()).expect("digits are a name")
}

#[test]
fn the_last_account_opens_and_one_more_only_in_the_place_of_another() {
    let (mut accounts, mut out) = (Accounts::new(None), Postings::new());
    for number in 0..ACCOUNTS_MAX {
        assert_eq!(accounts.check_open(&name(number)), Ok(()));
        accounts.open(&name(number), &mut out).expect("there is room");
    }
    assert_eq!(accounts.count(), ACCOUNTS_MAX);
    let one_more = name(ACCOUNTS_MAX);
    assert_eq!(accounts.check_open(&one_more), Err(MoneyError::TooManyAccounts));
    assert_eq!(accounts.open(&one_more, &mut out), Err(MoneyError::TooManyAccounts));
    assert_eq!(accounts.check_open(&name(7)), Ok(()), "it is open");
    assert_eq!(accounts.open(&name(7), &mut out), Ok(AccountHandle(7)));
}

#[test]
fn the_last_number_of_an_asset_is_listed_and_no_other_above_it() {
    let mut accounts = Accounts::new(None);
    let mut list = |number| accounts.list_asset(AssetId(number), Amount::ZERO);
    assert_eq!(ASSET_NUMBER_MAX, 65_535);
    assert_eq!(list(65_535), Ok(()));
    assert_eq!(list(65_536), Err(ListAssetError::NumberTooLarge));
}

#[test]
fn an_account_was_granted_every_asset_until_it_is_compacted() {
    let (mut accounts, mut out) = (Accounts::new(Some(Grant::STANDARD)), Postings::new());
    for number in 0..3 {
        accounts.list_asset(AssetId(number), Amount::from_units(100)).expect("listed");
    }
    let handle = accounts.open(&name(1), &mut out).expect("opened");
    assert_eq!(accounts.grants_of(handle), 3);
    assert!(accounts.compact(handle, 0, &mut out));
    assert_eq!(accounts.grants_of(handle), 0);
}
