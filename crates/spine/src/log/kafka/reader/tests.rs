//! A reader on a real broker: what it is refused, and its pace.

use std::{env, process, thread};

use model::Partition;
use rdkafka::admin::{AdminClient, AdminOptions};

use super::*;
use crate::log::{
    Log as _, Producer, Visibility, WriterRole, append_blocking,
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
    let (questions, bounds) = (Arc::clone(&log.questions), (from, u64::MAX));
    let reader = KafkaReader::new(&log.settings, questions, PLACE, bounds, Pace::Eager);
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
    let name = log.settings.topic_name(PLACE.topic);
    cut.add_partition_offset(&name, 0, Offset::Offset(2)).expect("an offset");
    let client: AdminClient<Listener> =
        client::config(&log.settings).create_with_context(Listener::default()).expect("a client");
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
    let pace = Pace::AtMostEvery(Duration::from_millis(200));
    let paced = log.reader_at(PLACE, 0, Visibility::Synced, pace);
    let mut paced = paced.expect("a reader");
    let writing = thread::spawn(move || {
        for _ in 0..RECORDS {
            append(&*producer);
            thread::sleep(Duration::from_millis(10));
        }
    });
    let bursts = bursts(&mut *paced, RECORDS);
    writing.join().expect("all are written");
    assert!(bursts <= RECORDS / 3, "{RECORDS} records came in {bursts} bursts");
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
