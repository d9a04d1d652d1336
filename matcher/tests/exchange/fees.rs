//! Fees: what is held for them, who is charged what, and what the house has earned.

use matcher::Exchange;
use model::{Amount, AssetId, Side, TimeInForce};
use proto::{
    command::{Ask, Command},
    convert,
    log::{self, Bucket, PostingCause, RefusalReason, event::Kind},
    reference::{FeeAsset, InstrumentListing, reference_body::Body},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::{
    flows::{account, command},
    venue::{BTC, Became, SECOND, USD, Venue, became, btc_usd, limit, market, movement, place},
};

/// One USD in smallest units.
const COIN: i128 = 100_000_000;

fn fees(maker: i32, taker: i32, asset: FeeAsset) -> Body {
    Body::Instrument(InstrumentListing {
        maker_fee_millionths: maker,
        taker_fee_millionths: taker,
        fee_asset: asset.into(),
        ..btc_usd()
    })
}

/// A sandbox that charges so many millionths in the quote asset.
fn charging(maker: i32, taker: i32) -> Venue {
    let mut venue = Venue::new(true);
    assert_eq!(venue.try_list(2, fees(maker, taker, FeeAsset::Quote)), Became::Applied);
    venue
}

fn trades(body: &log::AnswerBody) -> Vec<&log::TradeExecuted> {
    let kinds = body.events.iter().filter_map(|event| event.kind.as_ref());
    kinds
        .filter_map(|kind| if let Kind::Trade(trade) = kind { Some(trade) } else { None })
        .collect()
}

fn units(wire: Option<&log::Amount>) -> i128 {
    convert::amount(wire).expect("an amount").units()
}

fn earned(venue: &Venue, asset: u32) -> i128 {
    venue.exchange.accounts().fee_income(AssetId(asset)).units()
}

#[test]
fn both_sides_are_charged_and_the_house_has_earned_it() {
    let mut venue = charging(1_000, 2_000);
    venue.apply("maker", limit("1", Side::Sell, 10_000, 100_000));
    assert_eq!(venue.balance("maker", BTC), (9 * COIN, COIN), "a seller holds what it sells");
    let body = venue.apply("taker", limit("1", Side::Buy, 11_000, 100_000));
    let [trade] = trades(&body)[..] else { panic!("one trade") };
    assert_eq!(units(trade.taker_fee.as_ref()), COIN / 5, "0.2 % of 100");
    assert_eq!(units(trade.maker_fee.as_ref()), COIN / 10);
    assert!(!trade.buyer_fee_in_base);
    assert_eq!(venue.balance("taker", USD), (900 * COIN - COIN / 5, 0));
    assert_eq!(venue.balance("taker", BTC), (11 * COIN, 0));
    assert_eq!(venue.balance("maker", USD), (1_100 * COIN - COIN / 10, 0));
    let told: Vec<_> =
        body.fee_income.iter().map(|told| (told.asset_id, units(told.amount.as_ref()))).collect();
    assert_eq!(told, [(USD, 3 * COIN / 10)]);
    assert_eq!((earned(&venue, USD), earned(&venue, BTC)), (3 * COIN / 10, 0));
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn in_what_is_received_nothing_is_held_for_it_and_the_house_earns_both_assets() {
    let mut venue = Venue::new(true);
    venue.try_list(2, fees(1_000, 2_000, FeeAsset::Received));
    venue.apply("maker", limit("1", Side::Buy, 10_000, 100_000));
    assert_eq!(venue.balance("maker", USD), (900 * COIN, 100 * COIN));
    let body = venue.apply("taker", limit("1", Side::Sell, 9_000, 100_000));
    let [trade] = trades(&body)[..] else { panic!("one trade") };
    assert!(trade.buyer_fee_in_base);
    assert_eq!(units(trade.taker_fee.as_ref()), COIN / 5);
    assert_eq!(units(trade.maker_fee.as_ref()), COIN / 1_000, "of one BTC");
    assert_eq!(venue.balance("maker", BTC), (11 * COIN - COIN / 1_000, 0));
    assert_eq!((earned(&venue, USD), earned(&venue, BTC)), (COIN / 5, COIN / 1_000));
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn whoever_can_pay_the_price_and_not_the_fee_is_refused() {
    let mut venue = charging(0, 2_000);
    let whole = venue.apply("alice", limit("1", Side::Buy, 10_000, 1_000_000));
    assert_eq!(became(&whole), Became::Refused(RefusalReason::InsufficientFunds));
    // A lot costs 100,000 units and 200 of fee.
    let less = venue.apply("alice", limit("2", Side::Buy, 10_000, 998_003));
    assert_eq!(became(&less), Became::Applied);
    let (available, held) = venue.balance("alice", USD);
    assert_eq!(available + held, 1_000 * COIN);
    let order_id = venue.last_order();
    assert_eq!(became(&venue.apply("alice", Command::Cancel { order_id })), Became::Applied);
    assert_eq!(venue.exchange.accounts().count(), 0, "nothing is held, and she is forgotten");
}

#[test]
fn an_order_keeps_the_schedule_under_which_it_was_accepted() {
    let mut venue = charging(1_000, 2_000);
    venue.apply("maker", limit("1", Side::Buy, 10_000, 200_000));
    let (_, held) = venue.balance("maker", USD);
    assert_eq!(held, 200 * COIN + 2 * COIN / 5, "at the dearer rate");
    assert_eq!(venue.try_list(3, fees(50_000, 90_000, FeeAsset::Quote)), Became::Applied);
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    let body = venue.apply("taker", limit("1", Side::Sell, 10_000, 100_000));
    let [trade] = trades(&body)[..] else { panic!("one trade") };
    assert_eq!(units(trade.maker_fee.as_ref()), COIN / 10, "the maker by the old schedule");
    assert_eq!(units(trade.taker_fee.as_ref()), 9 * COIN, "and the taker by the new one");
    assert_eq!(venue.balance("maker", USD).1, 100 * COIN + COIN / 5);
    venue.apply("maker", Command::CancelAll { instrument: None });
    assert_eq!(venue.balance("maker", USD), (900 * COIN - COIN / 10, 0));
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_market_order_never_spends_more_than_its_amount_or_its_funds_fees_included() {
    for taker in [0, 1, 2_000, 33_333, 100_000] {
        let mut venue = charging(0, taker);
        for (key, ticks) in [("1", 10_001), ("2", 10_003), ("3", 10_007)] {
            venue.apply("maker", limit(key, Side::Sell, ticks, 77_777));
        }
        let amount = Amount::from_units(123 * COIN + 456_789);
        let ask = Ask::MarketByQuote { amount };
        venue.apply("amount", place("1", Side::Buy, ask, TimeInForce::Ioc));
        let (available, held) = venue.balance("amount", USD);
        let spent = 1_000 * COIN - available;
        assert_eq!(held, 0, "{taker}");
        // More than one lot at the highest price, with its fee.
        let lot = 111_000;
        assert!((amount.units() - lot..=amount.units()).contains(&spent), "{taker}: {spent}");

        venue.apply("maker", limit("4", Side::Sell, 10_010, 766_669));
        venue.apply("funds", Command::Withdraw(movement(USD, 900 * COIN, "w")));
        venue.apply("funds", market("1", Side::Buy, 50_000_000));
        let (available, held) = venue.balance("funds", USD);
        assert_eq!(held, 0, "{taker}");
        venue.exchange.check_invariants().expect("all holds");
        assert!((0..lot).contains(&available), "{taker}: {available}");
    }
}

#[test]
fn a_listing_that_would_pay_more_than_it_takes_is_refused() {
    let mut venue = Venue::new(true);
    let refused = Became::Refused(RefusalReason::BadListing);
    assert_eq!(venue.try_list(2, fees(-2_001, 2_000, FeeAsset::Quote)), refused);
    assert_eq!(venue.try_list(2, fees(-1, 2_000, FeeAsset::Received)), refused);
    assert_eq!(venue.try_list(2, fees(0, 100_001, FeeAsset::Quote)), refused);
    assert_eq!(venue.try_list(2, fees(-2_000, 2_000, FeeAsset::Quote)), Became::Applied);
}

#[test]
fn more_schedules_than_can_be_in_use_at_a_time_refuse_orders_and_leave_their_keys_free() {
    let mut venue = Venue::new(true);
    for number in 1..=255 {
        let version = u32::try_from(number).expect("small") + 1;
        assert_eq!(venue.try_list(version, fees(number, number, FeeAsset::Quote)), Became::Applied);
        let body = venue.apply("alice", limit(&number.to_string(), Side::Buy, 100, 1_000));
        assert_eq!(became(&body), Became::Applied);
    }
    assert_eq!(venue.try_list(257, fees(256, 256, FeeAsset::Quote)), Became::Applied);
    let one_more = || limit("256", Side::Buy, 100, 1_000);
    let refused = Became::Refused(RefusalReason::TooManySchedules);
    assert_eq!(became(&venue.apply("alice", one_more())), refused);
    venue.apply("alice", Command::CancelAll { instrument: None });
    assert_eq!(became(&venue.apply("alice", one_more())), Became::Applied);
    venue.exchange.check_invariants().expect("all holds");
}

/// One of a few schedules, of each kind.
fn some_fees(random: &mut Pcg64Mcg) -> Body {
    let (maker, taker, asset) = [
        (0, 0, FeeAsset::Quote),
        (1_000, 2_000, FeeAsset::Quote),
        (-7_500, 8_000, FeeAsset::Quote),
        (30_000, -20_000, FeeAsset::Quote),
        (100_000, 100_000, FeeAsset::Quote),
        (900, 1_000, FeeAsset::Received),
        (0, 77_777, FeeAsset::Received),
    ][random.random_range(0..7)];
    fees(maker, taker, asset)
}

/// What a trade's posting gives the house, by asset.
fn to_the_house(posting: &log::Posting, asset: u32) -> i128 {
    let legs = posting.legs.iter().filter(|leg| leg.bucket() == Bucket::Fees);
    legs.filter(|leg| leg.asset_id == asset).map(|leg| units(leg.amount.as_ref())).sum()
}

/// What the events of an answer say that the house took is what its postings moved.
fn check_told(body: &log::AnswerBody) {
    let is_trade = |posting: &&log::Posting| posting.cause() == PostingCause::Trade;
    let postings: Vec<_> = body.postings.iter().filter(is_trade).collect();
    let trades = trades(body);
    assert_eq!(trades.len(), postings.len());
    for (trade, posting) in trades.into_iter().zip(postings) {
        let taker_buys = trade.taker_side == i32::from(proto::trading::Side::Buy);
        let (maker, taker) = (units(trade.maker_fee.as_ref()), units(trade.taker_fee.as_ref()));
        let (buyer, seller) = if taker_buys { (taker, maker) } else { (maker, taker) };
        let (in_base, in_quote) = if trade.buyer_fee_in_base { (buyer, 0) } else { (0, buyer) };
        assert_eq!(to_the_house(posting, BTC), in_base);
        assert_eq!(to_the_house(posting, USD), in_quote + seller);
        assert!(in_quote + seller >= 0, "no trade makes the house poorer");
    }
}

#[test]
fn whatever_is_done_under_whatever_schedules_everything_holds() {
    let mut charged = 0;
    for seed in 0..6 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut venue = Venue::new(seed % 2 == 0);
        let mut version = 1;
        for number in 0..3_000 {
            if number % 40 == 0 {
                version += 1;
                let listed = venue.try_list(version, some_fees(&mut random));
                assert_eq!(listed, Became::Applied);
            }
            if number % 500 == 0 {
                let bytes = venue.exchange.encode();
                venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
                assert_eq!(venue.exchange.encode(), bytes, "the encoding is canonical");
            }
            venue.now += random.random_range(0..SECOND / 4);
            let name = account(&mut random);
            let body = venue.apply(&name, command(&mut random, &venue));
            check_told(&body);
            charged += body.fee_income.len();
            if let Err(broken) = venue.exchange.check_invariants() {
                panic!("seed {seed}, command {number}: {broken}");
            }
        }
        for number in 0..8 {
            let name = format!("client-{number}");
            venue.apply(&name, Command::CancelAll { instrument: None });
            assert_eq!((venue.balance(&name, USD).1, venue.balance(&name, BTC).1), (0, 0));
        }
        let mut totals = venue.exchange.accounts().totals();
        assert!(totals.all(|(_, total)| total.is_zero()));
    }
    assert!(charged > 1_000, "only {charged} answers tell of income");
}
