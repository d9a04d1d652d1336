//! Mistakes that ledgers are known for, each made on purpose, and the check that finds it. None of
//! them is in the crate: a mistake is made in the reference that it is compared with, in what a
//! caller asks of it, or in a state that is handed back to it. `docs/proof.md` has them in a table.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use ledger_core::{Accounts, Postings, Settlement, hold_for};
use model::{
    AccountHandle, AccountName, Amount, Asset, AssetId, FeeAsset, FeeRate, Fees, Instrument,
    InstrumentId, KeyText, OrderId, Price, Quantity, Side, TradeId, instrument::Listing,
};

use crate::{flow::Flow, reference::Wrong};

/// What a check says of a flow in which this is wrong.
fn found(mut check: impl FnMut()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(&mut check)).expect_err("it is found");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

fn run(flow: &mut Flow, steps: usize) {
    for _ in 0..steps {
        flow.step();
    }
}

/// What the reference says where this is wrong with it, within 10,000 operations.
fn found_beside(wrong: Wrong) -> String {
    let steps = Cell::new(0);
    let said = found(|| {
        let mut flow = Flow::new(1, None);
        flow.reference.wrong = Some(wrong);
        for _ in 0..10_000 {
            steps.set(flow.steps() + 1);
            flow.step();
        }
    });
    println!("{wrong:?}: operation {}: {}", steps.get(), said.lines().next().unwrap_or_default());
    said
}

#[test]
fn a_fee_rounded_the_other_way_is_found_by_the_reference() {
    for wrong in [Wrong::ChargesRoundedDown, Wrong::RebatesRoundedUp] {
        let said = found_beside(wrong);
        let is_named = said.contains("postings differ") || said.contains("left == right");
        assert!(is_named, "{wrong:?}: {said}");
    }
}

#[test]
fn a_posting_that_does_not_balance_is_found_by_the_reference_and_by_the_sum_of_its_asset() {
    let said = found_beside(Wrong::HouseForgotten);
    assert!(said.contains("postings differ"), "{said}");
    let mut flow = Flow::new(1, None);
    run(&mut flow, 2_000);
    let mut image = flow.accounts.image();
    let earned = image.assets[0].fees.units();
    image.assets[0].fees = Amount::from_units(earned + 1);
    let said = Accounts::restore(image).expect_err("it does not sum to zero").to_string();
    assert!(said.contains("sums to 1, not to zero"), "{said}");
}

#[test]
fn a_price_that_is_a_float_is_found_by_the_reference() {
    let said = found_beside(Wrong::FloatPrice);
    assert!(said.contains("postings differ") || said.contains("left == right"), "{said}");
}

#[test]
fn a_transfer_that_is_done_twice_or_lost_is_found_by_the_reference() {
    let said = found_beside(Wrong::TransferTwice);
    assert!(said.contains("left == right") && said.contains("Ok(false)"), "{said}");
    let said = found_beside(Wrong::TransferLost);
    assert!(said.contains("postings differ") && said.contains("transfer"), "{said}");
}

#[test]
fn a_hold_that_is_not_released_is_found_by_what_open_orders_need() {
    let mut flow = Flow::new(1, None);
    run(&mut flow, 2_000);
    flow.check_everything();
    while !flow.forget_a_release() {
        run(&mut flow, 1);
    }
    let said = found(|| flow.check_everything());
    assert!(said.contains("not what open orders need"), "{said}");
    println!("a release is forgotten: operation {}", flow.steps());
}

fn instrument() -> Instrument {
    let asset = |id, code: &str| Asset { id: AssetId(id), code: code.to_owned(), decimals: 2 };
    let hundred = Amount::from_units(100);
    let listing = Listing {
        id: InstrumentId(1),
        tick_size: hundred,
        lot_size: hundred,
        price_protection_bps: 500,
    };
    Instrument::list(&asset(2, "BTC"), &asset(1, "USD"), listing).expect("a good listing")
}

/// Alice buys all that she can and bob sells it to her; she holds as if she paid `held_for`.
fn buys_all(charged: Fees, held_for: Fees) {
    let (instrument, mut out) = (instrument(), Postings::new());
    let mut accounts = Accounts::new(None);
    let id = KeyText::new("d").expect("a key");
    let order = OrderId::from_number(1).expect("in range");
    let (price, quantity) = (Price::from_ticks(10), Quantity::from_lots(3));
    let (price, quantity) = (price.expect("in range"), quantity.expect("in range"));
    let sides = [(Side::Buy, "alice"), (Side::Sell, "bob")];
    let [buyer, seller] = sides.map(|(side, name)| -> AccountHandle {
        let (asset, needed) = hold_for(side, &instrument, &held_for, price, quantity);
        accounts.list_asset(asset, Amount::ZERO).expect("a good listing");
        let name = AccountName::new(name).expect("a name");
        let handle = accounts.open(&name, &mut out).expect("room");
        accounts.deposit(handle, asset, needed, &id, &mut out).expect("credited");
        accounts.hold(handle, asset, needed, order, &mut out).expect("it is there");
        handle
    });
    let trade = Settlement {
        instrument: &instrument,
        trade: TradeId(1),
        price,
        quantity,
        maker_side: Side::Sell,
        buyer,
        buyer_limit: Some(price),
        buyer_fees: charged,
        seller,
        seller_fees: charged,
    };
    accounts.settle(&trade, &mut out);
}

#[test]
fn a_hold_blind_to_the_fee_is_found_when_the_trade_is_paid() {
    let rate = |millionths| FeeRate::from_millionths(millionths).expect("in range");
    let fees = Fees::new(rate(0), rate(2_000), FeeAsset::Quote).expect("a schedule");
    buys_all(fees, fees);
    let said = found(|| buys_all(fees, Fees::NONE));
    assert!(said.contains("an account would go below zero"), "{said}");
}
