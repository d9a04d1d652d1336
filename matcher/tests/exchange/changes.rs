//! Changes of orders that are open: amends and cancels by either id, with the money that follows to
//! the unit.

use matcher::Exchange;
use model::{
    CancelOnly, Instructions, KeyText, OrderFilter, OrderId, Quantity, Side, TimeInForce, Trigger,
    TriggerKind,
};
use proto::{
    command::{Command, OrderName},
    log::{AnswerBody, EndReason, OrderAmended, RefusalReason, event::Kind},
};
use spine::Core;

use crate::{
    lists,
    venue::{BTC, BTC_USD, Became, USD, Venue, became, limit, market, saying},
};

const COIN: i128 = 100_000_000;

fn amend(id: OrderId, lots: u64) -> Command {
    let quantity = Quantity::from_lots(lots).expect("in range");
    Command::Amend { order: OrderName::Id(id), quantity }
}

fn own(text: &str) -> OrderName {
    OrderName::Own { instrument: BTC_USD, key: key(text) }
}

fn key(text: &str) -> KeyText {
    KeyText::new(text).expect("a good key")
}

fn cancel(order: OrderName) -> Command {
    Command::CancelNamed { order, only: None }
}

fn amended(body: &AnswerBody) -> Option<&OrderAmended> {
    body.events.iter().find_map(|event| match event.kind.as_ref() {
        Some(Kind::OrderAmended(amended)) => Some(amended),
        _ => None,
    })
}

fn stop(command: Command, at: u64) -> Command {
    let price = model::Price::from_ticks(at).expect("in range");
    let trigger = Some(Trigger { kind: TriggerKind::StopLoss, price });
    let instructions = Instructions { trigger, ..Instructions::default() };
    let time_in_force = match &command {
        Command::Place(place) => place.time_in_force,
        _ => TimeInForce::Gtc,
    };
    saying(command, time_in_force, instructions)
}

/// 100 ticks are one USD and 100,000 lots one BTC. Each order asks for 5 BTC at 100 USD.
#[test]
fn an_amend_lets_go_of_the_difference_to_the_unit() {
    let table = [
        (limit("a", Side::Buy, 10_000, 500_000), USD, 500, 200),
        (limit("a", Side::Sell, 10_000, 500_000), BTC, 5, 2),
        (stop(limit("a", Side::Buy, 10_000, 500_000), 9_000), USD, 500, 200),
        (stop(market("a", Side::Sell, 500_000), 10_000), BTC, 5, 2),
        // The trigger with the price protection on top: 5 times 105, then 2 times that.
        (stop(market("a", Side::Buy, 500_000), 10_000), USD, 525, 210),
    ];
    for (order, asset, held_before, held_after) in table {
        let mut venue = Venue::new(true);
        assert_eq!(became(&venue.apply("alice", order.clone())), Became::Applied, "{order:?}");
        assert_eq!(venue.balance("alice", asset).1, held_before * COIN, "{order:?}");
        let body = venue.apply("alice", amend(venue.last_order(), 200_000));
        assert_eq!(became(&body), Became::Applied, "{order:?}");
        assert_eq!(venue.balance("alice", asset).1, held_after * COIN, "{order:?}");
        let told = amended(&body).expect("it is told");
        assert_eq!((told.quantity_lots, told.remaining_lots), (200_000, 200_000));
        assert_eq!(body.postings.len(), 1, "{order:?}: one release");
        venue.exchange.check_invariants().expect("all holds");
        let bytes = venue.exchange.encode();
        venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
        venue.apply("alice", Command::CancelAll { instrument: None });
        assert_eq!(venue.exchange.accounts().count(), 0, "{order:?}: nothing stays held");
    }
}

#[test]
fn an_amended_order_keeps_its_place_and_what_it_traded() {
    let mut venue = Venue::new(true);
    venue.apply("anna", limit("a", Side::Sell, 10_000, 500_000));
    let first = venue.last_order();
    venue.apply("bert", limit("b", Side::Sell, 10_000, 500_000));
    venue.apply("carl", limit("c", Side::Buy, 10_000, 100_000));
    let body = venue.apply("anna", amend(first, 300_000));
    let told = amended(&body).expect("it is told");
    assert_eq!((told.quantity_lots, told.remaining_lots), (300_000, 200_000));
    assert!(matches!(body.events.last().and_then(|event| event.kind.as_ref()),
        Some(Kind::BookChanged(change)) if change.asks[0].total_lots == 700_000));
    let body = venue.apply("carl", limit("d", Side::Buy, 10_000, 200_000));
    let maker = body.events.iter().find_map(|event| match event.kind.as_ref() {
        Some(Kind::Trade(trade)) => Some(trade.maker_order_id),
        _ => None,
    });
    assert_eq!(maker, Some(first.number()), "before bert, who came later");
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_refused_amend_says_why_and_changes_nothing() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Sell, 10_000, 500_000));
    let id = venue.last_order();
    venue.apply("bob", limit("b", Side::Buy, 10_000, 200_000));
    let gone = venue.last_order();
    let before = (venue.exchange.books().image(), venue.exchange.accounts().image());
    for (whose, command, reason) in [
        ("alice", amend(id, 500_001), RefusalReason::AmendIncreases),
        ("alice", amend(id, 500_000), RefusalReason::AmendChangesNothing),
        ("alice", amend(id, 200_000), RefusalReason::AmendLeavesNothing),
        ("bob", amend(id, 400_000), RefusalReason::UnknownOrder),
        ("bob", amend(gone, 100_000), RefusalReason::UnknownOrder),
        ("nobody", amend(id, 400_000), RefusalReason::UnknownOrder),
    ] {
        let body = venue.apply(whose, command.clone());
        assert_eq!(became(&body), Became::Refused(reason), "{command:?}");
        assert!(body.events.is_empty() && body.postings.is_empty());
        let after = (venue.exchange.books().image(), venue.exchange.accounts().image());
        assert_eq!(before, after, "{command:?}");
    }
    let late = venue.now - 1;
    let body = venue.apply_until("alice", amend(id, 400_000), late);
    assert_eq!(became(&body), Became::Refused(RefusalReason::Late));
    venue.behaviour = 3;
    let body = venue.apply("alice", amend(id, 400_000));
    assert_eq!(became(&body), Became::Refused(RefusalReason::NotInForce));
}

#[test]
fn an_order_is_found_by_either_id_and_by_both_only_where_both_are_its_own() {
    let mut venue = Venue::new(true);
    let mut place = |key: &str| {
        venue.apply("alice", limit(key, Side::Buy, 10_000, 1_000));
        venue.last_order()
    };
    let [first, second, third] = ["a", "b", "c"].map(&mut place);
    // A retry's own id means the first order too.
    place("a");
    let alias = venue.last_order();
    let unknown = Became::Refused(RefusalReason::UnknownOrder);
    let both = |id, text| OrderName::Both { id, key: key(text) };
    let elsewhere = OrderName::Own { instrument: model::InstrumentId(7), key: key("b") };
    for (whose, order, expected) in [
        ("alice", both(first, "b"), unknown),
        ("alice", both(first, "x"), unknown),
        ("bob", both(first, "a"), unknown),
        ("bob", own("a"), unknown),
        ("alice", elsewhere, unknown),
        ("alice", both(alias, "a"), Became::Applied),
        ("alice", both(first, "a"), unknown),
        ("alice", own("b"), Became::Applied),
        ("alice", own("b"), unknown),
        ("alice", OrderName::Id(second), unknown),
        ("alice", OrderName::Id(third), Became::Applied),
    ] {
        let body = venue.apply(whose, cancel(order.clone()));
        assert_eq!(became(&body), expected, "{whose} {order:?}");
    }
    assert_eq!(venue.exchange.accounts().count(), 0, "nothing stays held");
}

#[test]
fn a_cancel_of_all_can_be_for_one_side_and_a_range_of_limits() {
    let mut venue = Venue::new(true);
    for (key, side, ticks) in [
        ("a", Side::Buy, 9_900),
        ("b", Side::Buy, 9_950),
        ("c", Side::Sell, 10_050),
        ("d", Side::Sell, 10_100),
    ] {
        venue.apply("alice", limit(key, side, ticks, 100_000));
    }
    venue.apply("alice", stop(market("e", Side::Buy, 100_000), 12_000));
    let ticks = |ticks| model::Price::from_ticks(ticks).ok();
    let filter = OrderFilter {
        price_from: ticks(9_950),
        price_to: ticks(10_050),
        ..OrderFilter::all(Some(BTC_USD))
    };
    let sells = OrderFilter { side: Some(Side::Sell), ..filter };
    for (filter, ended, usd_held, btc_held) in [
        // 99 and 99.50 for bids, and 120 with the protection of 5 % on top.
        (sells, 1, 32_450, 1),
        (filter, 1, 22_500, 1),
        (OrderFilter { side: Some(Side::Buy), ..OrderFilter::default() }, 2, 0, 1),
        (OrderFilter::default(), 1, 0, 0),
    ] {
        let body = venue.apply("alice", Command::CancelMatching(filter));
        assert_eq!(became(&body), Became::Applied);
        let is_end = |event: &&proto::log::Event| matches!(event.kind, Some(Kind::OrderEnded(_)));
        assert_eq!(body.events.iter().filter(is_end).count(), ended, "{filter:?}");
        assert_eq!(venue.balance("alice", USD).1, usd_held * COIN / 100, "{filter:?}");
        assert_eq!(venue.balance("alice", BTC).1, btc_held * COIN, "{filter:?}");
        venue.exchange.check_invariants().expect("all holds");
    }
}

#[test]
fn a_cancel_can_be_for_one_state_only() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Sell, 10_000, 500_000));
    let order = OrderName::Id(venue.last_order());
    let only = |only| Command::CancelNamed { order: order.clone(), only: Some(only) };
    let restricted = Became::Refused(RefusalReason::CancelRestricted);
    let body = venue.apply("alice", only(CancelOnly::PartiallyFilled));
    assert_eq!(became(&body), restricted);
    assert_eq!(became(&venue.apply("bob", only(CancelOnly::PartiallyFilled))), {
        Became::Refused(RefusalReason::UnknownOrder)
    });
    venue.apply("bob", limit("b", Side::Buy, 10_000, 100_000));
    assert_eq!(became(&venue.apply("alice", only(CancelOnly::New))), restricted);
    let body = venue.apply("alice", only(CancelOnly::PartiallyFilled));
    assert_eq!(became(&body), Became::Applied);
    assert!(matches!(body.events[0].kind.as_ref(), Some(Kind::OrderEnded(end))
        if end.reason() == EndReason::Cancelled && end.remaining_lots == 400_000));
    let asleep = stop(limit("c", Side::Buy, 10_000, 1_000), 12_000);
    venue.apply("alice", asleep);
    let order = OrderName::Id(venue.last_order());
    let only = Some(CancelOnly::New);
    let body = venue.apply("alice", Command::CancelNamed { order, only });
    assert_eq!(became(&body), Became::Applied, "what sleeps has not traded");
    venue.exchange.check_invariants().expect("all holds");
}

/// What two orders of a list hold they hold together.
#[test]
fn orders_of_lists_are_not_amended_and_cancelled_by_the_lists_own_names() {
    let mut venue = Venue::new(true);
    venue.apply("alice", lists::pair("p", 500_000));
    let list = venue.last_order();
    let leg = |at| list.with_leg(at).expect("two");
    for id in [list, leg(1), leg(2)] {
        let body = venue.apply("alice", amend(id, 100_000));
        assert_eq!(became(&body), Became::Refused(RefusalReason::AmendListed), "{id}");
        assert_eq!(became(&venue.apply("bob", amend(id, 100_000))), {
            Became::Refused(RefusalReason::UnknownOrder)
        });
    }
    venue.apply("bob", limit("b", Side::Buy, 11_000, 100_000));
    let only = |only| Command::CancelNamed { order: own("p"), only: Some(only) };
    let body = venue.apply("alice", only(CancelOnly::New));
    assert_eq!(became(&body), Became::Refused(RefusalReason::CancelRestricted));
    let body = venue.apply("alice", only(CancelOnly::PartiallyFilled));
    assert_eq!(became(&body), Became::Applied, "the whole list");
    assert_eq!(venue.balance("alice", BTC).1, 0);
    let mut venue = Venue::new(true);
    venue.apply("alice", lists::pair("q", 500_000));
    let list = venue.last_order();
    let both = OrderName::Both { id: list.with_leg(2).expect("two"), key: key("q") };
    assert_eq!(became(&venue.apply("alice", cancel(both))), Became::Applied);
    assert_eq!((venue.balance("alice", BTC).1, venue.exchange.books().len()), (0, 0));
    venue.exchange.check_invariants().expect("all holds");
}
