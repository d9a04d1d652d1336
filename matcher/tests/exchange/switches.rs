//! Dead man's switches: an account's open orders end at their instant, each with what it held, and
//! before anything else happens.

use matcher::{
    Exchange,
    limits::{ORDER_EXPIRIES_MAX, SWITCHES_MAX},
};
use model::{Instructions, InstrumentId, Price, Side, Span, Trigger, TriggerKind};
use proto::{
    command::{CancelAfter, Command},
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
};
use spine::Core;

use crate::{
    lists,
    venue::{BTC, BTC_USD, Became, SECOND, USD, Venue, became, limit, market, saying},
};

const COIN: i128 = 100_000_000;

fn after(seconds: u64) -> Command {
    Command::CancelAfter(CancelAfter::own(None, Span::from_secs(seconds)))
}

fn after_in(instrument: InstrumentId, seconds: u64) -> Command {
    let timeout = Span::from_secs(seconds);
    Command::CancelAfter(CancelAfter::own(Some(instrument), timeout))
}

fn stop(command: Command, at: u64) -> Command {
    let price = Price::from_ticks(at).expect("in range");
    let trigger = Some(Trigger { kind: TriggerKind::StopLoss, price });
    let Command::Place(place) = &command else { panic!("it is an order") };
    let time_in_force = place.time_in_force;
    saying(command, time_in_force, Instructions { trigger, ..Instructions::default() })
}

fn ends(body: &AnswerBody) -> Vec<EndReason> {
    let ends = body.events.iter().filter_map(|event| match event.kind.as_ref() {
        Some(Kind::OrderEnded(end)) => Some(end.reason()),
        _ => None,
    });
    ends.collect()
}

fn cancels_at(body: &AnswerBody) -> Option<u64> {
    body.events.iter().find_map(|event| match event.kind.as_ref() {
        Some(Kind::CancelAfterSet(set)) => Some(set.cancels_at_unix_nanos),
        _ => None,
    })
}

/// A record of somebody else's that does nothing: time passes with it.
fn pass(venue: &mut Venue, seconds: u64) -> AnswerBody {
    venue.now += seconds * SECOND;
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes, "the encoding is canonical");
    let body = venue.apply("nobody", Command::CancelAll { instrument: None });
    venue.exchange.check_invariants().expect("all holds");
    body
}

#[test]
fn at_its_instant_all_that_is_open_ends_and_nothing_stays_held() {
    let mut venue = Venue::new(true);
    venue.apply("bob", limit("a", Side::Buy, 9_000, 1_000));
    for order in [
        limit("a", Side::Buy, 9_000, 100_000),
        limit("b", Side::Sell, 12_000, 100_000),
        stop(limit("c", Side::Buy, 13_000, 100_000), 12_500),
        stop(market("d", Side::Buy, 100_000), 12_500),
        stop(market("e", Side::Sell, 100_000), 8_000),
    ] {
        assert_eq!(became(&venue.apply("alice", order)), Became::Applied);
    }
    let body = venue.apply("alice", after(10));
    assert_eq!(became(&body), Became::Applied);
    assert_eq!(cancels_at(&body), Some(venue.now + 10 * SECOND));
    assert!(body.postings.is_empty());
    assert_eq!(ends(&pass(&mut venue, 9)), []);
    let body = pass(&mut venue, 1);
    assert_eq!(ends(&body), [EndReason::CancelAfter; 5]);
    assert_eq!(venue.balance("alice", USD), (0, 0), "at the grant and gone");
    assert_eq!(venue.exchange.accounts().count(), 1, "only bob is left");
    assert_eq!(venue.balance("bob", USD).1, 9 * COIN / 10);
    // It was for once: what comes later stays.
    venue.apply("alice", limit("f", Side::Buy, 9_000, 1_000));
    assert_eq!(ends(&pass(&mut venue, 100)), []);
}

#[test]
fn said_again_it_moves_on_and_zero_takes_it_away() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Buy, 9_000, 1_000));
    venue.apply("alice", after(10));
    assert_eq!(ends(&pass(&mut venue, 9)), []);
    venue.apply("alice", after(10));
    assert_eq!(ends(&pass(&mut venue, 9)), [], "it was moved on");
    assert_eq!(cancels_at(&venue.apply("alice", after(0))), Some(0));
    assert_eq!(ends(&pass(&mut venue, 1_000)), [], "there is none");
    // Set before there is anything to end, even an account.
    venue.apply("carl", after(5));
    venue.apply("carl", limit("a", Side::Buy, 9_000, 1_000));
    assert_eq!(ends(&pass(&mut venue, 5)), [EndReason::CancelAfter]);
}

#[test]
fn it_goes_off_before_the_record_that_brings_the_time_does_anything() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Sell, 10_000, 100_000));
    venue.apply("alice", after(10));
    // Nothing was heard for an hour: the log stood still.
    venue.now += 3_600 * SECOND;
    let body = venue.apply("bob", limit("a", Side::Buy, 10_000, 100_000));
    assert_eq!(ends(&body), [EndReason::CancelAfter], "and bob's order rests");
    assert_eq!(venue.balance("bob", USD).1, 100 * COIN);
    // Also before its own: this one comes too late to save anything.
    venue.apply("carl", limit("a", Side::Sell, 11_000, 100_000));
    venue.apply("carl", after(1));
    venue.now += SECOND;
    assert_eq!(ends(&venue.apply("carl", after(10))), [EndReason::CancelAfter]);
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn what_is_of_one_instrument_is_apart_from_what_is_of_all() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Buy, 9_000, 1_000));
    let unknown = Became::Refused(RefusalReason::UnknownInstrument);
    assert_eq!(became(&venue.apply("alice", after_in(InstrumentId(9), 5))), unknown);
    venue.apply("alice", after_in(BTC_USD, 5));
    venue.apply("alice", after(20));
    venue.apply("alice", after(0));
    assert_eq!(ends(&pass(&mut venue, 5)), [EndReason::CancelAfter]);
    let late = venue.now - 1;
    let body = venue.apply_until("alice", after(5), late);
    assert_eq!(became(&body), Became::Refused(RefusalReason::Late));
    venue.behaviour = 3;
    let body = venue.apply("alice", after(5));
    assert_eq!(became(&body), Became::Refused(RefusalReason::NotInForce));
}

#[test]
fn where_more_is_open_than_one_answer_ends_the_rest_does_not_trade() {
    let mut venue = Venue::new(true);
    for number in 0..ORDER_EXPIRIES_MAX + 3 {
        venue.apply("maker", limit(&number.to_string(), Side::Sell, 10_000, 10));
    }
    venue.apply("maker", stop(market("asleep", Side::Sell, 10), 10_000));
    venue.apply("other", limit("1", Side::Sell, 10_000, 10));
    venue.apply("maker", after(1));
    venue.now += SECOND;
    // The taker passes the last three and trades with the other. That wakes the sleeper, which ends
    // instead of going on.
    let body = venue.apply("taker", limit("1", Side::Buy, 10_000, 10));
    let mut expected = vec![EndReason::CancelAfter; ORDER_EXPIRIES_MAX + 3];
    expected.extend([EndReason::Filled, EndReason::Filled, EndReason::CancelAfter]);
    assert_eq!(ends(&body), expected);
    venue.exchange.check_invariants().expect("all holds");
    assert!(venue.exchange.has_more_to_expire(), "more might be left, so a tick comes at once");
    assert_eq!(ends(&pass(&mut venue, 0)), []);
    assert!(!venue.exchange.has_more_to_expire());
    assert_eq!(venue.balance("maker", BTC), (10 * COIN, 0), "nothing stays held");
}

#[test]
fn their_number_is_bounded_and_each_account_can_still_move_its_own() {
    let mut venue = Venue::new(true);
    for number in 0..SWITCHES_MAX {
        let body = venue.apply(&format!("client-{number}"), after(60));
        assert_eq!(became(&body), Became::Applied, "{number}");
    }
    let refused = Became::Refused(RefusalReason::TooManyCancelAfters);
    assert_eq!(became(&venue.apply("late", after(60))), refused);
    assert_eq!(became(&venue.apply("late", after(0))), Became::Applied, "there was none");
    assert_eq!(became(&venue.apply("client-7", after(90))), Became::Applied);
    assert_eq!(became(&venue.apply("client-8", after(0))), Became::Applied);
    assert_eq!(became(&venue.apply("late", after(60))), Became::Applied);
    venue.now += 60 * SECOND;
    venue.apply("nobody", Command::CancelAll { instrument: None });
    assert_eq!(became(&venue.apply("later", after(60))), Became::Applied, "they went off");
}

/// A pair with what it holds together, and what waits for a working order.
#[test]
fn lists_end_whole() {
    let mut venue = Venue::new(true);
    assert_eq!(became(&venue.apply("alice", lists::pair("p", 800_000))), Became::Applied);
    assert_eq!(became(&venue.apply("alice", lists::working("w", 100_000))), Became::Applied);
    assert_eq!(venue.exchange.books().len(), 4);
    venue.apply("alice", after(10));
    let body = pass(&mut venue, 10);
    assert_eq!(ends(&body), [EndReason::CancelAfter; 4]);
    let done = body.events.iter().filter(|event| matches!(event.kind, Some(Kind::ListStatus(_))));
    assert_eq!(done.count(), 2);
    assert_eq!(venue.exchange.books().len(), 0);
    assert_eq!(venue.exchange.accounts().count(), 0, "at the grant and gone");
}

fn session(session: u64, seconds: u64, has_ended: bool) -> Command {
    let own = CancelAfter::own(None, Span::from_secs(seconds));
    Command::CancelAfter(CancelAfter { session, has_ended, ..own })
}

#[test]
fn what_is_set_for_a_stream_is_apart_from_what_is_set_for_another_and_for_oneself() {
    let mut venue = Venue::new(true);
    venue.apply("alice", limit("a", Side::Buy, 9_000, 1_000));
    assert_eq!(became(&venue.apply("alice", after(100))), Became::Applied);
    assert_eq!(became(&venue.apply("alice", session(7, 5, false))), Became::Applied);
    assert_eq!(became(&venue.apply("alice", session(8, 5, false))), Became::Applied);
    // One is moved on and the other is not: the gateway of that one is gone.
    pass(&mut venue, 4);
    venue.apply("alice", session(7, 5, false));
    let ended = pass(&mut venue, 1);
    assert_eq!(ends(&ended), [EndReason::CancelAfter]);
    venue.apply("alice", limit("b", Side::Buy, 9_000, 1_000));
    assert_eq!(ends(&pass(&mut venue, 3)), [], "it went off once");
    assert_eq!(ends(&pass(&mut venue, 1)), [EndReason::CancelAfter], "and the other at its time");
    venue.apply("alice", limit("c", Side::Buy, 9_000, 1_000));
    assert_eq!(ends(&pass(&mut venue, 90)), []);
    assert_eq!(ends(&pass(&mut venue, 5)), [EndReason::CancelAfter], "what she has set herself");
}

#[test]
fn a_stream_that_has_ended_ends_all_that_is_open_at_once() {
    let mut venue = Venue::new(true);
    venue.apply("alice", session(7, 5, false));
    venue.apply("alice", limit("a", Side::Buy, 9_000, 1_000));
    venue.apply("alice", stop(limit("b", Side::Buy, 12_000, 1_000), 11_000));
    venue.apply("alice", lists::pair("c", 1_000));
    venue.apply("bob", limit("a", Side::Buy, 9_000, 1_000));
    let body = venue.apply("alice", session(7, 0, true));
    assert_eq!(became(&body), Became::Applied);
    assert_eq!(ends(&body), [EndReason::Cancelled; 4]);
    assert_eq!(venue.balance("alice", USD).1, 0);
    venue.apply("alice", limit("d", Side::Buy, 9_000, 1_000));
    assert_eq!(ends(&pass(&mut venue, 60)), [], "nothing is set for it any more");
    // Said again, or of one that never was, it ends what is open then.
    assert_eq!(ends(&venue.apply("alice", session(7, 0, true))), [EndReason::Cancelled]);
    assert_eq!(venue.exchange.books().len(), 1, "bob's");
    // A client that wants it no longer keeps its orders.
    venue.apply("alice", limit("e", Side::Buy, 9_000, 1_000));
    venue.apply("alice", session(9, 5, false));
    assert_eq!(cancels_at(&venue.apply("alice", session(9, 0, false))), Some(0));
    assert_eq!(ends(&pass(&mut venue, 60)), []);
}
