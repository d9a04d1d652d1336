//! Large sweeps and large books: bounded, iterative, and right at the boundary.

use matcher_core::{Books, EndReason, FILLS_MAX, Outcome, Size};
use model::{AccountHandle, Amount, OrderType, Quantity, Side, TimeInForce, Trigger, TriggerKind};

use crate::setup::{A, books, id, limit, lots, market, price};

/// Books with `count` asks of one lot at `levels` prices from 1,000 on.
fn asks(count: u64, levels: u64) -> Books {
    let (mut books, mut out) = (books(), Outcome::new());
    for number in 1..=count {
        out.clear();
        books.place(&limit(number, 1, Side::Sell, 1, 1_000 + number % levels), &mut out);
    }
    books
}

#[test]
fn a_sweep_of_exactly_the_limit_fills() {
    for levels in [1, 7, 5_000] {
        let (mut books, mut out) = (asks(5_000, levels), Outcome::new());
        books.place(&limit(9_999, 2, Side::Buy, 5_000, 9_000), &mut out);
        assert_eq!(out.fills().count(), FILLS_MAX);
        let last = out.ends().last().map(|end| (end.order, end.reason, end.remaining));
        assert_eq!(last, Some((id(9_999), EndReason::Filled, Quantity::ZERO)));
        assert_eq!(out.levels.len() as u64, levels);
        assert!(out.levels.iter().all(|level| level.total_lots == 0 && level.sequence == 5_001));
        assert!(books.image().orders.is_empty());
        books.check_invariants().expect("good books");
    }
}

#[test]
fn beyond_the_limit_the_rest_expires_and_never_rests_crossed() {
    for (order_type, time_in_force) in [
        (OrderType::Limit, TimeInForce::Gtc),
        (OrderType::Limit, TimeInForce::Ioc),
        (OrderType::Market, TimeInForce::Gtc),
    ] {
        let (mut books, mut out) = (asks(20_000, 3), Outcome::new());
        let mut order = limit(99_999, 2, Side::Buy, 20_000, 9_000);
        if order_type == OrderType::Market {
            let rich = Amount::from_units(1 << 60);
            order = market(99_999, 2, Side::Buy, Size::Base(lots(20_000)), rich);
        }
        books.place(&matcher_core::NewOrder { time_in_force, ..order }, &mut out);
        assert_eq!(out.fills().count(), FILLS_MAX);
        let last = out.ends().last().expect("it ended");
        assert_eq!((last.order, last.reason), (id(99_999), EndReason::SweepLimit));
        assert_eq!(last.remaining, lots(15_000));
        assert_eq!((out.rested(), books.open_count(AccountHandle(2))), (None, 0));
        assert_eq!(books.image().orders.len(), 15_000);
        books.check_invariants().expect("good books");
    }
}

#[test]
fn after_the_last_allowed_fill_an_order_that_cannot_trade_on_ends_as_usual() {
    let (mut books, mut out) = (asks(5_000, 1), Outcome::new());
    books.place(&limit(8_000, 1, Side::Sell, 1, 1_001), &mut out);
    out.clear();
    books.place(&limit(9_999, 2, Side::Buy, 6_000, 1_000), &mut out);
    assert_eq!(out.fills().count(), FILLS_MAX);
    let rested = out.rested().expect("the limit stopped it, not the number of fills");
    assert_eq!((rested.price, rested.remaining), (price(1_000), lots(1_000)));
    books.check_invariants().expect("good books");

    let (mut books, mut out) = (asks(5_000, 1), Outcome::new());
    let rich = Amount::from_units(1 << 60);
    books.place(&market(9_999, 2, Side::Buy, Size::Base(lots(6_000)), rich), &mut out);
    let last = out.ends().last().expect("it ended");
    assert_eq!((last.reason, last.remaining), (EndReason::InsufficientLiquidity, lots(1_000)));
}

/// Books with `count` pairs of one lot: an ask at 1,000, and a stop.
fn pairs(count: u64) -> Books {
    let (mut books, mut out) = (books(), Outcome::new());
    for number in 1..=count {
        let [mut gain, mut loss] = [1_000, 900].map(|ticks| limit(number, 1, Side::Sell, 1, ticks));
        gain.id = gain.id.with_leg(1).expect("one");
        loss.id = loss.id.with_leg(2).expect("two");
        gain.instructions.post_only = true;
        let trigger = Trigger { kind: TriggerKind::StopLoss, price: price(900) };
        loss.instructions.trigger = Some(trigger);
        books.place_pair(&[gain, loss], &mut out);
    }
    books
}

#[test]
fn one_of_a_pair_counts_as_two_since_the_other_ends_with_it() {
    let half = FILLS_MAX / 2;
    let (mut books, mut out) = (pairs(3_000), Outcome::new());
    let fok = |count| {
        let order = limit(9_998, 2, Side::Buy, count, 1_000);
        matcher_core::NewOrder { time_in_force: TimeInForce::Fok, ..order }
    };
    books.place(&fok(half as u64 + 1), &mut out);
    assert_eq!(out.ends().last().map(|end| end.reason), Some(EndReason::FillOrKill));
    out.clear();
    books.place(&limit(9_999, 2, Side::Buy, 3_000, 1_000), &mut out);
    assert_eq!(out.fills().count(), half);
    let of_lists = out.ends().filter(|end| end.reason == EndReason::OrderList).count();
    assert_eq!(of_lists, half);
    assert_eq!(out.ends().last().map(|end| end.reason), Some(EndReason::SweepLimit));
    books.check_invariants().expect("good books");
    let (mut books, mut out) = (pairs(3_000), Outcome::new());
    books.place(&fok(half as u64), &mut out);
    assert_eq!(out.ends().last().map(|end| end.reason), Some(EndReason::Filled));
}

#[test]
fn a_maker_left_in_part_at_the_limit_keeps_its_place() {
    let (mut books, mut out) = (books(), Outcome::new());
    for number in 1..=5_002 {
        books.place(&limit(number, 1, Side::Sell, 2, 1_000), &mut out);
    }
    out.clear();
    books.place(&limit(9_998, 2, Side::Buy, 9_999, 1_000), &mut out);
    let last = out.fills().last().expect("it traded");
    assert_eq!((last.maker, last.maker_remaining), (id(5_000), lots(1)));
    out.clear();
    books.place(&limit(9_999, 2, Side::Buy, 2, 1_000), &mut out);
    let makers: Vec<_> = out.fills().map(|fill| fill.maker).collect();
    assert_eq!(makers, [id(5_000), id(5_001)]);
}

#[test]
fn cancel_all_of_many_orders_tells_each_level_once() {
    let (mut books, mut out) = (asks(9_000, 9), Outcome::new());
    books.place(&limit(9_999, 2, Side::Sell, 4, 1_003), &mut out);
    out.clear();
    assert_eq!(books.cancel_all(AccountHandle(1), Some(A), &mut out), 9_000);
    let ended: Vec<_> = out.ends().map(|end| end.order.number()).collect();
    assert!(ended.iter().copied().eq(1..=9_000), "in order of entry");
    let levels: Vec<_> = out.levels.iter().map(|l| (l.price.ticks(), l.total_lots)).collect();
    let expected = (1_000..1_009).map(|ticks| (ticks, if ticks == 1_003 { 4 } else { 0 }));
    assert_eq!(levels, expected.collect::<Vec<_>>());
    assert_eq!(books.open_count(AccountHandle(1)), 0);
    books.check_invariants().expect("good books");
}

#[test]
fn the_extremes_of_price_and_quantity_do_not_overflow() {
    let (mut books, mut out) = (books(), Outcome::new());
    let most = Quantity::LOTS_MAX;
    for number in 1..=3 {
        books.place(&limit(number, 1, Side::Sell, most, 1 << 40), &mut out);
    }
    books.place(&limit(4, 1, Side::Buy, most, 1), &mut out);
    assert_eq!(books.depth(A, 9).asks, [(price(1 << 40), 3 * most)]);
    out.clear();
    let order = market(5, 2, Side::Buy, Size::Quote(Amount::MAX), Amount::MAX);
    books.place(&order, &mut out);
    assert_eq!(out.fills().map(|fill| fill.quantity.lots()).sum::<u64>(), most);
    books.place(&market(6, 2, Side::Sell, Size::Base(lots(most)), Amount::ZERO), &mut out);
    let last = out.ends().last().map(|end| end.reason);
    assert_eq!(last, Some(EndReason::PriceProtection), "a bid of 1 is far from the last trade");
    books.check_invariants().expect("good books");
}

#[test]
#[should_panic(expected = "no two have one")]
fn the_id_of_an_open_order_cannot_rest_twice() {
    let (mut books, mut out) = (books(), Outcome::new());
    books.place(&limit(1, 1, Side::Buy, 1, 100), &mut out);
    books.place(&limit(1, 1, Side::Buy, 1, 101), &mut out);
}

/// Ids that fall on one entry of the index, ids out of order, and ids of orders that have ended.
#[test]
fn orders_are_found_whatever_their_ids_have_in_common() {
    let (mut books, mut out) = (books(), Outcome::new());
    let far_apart = (0..200).map(|number| 1 + (number << 30));
    let backwards = (0..200).map(|number| 900 - number);
    let ids: Vec<u64> = far_apart.chain(backwards).collect();
    for (count, number) in (1..).zip(&ids) {
        books.place(&limit(*number, 1, Side::Buy, 1, 100), &mut out);
        assert_eq!(books.len(), count);
        books.check_invariants().expect("good books");
    }
    for number in ids.iter().step_by(3).chain(ids.iter().skip(1).step_by(3)) {
        assert!(books.is_open(id(*number)) && books.cancel(id(*number), &mut out));
        assert!(!books.is_open(id(*number)) && !books.cancel(id(*number), &mut out));
        books.check_invariants().expect("good books");
    }
    let left = ids.iter().skip(2).step_by(3);
    assert!(left.clone().all(|number| books.is_open(id(*number))));
    assert_eq!(books.len(), left.count());
}

/// Icebergs of 100 parts of one lot each.
fn icebergs(count: u64) -> Books {
    let (mut books, mut out) = (books(), Outcome::new());
    for number in 1..=count {
        let mut order = limit(number, 1, Side::Sell, 100, 1_000);
        order.instructions.display = Some(lots(1));
        books.place(&order, &mut out);
    }
    books
}

#[test]
fn a_tiny_part_under_a_large_taker_is_met_no_more_often_than_a_command_may_match() {
    let (mut books, mut out) = (icebergs(60), Outcome::new());
    books.place(&limit(9_999, 2, Side::Buy, 6_000, 1_000), &mut out);
    assert_eq!(out.fills().count(), FILLS_MAX);
    let last = out.ends().last().map(|end| (end.order, end.reason, end.remaining));
    assert_eq!(last, Some((id(9_999), EndReason::SweepLimit, lots(1_000))));
    books.check_invariants().expect("good books");
    assert_eq!(books.depth(A, 1).asks, [(price(1_000), 60)], "one lot of each is shown");
    let hidden = books.image().orders.iter().map(|order| order.remaining.lots()).sum::<u64>();
    assert_eq!(hidden, 1_000);
}

#[test]
fn all_or_nothing_goes_as_far_among_icebergs_as_a_command_may_match() {
    for (asked, expected) in [(5_000, EndReason::Filled), (5_001, EndReason::FillOrKill)] {
        let (mut books, mut out) = (icebergs(60), Outcome::new());
        let mut order = limit(9_999, 2, Side::Buy, asked, 1_000);
        order.time_in_force = TimeInForce::Fok;
        books.place(&order, &mut out);
        assert_eq!(out.ends().last().map(|end| end.reason), Some(expected));
        books.check_invariants().expect("good books");
    }
}
