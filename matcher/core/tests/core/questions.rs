//! What may be asked of the books beside what they tell, which flows do not ask.

use matcher_core::{Books, NewOrder, Outcome};
use model::{
    AccountHandle, FeeAsset, FeeRate, Fees, Instructions, OrderFilter, Side, TimeInForce, Timestamp,
};

use crate::setup::{A, B, books, id, limit};

const ANNA: AccountHandle = AccountHandle(1);

/// A schedule of its own for each number.
fn fees(number: u32) -> Fees {
    let rate = |millionths| FeeRate::from_millionths(millionths).expect("in range");
    let taker = i32::try_from(number).expect("in range");
    Fees::new(rate(0), rate(taker), FeeAsset::Quote).expect("a schedule")
}

fn place(books: &mut Books, order: &NewOrder) {
    books.place(order, &mut Outcome::new());
}

#[test]
fn instruments_are_told_in_order_and_orders_are_counted() {
    let mut books = books();
    let ids: Vec<_> = books.instruments().map(|instrument| instrument.id).collect();
    assert_eq!(ids, [A, B]);
    assert!(books.is_empty() && !books.is_open(id(1)));
    place(&mut books, &limit(1, ANNA.0, Side::Buy, 1, 100));
    assert!(!books.is_empty() && books.len() == 1 && books.is_open(id(1)));
}

#[test]
fn so_many_schedules_of_fees_are_in_use_and_no_more() {
    let mut books = books();
    for number in 1..=255 {
        assert!(books.has_room_for(&fees(number)), "schedule {number}");
        let order = limit(number.into(), ANNA.0, Side::Buy, 1, 100);
        place(&mut books, &NewOrder { fees: fees(number), ..order });
    }
    assert!(!books.has_room_for(&fees(256)));
    assert!(books.has_room_for(&fees(255)) && books.has_room_for(&Fees::NONE));
    assert!(books.cancel(id(7), &mut Outcome::new()));
    assert!(books.has_room_for(&fees(256)));
}

#[test]
fn nothing_is_overdue_until_an_instant_has_come() {
    let mut books = books();
    assert!(!books.has_overdue());
    let until = Timestamp::from_unix_nanos;
    let instructions = Instructions { expires_at: Some(until(9)), ..Instructions::default() };
    for number in [1, 2] {
        let order = limit(number, ANNA.0, Side::Buy, 1, 100);
        let time_in_force = TimeInForce::Gtd;
        place(&mut books, &NewOrder { time_in_force, instructions, ..order });
    }
    let mut out = Outcome::new();
    assert_eq!(books.expire(until(8), 10, &mut out), 0);
    assert!(!books.has_overdue());
    assert_eq!(books.expire(until(9), 1, &mut out), 1);
    assert!(books.has_overdue());
    // What was told before is not counted again.
    assert_eq!(books.expire(until(9), 1, &mut out), 1);
    assert!(!books.has_overdue() && out.events.len() == 2);
}

#[test]
fn what_is_cancelled_is_counted_whatever_was_told_before() {
    let (mut books, mut out) = (books(), Outcome::new());
    for (number, side) in [(1, Side::Buy), (2, Side::Buy), (3, Side::Sell)] {
        let ticks = if side == Side::Buy { 100 } else { 200 };
        books.place(&limit(number, ANNA.0, side, 1, ticks), &mut out);
    }
    let bids = OrderFilter { side: Some(Side::Buy), ..OrderFilter::default() };
    assert_eq!(books.cancel_matching(ANNA, &bids, &mut out), 2);
    assert_eq!(books.cancel_all(ANNA, None, &mut out), 1);
    assert_eq!(out.events.len(), 6);
}
