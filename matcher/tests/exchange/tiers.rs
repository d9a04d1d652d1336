//! Fee tiers: who has which, what it costs, and what stays as it was when a tier changes.

use matcher::{Exchange, limits::TIERED_ACCOUNTS_MAX};
use model::{AccountName, FeeTier, Side};
use proto::{
    command::{Command, OperatorWord},
    convert,
    log::{AnswerBody, RefusalReason, event::Kind},
    reference::{
        FeeAsset, FeeTierTable, FeeTierVolume, InstrumentListing, ListingTier, reference_body::Body,
    },
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::{
    flows::{account, command},
    lists::pair,
    venue::{BTC, Became, SECOND, USD, Venue, asset, became, btc_usd, limit},
};

const COIN: i128 = 100_000_000;

fn name(account: &str) -> AccountName {
    AccountName::new(account).expect("a good name")
}

fn tier(number: u8) -> FeeTier {
    FeeTier::new(number).expect("a tier")
}

fn assign(tiers: &[(&str, u8)]) -> OperatorWord {
    let one = |(account, number): &(&str, u8)| (name(account), tier(*number));
    OperatorWord::AssignFeeTiers(tiers.iter().map(one).collect())
}

fn listed(tier: u32, maker_fee_millionths: i32, taker_fee_millionths: i32) -> ListingTier {
    ListingTier { tier, maker_fee_millionths, taker_fee_millionths }
}

fn listing(maker: i32, taker: i32, fee_tiers: Vec<ListingTier>) -> Body {
    Body::Instrument(InstrumentListing {
        maker_fee_millionths: maker,
        taker_fee_millionths: taker,
        fee_tiers,
        ..btc_usd()
    })
}

/// A sandbox that charges 0.1 and 0.2 %, from tier 1 on 0.05 and 0.1, from tier 3 on nothing for
/// makers.
fn tiered() -> Venue {
    let mut venue = Venue::new(true);
    let tiers = vec![listed(1, 500, 1_000), listed(3, 0, 800)];
    assert_eq!(venue.try_list(2, listing(1_000, 2_000, tiers)), Became::Applied);
    venue
}

fn restart(venue: &mut Venue) {
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes, "the encoding is canonical");
}

/// What maker and taker were charged in each trade.
fn charged(body: &AnswerBody) -> Vec<[i128; 2]> {
    let units = |wire: Option<_>| convert::amount(wire.as_ref()).expect("an amount").units();
    let trades = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::Trade(trade) => Some([units(trade.maker_fee), units(trade.taker_fee)]),
        _ => None,
    });
    trades.collect()
}

/// What is told of accounts: whose, and which tier.
fn told(body: &AnswerBody) -> Vec<(&str, u32)> {
    let said = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::AccountControlled(said) => {
            Some((body.accounts[said.account as usize].as_str(), said.fee_tier))
        }
        _ => None,
    });
    said.collect()
}

/// A hundred dollars' worth.
fn sell(key: &str) -> Command {
    limit(key, Side::Sell, 10_000, 100_000)
}

fn buy(key: &str) -> Command {
    limit(key, Side::Buy, 10_000, 100_000)
}

#[test]
fn each_account_pays_the_rates_of_its_tier_or_of_the_next_below_it() {
    for (number, maker, taker) in
        [(0, 1_000, 2_000), (1, 500, 1_000), (2, 500, 1_000), (3, 0, 800), (10, 0, 800)]
    {
        let mut venue = tiered();
        let body = venue.operate(assign(&[("maker", number), ("taker", number)]));
        let is_new = number > 0;
        assert_eq!(became(&body), if is_new { Became::Applied } else { Became::Duplicate(0) });
        assert_eq!(told(&body).len(), if is_new { 2 } else { 0 });
        venue.apply("maker", sell("1"));
        let body = venue.apply("taker", buy("1"));
        assert_eq!(charged(&body), [[maker, taker].map(|rate| rate * COIN / 10_000)]);
        venue.apply("third", sell("1"));
        let body = venue.apply("fourth", buy("1"));
        assert_eq!(charged(&body), [[COIN / 10, COIN / 5]], "nobody else is meant");
        venue.exchange.check_invariants().expect("all holds");
    }
}

#[test]
fn said_again_nothing_new_happens_and_who_changes_is_told_of() {
    let mut venue = tiered();
    let both = assign(&[("alice", 1), ("bob", 3)]);
    assert_eq!(told(&venue.operate(both.clone())), [("alice", 1), ("bob", 3)]);
    let again = venue.operate(both);
    assert_eq!((became(&again), told(&again)), (Became::Duplicate(0), vec![]));
    let one = venue.operate(assign(&[("alice", 1), ("bob", 0)]));
    assert_eq!((became(&one), told(&one)), (Became::Applied, vec![("bob", 0)]));
    restart(&mut venue);
    let none = venue.operate(assign(&[("alice", 0), ("bob", 0)]));
    assert_eq!(told(&none), [("alice", 0)], "it outlasts a restart");
}

#[test]
fn an_order_is_charged_by_the_tier_with_which_it_was_accepted_whichever_way_it_changes() {
    for (before, after, maker) in [(0, 3, 1_000), (3, 0, 0), (1, 3, 500), (3, 1, 0)] {
        let mut venue = tiered();
        venue.operate(assign(&[("maker", before)]));
        venue.apply("maker", buy("1"));
        let (available, held) = venue.balance("maker", USD);
        assert_eq!(available + held, 1_000 * COIN);
        let body = venue.operate(assign(&[("maker", after)]));
        assert_eq!(became(&body), Became::Applied);
        assert!(body.postings.is_empty(), "what is held stays as it is");
        assert_eq!(venue.balance("maker", USD), (available, held));
        restart(&mut venue);
        let body = venue.apply("taker", sell("1"));
        assert_eq!(charged(&body), [[maker * COIN / 10_000, COIN / 5]]);
        assert_eq!(venue.balance("maker", USD).1, 0, "and nothing of the hold is left");
        venue.exchange.check_invariants().expect("all holds");
        // The next one is charged by the new tier.
        venue.apply("maker", buy("2"));
        let maker = [1_000, 500, 500, 0][usize::from(after)] * COIN / 10_000;
        assert_eq!(charged(&venue.apply("taker", sell("2")))[0][0], maker);
    }
}

#[test]
fn what_waits_for_another_order_of_its_list_keeps_the_tier_of_the_list() {
    let mut venue = tiered();
    venue.operate(assign(&[("alice", 3)]));
    venue.apply("alice", pair("l", 1_000));
    venue.operate(assign(&[("alice", 0)]));
    restart(&mut venue);
    // The one above the price.
    let body = venue.apply("bob", limit("1", Side::Buy, 100_000, 1_000));
    let [[maker, _]] = charged(&body)[..] else { panic!("one trade: {body:?}") };
    assert_eq!(maker, 0);
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn an_account_with_a_tier_is_not_forgotten_and_nobody_is_opened_by_a_word() {
    let mut venue = tiered();
    venue.operate(assign(&[("alice", 3), ("never", 1)]));
    for client in ["alice", "bob"] {
        venue.apply(client, buy("1"));
        let order_id = venue.last_order();
        venue.apply(client, Command::Cancel { order_id });
    }
    let find = |venue: &Venue, client| venue.exchange.accounts().find(&name(client)).is_some();
    let there = ["alice", "bob", "never"].map(|client| find(&venue, client));
    assert_eq!(there, [true, false, false]);
    // Whoever comes later is found by name, and pays by the tier from the first order on.
    venue.apply("never", buy("1"));
    assert_eq!(charged(&venue.apply("bob", sell("2")))[0][0], COIN / 20);
    venue.operate(assign(&[("alice", 0)]));
    venue.apply("nobody", Command::CancelAll { instrument: None });
    assert!(!find(&venue, "alice"), "without a tier she is as all");
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_shard_keeps_so_many_tiers_and_takes_a_word_whole_or_not_at_all() {
    let mut venue = Venue::new(true);
    let word = |from: usize, to: usize, number| {
        let one = |at: usize| (name(&format!("client-{at}")), tier(number));
        OperatorWord::AssignFeeTiers((from..to).map(one).collect())
    };
    let step = 1 << 10;
    for from in (0..TIERED_ACCOUNTS_MAX).step_by(step) {
        let body = venue.operate(word(from, from + step, 1));
        assert_eq!(became(&body), Became::Applied);
    }
    let end = TIERED_ACCOUNTS_MAX;
    let one_more = venue.operate(word(end - 1, end + 1, 2));
    assert_eq!(became(&one_more), Became::Refused(RefusalReason::TooManyTiered));
    assert_eq!(told(&one_more), []);
    let known = venue.operate(word(end - 1, end, 2));
    assert_eq!(became(&known), Became::Applied, "one of them may change");
    assert_eq!(became(&venue.operate(word(0, 1, 0))), Became::Applied);
    assert_eq!(became(&venue.operate(word(end, end + 1, 2))), Became::Applied, "one was free");
}

#[test]
fn tiers_that_are_none_are_not_listed() {
    let mut venue = Venue::new(true);
    let refused = Became::Refused(RefusalReason::BadListing);
    for tiers in [
        vec![listed(0, 1, 1)],
        vec![listed(11, 1, 1)],
        vec![listed(1, 1, 1), listed(1, 1, 1)],
        vec![listed(1, -2, 1)],
        vec![listed(1, 0, 100_001)],
    ] {
        assert_eq!(venue.try_list(2, listing(0, 0, tiers.clone())), refused, "{tiers:?}");
    }
    let received = InstrumentListing {
        fee_asset: FeeAsset::Received.into(),
        fee_tiers: vec![listed(1, -1, 1)],
        ..btc_usd()
    };
    assert_eq!(venue.try_list(2, Body::Instrument(received)), refused, "no rebate in received");
    assert_eq!(venue.try_list(2, listing(0, 0, vec![listed(10, -1, 1)])), Became::Applied);
}

#[test]
fn by_what_volume_a_tier_is_reached_is_listed_like_everything_else() {
    let mut venue = Venue::new(true);
    let row = |tier, asset_id, units| FeeTierVolume {
        tier,
        asset_id,
        volume: Some(proto::log::Amount { units, units_high: 0 }),
    };
    let table = |volumes| Body::FeeTiers(FeeTierTable { volumes });
    let bad = Became::Refused(RefusalReason::BadListing);
    assert_eq!(venue.try_list(1, table(vec![row(1, USD, 0)])), bad);
    assert_eq!(venue.try_list(1, table(vec![row(2, USD, 5), row(1, USD, 5)])), bad);
    let unknown = Became::Refused(RefusalReason::UnknownAsset);
    assert_eq!(venue.try_list(1, table(vec![row(1, 77, 5)])), unknown);
    assert_eq!(venue.try_list(1, table(vec![row(1, USD, 5), row(2, USD, 6)])), Became::Applied);
    let successor = Became::Refused(RefusalReason::NotSuccessor);
    assert_eq!(venue.try_list(1, table(vec![])), successor);
    assert_eq!(venue.try_list(2, table(vec![])), Became::Applied, "none at all");
    restart(&mut venue);
    venue.list(asset(7, "EUR", 0));
    assert_eq!(venue.try_list(3, table(vec![row(1, 7, 5)])), Became::Applied);
}

/// Tiers of a few kinds: dearer and cheaper than the standard, and none.
fn some_tiers(random: &mut Pcg64Mcg) -> Body {
    let tiers = [
        vec![],
        vec![listed(1, 500, 700), listed(2, -400, 600)],
        vec![listed(2, 100_000, 100_000), listed(4, 0, 0)],
        vec![listed(1, 30_000, -20_000), listed(3, 77, 78)],
    ];
    listing(1_000, 2_000, tiers[random.random_range(0..4)].clone())
}

#[test]
fn whatever_tiers_there_are_everything_holds_and_a_copy_says_the_same() {
    let (mut changed, mut charges) = (0, 0);
    for seed in 0..6 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let (mut venue, mut twin) = (Venue::new(seed % 2 == 0), Venue::new(seed % 2 == 0));
        let mut version = 1;
        for number in 0..2_500 {
            venue.now += random.random_range(0..SECOND / 4);
            twin.now = venue.now;
            if number % 100 == 0 {
                version += 1;
                let tiers = some_tiers(&mut random);
                assert_eq!(venue.try_list(version, tiers.clone()), Became::Applied);
                assert_eq!(twin.try_list(version, tiers), Became::Applied);
            }
            if number % 250 == 0 {
                twin.exchange = Exchange::decode(&venue.exchange.encode()).expect("it was encoded");
            }
            let (one, other) = if random.random_bool(0.15) {
                let assigned = (account(&mut random), random.random_range(0..=5));
                let word = assign(&[(assigned.0.as_str(), assigned.1)]);
                (venue.operate(word.clone()), twin.operate(word))
            } else {
                let (name, command) = (account(&mut random), command(&mut random, &venue));
                (venue.apply(&name, command.clone()), twin.apply(&name, command))
            };
            assert_eq!(one, other, "seed {seed}, step {number}");
            changed += told(&one).len();
            charges += charged(&one).len();
            venue.exchange.check_invariants().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
        for number in 0..8 {
            let name = format!("client-{number}");
            venue.apply(&name, Command::CancelAll { instrument: None });
            assert_eq!((venue.balance(&name, USD).1, venue.balance(&name, BTC).1), (0, 0));
        }
        assert!(venue.exchange.accounts().totals().all(|(_, total)| total.is_zero()));
    }
    assert!(changed > 1_000 && charges > 1_000, "{changed} tiers changed, {charges} trades");
}
