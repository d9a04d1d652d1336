//! The controlled log does exactly what the test decides, and nothing else.

use std::{sync::mpsc, time::Duration};

use super::*;
use crate::log::{Appended, ReachedEnd, ReadLimit};
use model::Partition;

const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };

type Heard = mpsc::Receiver<Result<Appended, AppendError>>;

fn append(producer: &Arc<dyn Producer>, place: Place, value: &'static str) -> Heard {
    let (tell, heard) = mpsc::channel();
    let acknowledge = Box::new(move |result| drop(tell.send(result)));
    producer.append(place, Record::of(value), acknowledge);
    heard
}

fn values(log: &MemoryLog, place: Place, visibility: Visibility) -> Vec<String> {
    let mut stored = Vec::new();
    let mut reader = log.reader(place, 0, visibility).expect("it exists");
    let reached = reader.poll(ALL, Duration::ZERO, &mut stored).expect("it is readable");
    assert_eq!(reached, ReachedEnd::Yes);
    stored.iter().map(|one| String::from_utf8_lossy(&one.record.value).into_owned()).collect()
}

fn places() -> (Place, Place) {
    (Place::orders(Partition::FIRST), Place::events(Partition::FIRST))
}

#[test]
fn the_test_chooses_the_order_between_lanes_but_not_within_one() {
    let (orders, events) = places();
    let log = MemoryLog::controlled(1);
    let one = log.producer(WriterRole::Shard).expect("a producer");
    let other = log.producer(WriterRole::Shard).expect("a producer");
    let heard = append(&one, events, "a1");
    append(&one, events, "a2");
    append(&one, orders, "tick");
    append(&other, events, "b1");
    assert_eq!(log.producers(), 2);
    assert!(values(&log, events, Visibility::Written).is_empty());
    assert!(heard.try_recv().is_err());

    let lanes = log.lanes();
    let lane = |producer, place| Lane { producer, place };
    assert_eq!(lanes, [lane(0, orders), lane(0, events), lane(1, events)]);
    assert_eq!(log.deliver(lane(1, events), Delivery::Land), Some(0));
    assert_eq!(log.deliver(lane(0, events), Delivery::Land), Some(1));
    assert_eq!(heard.try_recv().expect("it was told").map(|appended| appended.offset), Ok(1));
    drop((one, other));
    assert_eq!(log.in_flight(lane(0, events)), 1);
    assert_eq!(log.deliver(lane(0, events), Delivery::Land), Some(2));
    assert_eq!(log.deliver(lane(0, events), Delivery::Land), None);
    assert_eq!(values(&log, events, Visibility::Synced), ["b1", "a1", "a2"]);
    assert_eq!(log.lanes(), [lane(0, orders)]);
}

#[test]
fn every_fate_of_a_record_and_what_its_writer_hears() {
    let (orders, _) = places();
    let give_up_after = Duration::from_secs(1);
    for (role, delivery, left, told) in [
        (WriterRole::Shard, Delivery::Land, 1, Some(None)),
        (WriterRole::Shard, Delivery::LandTwice, 2, Some(None)),
        (WriterRole::Shard, Delivery::LandUnheard, 1, None),
        (WriterRole::Shard, Delivery::LandUnconfirmed, 1, Some(Some(AppendError::Unknown))),
        (WriterRole::Edge { give_up_after }, Delivery::Lose, 0, Some(Some(AppendError::Unknown))),
    ] {
        let log = MemoryLog::controlled(1);
        let producer = log.producer(role).expect("a producer");
        let heard = append(&producer, orders, "x");
        log.deliver(Lane { producer: 0, place: orders }, delivery);
        assert_eq!(values(&log, orders, Visibility::Synced).len(), left, "{delivery:?}");
        assert_eq!(heard.try_recv().ok().map(Result::err), told, "{delivery:?}");
    }
}

#[test]
fn a_shard_that_lost_a_record_can_append_no_more() {
    let (orders, events) = places();
    let log = MemoryLog::controlled(1);
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let lost = append(&producer, events, "lost");
    append(&producer, orders, "before");
    log.deliver(Lane { producer: 0, place: events }, Delivery::Lose);
    let refused = append(&producer, orders, "after");
    for heard in [lost, refused] {
        assert!(matches!(heard.try_recv(), Ok(Err(AppendError::Fatal(_)))));
    }
    assert_eq!(log.deliver(Lane { producer: 0, place: orders }, Delivery::Land), Some(0));
}

#[test]
fn a_full_lane_refuses_an_edge() {
    let (orders, _) = places();
    let log = MemoryLog::controlled(1);
    let edge = WriterRole::Edge { give_up_after: Duration::from_secs(1) };
    let producer = log.producer(edge).expect("a producer");
    for _ in 0..LANE_RECORDS_MAX {
        append(&producer, orders, "x");
    }
    assert_eq!(append(&producer, orders, "x").try_recv(), Ok(Err(AppendError::Full)));
}

#[test]
fn a_power_loss_cuts_one_suffix_over_all_topics_and_nobody_heard_of_it() {
    let (orders, events) = places();
    let log = MemoryLog::new(1);
    log.hold_sync();
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let kept = append(&producer, orders, "o0");
    assert!(kept.try_recv().is_err(), "an acknowledged record must be durable");
    log.sync();
    assert!(matches!(kept.try_recv(), Ok(Ok(_))));

    let cut = append(&producer, events, "e0");
    append(&producer, orders, "o1");
    assert_eq!(values(&log, orders, Visibility::Written), ["o0", "o1"]);
    assert_eq!(values(&log, orders, Visibility::Synced), ["o0"]);
    let mut ahead = log.reader(orders, 2, Visibility::Written).expect("the written end");
    log.crash_unsynced();
    assert_eq!(values(&log, orders, Visibility::Written), ["o0"]);
    assert!(values(&log, events, Visibility::Written).is_empty());
    assert!(matches!(cut.try_recv(), Err(mpsc::TryRecvError::Disconnected)));
    let beyond = LogError::BeyondEnd { place: orders, asked: 2, end: 1 };
    assert_eq!(ahead.poll(ALL, Duration::ZERO, &mut Vec::new()), Err(beyond));
    append(&producer, orders, "o2");
    log.sync();
    assert_eq!(values(&log, orders, Visibility::Synced), ["o0", "o2"]);
}

#[test]
fn the_clock_stands_where_it_is_set_and_never_runs_backwards() {
    let (orders, _) = places();
    let at = Timestamp::from_unix_millis;
    let log = MemoryLog::new(1);
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let stamp = || {
        let heard = append(&producer, orders, "x").try_recv().expect("it was told");
        heard.expect("it was appended").appended_at.expect("it is stamped")
    };
    assert!(stamp() < stamp());
    log.set_now(at(5));
    assert_eq!((stamp(), stamp()), (at(5), at(5)));
    log.set_now(at(3));
    assert_eq!(stamp(), at(5));
    log.advance(Span::from_millis(2));
    assert_eq!((stamp(), log.now()), (at(7), at(7)));
}

#[test]
fn somebody_elses_clock_may_run_backwards_but_the_logs_does_not() {
    let (orders, _) = places();
    let shown = Arc::new(Mutex::new(Timestamp::from_unix_millis(9)));
    let clock = Arc::clone(&shown);
    let log = MemoryLog::stamped_by(1, move || *clock.lock().expect("nobody panics"));
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    append(&producer, orders, "x");
    *shown.lock().expect("nobody panics") = Timestamp::from_unix_millis(4);
    append(&producer, orders, "y");
    let mut stored = Vec::new();
    let mut reader = log.reader(orders, 0, Visibility::Synced).expect("it exists");
    reader.poll(ALL, Duration::ZERO, &mut stored).expect("it is readable");
    assert!(stored.iter().all(|one| one.appended_at == Timestamp::from_unix_millis(9)));
}
