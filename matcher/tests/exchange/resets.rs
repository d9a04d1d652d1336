//! Accounts of a sandbox that begin anew.

use matcher::Exchange;
use model::{AccountName, AssetId, KeyText, Side};
use proto::{
    command::{Command, OperatorWord},
    log::{AnswerBody, Bucket, EndReason, PostingCause, RefusalReason, event::Kind},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::{
    flows::{account, command},
    lists::pair,
    venue::{BTC, Became, SECOND, USD, Venue, asset, became, limit, movement},
};

const COIN: i128 = 100_000_000;

fn reset(account: &str, id: &str) -> OperatorWord {
    OperatorWord::Reset {
        account: AccountName::new(account).expect("a good name"),
        id: KeyText::new(id).expect("a good id"),
    }
}

fn ends(body: &AnswerBody) -> Vec<EndReason> {
    let ends = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::OrderEnded(end) => Some(end.reason()),
        _ => None,
    });
    ends.collect()
}

#[test]
fn an_account_that_is_reset_has_nothing_open_and_its_grant() {
    let mut venue = Venue::new(true);
    venue.apply("alice", Command::Deposit(movement(USD, 700 * COIN, "d")));
    venue.apply("bob", limit("b", Side::Sell, 10_000, 300_000));
    venue.apply("alice", limit("a", Side::Buy, 10_000, 300_000));
    venue.apply("alice", limit("c", Side::Buy, 9_000, 100_000));
    venue.apply("alice", pair("d", 1_000));
    assert_eq!(venue.balance("alice", USD), (1_310 * COIN, 90 * COIN));
    let body = venue.operate(reset("alice", "r1"));
    assert_eq!(became(&body), Became::Applied);
    assert_eq!(ends(&body), [EndReason::Cancelled; 3]);
    assert_eq!(venue.balance("alice", USD), (1_000 * COIN, 0));
    assert_eq!(venue.balance("alice", BTC), (10 * COIN, 0));
    let corrections: Vec<_> = body
        .postings
        .iter()
        .filter(|posting| posting.cause() == PostingCause::Adjustment)
        .map(|posting| (posting.external_id.as_str(), posting.legs.len()))
        .collect();
    assert_eq!(corrections, [("reset:r1:1", 2), ("reset:r1:2", 2)]);
    let accounts = venue.exchange.accounts();
    let corrected = |asset| accounts.adjustments(AssetId(asset)).units();
    assert_eq!([corrected(USD), corrected(BTC)], [400 * COIN, 3 * COIN]);
    assert_eq!(venue.balance("bob", USD), (1_300 * COIN, 0), "nobody else is meant");
    venue.exchange.check_invariants().expect("all holds");

    // The same again is nothing new, also after a restart; another id is another reset.
    venue.apply("alice", Command::Deposit(movement(USD, 5, "e")));
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
    let again = venue.operate(reset("alice", "r1"));
    assert_eq!((became(&again), again.postings.len()), (Became::Duplicate(0), 0));
    assert_eq!(venue.balance("alice", USD).0, 1_000 * COIN + 5);
    assert_eq!(became(&venue.operate(reset("alice", "r2"))), Became::Applied);
    assert_eq!(venue.balance("alice", USD).0, 1_000 * COIN);
    // An asset that was listed meanwhile is granted with it.
    venue.list(asset(7, "EUR", 3));
    venue.operate(reset("alice", "r3"));
    assert_eq!(venue.balance("alice", 7), (3 * COIN, 0));
}

#[test]
fn whoever_has_no_account_is_as_new_and_nobody_is_reset_where_money_is_real() {
    let mut venue = Venue::new(true);
    let body = venue.operate(reset("nobody", "r1"));
    assert_eq!((became(&body), body.postings.len()), (Became::Applied, 0));
    assert_eq!(venue.exchange.accounts().count(), 0, "nobody is opened by it");
    let mut venue = Venue::new(false);
    venue.apply("alice", Command::Deposit(movement(USD, 700 * COIN, "d")));
    let refused = Became::Refused(RefusalReason::NotASandbox);
    assert_eq!(became(&venue.operate(reset("alice", "r1"))), refused);
    assert_eq!(venue.balance("alice", USD), (700 * COIN, 0));
}

#[test]
fn whatever_came_before_a_reset_leaves_just_the_grant_and_every_sum_is_zero() {
    let mut resets = 0;
    for seed in 0..4 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut venue = Venue::new(true);
        for number in 0..2_000 {
            venue.now += random.random_range(0..SECOND / 4);
            let name = account(&mut random);
            if random.random_bool(0.15) {
                let body = venue.operate(reset(&name, &number.to_string()));
                assert_eq!(became(&body), Became::Applied);
                let adjusts = |posting: &&proto::log::Posting| {
                    posting.legs.iter().any(|leg| leg.bucket() == Bucket::Adjustments)
                };
                resets += usize::from(body.postings.iter().any(|one| adjusts(&one)));
                let found =
                    venue.exchange.accounts().find(&AccountName::new(&name).expect("a good name"));
                if found.is_some() {
                    assert_eq!(venue.balance(&name, USD), (1_000 * COIN, 0), "seed {seed}");
                    assert_eq!(venue.balance(&name, BTC), (10 * COIN, 0), "seed {seed}");
                }
            } else {
                venue.apply(&name, command(&mut random, &venue));
            }
            venue.exchange.check_invariants().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
        assert!(venue.exchange.accounts().totals().all(|(_, total)| total.is_zero()));
    }
    assert!(resets > 300, "only {resets} had something to correct");
}
