//! Orders that sleep: what they hold, how they wake, and that nothing of a hold stays.

use matcher::{Exchange, limits::WOKEN_MAX};
use model::{
    Instructions, Price, SelfTradePrevention, Side, TimeInForce, Timestamp, Trigger, TriggerKind,
};
use proto::{
    command::Command,
    draft::Draft,
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
};
use spine::Core;

use crate::venue::{BTC, Became, USD, Venue, became, limit, market, saying};

const COIN: i128 = 100_000_000;

/// The same order, asleep until a trade is at so many ticks or beyond.
fn asleep(command: Command, kind: TriggerKind, ticks: u64) -> Command {
    let price = Price::from_ticks(ticks).expect("in range");
    let trigger = Some(Trigger { kind, price });
    let time_in_force = match &command {
        Command::Place(place) => place.time_in_force,
        _ => TimeInForce::Gtc,
    };
    saying(command, time_in_force, Instructions { trigger, ..Instructions::default() })
}

fn stop(command: Command, ticks: u64) -> Command {
    asleep(command, TriggerKind::StopLoss, ticks)
}

/// What happened, in short.
fn told(body: &AnswerBody) -> Vec<String> {
    let told = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::OrderTriggered(woken) => Some(format!("{} wakes", woken.order_id)),
        Kind::Trade(trade) => {
            Some(format!("{} takes {}", trade.taker_order_id, trade.maker_order_id))
        }
        Kind::OrderEnded(end) if end.reason() == EndReason::Filled => None,
        Kind::OrderEnded(end) => Some(format!("{} ends, {:?}", end.order_id, end.reason())),
        _ => None,
    });
    told.collect()
}

/// A trade of a hundredth BTC at so many ticks.
fn trade_at(venue: &mut Venue, key: &str, ticks: u64) -> AnswerBody {
    venue.apply("maker", limit(key, Side::Sell, ticks, 1_000));
    venue.apply("taker", limit(key, Side::Buy, ticks, 1_000))
}

/// 100 ticks are one USD and 100,000 lots one BTC; the price protection is 5 %.
#[test]
fn each_holds_its_worst_case_from_the_start_and_nothing_once_it_is_cancelled() {
    let table = [
        // The order, and what it holds of USD and BTC in hundredths of coins.
        (stop(limit("1", Side::Buy, 12_000, 100_000), 11_000), 12_000, 0),
        (stop(limit("1", Side::Sell, 8_000, 100_000), 9_000), 0, 100),
        (stop(market("1", Side::Buy, 100_000), 10_000), 10_500, 0),
        (stop(market("1", Side::Sell, 100_000), 9_000), 0, 100),
        (asleep(market("1", Side::Buy, 100_000), TriggerKind::TakeProfit, 8_000), 8_400, 0),
    ];
    for (order, usd, btc) in table {
        for by_all in [false, true] {
            let mut venue = Venue::new(true);
            let body = venue.apply("alice", order.clone());
            assert_eq!(became(&body), Became::Applied, "{order:?}");
            let hundredth = COIN / 100;
            assert_eq!(venue.balance("alice", USD).1, usd * hundredth, "{order:?}");
            assert_eq!(venue.balance("alice", BTC).1, btc * hundredth, "{order:?}");
            venue.exchange.check_invariants().expect("all holds");
            let bytes = venue.exchange.encode();
            venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
            assert_eq!(venue.exchange.encode(), bytes);
            let order_id = venue.last_order();
            let by_bob = venue.apply("bob", Command::Cancel { order_id });
            assert_eq!(became(&by_bob), Became::Refused(RefusalReason::UnknownOrder));
            let cancel = match by_all {
                true => Command::CancelAll { instrument: None },
                false => Command::Cancel { order_id },
            };
            let body = venue.apply("alice", cancel);
            assert_eq!(told(&body), [format!("{order_id} ends, Cancelled")]);
            assert_eq!(venue.exchange.accounts().count(), 0, "nothing stays held");
        }
    }
}

#[test]
fn what_the_funds_do_not_reach_and_what_would_wake_at_once_is_refused() {
    let mut venue = Venue::new(true);
    let dear = stop(market("1", Side::Buy, 1_000_000), 10_000);
    let body = venue.apply("alice", dear);
    assert_eq!(became(&body), Became::Refused(RefusalReason::InsufficientFunds));
    trade_at(&mut venue, "1", 10_000);
    let before = (venue.exchange.books().image(), venue.exchange.accounts().image());
    for order in [
        stop(limit("2", Side::Buy, 9_000, 1_000), 10_000),
        stop(limit("3", Side::Sell, 9_000, 1_000), 10_000),
        asleep(limit("4", Side::Buy, 9_000, 1_000), TriggerKind::TakeProfit, 10_001),
    ] {
        let body = venue.apply("alice", order);
        assert_eq!(became(&body), Became::Refused(RefusalReason::WouldTrigger));
    }
    assert_eq!(before, (venue.exchange.books().image(), venue.exchange.accounts().image()));
}

#[test]
fn a_trade_wakes_in_the_same_answer_and_each_after_the_one_before() {
    let mut venue = Venue::new(true);
    for (key, ticks) in [("1", 10_000), ("2", 10_100), ("3", 10_200)] {
        venue.apply("maker", limit(key, Side::Sell, ticks, 1_000));
    }
    venue.apply("anna", stop(market("1", Side::Buy, 1_000), 10_000));
    let anna = venue.last_order();
    venue.apply("bert", stop(limit("1", Side::Buy, 10_300, 1_000), 10_100));
    let bert = venue.last_order();
    venue.apply("dora", stop(limit("1", Side::Buy, 9_000, 1_000), 10_200));
    let dora = venue.last_order();
    let body = venue.apply("carl", limit("1", Side::Buy, 10_000, 1_000));
    let carl = venue.last_order();
    let offers = [1, 2, 3].map(|number| number + carl.number() - 7);
    assert_eq!(
        told(&body),
        [
            format!("{carl} takes {}", offers[0]),
            format!("{anna} wakes"),
            format!("{anna} takes {}", offers[1]),
            format!("{bert} wakes"),
            format!("{bert} takes {}", offers[2]),
            format!("{dora} wakes"),
        ]
    );
    venue.exchange.check_invariants().expect("all holds");
    for name in ["anna", "bert"] {
        assert_eq!(venue.balance(name, USD).1, 0, "{name} holds nothing any more");
        assert_eq!(venue.balance(name, BTC).0, 1_001 * COIN / 100, "{name}");
    }
    assert_eq!(venue.balance("dora", USD).1, 90 * COIN / 100, "she rests");
    assert!(!venue.exchange.has_more_to_expire());
}

#[test]
fn a_woken_market_order_never_gives_more_than_it_held() {
    let mut venue = Venue::new(true);
    // It holds 1 BTC at 105 USD; the price jumps over that.
    venue.apply("anna", stop(market("1", Side::Buy, 100_000), 10_000));
    let anna = venue.last_order();
    venue.apply("maker", limit("1", Side::Sell, 11_000, 300_000));
    let body = venue.apply("carl", limit("1", Side::Buy, 11_000, 1_000));
    assert_eq!(told(&body).last(), Some(&format!("{anna} ends, InsufficientFunds")));
    let (usd, held) = venue.balance("anna", USD);
    assert_eq!(held, 0);
    assert!(usd >= 895 * COIN, "{usd}");
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn what_does_not_fit_an_answer_goes_on_with_the_next_ticks_and_can_be_cancelled() {
    let mut venue = Venue::new(true);
    for number in 0..WOKEN_MAX + 3 {
        let order = limit(&number.to_string(), Side::Buy, 9_000, 10);
        venue.apply("anna", stop(order, 10_000));
    }
    let last = venue.last_order();
    let body = trade_at(&mut venue, "1", 10_000);
    let wakes = |body: &AnswerBody| told(body).iter().filter(|one| one.ends_with("wakes")).count();
    assert_eq!(wakes(&body), WOKEN_MAX);
    assert!(venue.exchange.has_more_to_expire(), "so that a tick comes at once");
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    let body = venue.apply("anna", Command::Cancel { order_id: last });
    assert_eq!(told(&body), [format!("{last} ends, Cancelled")]);
    let mut body = Draft::default();
    venue.exchange.go_on(Timestamp::from_unix_nanos(venue.now), &mut body);
    assert_eq!(wakes(&body.body()), 2);
    assert!(!venue.exchange.has_more_to_expire());
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn before_the_log_is_upgraded_nothing_sleeps() {
    let mut venue = Venue::new(true);
    venue.behaviour = 2;
    let order = || stop(limit("1", Side::Buy, 9_000, 10), 10_000);
    let refused = Became::Refused(RefusalReason::NotInForce);
    assert_eq!(became(&venue.apply("alice", order())), refused);
    venue.behaviour = 3;
    assert_eq!(became(&venue.apply("alice", order())), Became::Applied);
}

#[test]
fn prevention_counts_when_it_wakes() {
    let mut venue = Venue::new(true);
    let sell = Instructions {
        self_trade: SelfTradePrevention::ExpireTaker,
        trigger: Some(Trigger {
            kind: TriggerKind::StopLoss,
            price: Price::from_ticks(10_000).expect("in range"),
        }),
        ..Instructions::default()
    };
    venue.apply("anna", limit("1", Side::Sell, 10_100, 1_000));
    let order = limit("2", Side::Buy, 10_100, 1_000);
    venue.apply("anna", saying(order, TimeInForce::Gtc, sell));
    let anna = venue.last_order();
    let body = trade_at(&mut venue, "1", 10_000);
    assert_eq!(told(&body).last(), Some(&format!("{anna} ends, SelfTradePrevented")));
    assert_eq!(venue.balance("anna", USD), (1_000 * COIN, 0));
    venue.exchange.check_invariants().expect("all holds");
}
