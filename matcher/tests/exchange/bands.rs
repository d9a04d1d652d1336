//! Price bands: a market that stops, what its orders hold meanwhile, and that the log's time opens
//! it again.

use matcher::Exchange;
use model::{MarketState, Side};
use proto::{
    command::Command,
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
    reference::{InstrumentListing, PriceBand},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::{
    auctions::{states, tick, trades},
    flows::{account, command},
    markets::set,
    operators::relist,
    venue::{BTC, BTC_USD, Became, SECOND, USD, Venue, became, btc_usd, limit, market, movement},
};

const CENT: i128 = 1_000_000;

fn banding(width_bps: u32, reference_secs: u32, auction_secs: u32) -> InstrumentListing {
    let price_band = Some(PriceBand { width_bps, reference_secs, auction_secs });
    InstrumentListing { price_band, price_protection_bps: 10_000, ..btc_usd() }
}

/// A venue whose last trade was at 100.00, with a band of 1 % and auctions of ten seconds.
fn stopping() -> Venue {
    let mut venue = Venue::new(true);
    venue.apply("maker", limit("1", Side::Sell, 10_000, 100_000));
    venue.apply("taker", limit("1", Side::Buy, 10_000, 100_000));
    assert_eq!(became(&venue.operate(relist(2, banding(100, 0, 10)))), Became::Applied);
    venue
}

/// When a market opens again, by the last event that tells it.
fn opens_at(body: &AnswerBody) -> Option<u64> {
    body.events.iter().rev().find_map(|event| match event.kind.as_ref()? {
        Kind::MarketStateChanged(changed) => Some(changed.opens_at_unix_nanos),
        _ => None,
    })
}

#[test]
fn a_trade_outside_the_band_does_not_happen_and_the_log_s_time_opens_the_market_again() {
    let mut venue = stopping();
    venue.apply("maker", limit("2", Side::Sell, 10_100, 100_000));
    venue.apply("maker", limit("3", Side::Sell, 10_200, 100_000));
    let body = venue.apply("alice", limit("1", Side::Buy, 10_300, 300_000));
    assert_eq!(trades(&body), [(10_100, 100_000)]);
    assert_eq!(states(&body), [MarketState::VolatilityAuction]);
    assert_eq!(opens_at(&body), Some(venue.now + 10 * SECOND));
    let last = body.events.last().and_then(|event| event.kind.as_ref());
    assert!(matches!(last, Some(Kind::MarketStateChanged(_))), "behind the change of depth");
    // Two are open still, at what they may cost.
    assert_eq!(venue.balance("alice", USD), (69_300 * CENT, 20_600 * CENT));
    venue.exchange.check_invariants().expect("all holds");
    let refused = Became::Refused(RefusalReason::MarketVolatilityAuction);
    assert_eq!(became(&venue.apply("bob", market("1", Side::Buy, 1_000))), refused);
    assert_eq!(became(&venue.operate(set(MarketState::VolatilityAuction))), AUCTION_NOT_SET);
    venue.apply("carl", limit("1", Side::Sell, 10_100, 100_000));
    venue.now += 9 * SECOND;
    assert_eq!(states(&tick(&mut venue)), [], "not yet");
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
    venue.now += SECOND;
    let body = tick(&mut venue);
    assert_eq!(states(&body), [MarketState::Auction, MarketState::Trading]);
    // Two of hers and two of theirs from 102.00 to 103.00: the nearest to the last trade's price.
    assert_eq!(trades(&body), [(10_200, 100_000), (10_200, 100_000)]);
    assert_eq!(venue.balance("alice", USD), (69_500 * CENT, 0));
    assert_eq!(venue.balance("carl", USD), (110_200 * CENT, 0));
    venue.exchange.check_invariants().expect("all holds");
    // The band is around the auction's price from now on.
    venue.apply("maker", limit("4", Side::Sell, 10_302, 1_000));
    let body = venue.apply("alice", limit("2", Side::Buy, 10_302, 1_000));
    assert_eq!(trades(&body), [(10_302, 1_000)]);
}

const AUCTION_NOT_SET: Became = Became::Refused(RefusalReason::AuctionNotSet);

#[test]
fn a_market_order_that_would_trade_outside_ends_and_holds_nothing() {
    let mut venue = stopping();
    venue.apply("maker", limit("2", Side::Sell, 10_200, 100_000));
    let body = venue.apply("alice", market("1", Side::Buy, 50_000));
    let ended = body.events.iter().any(|event| match &event.kind {
        Some(Kind::OrderEnded(end)) => end.reason() == EndReason::PriceBand,
        _ => false,
    });
    assert!(ended, "{body:?}");
    assert_eq!(states(&body), [MarketState::VolatilityAuction]);
    assert_eq!(venue.balance("alice", USD), (0, 0), "back at its grant, so out of memory");
    // An operator opens it at once; nothing crosses.
    let body = venue.operate(set(MarketState::Trading));
    assert_eq!((became(&body), states(&body)), (Became::Applied, vec![MarketState::Trading]));
    assert_eq!(opens_at(&body), Some(0));
    venue.now += 20 * SECOND;
    assert_eq!(tick(&mut venue).events, [], "and nothing is left of the halt");
}

#[test]
fn an_opening_that_is_too_far_away_is_put_off_and_told_so() {
    let mut venue = stopping();
    venue.apply("maker", limit("2", Side::Sell, 10_350, 100_000));
    venue.apply("alice", limit("1", Side::Buy, 10_350, 100_000));
    for (put_off, state) in [(true, MarketState::VolatilityAuction), (false, MarketState::Auction)]
    {
        venue.now += 10 * SECOND;
        assert!(!venue.exchange.has_more_to_expire());
        let body = tick(&mut venue);
        assert_eq!(states(&body)[0], state, "twice the band, then four times");
        let expected = if put_off { venue.now + 10 * SECOND } else { 0 };
        assert_eq!(opens_at(&body), Some(expected));
        assert_eq!(trades(&body).is_empty(), put_off);
    }
}

#[test]
fn money_stays_what_it_was_over_many_halts() {
    let (mut halts, mut put_off) = (0, 0);
    for seed in 0..6 {
        let mut random = Pcg64Mcg::seed_from_u64(2_000 + seed);
        let mut venue = Venue::new(seed % 2 == 0);
        if seed % 2 == 1 {
            for number in 0..8 {
                for asset in [USD, BTC] {
                    let deposit = Command::Deposit(movement(asset, 100_000_000_000, "first"));
                    venue.apply(&format!("client-{number}"), deposit);
                }
            }
        }
        let mut version = 1;
        for number in 0..3_000 {
            venue.now += random.random_range(0..SECOND / 2);
            if random.random_range(0..200) == 0 {
                version += 1;
                let next = match random.random_range(0..6) {
                    0 => btc_usd(),
                    width => banding(10 * width, random.random_range(0..20), 2),
                };
                assert_eq!(became(&venue.operate(relist(version, next))), Became::Applied);
            }
            let name = account(&mut random);
            let command = command(&mut random, &venue);
            let body = venue.apply(&name, command.clone());
            let told = [body, tick(&mut venue)];
            let stops = |body: &AnswerBody| states(body).contains(&MarketState::VolatilityAuction);
            halts += usize::from(stops(&told[0]));
            put_off += usize::from(stops(&told[1]));
            if let Err(broken) = venue.exchange.check_invariants() {
                panic!("seed {seed}, command {number} {command:?}: {broken}");
            }
            if number % 300 == 0 {
                let bytes = venue.exchange.encode();
                venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
                assert_eq!(venue.exchange.encode(), bytes, "the encoding is canonical");
            }
        }
        assert!(venue.exchange.books().market_state(BTC_USD).is_some());
        let totals: Vec<_> = venue.exchange.accounts().totals().collect();
        assert!(totals.iter().all(|(_, total)| total.is_zero()), "{totals:?}");
    }
    assert!(halts > 50 && put_off > 5, "{halts} halts, {put_off} put off: little was shown");
}
