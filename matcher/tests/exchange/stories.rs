//! What one shard does, told step by step.

use matcher::Exchange;
use matcher_core::keys::KEYS_ASSURED;
use model::{Partition, Side};
use proto::{
    command::Command,
    log::{RefusalReason, event::Kind},
    reference::{InstrumentListing, reference_body::Body},
};
use spine::Core;

use crate::venue::{
    BTC, Became, SECOND, USD, Venue, asset, became, btc_usd, limit, market, movement,
};

/// One USD and one BTC in smallest units.
const COIN: i128 = 100_000_000;

#[test]
fn a_trade_moves_money_at_the_makers_price_and_gives_the_improvement_back() {
    let mut venue = Venue::new(true);
    venue.apply("maker", limit("1", Side::Sell, 10_000, 100_000));
    assert_eq!(venue.balance("maker", BTC), (9 * COIN, COIN));
    let body = venue.apply("taker", limit("1", Side::Buy, 11_000, 100_000));
    assert_eq!(became(&body), Became::Applied);
    let kinds: Vec<_> = body.events.iter().filter_map(|event| event.kind.as_ref()).collect();
    assert!(
        matches!(
            kinds[..],
            [
                Kind::OrderPlaced(_),
                Kind::Trade(_),
                Kind::OrderEnded(_),
                Kind::OrderEnded(_),
                Kind::BookChanged(_)
            ]
        ),
        "acceptance, trade, ends, book: {kinds:?}"
    );
    assert_eq!(venue.balance("taker", USD), (900 * COIN, 0));
    assert_eq!(venue.balance("taker", BTC), (11 * COIN, 0));
    assert_eq!(venue.balance("maker", USD), (1_100 * COIN, 0));
    assert_eq!(venue.balance("maker", BTC), (9 * COIN, 0));
}

#[test]
fn a_retry_is_answered_with_the_first_result_however_late_it_comes() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Buy, 100, 1_000));
    let first = venue.last_order();
    let again = venue.apply("alice", limit("a", Side::Buy, 100, 1_000));
    assert_eq!(became(&again), Became::Duplicate(first.number()));
    let alias = venue.last_order();
    let valid_until = venue.now - 1;
    let late = venue.apply_until("alice", limit("a", Side::Buy, 100, 1_000), valid_until);
    assert_eq!(became(&late), Became::Duplicate(first.number()), "lateness is looked at after");
    let other = venue.apply("alice", limit("a", Side::Buy, 101, 1_000));
    assert_eq!(became(&other), Became::Refused(RefusalReason::KeyReused));
    assert_eq!(became(&venue.apply("bob", limit("a", Side::Buy, 101, 1_000))), Became::Applied);
    let cancelled = venue.apply("alice", Command::Cancel { order_id: alias });
    assert_eq!(became(&cancelled), Became::Applied, "the duplicate's id finds the original");
    assert_eq!(venue.balance("alice", USD), (0, 0), "back at the grant and compacted away");
}

#[test]
fn a_late_record_is_refused_and_leaves_its_key_free() {
    let mut venue = Venue::new(true);
    let valid_until = venue.now - 1;
    let late = venue.apply_until("alice", limit("a", Side::Buy, 100, 1_000), valid_until);
    assert_eq!(became(&late), Became::Refused(RefusalReason::Late));
    assert_eq!(became(&venue.apply("alice", limit("a", Side::Buy, 100, 1_000))), Became::Applied);
}

#[test]
fn a_refusal_for_want_of_funds_consumes_its_key() {
    let mut venue = Venue::new(true);
    let dear = || limit("a", Side::Buy, 1_000_000, 1_000_000);
    let refused = venue.apply("alice", dear());
    assert_eq!(became(&refused), Became::Refused(RefusalReason::InsufficientFunds));
    let first = venue.last_order();
    assert_eq!(became(&venue.apply("alice", dear())), Became::Duplicate(first.number()));
    assert_eq!(venue.exchange.accounts().count(), 0, "no account was opened for it");
}

#[test]
fn a_key_is_forgotten_after_its_time_and_not_while_its_order_is_open() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("open", Side::Buy, 100, 1_000));
    let open = venue.last_order();
    venue.apply("alice", limit("gone", Side::Buy, 100, 1_000));
    let gone = venue.last_order();
    venue.apply("alice", Command::Cancel { order_id: gone });
    venue.now += 101 * SECOND;
    let again = venue.apply("alice", limit("open", Side::Buy, 100, 1_000));
    assert_eq!(became(&again), Became::Duplicate(open.number()));
    let anew = venue.apply("alice", limit("gone", Side::Buy, 100, 1_000));
    assert_eq!(became(&anew), Became::Applied);
}

#[test]
fn nobody_learns_of_an_order_that_is_not_theirs() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Buy, 100, 1_000));
    let order_id = venue.last_order();
    let by_bob = venue.apply("bob", Command::Cancel { order_id });
    assert_eq!(became(&by_bob), Became::Refused(RefusalReason::UnknownOrder));
    venue.apply("alice", Command::Cancel { order_id });
    let again = venue.apply("alice", Command::Cancel { order_id });
    assert_eq!(became(&again), Became::Refused(RefusalReason::UnknownOrder));
}

#[test]
fn a_market_buy_fills_as_far_as_the_funds_reach() {
    let mut venue = Venue::new(true);
    // 10 BTC at 150 USD are more than the taker's 1,000 USD.
    venue.apply("maker", limit("1", Side::Sell, 15_000, 1_000_000));
    let body = venue.apply("taker", market("1", Side::Buy, 1_000_000));
    assert_eq!(became(&body), Became::Applied);
    let (available, held) = venue.balance("taker", USD);
    assert_eq!(held, 0);
    assert!(available < 150_000, "less than one lot's price is left, not {available}");
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_cancel_all_gives_everything_back() {
    let mut venue = Venue::new(true);
    for number in 0..20 {
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let price = if number % 2 == 0 { 100 - number } else { 200 + number };
        venue.apply("alice", limit(&number.to_string(), side, price, 1_000));
    }
    let body = venue.apply("alice", Command::CancelAll { instrument: None });
    let ended = body.events.iter().filter(|event| matches!(event.kind, Some(Kind::OrderEnded(_))));
    assert_eq!(ended.count(), 20);
    assert_eq!(venue.exchange.accounts().count(), 0, "back at the grant and compacted away");
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_deposit_is_applied_once_whatever_the_hour() {
    let mut venue = Venue::new(false);
    let deposit = |units| Command::Deposit(movement(USD, units, "wire-1"));
    assert_eq!(became(&venue.apply("alice", deposit(500))), Became::Applied);
    assert_eq!(became(&venue.apply("alice", deposit(500))), Became::Duplicate(0));
    let late = venue.now - 1;
    assert_eq!(became(&venue.apply_until("alice", deposit(500), late)), Became::Duplicate(0));
    let other = venue.apply("alice", deposit(501));
    assert_eq!(became(&other), Became::Refused(RefusalReason::KeyReused));
    let too_much = Command::Withdraw(movement(USD, 501, "out-1"));
    let refused = venue.apply("alice", too_much);
    assert_eq!(became(&refused), Became::Refused(RefusalReason::InsufficientFunds));
    assert_eq!(venue.balance("alice", USD), (500, 0));
}

#[test]
fn an_instrument_is_listed_only_on_a_partition_that_there_is_and_stays_there() {
    let mut venue = Venue::bare(true, 3, Partition::new(1).expect("in range"));
    venue.list(asset(USD, "USD", 1_000));
    venue.list(asset(BTC, "BTC", 10));
    let on = |partition| Body::Instrument(InstrumentListing { partition, ..btc_usd() });
    let refused = Became::Refused(RefusalReason::BadListing);
    assert_eq!(venue.try_list(1, on(3)), refused, "there are three, from 0");
    assert_eq!(venue.try_list(1, on(u32::MAX)), refused);
    assert_eq!(venue.try_list(1, on(2)), Became::Applied);
    assert_eq!(venue.try_list(2, on(3)), refused);
    assert_eq!(venue.try_list(2, on(1)), refused, "a book does not move by a listing");
    assert_eq!(venue.try_list(2, on(2)), Became::Applied);
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.try_list(3, on(3)), refused, "a restored shard knows how many there are");
    assert_eq!(venue.exchange.books().instruments().count(), 0, "the book is another shard's");
}

#[test]
fn an_account_with_many_keys_stays_until_they_expire_and_goes_then_by_itself() {
    let mut venue = Venue::new(true);
    for number in 0..=KEYS_ASSURED {
        venue.apply("alice", limit(&number.to_string(), Side::Buy, 100, 1_000));
        let order_id = venue.last_order();
        assert_eq!(became(&venue.apply("alice", Command::Cancel { order_id })), Became::Applied);
        assert_eq!(venue.exchange.accounts().count(), usize::from(number == KEYS_ASSURED));
        venue.exchange.check_invariants().expect("all holds");
    }
    assert_eq!(venue.balance("alice", USD), (1_000 * COIN, 0), "she is at her grant");
    let again = venue.apply("alice", limit("0", Side::Buy, 100, 1_000));
    assert!(matches!(became(&again), Became::Duplicate(_)), "her keys are kept");
    venue.now += 101 * SECOND;
    let body = venue.apply("bob", Command::CancelAll { instrument: None });
    let gone = body.events.iter().filter(|e| matches!(e.kind, Some(Kind::AccountCompacted(_))));
    assert_eq!((gone.count(), body.accounts), (1, vec!["alice".to_owned()]));
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn the_keys_of_a_name_without_account_are_its_own_once_it_has_one() {
    let mut venue = Venue::new(false);
    for number in 0..KEYS_ASSURED {
        let refused = venue.apply("alice", limit(&number.to_string(), Side::Buy, 100, 1_000));
        assert_eq!(became(&refused), Became::Refused(RefusalReason::InsufficientFunds));
    }
    let one_more = || limit("more", Side::Buy, 100, 1_000);
    let refused = Became::Refused(RefusalReason::TooManyKeys);
    assert_eq!(became(&venue.apply("alice", one_more())), refused);
    venue.exchange.check_invariants().expect("all holds");
    venue.apply("alice", Command::Deposit(movement(USD, COIN, "wire-1")));
    venue.exchange.check_invariants().expect("all holds");
    assert_eq!(became(&venue.apply("alice", one_more())), Became::Applied, "its key was free");
    let again = venue.apply("alice", limit("0", Side::Buy, 100, 1_000));
    assert!(matches!(became(&again), Became::Duplicate(_)), "what was refused stays refused");
    let bytes = venue.exchange.encode();
    assert_eq!(Exchange::decode(&bytes).expect("it was just encoded").encode(), bytes);
}
