//! What orders may say beyond side, size, price: that money follows to the unit, and that nothing
//! of it counts before the log is upgraded to it.

use matcher::{Exchange, limits::ORDER_EXPIRIES_MAX};
use model::{Instructions, SelfTradePrevention, Side, TimeInForce, Timestamp};
use proto::{
    command::Command,
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
};
use spine::Core;

use crate::venue::{BTC, Became, SECOND, USD, Venue, became, limit, market, saying};

const COIN: i128 = 100_000_000;
const DAY: u64 = 86_400 * SECOND;

fn preventing(command: Command, self_trade: SelfTradePrevention) -> Command {
    let instructions = Instructions { self_trade, ..Instructions::default() };
    match &command {
        Command::Place(place) => {
            let time_in_force = place.time_in_force;
            saying(command, time_in_force, instructions)
        }
        _ => command,
    }
}

fn until(command: Command, nanos: u64) -> Command {
    let expires_at = Some(Timestamp::from_unix_nanos(nanos));
    saying(command, TimeInForce::Gtd, Instructions { expires_at, ..Instructions::default() })
}

fn post_only(command: Command) -> Command {
    saying(command, TimeInForce::Gtc, Instructions { post_only: true, ..Instructions::default() })
}

fn ends(body: &AnswerBody) -> Vec<(EndReason, u64)> {
    let ends = body.events.iter().filter_map(|event| match event.kind.as_ref() {
        Some(Kind::OrderEnded(end)) => Some((end.reason(), end.remaining_lots)),
        _ => None,
    });
    ends.collect()
}

/// 100 ticks are one USD and 100,000 lots one BTC. Alice offers 3 BTC at 100 USD and bids for 5 at
/// 120; what either order holds afterwards, in whole coins.
#[test]
fn each_mode_leaves_just_what_is_open_held() {
    use SelfTradePrevention::*;
    let table = [
        // Mode, USD held, BTC held, and the ends.
        (None, 240, 0, vec![(EndReason::Filled, 0)]),
        (ExpireTaker, 0, 3, vec![(EndReason::SelfTradePrevented, 0)]),
        (ExpireMaker, 600, 0, vec![(EndReason::SelfTradePrevented, 0)]),
        (ExpireBoth, 0, 0, vec![(EndReason::SelfTradePrevented, 0); 2]),
        (Decrement, 240, 0, vec![(EndReason::SelfTradePrevented, 0)]),
    ];
    for (mode, usd, btc, expected) in table {
        let mut venue = Venue::new(true);
        venue.apply("alice", limit("1", Side::Sell, 10_000, 300_000));
        let bid = preventing(limit("2", Side::Buy, 12_000, 500_000), mode);
        let body = venue.apply("alice", bid);
        assert_eq!(became(&body), Became::Applied, "{mode:?}");
        assert_eq!(ends(&body), expected, "{mode:?}");
        venue.exchange.check_invariants().expect("all holds");
        let [(usd_free, usd_held), (btc_free, btc_held)] =
            [USD, BTC].map(|asset| venue.balance("alice", asset));
        if venue.exchange.accounts().count() > 0 {
            assert_eq!((usd_held, btc_held), (usd * COIN, btc * COIN), "{mode:?}");
            assert_eq!((usd_free + usd_held, btc_free + btc_held), (1_000 * COIN, 10 * COIN));
        } else {
            assert_eq!((usd, btc), (0, 0), "{mode:?}: back at the grant and gone");
        }
        venue.apply("alice", Command::CancelAll { instrument: Option::None });
        assert_eq!(venue.exchange.accounts().count(), 0, "{mode:?}: nothing stays held");
    }
}

#[test]
fn a_market_orders_whole_budget_goes_back_where_prevention_ends_it() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("1", Side::Sell, 10_000, 300_000));
    let bid = preventing(market("2", Side::Buy, 500_000), SelfTradePrevention::ExpireTaker);
    let body = venue.apply("alice", bid);
    assert_eq!(ends(&body), [(EndReason::SelfTradePrevented, 0)]);
    assert_eq!(venue.balance("alice", USD), (1_000 * COIN, 0));
    assert_eq!(venue.balance("alice", BTC), (7 * COIN, 3 * COIN));
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_prevented_trade_is_told_with_both_sides_of_it() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("1", Side::Sell, 10_000, 300_000));
    venue.apply("bob", limit("1", Side::Buy, 10_000, 100_000));
    let bid = limit("2", Side::Buy, 10_000, 50_000);
    let body = venue.apply("alice", preventing(bid, SelfTradePrevention::Decrement));
    let met = body.events.iter().find_map(|event| match event.kind.as_ref() {
        Some(Kind::TradePrevented(met)) => Some(met),
        _ => None,
    });
    let met = met.expect("one was prevented");
    assert_eq!((met.number, met.price_ticks), (1, 10_000));
    assert_eq!((met.maker_prevented_lots, met.maker_prevented_total_lots), (50_000, 50_000));
    assert_eq!((met.maker_remaining_lots, met.maker_traded_lots), (150_000, 100_000));
    assert_eq!((met.taker_prevented_lots, met.taker_prevented_total_lots), (50_000, 50_000));
    assert_eq!((met.taker_remaining_lots, met.taker_traded_lots), (0, 0));
}

#[test]
fn a_fill_or_kill_order_holds_nothing_where_it_cannot_be_filled() {
    let mut venue = Venue::new(true);
    venue.apply("maker", limit("1", Side::Sell, 10_000, 100_000));
    let fok = |key, lots| {
        saying(limit(key, Side::Buy, 10_000, lots), TimeInForce::Fok, Instructions::default())
    };
    let body = venue.apply("taker", fok("1", 100_001));
    assert_eq!(ends(&body), [(EndReason::FillOrKill, 100_001)]);
    assert_eq!(venue.exchange.accounts().count(), 1, "the taker is at the grant and gone");
    let body = venue.apply("taker", fok("2", 100_000));
    assert_eq!(ends(&body), [(EndReason::Filled, 0); 2]);
    assert_eq!(venue.balance("taker", USD), (900 * COIN, 0));
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_post_only_order_that_would_take_changes_nothing_and_uses_its_key_up() {
    let mut venue = Venue::new(true);
    venue.apply("maker", limit("1", Side::Sell, 10_000, 100_000));
    let before = (venue.exchange.books().image(), venue.exchange.accounts().image());
    let would_take = || post_only(limit("1", Side::Buy, 10_000, 1_000));
    let body = venue.apply("taker", would_take());
    assert_eq!(became(&body), Became::Refused(RefusalReason::WouldTake));
    assert_eq!(before, (venue.exchange.books().image(), venue.exchange.accounts().image()));
    let first = venue.last_order().number();
    assert_eq!(became(&venue.apply("taker", would_take())), Became::Duplicate(first));
    let rests = post_only(limit("2", Side::Buy, 9_999, 1_000));
    assert_eq!(became(&venue.apply("taker", rests)), Became::Applied);
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn what_is_over_ends_before_the_next_record_does_anything() {
    let mut venue = Venue::new(true);
    let deadline = venue.now + 5 * SECOND;
    venue.apply("maker", until(limit("1", Side::Sell, 10_000, 100_000), deadline));
    venue.now = deadline - 1;
    let body = venue.apply("taker", limit("1", Side::Buy, 10_000, 40_000));
    assert_eq!(ends(&body), [(EndReason::Filled, 0)], "before its instant it trades");
    venue.now = deadline;
    let body = venue.apply("taker", limit("2", Side::Buy, 10_000, 40_000));
    assert_eq!(ends(&body), [(EndReason::Expired, 60_000)]);
    assert!(matches!(body.events[0].kind, Some(Kind::OrderEnded(_))), "it comes first");
    assert_eq!(venue.balance("maker", BTC), (960 * COIN / 100, 0));
    venue.exchange.check_invariants().expect("all holds");
    let late = until(limit("3", Side::Buy, 9_000, 1_000), deadline);
    let refused = Became::Refused(RefusalReason::AlreadyExpired);
    assert_eq!(became(&venue.apply("taker", late)), refused);
}

#[test]
fn an_order_for_the_day_ends_with_it_and_says_when() {
    let mut venue = Venue::new(true);
    venue.now = 20_000 * DAY + 86_399 * SECOND;
    let day = limit("1", Side::Buy, 10_000, 1_000);
    let body = venue.apply("alice", saying(day, TimeInForce::Day, Instructions::default()));
    let Some(Kind::OrderPlaced(placed)) = &body.events[0].kind else { panic!("it is placed") };
    assert_eq!(placed.expires_at_unix_nanos, 20_001 * DAY);
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    venue.now = 20_001 * DAY;
    let body = venue.apply("bob", Command::CancelAll { instrument: None });
    assert_eq!(ends(&body), [(EndReason::Expired, 1_000)]);
    assert_eq!(venue.exchange.accounts().count(), 0, "alice is at her grant and gone");
}

#[test]
fn where_more_is_over_than_one_answer_ends_the_rest_does_not_trade() {
    let mut venue = Venue::new(true);
    let deadline = venue.now + SECOND;
    for number in 0..ORDER_EXPIRIES_MAX + 3 {
        venue.apply("maker", until(limit(&number.to_string(), Side::Sell, 10_000, 10), deadline));
    }
    venue.now = deadline;
    let body = venue.apply("taker", limit("1", Side::Buy, 10_000, 10));
    assert_eq!(ends(&body), vec![(EndReason::Expired, 10); ORDER_EXPIRIES_MAX + 3]);
    assert!(!venue.exchange.has_more_to_expire(), "the taker met the last three");
    venue.exchange.check_invariants().expect("all holds");

    for number in 0..ORDER_EXPIRIES_MAX + 3 {
        let sell = limit(&format!("x{number}"), Side::Sell, 10_001, 10);
        venue.apply("maker", until(sell, deadline + 1));
    }
    venue.now = deadline + 1;
    venue.apply("bob", Command::CancelAll { instrument: None });
    assert!(venue.exchange.has_more_to_expire(), "three are left, so a tick comes at once");
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert!(venue.exchange.has_more_to_expire());
    let body = venue.apply("bob", Command::CancelAll { instrument: None });
    assert_eq!(ends(&body), [(EndReason::Expired, 10); 3]);
    assert!(!venue.exchange.has_more_to_expire());
}

#[test]
fn before_the_log_is_upgraded_such_orders_change_nothing_and_plain_ones_go_on() {
    let mut venue = Venue::new(true);
    venue.behaviour = 1;
    let plain = || limit("1", Side::Buy, 10_000, 1_000);
    let refused = Became::Refused(RefusalReason::NotInForce);
    for command in [
        post_only(plain()),
        preventing(plain(), SelfTradePrevention::Decrement),
        until(plain(), venue.now + SECOND),
        saying(plain(), TimeInForce::Fok, Instructions::default()),
        saying(plain(), TimeInForce::Day, Instructions::default()),
    ] {
        let body = venue.apply("alice", command);
        assert_eq!(became(&body), refused);
        assert!(body.postings.is_empty());
    }
    assert_eq!(became(&venue.apply("alice", plain())), Became::Applied, "the key was free");
    venue.behaviour = 2;
    let again = post_only(limit("2", Side::Buy, 10_000, 1_000));
    assert_eq!(became(&venue.apply("alice", again)), Became::Applied);
}

fn group(group: u64) -> Command {
    Command::SetTradeGroup { group: Some(group).filter(|group| *group > 0) }
}

#[test]
fn accounts_of_one_group_are_one_to_prevention_also_after_they_were_gone() {
    let mut venue = Venue::new(true);
    assert_eq!(became(&venue.apply("alice", group(7))), Became::Applied);
    assert_eq!(venue.exchange.accounts().count(), 0, "nobody is opened by it");
    venue.apply("bob", group(7));
    venue.apply("carl", group(8));
    for restored in [false, true] {
        if restored {
            let bytes = venue.exchange.encode();
            venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
            assert_eq!(venue.exchange.encode(), bytes);
        }
        let key = format!("{restored}");
        venue.apply("alice", limit(&key, Side::Sell, 10_000, 1_000));
        let bid =
            || preventing(limit(&key, Side::Buy, 10_000, 1_000), SelfTradePrevention::ExpireBoth);
        let body = venue.apply("bob", bid());
        assert_eq!(ends(&body), [(EndReason::SelfTradePrevented, 0); 2]);
        venue.exchange.check_invariants().expect("all holds");
        assert_eq!(venue.exchange.accounts().count(), 0, "both are at their grant and gone");
        let offer = venue.apply("alice", limit(&format!("{key}2"), Side::Sell, 10_000, 1_000));
        assert_eq!(became(&offer), Became::Applied);
        let body = venue.apply("carl", bid());
        assert_eq!(ends(&body), [(EndReason::Filled, 0); 2], "another group is another's");
        venue.exchange.check_invariants().expect("all holds");
        venue.apply("carl", limit(&format!("{key}3"), Side::Sell, 10_000, 1_000));
        venue.apply("alice", limit(&format!("{key}3"), Side::Buy, 10_000, 1_000));
        assert_eq!(venue.exchange.accounts().count(), 0, "and back");
    }
    venue.apply("bob", group(0));
    venue.apply("alice", limit("last", Side::Sell, 10_000, 1_000));
    let bid = preventing(limit("last", Side::Buy, 10_000, 1_000), SelfTradePrevention::ExpireBoth);
    assert_eq!(ends(&venue.apply("bob", bid)), [(EndReason::Filled, 0); 2]);
    venue.behaviour = 3;
    let refused = Became::Refused(RefusalReason::NotInForce);
    assert_eq!(became(&venue.apply("alice", group(9))), refused);
}
