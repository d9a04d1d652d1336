//! Orders that trail the price: what they hold, that a snapshot keeps how far they have come, and
//! that nothing of a hold stays.

use matcher::Exchange;
use model::{Instructions, Price, Side, TimeInForce, Trailing, Trigger, TriggerKind};
use proto::{
    command::Command,
    log::{AnswerBody, RefusalReason, event::Kind},
};
use spine::Core;

use crate::venue::{BTC, Became, USD, Venue, became, limit, market, saying};

const COIN: i128 = 100_000_000;

/// The same order, trailing by so many basis points from a trade at so many ticks or beyond, or
/// from the next one on.
fn trailing(command: Command, delta_bps: u32, from_ticks: Option<u64>) -> Command {
    let kind = TriggerKind::StopLoss;
    let trigger = from_ticks.and_then(|ticks| Price::from_ticks(ticks).ok());
    let time_in_force = match &command {
        Command::Place(place) => place.time_in_force,
        _ => TimeInForce::Gtc,
    };
    let said = Instructions {
        trigger: trigger.map(|price| Trigger { kind, price }),
        trailing: Trailing::new(kind, delta_bps),
        ..Instructions::default()
    };
    saying(command, time_in_force, said)
}

/// A trade of a hundredth BTC at so many ticks.
fn trade_at(venue: &mut Venue, ticks: u64) -> AnswerBody {
    let key = format!("{}", venue.next_offset);
    venue.apply("maker", limit(&key, Side::Sell, ticks, 1_000));
    venue.apply("taker", limit(&key, Side::Buy, ticks, 1_000))
}

/// The orders that an answer woke.
fn woken(body: &AnswerBody) -> Vec<u64> {
    let woken = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::OrderTriggered(woken) => Some(woken.order_id),
        _ => None,
    });
    woken.collect()
}

fn restore(venue: &mut Venue) {
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
}

/// 100 ticks are one USD and 100,000 lots one BTC; the price protection is 5 %.
#[test]
fn each_holds_its_worst_case_from_the_start_and_nothing_once_it_is_cancelled() {
    let buy = || market("1", Side::Buy, 100_000);
    let table = [
        // The order, and what it holds of USD and BTC in hundredths of coins.
        (trailing(limit("1", Side::Buy, 12_000, 100_000), 500, None), 12_000, 0),
        (trailing(limit("1", Side::Sell, 8_000, 100_000), 500, Some(9_000)), 0, 100),
        (trailing(market("1", Side::Sell, 100_000), 9_999, None), 0, 100),
        // A tenth above the last trade or the price from which on it trails, and 5 % on top.
        (trailing(buy(), 1_000, None), 11_550, 0),
        (trailing(buy(), 1_000, Some(12_000)), 13_860, 0),
    ];
    for (order, usd, btc) in table {
        for by_all in [false, true] {
            let mut venue = Venue::new(true);
            trade_at(&mut venue, 10_000);
            let body = venue.apply("alice", order.clone());
            assert_eq!(became(&body), Became::Applied, "{order:?}");
            let order_id = venue.last_order();
            let hundredth = COIN / 100;
            assert_eq!(venue.balance("alice", USD).1, usd * hundredth, "{order:?}");
            assert_eq!(venue.balance("alice", BTC).1, btc * hundredth, "{order:?}");
            restore(&mut venue);
            trade_at(&mut venue, 10_001);
            venue.exchange.check_invariants().expect("all holds");
            let cancel = match by_all {
                true => Command::CancelAll { instrument: None },
                false => Command::Cancel { order_id },
            };
            assert_eq!(became(&venue.apply("alice", cancel)), Became::Applied);
            assert_eq!(venue.exchange.accounts().count(), 2, "alice is at her grant and gone");
            venue.exchange.check_invariants().expect("all holds");
        }
    }
}

#[test]
fn without_a_trade_a_market_buy_has_nothing_to_hold_by() {
    let mut venue = Venue::new(true);
    let buy = |key| trailing(market(key, Side::Buy, 1_000), 500, None);
    let refused = Became::Refused(RefusalReason::NoReferencePrice);
    assert_eq!(became(&venue.apply("alice", buy("1"))), refused);
    assert_eq!(venue.exchange.accounts().count(), 0);
    let from = trailing(market("2", Side::Buy, 1_000), 500, Some(10_000));
    assert_eq!(became(&venue.apply("alice", from)), Became::Applied);
    let sell = trailing(market("3", Side::Sell, 1_000), 500, None);
    assert_eq!(became(&venue.apply("alice", sell)), Became::Applied);
    trade_at(&mut venue, 9_000);
    assert_eq!(became(&venue.apply("alice", buy("4"))), Became::Applied);
}

#[test]
fn a_snapshot_keeps_how_far_each_has_come() {
    let mut venue = Venue::new(true);
    venue.apply("alice", trailing(market("1", Side::Sell, 1_000), 1_000, None));
    let alice = venue.last_order().number();
    venue.apply("bert", trailing(limit("1", Side::Sell, 9_000, 1_000), 1_000, Some(9_500)));
    let bert = venue.last_order().number();
    trade_at(&mut venue, 10_000);
    restore(&mut venue);
    trade_at(&mut venue, 11_000);
    restore(&mut venue);
    // A tenth below 11,000 wakes her; his begins at 9,400, and a tenth below that wakes him.
    assert!(woken(&trade_at(&mut venue, 9_901)).is_empty());
    venue.apply("maker", limit("bid", Side::Buy, 9_000, 1_000));
    assert_eq!(woken(&trade_at(&mut venue, 9_400)), [alice]);
    restore(&mut venue);
    venue.exchange.check_invariants().expect("all holds");
    assert_eq!(venue.balance("alice", BTC), (999 * COIN / 100, 0), "hers is sold");
    assert!(woken(&trade_at(&mut venue, 8_461)).is_empty());
    restore(&mut venue);
    assert_eq!(woken(&trade_at(&mut venue, 8_460)), [bert]);
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn if_the_price_runs_off_it_buys_what_its_hold_pays_for() {
    let mut venue = Venue::new(true);
    trade_at(&mut venue, 10_000);
    // It holds 1 BTC at 100 USD, a tenth on top and 5 % on that: 115.50 USD.
    venue.apply("anna", trailing(market("1", Side::Buy, 100_000), 1_000, None));
    let anna = venue.last_order().number();
    trade_at(&mut venue, 20_000);
    venue.apply("maker", limit("offer", Side::Sell, 22_000, 300_000));
    let body = venue.apply("taker", limit("last", Side::Buy, 22_000, 1_000));
    assert_eq!(woken(&body), [anna]);
    // 52,500 lots at 220 USD a BTC.
    assert_eq!(venue.balance("anna", BTC), (10 * COIN + 52_500 * 1_000, 0));
    assert_eq!(venue.balance("anna", USD).1, 0);
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn before_the_log_is_upgraded_nothing_trails() {
    let mut venue = Venue::new(true);
    venue.behaviour = 3;
    let order = || trailing(limit("1", Side::Buy, 9_000, 10), 500, None);
    let refused = Became::Refused(RefusalReason::NotInForce);
    assert_eq!(became(&venue.apply("alice", order())), refused);
    venue.behaviour = 4;
    assert_eq!(became(&venue.apply("alice", order())), Became::Applied);
}
