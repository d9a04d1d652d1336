//! A reader on a real broker: what it is refused, its pace, and what it shares with others.

use std::{env, process, thread};

use model::Partition;
use rdkafka::admin::{AdminClient, AdminOptions};

use super::*;
use crate::log::{
    Log as _, Producer, Record, Visibility, WriterRole, append_blocking,
    kafka::{KafkaLog, admin},
};

const PLENTY: ReadLimit = ReadLimit { records: 100, bytes: 1 << 20 };
const PLACE: Place = Place::orders(Partition::FIRST);

/// A log of its own under this name; `None` where no broker is named and none has to be.
fn log_of(name: &str) -> Option<KafkaLog> {
    let Ok(bootstrap) = env::var("TRADESPINE_TEST_KAFKA") else {
        assert!(env::var_os("TRADESPINE_XTASK").is_none(), "TRADESPINE_TEST_KAFKA is not set");
        println!("skipped: TRADESPINE_TEST_KAFKA names no broker");
        return None;
    };
    let mut settings = KafkaSettings::new(bootstrap);
    settings.topic_prefix = format!("{name}-{}-", process::id());
    admin::create_topics(&settings, 1, 1).expect("the topics are created");
    Some(KafkaLog::open(settings).expect("the broker answers"))
}

fn append(producer: &dyn Producer) {
    append_blocking(producer, PLACE, Record::of("x")).expect("it is appended");
}

/// Polls until something is said, and returns the error that it must be.
fn refusal(log: &KafkaLog, from: u64) -> LogError {
    let library = Arc::clone(&log.library);
    let reader = KafkaReader::new(library, PLACE, (from, u64::MAX), Pace::Eager);
    let mut reader = reader.expect("a reader");
    let mut stored = Vec::new();
    for _ in 0..100 {
        let polled = reader.poll(PLENTY, Duration::from_millis(100), &mut stored);
        assert_eq!(stored, []);
        if let Err(error) = polled {
            return error;
        }
    }
    panic!("a reader from {from} on was not refused");
}

/// As it happens to a reader whose records go while it reads.
#[test]
fn a_reader_of_what_is_gone_or_not_yet_there_is_told_so() {
    let Some(log) = log_of("trimmed") else { return };
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    (0..3).for_each(|_| append(&*producer));
    let mut cut = TopicPartitionList::new();
    let name = log.settings().topic_name(PLACE.topic);
    cut.add_partition_offset(&name, 0, Offset::Offset(2)).expect("an offset");
    let client: AdminClient<Listener> =
        client::config(log.settings()).create_with_context(Listener::default()).expect("a client");
    admin::block_on(client.delete_records(&cut, &AdminOptions::new())).expect("it is trimmed");

    let trimmed = LogError::Trimmed { place: PLACE, asked: 1, first: 2 };
    assert_eq!(log.reader(PLACE, 1, Visibility::Synced).err(), Some(trimmed.clone()));
    assert_eq!(refusal(&log, 1), trimmed);
    let beyond = LogError::BeyondEnd { place: PLACE, asked: 4, end: 3 };
    assert_eq!(refusal(&log, 4), beyond);
}

/// How often something came until `count` records had.
fn bursts(reader: &mut dyn Reader, count: usize) -> usize {
    let (mut stored, mut bursts) = (Vec::new(), 0);
    let began = Instant::now();
    while stored.len() < count {
        assert!(began.elapsed() < Duration::from_secs(30), "{} records came", stored.len());
        let before = stored.len();
        reader.poll(PLENTY, Duration::from_millis(50), &mut stored).expect("it is read");
        bursts += usize::from(stored.len() > before);
    }
    assert!(stored.iter().map(|stored| stored.offset).eq(0..count as u64), "each once, in order");
    bursts
}

#[test]
fn what_comes_within_a_pace_comes_together() {
    const RECORDS: usize = 60;
    let Some(log) = log_of("paced") else { return };
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    // One shares a consumer, and one reads alone.
    let paced = [80, 200].map(|millis| {
        let pace = Pace::AtMostEvery(Duration::from_millis(millis));
        log.reader_at(PLACE, 0, Visibility::Synced, pace).expect("a reader")
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..RECORDS {
                append(&*producer);
                thread::sleep(Duration::from_millis(10));
            }
        });
        let reading = paced.map(|mut reader| scope.spawn(move || bursts(&mut *reader, RECORDS)));
        for bursts in reading {
            let bursts = bursts.join().expect("it does not panic");
            assert!(bursts <= RECORDS / 3, "{RECORDS} records came in {bursts} bursts");
        }
    });
}

#[test]
fn after_a_quiet_time_a_record_comes_at_once_at_any_pace() {
    const PACE: Duration = Duration::from_secs(3);
    let Some(log) = log_of("quiet") else { return };
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let reader = log.reader_at(PLACE, 0, Visibility::Synced, Pace::AtMostEvery(PACE));
    let mut reader = reader.expect("a reader");
    let (mut stored, quiet) = (Vec::new(), Instant::now());
    // That the end is reached comes too, and a rest after it.
    while quiet.elapsed() < PACE + PACE / 4 {
        reader.poll(PLENTY, Duration::from_millis(50), &mut stored).expect("it is read");
    }
    assert_eq!(stored, [], "nothing is there");
    append(&*producer);
    let waiting = Instant::now();
    while stored.is_empty() {
        reader.poll(PLENTY, Duration::from_millis(50), &mut stored).expect("it is read");
        assert!(waiting.elapsed() < PACE * 3 / 4, "it waits for the next look");
    }
}

/// A reader of `place` that has reached the end and shares a consumer.
fn seated(log: &KafkaLog, place: Place, from: u64) -> KafkaReader {
    let (library, bounds) = (Arc::clone(&log.library), log.bounds(place).expect("it is there"));
    let reader = KafkaReader::new(library, place, (from, bounds.1), Pace::Eager);
    let mut reader = reader.expect("a reader");
    let began = Instant::now();
    let mut stored = Vec::new();
    while !reader.shares() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never sits down");
        reader.poll(PLENTY, Duration::from_millis(20), &mut stored).expect("it is read");
    }
    reader
}

/// Reads until it has this many records, and checks that each came once and in order.
fn read_on(reader: &mut KafkaReader, count: u64) {
    let (from, began) = (reader.cursor.next, Instant::now());
    let mut stored = Vec::new();
    while (stored.len() as u64) < count {
        assert!(began.elapsed() < Duration::from_secs(30), "{} records came", stored.len());
        reader.poll(PLENTY, Duration::from_millis(20), &mut stored).expect("it is read");
    }
    assert!(stored.iter().map(|stored| stored.offset).eq(from..from + count));
}

#[test]
fn all_who_have_reached_the_end_share_one_consumer() {
    let Some(log) = log_of("shared") else { return };
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let places = [PLACE, Place::events(Partition::FIRST)];
    (0..3).for_each(|_| append(&*producer));
    let mut readers: Vec<KafkaReader> =
        [(0, 0), (0, 3), (1, 0)].map(|(place, from)| seated(&log, places[place], from)).into();
    assert_eq!(log.library.trunk.places(), places);
    for place in places {
        for _ in 0..5 {
            append_blocking(&*producer, place, Record::of("y")).expect("it is appended");
        }
    }
    readers.iter_mut().for_each(|reader| read_on(reader, 5));
    readers.pop();
    assert_eq!(log.library.trunk.places(), [PLACE]);
    readers.pop();
    append(&*producer);
    read_on(&mut readers[0], 1);
    readers.clear();
    assert_eq!(log.library.trunk.places(), []);
    // And from nothing again.
    let mut again = seated(&log, PLACE, 9);
    append(&*producer);
    read_on(&mut again, 1);
}

#[test]
fn who_looks_ever_so_seldom_reads_alone() {
    let Some(log) = log_of("seldom") else { return };
    let pace = Pace::AtMostEvery(Duration::from_millis(200));
    let reader = KafkaReader::new(Arc::clone(&log.library), PLACE, (0, 0), pace);
    let mut reader = reader.expect("a reader");
    reader.poll(PLENTY, Duration::ZERO, &mut Vec::new()).expect("it is read");
    assert!(!reader.shares());
    assert_eq!(log.library.trunk.places(), []);
}

#[test]
fn who_is_left_far_behind_reads_alone_and_comes_back() {
    const LARGE: usize = 512 * 1024;
    const RECORDS: u64 = 40;
    let Some(log) = log_of("behind") else { return };
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let (mut slow, mut quick) = (seated(&log, PLACE, 0), seated(&log, PLACE, 0));
    for _ in 0..RECORDS {
        let record = Record::of(vec![7; LARGE]);
        append_blocking(&*producer, PLACE, record).expect("it is appended");
        read_on(&mut quick, 1);
    }
    assert!(quick.shares());
    slow.poll(PLENTY, Duration::ZERO, &mut Vec::new()).expect("it reads on");
    assert!(!slow.shares(), "what it is to read has left");
    read_on(&mut slow, RECORDS);
    let began = Instant::now();
    while !slow.shares() {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not come back");
        slow.poll(PLENTY, Duration::from_millis(20), &mut Vec::new()).expect("it is read");
    }
    append(&*producer);
    read_on(&mut slow, 1);
    read_on(&mut quick, 1);
}

#[test]
fn readers_go_on_alone_where_the_shared_consumer_ends() {
    let Some(log) = log_of("ended") else { return };
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let mut readers: Vec<KafkaReader> = (0..3).map(|_| seated(&log, PLACE, 0)).collect();
    append(&*producer);
    read_on(&mut readers[0], 1);
    log.library.trunk.close();
    (0..4).for_each(|_| append(&*producer));
    for (reader, count) in readers.iter_mut().zip([4, 5, 5]) {
        read_on(reader, count);
    }
}

/// What is wrong with one partition is told to its own reader, and to nobody else.
#[test]
fn a_place_that_is_cut_is_told_to_its_own_reader_only() {
    let Some(log) = log_of("cut") else { return };
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let other = Place::events(Partition::FIRST);
    let (mut cut, mut whole) = (seated(&log, PLACE, 0), seated(&log, other, 0));
    // As if the log had been longer: no record will ever stand where it reads on.
    cut.source = Source::None;
    cut.cursor.next = 7;
    cut.cursor.at_end = true;
    let mut told = None;
    for _ in 0..100 {
        told = cut.poll(PLENTY, Duration::from_millis(100), &mut Vec::new()).err();
        if told.is_some() {
            break;
        }
    }
    assert_eq!(told, Some(LogError::BeyondEnd { place: PLACE, asked: 7, end: 0 }));
    append_blocking(&*producer, other, Record::of("y")).expect("it is appended");
    read_on(&mut whole, 1);
}

#[test]
fn no_reader_looks_without_a_rest() {
    let settings = KafkaSettings::new("127.0.0.1:1");
    for (pace, expected) in [
        (Pace::Eager, "2"),
        (Pace::AtMostEvery(Duration::from_millis(50)), "50"),
        (Pace::AtMostEvery(Duration::ZERO), "1"),
        (Pace::AtMostEvery(Duration::from_micros(300)), "1"),
    ] {
        let config = config(&settings, pace);
        assert_eq!(config.get("fetch.queue.backoff.ms"), Some(expected), "{pace:?}");
    }
}
