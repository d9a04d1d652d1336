//! Orders that come instead of others: what is checked first, whose money counts, and that what is
//! refused has changed nothing.

use model::{Instructions, KeyText, OrderId, ReplaceMode, Side, TimeInForce};
use proto::{
    command::{Command, OrderName, ReplaceOrder},
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
};

use crate::{
    lists,
    venue::{BTC, BTC_USD, Became, USD, Venue, became, limit, market, saying},
};

const COIN: i128 = 100_000_000;

fn replace_as(replaced: OrderName, mode: ReplaceMode, order: Command) -> Command {
    let Command::Place(place) = order else { panic!("it is an order") };
    Command::Replace(ReplaceOrder { replaced, mode, place })
}

fn replace(id: OrderId, order: Command) -> Command {
    replace_as(OrderName::Id(id), ReplaceMode::StopOnFailure, order)
}

fn anyway(id: OrderId, order: Command) -> Command {
    replace_as(OrderName::Id(id), ReplaceMode::AllowFailure, order)
}

/// The order that the new one came instead of, and the reasons of the ends before and after it.
fn told(body: &AnswerBody) -> (Option<u64>, Vec<EndReason>) {
    let (mut replaced, mut ends) = (None, Vec::new());
    for kind in body.events.iter().filter_map(|event| event.kind.as_ref()) {
        match kind {
            Kind::OrderPlaced(placed) => {
                assert!(placed.terms.as_ref().is_some_and(|terms| terms.replaces));
                replaced = Some(placed.replaced_order_id);
            }
            Kind::OrderEnded(end) => {
                let is_before = end.reason() == EndReason::Cancelled;
                assert_eq!(is_before, replaced.is_none(), "the old one goes first: {body:?}");
                ends.push(end.reason());
            }
            _ => {}
        }
    }
    (replaced, ends)
}

/// 100 ticks are one USD and 100,000 lots one BTC; an account has 1,000 USD and 10 BTC.
#[test]
fn the_old_orders_hold_pays_for_the_new_one() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Buy, 10_000, 1_000_000));
    let old = venue.last_order();
    assert_eq!(venue.balance("alice", USD), (0, 1_000 * COIN));
    let body = venue.apply("alice", replace(old, limit("b", Side::Buy, 9_000, 1_100_000)));
    assert_eq!(became(&body), Became::Applied);
    assert_eq!(told(&body), (Some(old.number()), vec![EndReason::Cancelled]));
    assert_eq!(venue.balance("alice", USD), (10 * COIN, 990 * COIN));
    venue.exchange.check_invariants().expect("all holds");
    let new = venue.last_order();
    // More than all together: refused, and the old one is as it was.
    let before = (venue.exchange.books().image(), venue.exchange.accounts().image());
    let dear = replace(new, limit("c", Side::Buy, 9_000, 1_200_000));
    let body = venue.apply("alice", dear.clone());
    assert_eq!(became(&body), Became::Refused(RefusalReason::InsufficientFunds));
    assert_eq!(before, (venue.exchange.books().image(), venue.exchange.accounts().image()));
    let refused = venue.last_order().number();
    assert_eq!(became(&venue.apply("alice", dear)), Became::Duplicate(refused));
    // The other side holds another asset: the old hold is of no use.
    let body = venue.apply("alice", replace(new, limit("d", Side::Sell, 9_500, 1_100_000)));
    assert_eq!(became(&body), Became::Refused(RefusalReason::InsufficientFunds));
    let body = venue.apply("alice", replace(new, limit("e", Side::Sell, 9_500, 1_000_000)));
    assert_eq!(became(&body), Became::Applied);
    assert_eq!(venue.balance("alice", USD), (1_000 * COIN, 0));
    assert_eq!(venue.balance("alice", BTC), (0, 10 * COIN));
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn where_the_old_order_is_not_open_the_mode_decides() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Buy, 10_000, 1_000));
    let old = venue.last_order();
    venue.apply("bob", limit("a", Side::Sell, 10_000, 1_000));
    let next = || limit("b", Side::Buy, 9_000, 1_000);
    let body = venue.apply("alice", replace(old, next()));
    assert_eq!(became(&body), Became::Refused(RefusalReason::ReplacedNotOpen));
    let rejected = body.events.iter().find_map(|event| match event.kind.as_ref() {
        Some(Kind::OrderRejected(rejected)) => rejected.terms.as_ref(),
        _ => None,
    });
    assert!(rejected.is_some_and(|terms| terms.replaces));
    let first = venue.last_order().number();
    assert_eq!(became(&venue.apply("alice", replace(old, next()))), Became::Duplicate(first));
    let body = venue.apply("alice", anyway(old, next()));
    assert_eq!(became(&body), Became::Refused(RefusalReason::KeyReused), "another mode");
    let body = venue.apply("alice", next());
    assert_eq!(became(&body), Became::Refused(RefusalReason::KeyReused), "a plain order");
    let body = venue.apply("alice", anyway(old, limit("c", Side::Buy, 9_000, 1_000)));
    assert_eq!((became(&body), told(&body)), (Became::Applied, (Some(0), vec![])));
    // What another trades, or another's, is not open to this.
    let bobs = anyway(venue.last_order(), limit("b", Side::Buy, 9_000, 1_000));
    assert_eq!(told(&venue.apply("bob", bobs)), (Some(0), vec![]));
    assert_eq!(venue.exchange.books().len(), 2);
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn what_the_new_order_breaks_is_told_before_anything_is_done() {
    let mut venue = Venue::new(true);
    venue.apply("maker", limit("a", Side::Sell, 10_000, 100_000));
    venue.apply("alice", limit("a", Side::Buy, 9_000, 100_000));
    let old = venue.last_order();
    let post_only = |key, ticks| {
        let said = Instructions { post_only: true, ..Instructions::default() };
        saying(limit(key, Side::Buy, ticks, 100_000), TimeInForce::Gtc, said)
    };
    let expired = Instructions {
        expires_at: Some(model::Timestamp::from_unix_nanos(1)),
        ..Instructions::default()
    };
    let gone = OrderId::from_number(77).expect("in range");
    let before = venue.exchange.books().image().orders;
    for (command, reason) in [
        (replace(old, post_only("b", 10_000)), RefusalReason::WouldTake),
        (anyway(gone, post_only("c", 10_000)), RefusalReason::WouldTake),
        (
            replace(old, saying(limit("d", Side::Buy, 9_000, 1), TimeInForce::Gtd, expired)),
            RefusalReason::AlreadyExpired,
        ),
        // Before the old one is looked for.
        (replace(gone, post_only("e", 10_000)), RefusalReason::WouldTake),
    ] {
        let body = venue.apply("alice", command.clone());
        assert_eq!(became(&body), Became::Refused(reason), "{command:?}");
        assert_eq!(venue.exchange.books().image().orders, before);
        venue.exchange.check_invariants().expect("all holds");
    }
    let late = venue.now - 1;
    let body = venue.apply_until("alice", replace(old, post_only("f", 9_500)), late);
    assert_eq!(became(&body), Became::Refused(RefusalReason::Late));
    venue.behaviour = 3;
    let body = venue.apply("alice", replace(old, post_only("f", 9_500)));
    assert_eq!(became(&body), Became::Refused(RefusalReason::NotInForce));
    venue.behaviour = 4;
    let body = venue.apply("alice", replace(old, post_only("f", 9_500)));
    assert_eq!(became(&body), Became::Applied, "its key was free");
}

#[test]
fn a_post_only_order_may_cross_the_one_that_goes_and_no_other() {
    for (others, expected) in [
        (vec![], Became::Applied),
        (vec![10_001], Became::Applied),
        (vec![10_000], Became::Refused(RefusalReason::WouldTake)),
        (vec![9_999], Became::Refused(RefusalReason::WouldTake)),
    ] {
        let mut venue = Venue::new(true);
        venue.apply("alice", limit("a", Side::Sell, 9_998, 100_000));
        let old = venue.last_order();
        for ticks in &others {
            venue.apply("maker", limit(&ticks.to_string(), Side::Sell, *ticks, 100_000));
        }
        let said = Instructions { post_only: true, ..Instructions::default() };
        let order = saying(limit("b", Side::Buy, 10_000, 100_000), TimeInForce::Gtc, said);
        let body = venue.apply("alice", replace(old, order));
        assert_eq!(became(&body), expected, "beside {others:?}");
        venue.exchange.check_invariants().expect("all holds");
    }
}

#[test]
fn the_new_order_takes_like_any_and_does_not_meet_the_old_one() {
    let mut venue = Venue::new(true);
    venue.apply("maker", limit("a", Side::Sell, 10_000, 100_000));
    venue.apply("alice", limit("a", Side::Sell, 9_990, 100_000));
    let key = KeyText::new("a").expect("a good key");
    let own = OrderName::Own { instrument: BTC_USD, key };
    let order = market("b", Side::Buy, 100_000);
    let body = venue.apply("alice", replace_as(own, ReplaceMode::StopOnFailure, order));
    assert_eq!(became(&body), Became::Applied);
    let (replaced, ends) = told(&body);
    assert!(replaced > Some(0));
    assert_eq!(ends, [EndReason::Cancelled, EndReason::Filled, EndReason::Filled]);
    assert_eq!(venue.balance("alice", USD), (900 * COIN, 0));
    assert_eq!(venue.balance("alice", BTC), (11 * COIN, 0));
    let depths: Vec<u64> = body
        .events
        .iter()
        .filter_map(|event| match event.kind.as_ref() {
            Some(Kind::BookChanged(change)) => Some(change.sequence),
            _ => None,
        })
        .collect();
    assert_eq!(depths, [3, 4], "each of the two is a change of its own");
    venue.exchange.check_invariants().expect("all holds");
}

/// Another order may share what it holds, so that nothing of it pays for the new one beforehand.
#[test]
fn an_order_of_a_list_frees_nothing_for_the_new_one() {
    let mut venue = Venue::new(true);
    venue.apply("alice", lists::pair("p", 800_000));
    let list = venue.last_order();
    let one = list.with_leg(1).expect("two");
    for (id, key) in [(list, "all"), (one, "one")] {
        let body = venue.apply("alice", replace(id, limit(key, Side::Sell, 12_000, 300_000)));
        assert_eq!(became(&body), Became::Refused(RefusalReason::InsufficientFunds), "{key}");
    }
    let body = venue.apply("alice", replace(one, limit("b", Side::Sell, 12_000, 200_000)));
    let ends = vec![EndReason::Cancelled, EndReason::Cancelled];
    assert_eq!((became(&body), told(&body)), (Became::Applied, (Some(one.number()), ends)));
    assert_eq!(venue.balance("alice", BTC), (8 * COIN, 2 * COIN));
    venue.exchange.check_invariants().expect("all holds");
}
