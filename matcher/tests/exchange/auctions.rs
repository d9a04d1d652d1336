//! Call auctions: money at one price, steps that fit an answer, and states restored on the way.

use matcher::{Exchange, limits::UNCROSSED_MAX};
use model::{MarketState, Side};
use prost::Message;
use proto::{
    command::Command,
    convert,
    draft::Draft,
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::{
    flows::{account, command},
    markets::set,
    venue::{BTC, BTC_USD, Became, SECOND, USD, Venue, became, limit, market, movement},
};

const CENT: i128 = 1_000_000;

/// The states that an answer tells, in its order.
pub(crate) fn states(body: &AnswerBody) -> Vec<MarketState> {
    let state = |event: &proto::log::Event| match event.kind.as_ref()? {
        Kind::MarketStateChanged(changed) => convert::market_state_from_wire(changed.state).ok(),
        _ => None,
    };
    body.events.iter().filter_map(state).collect()
}

pub(crate) fn trades(body: &AnswerBody) -> Vec<(u64, u64)> {
    let trade = |event: &proto::log::Event| match event.kind.as_ref()? {
        Kind::Trade(trade) => Some((trade.price_ticks, trade.quantity_lots)),
        _ => None,
    };
    body.events.iter().filter_map(trade).collect()
}

pub(crate) fn tick(venue: &mut Venue) -> AnswerBody {
    let now = model::Timestamp::from_unix_nanos(venue.now);
    let mut body = Draft::default();
    venue.exchange.pass_time(now, &mut body);
    venue.exchange.go_on(now, &mut body);
    body.body()
}

/// 100 ticks are one USD and 100,000 lots one BTC.
#[test]
fn everybody_pays_the_price_of_the_auction_and_gets_the_rest_back() {
    let mut venue = Venue::new(true);
    venue.operate(set(MarketState::PreOpen));
    venue.apply("alice", limit("1", Side::Buy, 10_500, 100_000));
    venue.apply("bob", limit("1", Side::Buy, 10_200, 100_000));
    venue.apply("carl", limit("1", Side::Sell, 10_000, 150_000));
    assert_eq!(venue.balance("alice", USD), (89_500 * CENT, 10_500 * CENT));
    let refused = venue.apply("dora", market("1", Side::Buy, 1_000));
    assert_eq!(became(&refused), Became::Refused(RefusalReason::MarketPreOpen));
    // 150,000 trade from 100.00 to 102.00, with buyers left over at each: the highest.
    let body = venue.operate(set(MarketState::Trading));
    assert_eq!(states(&body), [MarketState::Auction, MarketState::Trading]);
    assert_eq!(trades(&body), [(10_200, 100_000), (10_200, 50_000)]);
    assert_eq!(venue.balance("alice", USD), (89_800 * CENT, 0));
    assert_eq!(venue.balance("alice", BTC).0, 11 * 100 * CENT);
    assert_eq!(venue.balance("bob", USD), (89_800 * CENT, 5_100 * CENT));
    assert_eq!(venue.balance("carl", USD), (115_300 * CENT, 0));
    venue.exchange.check_invariants().expect("all holds");
    assert_eq!(became(&venue.operate(set(MarketState::Trading))), Became::Duplicate(0));
}

/// What auctions would do, as an answer tells it: price, volume, and what buyers or, below zero,
/// sellers would have left over.
fn indicated(body: &AnswerBody) -> Vec<(u64, u64, i64)> {
    let told = |event: &proto::log::Event| match event.kind.as_ref()? {
        Kind::AuctionIndicated(told) => {
            let lots = i64::try_from(told.imbalance_lots).ok()?;
            let is_sold = told.imbalance_side == i32::from(proto::trading::Side::Sell);
            let surplus = if is_sold { -lots } else { lots };
            Some((told.price_ticks, told.volume_lots, surplus))
        }
        _ => None,
    };
    body.events.iter().filter_map(told).collect()
}

#[test]
fn while_orders_collect_everybody_is_told_what_their_auction_would_do() {
    let mut venue = Venue::new(true);
    venue.operate(set(MarketState::PreOpen));
    assert_eq!(indicated(&tick(&mut venue)), [], "nothing would trade");
    venue.apply("alice", limit("1", Side::Buy, 10_200, 3_000));
    venue.apply("bob", limit("1", Side::Sell, 10_000, 1_000));
    assert_eq!(indicated(&tick(&mut venue)), [], "it is too soon");
    let mut twin = Exchange::decode(&venue.exchange.encode()).expect("it was just encoded");
    venue.now += SECOND;
    let body = tick(&mut venue);
    assert_eq!(indicated(&body), [(10_200, 1_000, 2_000)]);
    let (now, mut again) = (model::Timestamp::from_unix_nanos(venue.now), Draft::default());
    twin.pass_time(now, &mut again);
    twin.go_on(now, &mut again);
    assert_eq!(again.body(), body, "a restored state tells it when this one does");
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
    venue.now += SECOND;
    assert_eq!(indicated(&tick(&mut venue)), [], "it is as it was");
    venue.apply("carl", limit("1", Side::Sell, 9_900, 5_000));
    venue.now += SECOND;
    assert_eq!(indicated(&tick(&mut venue)), [(9_900, 3_000, -2_000)]);
    venue.apply("carl", Command::CancelAll { instrument: None });
    venue.apply("bob", Command::CancelAll { instrument: None });
    venue.now += SECOND;
    assert_eq!(indicated(&tick(&mut venue)), [(0, 0, 0)], "nothing would trade any more");
    venue.apply("bob", limit("2", Side::Sell, 10_000, 1_000));
    let body = venue.operate(set(MarketState::Trading));
    let in_auction = body.events.iter().any(|event| match &event.kind {
        Some(Kind::Trade(trade)) => trade.in_auction,
        _ => false,
    });
    assert!(in_auction, "its trades say so");
    venue.now += SECOND;
    assert_eq!(indicated(&tick(&mut venue)), []);
}

#[test]
fn no_command_sets_an_auction_and_none_but_cancels_come_into_one() {
    let mut venue = Venue::new(true);
    let not_set = Became::Refused(RefusalReason::AuctionNotSet);
    assert_eq!(became(&venue.operate(set(MarketState::Auction))), not_set);
    venue.operate(set(MarketState::PreOpen));
    let half = UNCROSSED_MAX / 2 + 10;
    for number in 0..half {
        let (buyer, seller) = (format!("b-{}", number % 9), format!("s-{}", number % 9));
        venue.apply(&buyer, limit(&number.to_string(), Side::Buy, 10_000, 10));
        venue.apply(&seller, limit(&number.to_string(), Side::Sell, 10_000, 10));
    }
    let body = venue.operate(set(MarketState::Trading));
    assert_eq!(states(&body), [MarketState::Auction]);
    assert_eq!(trades(&body).len(), UNCROSSED_MAX / 2, "a bounded step");
    assert!(body.encode_to_vec().len() < 3 << 20, "and its answer fits a record");
    assert!(venue.exchange.has_more_to_expire(), "ticks come at once");
    assert_eq!(became(&venue.operate(set(MarketState::Trading))), Became::Duplicate(0));
    let order = limit("late", Side::Buy, 10_000, 10);
    let refused = Became::Refused(RefusalReason::MarketAuction);
    assert_eq!(became(&venue.apply("b-1", order)), refused);
    let body = venue.apply("b-8", Command::CancelAll { instrument: None });
    let ended = body.events.iter().filter(|event| match &event.kind {
        Some(Kind::OrderEnded(end)) => end.reason() == EndReason::Cancelled,
        _ => false,
    });
    assert!(ended.count() > 0, "a cancel is taken");
    // Restored on the way it goes on as the original does.
    let bytes = venue.exchange.encode();
    let mut twin = Venue::new(true);
    (twin.exchange, twin.now) = (Exchange::decode(&bytes).expect("good"), venue.now);
    assert_eq!(twin.exchange.encode(), bytes);
    let body = tick(&mut venue);
    assert_eq!(states(&body), [MarketState::Trading]);
    assert_eq!(tick(&mut twin), body);
    assert!(!venue.exchange.has_more_to_expire());
    venue.exchange.check_invariants().expect("all holds");
    assert_eq!(venue.exchange.encode(), twin.exchange.encode());
}

#[test]
fn money_stays_what_it_was_over_many_auctions() {
    let mut auctions = 0;
    for seed in 0..6 {
        let mut random = Pcg64Mcg::seed_from_u64(1_000 + seed);
        let mut venue = Venue::new(seed % 2 == 0);
        if seed % 2 == 1 {
            for number in 0..8 {
                for asset in [USD, BTC] {
                    let deposit = Command::Deposit(movement(asset, 100_000_000_000, "first"));
                    venue.apply(&format!("client-{number}"), deposit);
                }
            }
        }
        for number in 0..3_000 {
            venue.now += random.random_range(0..SECOND / 4);
            let name = account(&mut random);
            let is_open =
                venue.exchange.books().market_state(BTC_USD) == Some(MarketState::Trading);
            let what = if random.random_range(0..40) == 0 {
                let state = if is_open { MarketState::PreOpen } else { MarketState::Trading };
                let body = venue.operate(set(state));
                auctions += usize::from(states(&body).contains(&MarketState::Auction));
                format!("{state:?}")
            } else {
                let command = command(&mut random, &venue);
                venue.apply(&name, command.clone());
                format!("{command:?}")
            };
            if let Err(broken) = venue.exchange.check_invariants() {
                panic!("seed {seed}, command {number} {what}: {broken}");
            }
            if number % 500 == 0 {
                let bytes = venue.exchange.encode();
                venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
                assert_eq!(venue.exchange.encode(), bytes, "the encoding is canonical");
            }
        }
        let totals: Vec<_> = venue.exchange.accounts().totals().collect();
        assert!(totals.iter().all(|(_, total)| total.is_zero()), "{totals:?}");
    }
    assert!(auctions > 50, "only {auctions} auctions: little was shown");
}
