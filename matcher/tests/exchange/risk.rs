//! What one account may risk: each limit by itself, and all of them under random flows.

use matcher::Exchange;
use model::{
    AccountName, Amount, AssetId, AssetLimit, Instructions, OrderRate, Price, Quantity, RiskLimits,
    Side, TimeInForce, Trigger, TriggerKind,
};
use proto::{
    command::{Ask, Command, OperatorWord},
    log::RefusalReason,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::{
    flows::{account, command},
    lists::pair,
    venue::{BTC, Became, SECOND, USD, Venue, became, limit, market, place, saying},
};

const COIN: i128 = 100_000_000;

fn set(account: &str, limits: RiskLimits) -> OperatorWord {
    OperatorWord::SetRiskLimits { account: AccountName::new(account).expect("good"), limits }
}

fn of_asset(asset: u32, notional: i128, position: i128) -> RiskLimits {
    let limit = AssetLimit {
        asset: AssetId(asset),
        max_order_notional: Amount::from_units(notional),
        max_position: Amount::from_units(position),
    };
    RiskLimits { assets: vec![limit], ..RiskLimits::default() }
}

/// A sandbox in which alice may risk so much. 100 ticks are one USD and 100,000 lots one BTC.
fn limited(limits: RiskLimits) -> Venue {
    let mut venue = Venue::new(true);
    assert_eq!(became(&venue.operate(set("alice", limits))), Became::Applied);
    venue
}

fn refused(reason: RefusalReason) -> Became {
    Became::Refused(reason)
}

#[test]
fn an_order_is_worth_no_more_than_the_account_may_risk_at_once() {
    let mut venue = limited(of_asset(USD, 50 * COIN, 0));
    let too_much = refused(RefusalReason::MaxOrderNotional);
    let over = venue.apply("alice", limit("a", Side::Buy, 10_000, 50_001));
    assert_eq!(became(&over), too_much);
    assert!(over.postings.is_empty());
    let just = venue.apply("alice", limit("a", Side::Buy, 10_000, 50_000));
    assert_eq!(became(&just), Became::Applied, "the key was free");
    assert_eq!(
        became(&venue.apply("bob", limit("a", Side::Sell, 10_000, 90_000))),
        Became::Applied
    );
    // The last trade was at 100 USD.
    assert_eq!(became(&venue.apply("alice", market("b", Side::Buy, 50_001))), too_much);
    let amount = |units| Ask::MarketByQuote { amount: Amount::from_units(units) };
    let by_quote = |key, units| place(key, Side::Buy, amount(units), TimeInForce::Ioc);
    assert_eq!(became(&venue.apply("alice", by_quote("c", 50 * COIN + 1))), too_much);
    assert_eq!(became(&venue.apply("alice", by_quote("d", 50 * COIN))), Became::Applied);
    assert_eq!(became(&venue.apply("alice", pair("e", 60_000))), too_much, "each of a list");
    let none = venue.operate(set("alice", RiskLimits::default()));
    assert_eq!(became(&none), Became::Applied);
    assert_eq!(became(&venue.operate(set("alice", RiskLimits::default()))), Became::Duplicate(0));
    assert_eq!(became(&venue.apply("alice", pair("e", 60_000))), Became::Applied);
}

#[test]
fn a_position_counts_what_is_there_and_what_open_buys_would_bring() {
    // She has ten from the start.
    let mut venue = limited(of_asset(BTC, 0, 12 * COIN));
    let beyond = refused(RefusalReason::MaxPosition);
    let first = venue.apply("alice", limit("a", Side::Buy, 100, 200_001));
    assert_eq!(became(&first), beyond, "before she has an account here");
    let buy = |key, lots| limit(key, Side::Buy, 100, lots);
    assert_eq!(became(&venue.apply("alice", buy("a", 100_000))), Became::Applied);
    let resting = venue.last_order();
    let price = Price::from_ticks(300).expect("in range");
    let trigger = Some(Trigger { kind: TriggerKind::StopLoss, price });
    let said = Instructions { trigger, ..Instructions::default() };
    let asleep = saying(buy("b", 60_000), TimeInForce::Gtc, said);
    assert_eq!(became(&venue.apply("alice", asleep)), Became::Applied);
    assert_eq!(became(&venue.apply("alice", buy("c", 40_001))), beyond, "11.6 and 0.40001");
    assert_eq!(became(&venue.apply("alice", buy("c", 40_000))), Became::Applied);
    // What she sells is hers until it is sold; what she cancels comes no more.
    assert_eq!(
        became(&venue.apply("alice", limit("d", Side::Sell, 900, 500_000))),
        Became::Applied
    );
    assert_eq!(became(&venue.apply("alice", buy("e", 1))), beyond);
    venue.apply("alice", Command::Cancel { order_id: resting });
    assert_eq!(became(&venue.apply("alice", buy("e", 100_000))), Became::Applied);
    // A trade makes of an open buy what is there: nothing changes.
    venue.apply("bob", limit("a", Side::Sell, 100, 50_000));
    assert_eq!(became(&venue.apply("alice", buy("f", 1))), beyond);
    let quantity = Quantity::from_lots(1).expect("in range");
    let market = place("g", Side::Buy, Ask::Market { quantity }, TimeInForce::Ioc);
    assert_eq!(became(&venue.apply("alice", market)), beyond);
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_bucket_holds_so_many_orders_and_fills_with_the_logs_time() {
    let rate = Some(OrderRate { per_second: 2, burst: 3 });
    let mut venue = limited(RiskLimits { rate, ..RiskLimits::default() });
    let order = |key: u64| limit(&key.to_string(), Side::Buy, 100, 1);
    let mut key = 0;
    let mut try_one = |venue: &mut Venue| {
        key += 1;
        became(&venue.apply("alice", order(key)))
    };
    let too_fast = refused(RefusalReason::OrderRate);
    let three = [(); 3].map(|()| try_one(&mut venue));
    assert_eq!(three, [Became::Applied; 3]);
    assert_eq!(try_one(&mut venue), too_fast);
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
    venue.now += SECOND / 2 - 1;
    assert_eq!(try_one(&mut venue), too_fast, "a restart fills no bucket");
    venue.now += 1;
    assert_eq!(try_one(&mut venue), Became::Applied, "one has come back");
    assert_eq!(try_one(&mut venue), too_fast);
    // A list takes one for each of its orders; a retry takes none.
    venue.now += SECOND / 2;
    assert_eq!(became(&venue.apply("alice", pair("two", 1_000))), too_fast);
    venue.now += SECOND / 2;
    assert_eq!(became(&venue.apply("alice", pair("two", 1_000))), Became::Applied);
    assert!(matches!(became(&venue.apply("alice", pair("two", 1_000))), Became::Duplicate(_)));
    // However long the pause, it holds no more.
    venue.now += 100 * SECOND;
    let four = [(); 4].map(|()| try_one(&mut venue));
    assert_eq!(four, [Became::Applied, Became::Applied, Became::Applied, too_fast]);
    assert_eq!(became(&venue.apply("bob", order(1))), Became::Applied);
}

#[test]
fn a_collar_and_a_count_bound_what_an_account_has_open() {
    let limits = RiskLimits { price_collar_bps: 500, max_open_orders: 2, ..RiskLimits::default() };
    let mut venue = limited(limits);
    let far = venue.apply("alice", limit("a", Side::Buy, 20_000, 1));
    assert_eq!(became(&far), Became::Applied, "nothing was traded yet");
    venue.apply("bob", limit("a", Side::Sell, 20_000, 1));
    let beyond = refused(RefusalReason::PriceCollar);
    for (key, side, ticks, expected) in [
        ("b", Side::Buy, 21_001, beyond),
        ("c", Side::Sell, 18_999, beyond),
        ("d", Side::Buy, 1_000, Became::Applied),
        ("e", Side::Sell, 40_000, Became::Applied),
    ] {
        assert_eq!(became(&venue.apply("alice", limit(key, side, ticks, 1))), expected, "{key}");
    }
    let third = venue.apply("alice", limit("f", Side::Buy, 21_000, 1));
    assert_eq!(became(&third), refused(RefusalReason::TooManyOpenOrders));
    let order_id = venue.last_order();
    assert_eq!(
        became(&venue.apply("alice", Command::Cancel { order_id })),
        refused(RefusalReason::UnknownOrder)
    );
    venue.apply("alice", Command::CancelAll { instrument: None });
    assert_eq!(became(&venue.apply("alice", limit("f", Side::Buy, 21_000, 1))), Became::Applied);
}

fn drawn(random: &mut Pcg64Mcg) -> RiskLimits {
    let mut limits = RiskLimits::default();
    match random.random_range(0..6) {
        0 => limits = of_asset(USD, random.random_range(1..100) * COIN, 0),
        1 => limits = of_asset(BTC, 0, random.random_range(9..13) * COIN),
        2 => limits.max_open_orders = random.random_range(1..5),
        3 => limits.rate = Some(OrderRate { per_second: random.random_range(1..4), burst: 2 }),
        4 => limits.price_collar_bps = random.random_range(1..100),
        _ => {}
    }
    limits
}

#[test]
fn under_limits_that_change_all_money_is_where_it_should_be_and_a_copy_says_the_same() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..10 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let (mut venue, mut twin) = (Venue::new(true), Venue::new(true));
        for number in 0..1_500 {
            venue.now += random.random_range(0..SECOND / 4);
            twin.now = venue.now;
            if number % 250 == 0 {
                let bytes = venue.exchange.encode();
                twin.exchange = Exchange::decode(&bytes).expect("it was just encoded");
                assert_eq!(twin.exchange.encode(), bytes);
            }
            let name = account(&mut random);
            let (one, other) = if random.random_bool(0.1) {
                let word = set(&name, drawn(&mut random));
                (venue.operate(word.clone()), twin.operate(word))
            } else {
                let command = command(&mut random, &venue);
                (venue.apply(&name, command.clone()), twin.apply(&name, command))
            };
            assert_eq!(one, other, "seed {seed}, step {number}");
            if let Became::Refused(reason) = became(&one) {
                seen.insert(reason as i32);
            }
            venue.exchange.check_invariants().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
        let totals: Vec<_> = venue.exchange.accounts().totals().collect();
        assert!(totals.iter().all(|(_, total)| total.is_zero()), "{totals:?}");
    }
    for reason in [
        RefusalReason::MaxOrderNotional,
        RefusalReason::MaxPosition,
        RefusalReason::OrderRate,
        RefusalReason::PriceCollar,
        RefusalReason::TooManyOpenOrders,
    ] {
        assert!(seen.contains(&(reason as i32)), "{reason:?} was never the reason");
    }
}
