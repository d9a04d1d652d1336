//! Filters: what an instrument takes of orders, what of a refusal is left, and that nothing which
//! is open is asked again.

use std::collections::BTreeSet;

use matcher::Exchange;
use model::{Instructions, Quantity, ReplaceMode, Side, TimeInForce, Trigger, TriggerKind};
use prost::Message;
use proto::{
    command::{Command, OrderName, ReplaceOrder},
    log::{RefusalReason, event::Kind},
    reference::{InstrumentListing, ListingFilters},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::{
    flows::{account, command},
    lists::{pair, working},
    operators::relist,
    venue::{BTC, BTC_USD, Became, SECOND, USD, Venue, became, btc_usd, limit, market, saying},
};

const COIN: i128 = 100_000_000;

fn filtering(filters: ListingFilters) -> InstrumentListing {
    let filters = Some(filters).filter(|filters| *filters != ListingFilters::default());
    InstrumentListing { filters, ..btc_usd() }
}

/// A sandbox whose instrument takes only such orders.
fn taking(filters: ListingFilters) -> Venue {
    let mut venue = Venue::new(true);
    assert_eq!(became(&venue.operate(relist(2, filtering(filters)))), Became::Applied);
    venue
}

fn asleep(key: &str, ticks: u64) -> Command {
    let price = model::Price::from_ticks(ticks).expect("in range");
    let trigger = Some(Trigger { kind: TriggerKind::StopLoss, price });
    let instructions = Instructions { trigger, ..Instructions::default() };
    saying(limit(key, Side::Sell, ticks, 1_000), TimeInForce::Gtc, instructions)
}

fn refused(reason: RefusalReason) -> Became {
    Became::Refused(reason)
}

#[test]
fn an_order_that_a_filter_does_not_take_holds_nothing_and_has_used_its_key() {
    let mut venue = taking(ListingFilters { min_quantity_lots: 2_000, ..Default::default() });
    let body = venue.apply("alice", limit("a", Side::Buy, 10_000, 1_000));
    assert_eq!(became(&body), refused(RefusalReason::LotSize));
    let Some(Kind::OrderRejected(rejected)) = &body.events[0].kind else { panic!("{body:?}") };
    assert_eq!(rejected.reason(), RefusalReason::LotSize);
    assert!(body.postings.is_empty() && body.balances.is_empty());
    let first = venue.last_order().number();
    assert_eq!(became(&venue.operate(relist(3, btc_usd()))), Became::Applied);
    let again = venue.apply("alice", limit("a", Side::Buy, 10_000, 1_000));
    assert_eq!(became(&again), Became::Duplicate(first), "it is told the same again");
    let other = venue.apply("alice", limit("b", Side::Buy, 10_000, 1_000));
    assert_eq!(became(&other), Became::Applied, "and no filter is there any more");
}

#[test]
fn one_order_too_many_leaves_its_key_free() {
    let filters = ListingFilters { max_orders: 2, max_algo_orders: 1, ..Default::default() };
    let mut venue = taking(filters);
    assert_eq!(became(&venue.apply("alice", asleep("a", 9_000))), Became::Applied);
    let slept = venue.last_order();
    let second = venue.apply("alice", asleep("b", 8_000));
    assert_eq!(became(&second), refused(RefusalReason::MaxAlgoOrders));
    assert_eq!(became(&venue.apply("bob", asleep("b", 8_000))), Became::Applied);
    assert_eq!(
        became(&venue.apply("alice", limit("c", Side::Sell, 9_000, 1_000))),
        Became::Applied
    );
    let third = venue.apply("alice", limit("d", Side::Sell, 9_000, 1_000));
    assert_eq!(became(&third), refused(RefusalReason::MaxOrders));
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    let third = venue.apply("alice", limit("d", Side::Sell, 9_000, 1_000));
    assert_eq!(became(&third), refused(RefusalReason::MaxOrders), "a restart counts the same");
    venue.apply("alice", Command::Cancel { order_id: slept });
    let third = venue.apply("alice", limit("d", Side::Sell, 9_000, 1_000));
    assert_eq!(became(&third), Became::Applied, "with the same key, for nothing was decided");
    assert_eq!(venue.balance("alice", BTC), (10 * COIN - 2 * COIN / 100, 2 * COIN / 100));
}

#[test]
fn what_is_open_is_asked_nothing_again_and_what_comes_is() {
    let mut venue = taking(ListingFilters::default());
    venue.apply("maker", limit("1", Side::Sell, 10_001, 3_001));
    let maker = venue.last_order();
    venue.apply("sleeper", asleep("1", 10_001));
    let filters = ListingFilters {
        price_step_ticks: 100,
        min_quantity_lots: 1_000,
        quantity_step_lots: 500,
        max_orders: 1,
        ..Default::default()
    };
    assert_eq!(became(&venue.operate(relist(3, filtering(filters)))), Became::Applied);
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("what rests is off the step, and stays");
    let quantity = |lots| Quantity::from_lots(lots).expect("in range");
    let amend = |lots| Command::Amend { order: OrderName::Id(maker), quantity: quantity(lots) };
    assert_eq!(became(&venue.apply("maker", amend(2_999))), refused(RefusalReason::LotSize));
    assert_eq!(became(&venue.apply("maker", amend(500))), refused(RefusalReason::LotSize));
    assert_eq!(became(&venue.apply("maker", amend(2_500))), Became::Applied);
    let replace = |mode, order| {
        let Command::Place(place) = order else { panic!("it is an order") };
        let replaced = OrderName::Id(maker);
        Command::Replace(ReplaceOrder { replaced, mode, place })
    };
    let off_step = replace(ReplaceMode::StopOnFailure, limit("2", Side::Sell, 10_050, 1_000));
    // The old one still counts beside the new one.
    assert_eq!(became(&venue.apply("maker", off_step.clone())), refused(RefusalReason::MaxOrders));
    let more = ListingFilters { max_orders: 2, ..filters };
    assert_eq!(became(&venue.operate(relist(4, filtering(more)))), Became::Applied);
    assert_eq!(became(&venue.apply("maker", off_step)), refused(RefusalReason::PriceFilter));
    assert!(venue.exchange.books().is_open(maker), "it was asked before the old one went");
    // The sleeper wakes at a trade off the step, with a limit off the step.
    venue.apply("taker", limit("1", Side::Buy, 10_100, 1_000));
    assert!(
        venue
            .exchange
            .books()
            .depth(BTC_USD, 1)
            .asks
            .first()
            .is_some_and(|(at, lots)| { (at.ticks(), *lots) == (10_001, 2_500) })
    );
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn each_order_of_a_list_is_asked_and_all_are_counted() {
    let filters = ListingFilters { max_price_ticks: 11_500, ..Default::default() };
    let mut venue = taking(filters);
    let body = venue.apply("alice", working("1", 1_000));
    assert_eq!(became(&body), refused(RefusalReason::PriceFilter), "what waits is asked too");
    let Some(Kind::ListRejected(rejected)) = &body.events[0].kind else { panic!("{body:?}") };
    assert_eq!(rejected.reason(), RefusalReason::PriceFilter);
    let few = ListingFilters { max_orders: 3, max_algo_orders: 1, ..Default::default() };
    assert_eq!(became(&venue.operate(relist(3, filtering(few)))), Became::Applied);
    assert_eq!(became(&venue.apply("alice", working("2", 1_000))), Became::Applied);
    let more = venue.apply("alice", pair("3", 1_000));
    assert_eq!(became(&more), refused(RefusalReason::MaxOrders), "two are open, and two come");
    assert_eq!(became(&venue.apply("bob", pair("3", 1_000))), Became::Applied);
    let alone = venue.apply("bob", asleep("4", 7_000));
    assert_eq!(became(&alone), refused(RefusalReason::MaxAlgoOrders));
    assert_eq!(venue.balance("bob", BTC), (10 * COIN - COIN / 100, COIN / 100));
}

#[test]
fn a_listing_without_filters_is_the_bytes_that_it_always_was() {
    let bytes = btc_usd().encode_to_vec();
    assert_eq!(bytes, [8, 1, 16, 2, 24, 1, 32, 192, 132, 61, 40, 232, 7, 48, 244, 3]);
    let wrong = ListingFilters { min_price_ticks: 2, max_price_ticks: 1, ..Default::default() };
    let mut venue = Venue::new(true);
    let body = venue.operate(relist(2, filtering(wrong)));
    assert_eq!(became(&body), refused(RefusalReason::BadListing));
}

/// A few bounds that refuse some of the flow's orders, around 10,000 ticks and to 200,000 lots.
fn drawn(random: &mut Pcg64Mcg) -> ListingFilters {
    let mut filters = ListingFilters::default();
    let units = |units| Some(proto::log::Amount { units, units_high: 0 });
    for _ in 0..2 {
        match random.random_range(0..8) {
            0 => filters.min_price_ticks = random.random_range(9_900..10_000),
            1 => filters.price_step_ticks = random.random_range(1..4),
            2 => filters.min_quantity_lots = random.random_range(0..50_000),
            3 => filters.market_max_quantity_lots = random.random_range(50_000..200_000),
            4 => {
                filters.min_notional = units(random.random_range(0..10_000_000_000));
                filters.min_notional_on_market = random.random_bool(0.5);
            }
            5 => filters.bid_multiplier_up = random.random_range(10_000..10_060),
            6 => {
                filters.max_orders = random.random_range(1..6);
                filters.max_algo_orders = random.random_range(0..3);
            }
            _ => {
                filters.max_iceberg_parts = random.random_range(1..100);
                filters.max_trailing_above_bps = random.random_range(1..80);
            }
        }
    }
    filters
}

#[test]
fn under_filters_that_change_all_money_is_where_it_should_be() {
    let mut seen = BTreeSet::new();
    for seed in 0..12 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut venue = Venue::new(seed % 2 == 0);
        let mut version = 1;
        for number in 0..1_500 {
            venue.now += random.random_range(0..SECOND / 4);
            if number % 40 == 0 {
                version += 1;
                let listing = filtering(drawn(&mut random));
                let body = venue.operate(relist(version, listing.clone()));
                assert_eq!(became(&body), Became::Applied, "{listing:?}");
            }
            if number % 200 == 0 {
                let bytes = venue.exchange.encode();
                venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
                assert_eq!(venue.exchange.encode(), bytes);
            }
            let name = account(&mut random);
            let command = command(&mut random, &venue);
            let before = venue.balance(&name, USD);
            let body = venue.apply(&name, command.clone());
            if let Became::Refused(reason) = became(&body) {
                seen.insert(reason as i32);
                let is_own = body.postings.is_empty();
                assert!(!is_own || venue.balance(&name, USD) == before, "{command:?}");
            }
            if let Err(broken) = venue.exchange.check_invariants() {
                panic!("seed {seed}, command {number} {command:?}: {broken}");
            }
        }
        let totals: Vec<_> = venue.exchange.accounts().totals().collect();
        assert!(totals.iter().all(|(_, total)| total.is_zero()), "{totals:?}");
    }
    for reason in [
        RefusalReason::PriceFilter,
        RefusalReason::LotSize,
        RefusalReason::MarketLotSize,
        RefusalReason::Notional,
        RefusalReason::PercentPrice,
        RefusalReason::TrailingDelta,
        RefusalReason::TooManyParts,
        RefusalReason::MaxOrders,
        RefusalReason::MaxAlgoOrders,
    ] {
        assert!(seen.contains(&(reason as i32)), "{reason:?} was never the reason");
    }
}

#[test]
fn market_orders_are_asked_their_own_bounds() {
    let filters = ListingFilters {
        market_min_quantity_lots: 2_000,
        max_notional: Some(proto::log::Amount { units: 500_000_000, units_high: 0 }),
        max_notional_on_market: true,
        ..Default::default()
    };
    let mut venue = taking(filters);
    // 5 USD at most: 100 USD a BTC, 0.05 BTC.
    assert_eq!(
        became(&venue.apply("maker", limit("1", Side::Sell, 10_000, 5_000))),
        Became::Applied
    );
    let small = venue.apply("taker", market("1", Side::Buy, 1_999));
    assert_eq!(became(&small), refused(RefusalReason::MarketLotSize));
    assert_eq!(became(&venue.apply("taker", market("2", Side::Buy, 2_000))), Became::Applied);
    let large = venue.apply("taker", market("3", Side::Buy, 5_001));
    assert_eq!(became(&large), refused(RefusalReason::Notional), "at the last trade's price");
    assert_eq!(became(&venue.apply("taker", market("4", Side::Buy, 5_000))), Became::Applied);
}
