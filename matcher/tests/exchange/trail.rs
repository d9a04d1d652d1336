//! The audit trail, as the first shard keeps it.

use matcher::{Exchange, trail};
use model::Partition;
use proto::{
    command::OperatorWord,
    log::{AdminCall, AdminCallRecorded, AdminDecision, AnswerBody, RefusalReason, event},
};
use spine::Core;

use crate::venue::{Became, SECOND, Venue, became};

fn call(method: &str) -> AdminCall {
    AdminCall {
        method: method.to_owned(),
        decision: AdminDecision::Allowed.into(),
        source: "10.0.0.7".to_owned(),
        unrecorded: 3,
    }
}

fn entry(body: &AnswerBody) -> AdminCallRecorded {
    assert_eq!(became(body), Became::Applied);
    let [one] = body.events.as_slice() else { panic!("{:?}", body.events) };
    let Some(event::Kind::AdminCallRecorded(entry)) = &one.kind else { panic!("{one:?}") };
    entry.clone()
}

/// So many entries, each a second after the one before.
fn entries(venue: &mut Venue, count: usize) -> Vec<AdminCallRecorded> {
    let record = |_| {
        venue.now += SECOND;
        entry(&venue.operate(OperatorWord::Record(call("Upgrade"))))
    };
    (0..count).map(record).collect()
}

/// How many of them follow one another from the beginning.
fn proved(entries: &[AdminCallRecorded]) -> u64 {
    let mut hash = trail::BEGINNING;
    let follows = |(entry, number): (&AdminCallRecorded, u64)| {
        let is_next = trail::follows(entry, number, hash);
        hash = trail::hash(entry);
        is_next
    };
    entries.iter().zip(0..).map(follows).take_while(|is_next| *is_next).count() as u64
}

#[test]
fn calls_are_a_chain_however_late_they_come() {
    let mut venue = Venue::new(false);
    let first = entries(&mut venue, 2);
    let late = venue.operate_until(OperatorWord::Record(call("SetInstrument")), venue.now - 1);
    let late = entry(&late);
    assert_eq!((late.sequence, late.operator.as_str()), (3, "olga"));
    assert_eq!((late.call.clone(), late.at_unix_nanos), (Some(call("SetInstrument")), venue.now));
    assert_eq!(proved(&[first, vec![late]].concat()), 3);
}

#[test]
fn whatever_is_changed_left_out_or_moved_breaks_it() {
    let good = entries(&mut Venue::new(false), 5);
    assert_eq!(proved(&good), 5);
    let spoil: [fn(&mut AdminCallRecorded); 8] = [
        |entry| entry.sequence += 1,
        |entry| entry.operator.push('x'),
        |entry| entry.at_unix_nanos ^= 1,
        |entry| entry.previous_hash[0] ^= 1,
        |entry| entry.hash[31] ^= 128,
        |entry| entry.hash.clear(),
        |entry| entry.call = None,
        |entry| entry.call = Some(call("AdjustBalance")),
    ];
    for spoil in spoil {
        let mut bad = good.clone();
        spoil(&mut bad[2]);
        assert_eq!(proved(&bad), 2);
        // Who hashes it again is found out by the next one.
        bad[2].hash = trail::hash(&bad[2]).to_vec();
        assert!(bad == good || proved(&bad) < 4);
    }
    let mut without = good.clone();
    without.remove(2);
    assert_eq!(proved(&without), 2);
    let mut moved = good;
    moved.swap(2, 3);
    assert_eq!(proved(&moved), 2);
}

#[test]
fn a_snapshot_goes_on_where_it_ended() {
    let mut venue = Venue::new(false);
    let mut all = entries(&mut venue, 2);
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
    all.extend(entries(&mut venue, 2));
    assert_eq!(proved(&all), 4);
}

#[test]
fn only_the_first_shard_has_one() {
    let mut venue = Venue::bare(false, 2, Partition::new(1).expect("in range"));
    let body = venue.operate(OperatorWord::Record(call("Upgrade")));
    assert_eq!(became(&body), Became::Refused(RefusalReason::BadListing));
}
