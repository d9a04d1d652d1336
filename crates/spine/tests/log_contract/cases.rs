//! The cases: what is promised, whoever keeps it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use model::Partition;
use proto::topic::{RECORD_BYTES_MAX, Topic};
use spine::{
    Place, Record, Visibility,
    header::{INCARNATION, TRACE_PARENT},
    log::{AppendError, LogError, Pace, ReachedEnd, ReadLimit},
};
use tokio::{runtime, sync::Notify, time};

use crate::trial::{
    Begun, SHARDS, TOO_LONG, Trial, append_all, edge, orders, place, reader, shard, take,
    take_to_end, text, texts,
};

pub(crate) fn offsets_are_dense_from_nought(trial: &dyn Trial) {
    let log = trial.open();
    let producer = shard(&*log);
    assert_eq!(log.end(orders(), Visibility::Synced), Ok(0));
    let appended = append_all(&*producer, orders(), ["a", "b"]);
    assert_eq!(appended.iter().map(|one| one.offset).collect::<Vec<_>>(), [0, 1]);
    let appended = append_all(&*producer, orders(), ["c"]);
    assert_eq!(appended[0].offset, 2);
    assert_eq!(log.end(orders(), Visibility::Synced), Ok(3));
    let stored = take(&mut *reader(&*log, orders(), 0), 3);
    assert_eq!((stored[0].offset, texts(&stored)), (0, vec!["a".into(), "b".into(), "c".into()]));
}

pub(crate) fn a_producers_order_is_kept_with_many_in_flight(trial: &dyn Trial) {
    const RECORDS: u32 = 10_000;
    let log = trial.open();
    let producer = shard(&*log);
    let values = (0..RECORDS).map(|number| number.to_string());
    let appended = append_all(&*producer, orders(), values);
    assert!(appended.iter().map(|one| one.offset).eq(0..u64::from(RECORDS)));
    let stored = take(&mut *reader(&*log, orders(), 0), RECORDS as usize);
    assert!(stored.iter().all(|one| text(one) == one.offset.to_string()));
}

pub(crate) fn what_is_appended_together_stands_in_order_among_the_rest(trial: &dyn Trial) {
    let log = trial.open();
    let producer = shard(&*log);
    let mut begun = Begun::default();
    for round in 0..100 {
        begun.append(&*producer, orders(), Record::of(format!("{round} alone")));
        let together = (0..round % 7).map(|number| Record::of(format!("{round} {number}")));
        begun.append_all(&*producer, orders(), together);
    }
    let expected: Vec<String> = (0..100)
        .flat_map(|round| {
            let together = (0..round % 7).map(move |number| format!("{round} {number}"));
            [format!("{round} alone")].into_iter().chain(together)
        })
        .collect();
    assert!(begun.offsets().into_iter().eq(0..expected.len() as u64));
    let stored = take(&mut *reader(&*log, orders(), 0), expected.len());
    assert_eq!(texts(&stored), expected);
}

/// What goes alone may go another way than what goes together: neither overtakes the other.
pub(crate) fn what_comes_behind_something_on_its_way_stands_behind_it(trial: &dyn Trial) {
    const ROUNDS: usize = 200;
    let log = trial.open();
    let producer = shard(&*log);
    let (mut later, mut expected) = (Begun::default(), Vec::new());
    let mut append = |begun: &mut Begun, text: String| {
        begun.append(&*producer, orders(), Record::of(text.clone()));
        expected.push(text);
    };
    for round in 0..ROUNDS {
        // At a quiet place in most rounds; what follows it is at one that is not.
        let mut first = Begun::default();
        append(&mut first, format!("{round} first"));
        (0..round % 4).for_each(|number| append(&mut later, format!("{round} {number}")));
        first.appended();
    }
    later.appended();
    let stored = take(&mut *reader(&*log, orders(), 0), expected.len());
    assert_eq!(texts(&stored), expected);
}

/// A producer that kept back what it took together while it waits for room would wait for ever.
pub(crate) fn more_than_there_is_room_for_can_be_appended_together(trial: &dyn Trial) {
    const RECORDS: usize = 18;
    let log = trial.open();
    let producer = shard(&*log);
    let mut begun = Begun::default();
    let large = Bytes::from(vec![0; RECORD_BYTES_MAX]);
    let together = std::iter::repeat_n(Record::of(large), RECORDS);
    begun.append_all(&*producer, orders(), together);
    assert!(begun.offsets().into_iter().eq(0..RECORDS as u64));
}

pub(crate) fn producers_interleave_without_loss(trial: &dyn Trial) {
    const EACH: usize = 500;
    let log = trial.open();
    let names = ["a", "b", "c"];
    thread::scope(|threads| {
        for name in names {
            let producer = edge(&*log);
            let values = (0..EACH).map(move |number| format!("{name} {number}"));
            threads.spawn(move || append_all(&*producer, orders(), values));
        }
    });
    let stored = take(&mut *reader(&*log, orders(), 0), names.len() * EACH);
    for name in names {
        let own = stored.iter().map(text).filter(|value| value.starts_with(name));
        assert!(own.eq((0..EACH).map(|number| format!("{name} {number}"))));
    }
}

pub(crate) fn headers_keys_and_empty_values_survive(trial: &dyn Trial) {
    let log = trial.open();
    let producer = edge(&*log);
    let mut whole = Record::of("value");
    whole.key = Some(Bytes::from_static(b"key \xff\0"));
    whole.headers.push(TRACE_PARENT, "00-1-2-01");
    whole.headers.push(INCARNATION, "7");
    whole.headers.push(TRACE_PARENT, "again");
    whole.headers.push("bytes", &b"\0\xff"[..]);
    whole.headers.push("empty", "");
    let mut empty = Record::of("");
    empty.key = Some(Bytes::new());
    let records = [whole, empty, Record::of(&b"\0"[..]), Record::of("")];
    let mut begun = Begun::default();
    records.iter().for_each(|record| begun.append(&*producer, orders(), record.clone()));
    assert_eq!(begun.offsets(), [0, 1, 2, 3]);
    let stored = take(&mut *reader(&*log, orders(), 0), records.len());
    assert!(stored.into_iter().map(|one| one.record).eq(records));
}

pub(crate) fn append_times_never_run_backwards(trial: &dyn Trial) {
    let log = trial.open();
    let producer = shard(&*log);
    let mut appended = Vec::new();
    for batch in 0..20 {
        appended.extend(append_all(&*producer, orders(), vec!["x"; batch]));
    }
    let stored = take(&mut *reader(&*log, orders(), 0), appended.len());
    assert!(stored.windows(2).all(|pair| pair[0].appended_at <= pair[1].appended_at));
    for (stored, told) in stored.iter().zip(appended) {
        assert_eq!(stored.offset, told.offset);
        assert!(told.appended_at.is_none_or(|appended_at| appended_at == stored.appended_at));
    }
}

pub(crate) fn a_reader_begins_in_the_middle(trial: &dyn Trial) {
    let log = trial.open();
    append_all(&*shard(&*log), orders(), ["a", "b", "c", "d"]);
    for (from, rest) in [(1, vec!["b", "c", "d"]), (3, vec!["d"]), (4, vec![])] {
        let stored = take_to_end(&mut *reader(&*log, orders(), from));
        assert_eq!(texts(&stored), rest);
        assert!(stored.first().is_none_or(|first| first.offset == from));
    }
}

pub(crate) fn a_reader_at_the_end_waits_and_sees_the_next_record(trial: &dyn Trial) {
    let log = trial.open();
    let producer = shard(&*log);
    append_all(&*producer, orders(), ["before"]);
    let mut tail = reader(&*log, orders(), 1);
    assert!(take_to_end(&mut *tail).is_empty());
    thread::scope(|threads| {
        let tail = threads.spawn(move || take(&mut *tail, 1));
        append_all(&*producer, orders(), ["after"]);
        let stored = tail.join().expect("the reader does not panic");
        assert_eq!((stored[0].offset, text(&stored[0])), (1, "after".to_owned()));
    });
}

const ONE: ReadLimit = ReadLimit { records: 1, bytes: 1 };

/// Where a log has such readers, their owner hears of each record and never waits in a poll.
pub(crate) fn a_reader_that_tells_tells_of_what_comes(trial: &dyn Trial) {
    let log = trial.open();
    let producer = shard(&*log);
    append_all(&*producer, orders(), ["before"]);
    let came = Arc::new(Notify::new());
    let (seen, pace) = (Visibility::Synced, Pace::Eager);
    let reader = log.reader_that_tells(orders(), 0, seen, pace, Arc::clone(&came));
    let Some(mut reader) = reader.expect("it is readable") else { return };
    let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut next = || {
        let mut stored = Vec::new();
        reader.poll(ONE, Duration::ZERO, &mut stored).expect("it is readable");
        while stored.is_empty() {
            let told = async { time::timeout(TOO_LONG, came.notified()).await };
            runtime.block_on(told).expect("it tells");
            reader.poll(ONE, Duration::ZERO, &mut stored).expect("it is readable");
        }
        texts(&stored)
    };
    assert_eq!(next(), ["before"]);
    for together in [vec!["a"], vec!["b", "c"], vec!["d"]] {
        append_all(&*producer, orders(), together.clone());
        together.into_iter().for_each(|text| assert_eq!(next(), [text]));
    }
}

pub(crate) fn a_reader_beyond_the_end_is_refused(trial: &dyn Trial) {
    let log = trial.open();
    append_all(&*shard(&*log), orders(), ["a", "b"]);
    for visibility in [Visibility::Written, Visibility::Synced] {
        for asked in [3, u64::MAX] {
            let refusal = log.reader(orders(), asked, visibility).err();
            assert_eq!(refusal, Some(LogError::BeyondEnd { place: orders(), asked, end: 2 }));
        }
    }
}

/// Polls until something comes.
fn poll_some(reader: &mut dyn spine::log::Reader, limit: ReadLimit) -> Vec<spine::Stored> {
    let mut stored = Vec::new();
    while stored.is_empty() {
        reader.poll(limit, TOO_LONG, &mut stored).expect("it is readable");
    }
    stored
}

pub(crate) fn a_poll_is_limited_by_records(trial: &dyn Trial) {
    let log = trial.open();
    append_all(&*shard(&*log), orders(), (0..10).map(|number| number.to_string()));
    let mut reader = reader(&*log, orders(), 0);
    let mut stored = Vec::new();
    while stored.len() < 10 {
        let came = poll_some(&mut *reader, ReadLimit { records: 3, bytes: usize::MAX });
        assert!(came.len() <= 3);
        stored.extend(came);
    }
    assert!(stored.iter().map(text).eq((0..10).map(|number| number.to_string())));
}

pub(crate) fn a_poll_is_limited_by_bytes(trial: &dyn Trial) {
    let log = trial.open();
    append_all(&*shard(&*log), orders(), vec![vec![7; 100]; 10]);
    let mut reader = reader(&*log, orders(), 0);
    let mut count = 0;
    while count < 10 {
        // 250 bytes are there after three records of 100, and a single larger one always comes.
        let came = poll_some(&mut *reader, ReadLimit { records: 1_000, bytes: 250 });
        assert!(came.len() <= 3);
        count += came.len();
        if count < 10 {
            let came = poll_some(&mut *reader, ReadLimit { records: 1_000, bytes: 1 });
            assert_eq!(came.len(), 1);
            count += 1;
        }
    }
    assert_eq!(count, 10);
}

pub(crate) fn the_end_is_told_and_not_before(trial: &dyn Trial) {
    let log = trial.open();
    let producer = shard(&*log);
    let mut reader = reader(&*log, orders(), 0);
    assert!(take_to_end(&mut *reader).is_empty());
    for round in 1..=3 {
        append_all(&*producer, orders(), vec!["x"; 10]);
        let mut stored = Vec::new();
        let limit = ReadLimit { records: 4, bytes: usize::MAX };
        let mut reached = ReachedEnd::No;
        // What is acknowledged is there; only a reader that has not heard of it yet may still
        // believe in the end before it.
        while stored.len() < 10 || reached == ReachedEnd::No {
            let before = stored.len();
            reached = reader.poll(limit, TOO_LONG / 100, &mut stored).expect("it is readable");
            if before < stored.len() && reached == ReachedEnd::Yes {
                assert_eq!(stored.len(), 10, "round {round}");
            }
        }
        assert_eq!(stored.len(), 10);
    }
}

pub(crate) fn the_end_is_told_while_records_keep_coming(trial: &dyn Trial) {
    let log = trial.open();
    let producer = shard(&*log);
    append_all(&*producer, orders(), vec!["x"; 10]);
    let mut reader = reader(&*log, orders(), 0);
    let is_told = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_told.load(Ordering::Relaxed) {
                append_all(&*producer, orders(), ["x"]);
            }
        });
        // Once for where the end was when the reader began, and again for later ones.
        let began = Instant::now();
        let mut told = 0;
        while told < 3 && began.elapsed() < TOO_LONG {
            let mut stored = Vec::new();
            let limit = ReadLimit { records: 1 << 20, bytes: 1 << 30 };
            let reached = reader.poll(limit, TOO_LONG / 100, &mut stored).expect("readable");
            told += usize::from(!stored.is_empty() && reached == ReachedEnd::Yes);
        }
        is_told.store(true, Ordering::Relaxed);
        assert_eq!(told, 3);
    });
}

pub(crate) fn readers_are_independent(trial: &dyn Trial) {
    let log = trial.open();
    append_all(&*shard(&*log), orders(), ["a", "b", "c"]);
    let (mut one, mut other) = (reader(&*log, orders(), 0), reader(&*log, orders(), 0));
    assert_eq!(poll_some(&mut *one, ReadLimit { records: 1, bytes: usize::MAX }).len(), 1);
    assert_eq!(texts(&take(&mut *other, 3)), ["a", "b", "c"]);
    assert_eq!(texts(&take(&mut *one, 2)), ["b", "c"]);
}

pub(crate) fn what_is_acknowledged_is_shown_as_synced(trial: &dyn Trial) {
    let log = trial.open();
    let producer = edge(&*log);
    for number in 0..20 {
        let appended = append_all(&*producer, orders(), [number.to_string()]);
        assert_eq!(log.end(orders(), Visibility::Synced), Ok(appended[0].offset + 1));
        assert_eq!(log.end(orders(), Visibility::Written), Ok(number + 1));
        let stored = take(&mut *reader(&*log, orders(), appended[0].offset), 1);
        assert_eq!(text(&stored[0]), number.to_string());
    }
}

pub(crate) fn the_largest_record_goes_and_a_larger_one_is_refused(trial: &dyn Trial) {
    let log = trial.open();
    for producer in [shard(&*log), edge(&*log)] {
        let end = log.end(orders(), Visibility::Synced).expect("it exists");
        let mut begun = Begun::default();
        let sizes = [1, RECORD_BYTES_MAX, RECORD_BYTES_MAX + 1, 2];
        for size in sizes {
            begun.append(&*producer, orders(), Record::of(vec![b'x'; size]));
        }
        let results: Vec<_> =
            begun.results().into_iter().map(|result| result.map(|one| one.offset - end)).collect();
        let too_large = Err(AppendError::TooLarge { bytes: RECORD_BYTES_MAX + 1 });
        assert_eq!(results, [Ok(0), Ok(1), too_large, Ok(2)]);
        let stored = take(&mut *reader(&*log, orders(), end), 3);
        let lengths: Vec<usize> = stored.iter().map(|one| one.record.value.len()).collect();
        assert_eq!(lengths, [1, RECORD_BYTES_MAX, 2]);
    }
}

pub(crate) fn partitions_and_topics_are_independent(trial: &dyn Trial) {
    let log = trial.open();
    let producer = shard(&*log);
    let every_partition = (0..SHARDS)
        .flat_map(|number| [place(Place::orders, number), place(Place::events, number)])
        .chain(
            [Topic::Market, Topic::Reference, Topic::OrdersDeadLetters]
                .map(|topic| Place { topic, partition: Partition::FIRST }),
        );
    let places: Vec<Place> = every_partition.collect();
    let mut begun = Begun::default();
    for round in 0..3 {
        for place in &places {
            let mut record = Record::of(format!("{place:?} {round}"));
            record.key = Some(Bytes::from(round.to_string()));
            begun.append(&*producer, *place, record);
        }
    }
    let expected = (0..3).flat_map(|round| vec![round; places.len()]);
    assert!(begun.offsets().into_iter().eq(expected));
    for place in places {
        let stored = take_to_end(&mut *reader(&*log, place, 0));
        assert!(texts(&stored).into_iter().eq((0..3).map(|round| format!("{place:?} {round}"))));
    }
}

pub(crate) fn places_that_do_not_exist_are_refused(trial: &dyn Trial) {
    let log = trial.open();
    let nowhere = place(Place::orders, SHARDS);
    let refusal = Some(LogError::NoSuchPlace(nowhere));
    assert_eq!(log.end(nowhere, Visibility::Synced).err(), refusal);
    assert_eq!(log.reader(nowhere, 0, Visibility::Written).err(), refusal);
    let mut begun = Begun::default();
    // Kept until it has answered: a producer that is dropped gives up what is in flight.
    let writer = shard(&*log);
    begun.append(&*writer, nowhere, Record::of("x"));
    assert!(matches!(begun.results()[..], [Err(AppendError::Fatal(_))]));
    drop(writer);
    for topic in Topic::ALL {
        let count = if matches!(topic, Topic::Orders | Topic::Events) { SHARDS } else { 1 };
        assert_eq!(log.partition_count(topic), Ok(count));
    }
}

pub(crate) fn everything_is_there_when_opened_again(trial: &dyn Trial) {
    let log = trial.open();
    let record = Record::of("with a header");
    let record = Record { headers: record.headers.with(INCARNATION, "7"), ..record };
    let (shard, edge) = (shard(&*log), edge(&*log));
    let mut begun = Begun::default();
    begun.append(&*shard, orders(), record.clone());
    begun.append(&*edge, place(Place::events, 2), Record::of("elsewhere"));
    begun.appended();
    let before = take(&mut *reader(&*log, orders(), 0), 1);
    drop((shard, edge, log));
    let log = trial.open();
    let after = take_to_end(&mut *reader(&*log, orders(), 0));
    assert_eq!((&after, &after[0].record), (&before, &record));
    let elsewhere = take_to_end(&mut *reader(&*log, place(Place::events, 2), 0));
    assert_eq!(texts(&elsewhere), ["elsewhere"]);
    assert!(take_to_end(&mut *reader(&*log, place(Place::events, 0), 0)).is_empty());
}

pub(crate) fn appending_goes_on_when_opened_again(trial: &dyn Trial) {
    for round in 0..3 {
        let log = trial.open();
        let appended = append_all(&*shard(&*log), orders(), [format!("{round}")]);
        assert_eq!(appended[0].offset, round);
    }
    let log = trial.open();
    let stored = take_to_end(&mut *reader(&*log, orders(), 0));
    assert_eq!(texts(&stored), ["0", "1", "2"]);
    assert!(stored.windows(2).all(|pair| pair[0].appended_at <= pair[1].appended_at));
}
