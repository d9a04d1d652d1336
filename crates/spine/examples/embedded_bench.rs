//! Measures the embedded journal: `cargo run --release -p tradespine-spine --example embedded_bench
//! [DIRECTORY [WHAT]]`. The directory's disk is what is measured; it is emptied of what this puts
//! there.
//!
//! WHAT is `bare`, `closed-1`, `closed-64`, `closed-1024`, `answers-1`, `answers-64`, `sustained`:
//!
//! - the bare disk: one file, a write and an fdatasync at a time, for comparison;
//! - closed loops: so many appends in flight, each answered before the next of its slot;
//! - order to answer: an order is appended, a shard reads it as soon as it is written, answers,
//!   and an edge reads the answer once it is synced;
//! - sustained: two million records through a deep queue, then opened again and read.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use model::Partition;
use spine::log::{
    Log, Place, Producer, ReadLimit, Record, Visibility, WriterRole,
    embedded::{EmbeddedLog, EmbeddedSettings},
};

const CLOSED_LOOP: Duration = Duration::from_secs(3);
const SUSTAINED_RECORDS: u64 = 2_000_000;
const SUSTAINED_IN_FLIGHT: u64 = 16_384;
const VALUE_BYTES: usize = 250;
const LIMIT: ReadLimit = ReadLimit { records: 1024, bytes: 4 << 20 };

fn main() {
    let base = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let only = std::env::args().nth(2);
    let wanted = |what: &str| only.as_ref().is_none_or(|only| only == what);
    let directory = tempfile::tempdir_in(base).expect("a directory");
    if wanted("bare") {
        bare_disk(&directory.path().join("bare"));
    }
    for in_flight in [1, 64, 1024] {
        if wanted(&format!("closed-{in_flight}")) {
            closed_loop(&open(&directory.path().join(format!("closed-{in_flight}"))), in_flight);
        }
    }
    for in_flight in [1, 64] {
        if wanted(&format!("answers-{in_flight}")) {
            let log = open(&directory.path().join(format!("answers-{in_flight}")));
            order_to_answer(&log, in_flight);
        }
    }
    if wanted("sustained") {
        sustained(&directory.path().join("sustained"));
    }
}

fn open(directory: &Path) -> Arc<EmbeddedLog> {
    EmbeddedLog::open(directory, EmbeddedSettings::new(1)).expect("an open journal")
}

/// Bytes that no compression would shrink.
fn record(number: u64) -> Record {
    let mut value = Vec::with_capacity(VALUE_BYTES + 8);
    let mut state = number ^ 0x9E37_79B9_7F4A_7C15;
    while value.len() < VALUE_BYTES {
        state = (state ^ state >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9).wrapping_add(1);
        value.extend(state.to_le_bytes());
    }
    value.truncate(VALUE_BYTES);
    Record::of(Bytes::from(value))
}

fn bare_disk(path: &Path) {
    let mut file = File::create(path).expect("a file");
    file.set_len(64 << 20).and_then(|()| file.sync_all()).expect("space");
    let (began_at, mut latencies) = (Instant::now(), Vec::new());
    while began_at.elapsed() < CLOSED_LOOP {
        let started_at = Instant::now();
        file.write_all(&[7; VALUE_BYTES]).and_then(|()| file.sync_data()).expect("synced");
        latencies.push(started_at.elapsed());
    }
    report("bare write and fdatasync", began_at.elapsed(), latencies);
}

fn closed_loop(log: &Arc<EmbeddedLog>, in_flight: u64) {
    let producer = edge(log);
    let (done, answers) = mpsc::channel();
    let append = |number: u64| {
        let (done, began_at) = (done.clone(), Instant::now());
        let place = if number.is_multiple_of(2) { orders() } else { events() };
        producer.append(
            place,
            record(number),
            Box::new(move |result| {
                assert!(result.is_ok());
                let _ = done.send(began_at.elapsed());
            }),
        );
    };
    let began_at = Instant::now();
    (0..in_flight).for_each(&append);
    let mut latencies = Vec::new();
    for latency in &answers {
        latencies.push(latency);
        if began_at.elapsed() > CLOSED_LOOP {
            break;
        }
        append(latencies.len() as u64);
    }
    report(&format!("{in_flight} in flight"), began_at.elapsed(), latencies);
}

fn order_to_answer(log: &Arc<EmbeddedLog>, in_flight: usize) {
    let shard = thread::spawn({
        let log = Arc::clone(log);
        move || answer_until_end(&log)
    });
    let producer = edge(log);
    let mut reader = log.reader(events(), 0, Visibility::Synced).expect("a reader");
    let mut sent_at = Vec::new();
    let (mut answers, mut latencies) = (Vec::new(), Vec::new());
    let began_at = Instant::now();
    while began_at.elapsed() < CLOSED_LOOP {
        while sent_at.len() - latencies.len() < in_flight {
            sent_at.push(Instant::now());
            producer.append(orders(), record(1), Box::new(|result| assert!(result.is_ok())));
        }
        reader.poll(LIMIT, Duration::from_secs(1), &mut answers).expect("answers");
        for _ in answers.drain(..) {
            latencies.push(sent_at[latencies.len()].elapsed());
        }
    }
    producer.append(orders(), Record::of(Bytes::new()), Box::new(|_| ()));
    shard.join().expect("no panic");
    report(&format!("order to answer, {in_flight} in flight"), began_at.elapsed(), latencies);
}

fn answer_until_end(log: &EmbeddedLog) {
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let mut reader = log.reader(orders(), 0, Visibility::Written).expect("a reader");
    let mut inputs = Vec::new();
    loop {
        reader.poll(LIMIT, Duration::from_secs(1), &mut inputs).expect("orders");
        for input in inputs.drain(..) {
            if input.record.value.is_empty() {
                return;
            }
            producer.append(events(), input.record, Box::new(|result| assert!(result.is_ok())));
        }
    }
}

fn sustained(directory: &Path) {
    let log = open(directory);
    let producer = edge(&log);
    let (done, answers) = mpsc::channel();
    let (mut acknowledged, mut slice_began_at) = (0_u64, Instant::now());
    let (began_at, mut rates) = (Instant::now(), Vec::new());
    for number in 0..SUSTAINED_RECORDS + SUSTAINED_IN_FLIGHT {
        if number < SUSTAINED_RECORDS {
            let done = done.clone();
            let place = if number.is_multiple_of(2) { orders() } else { events() };
            let tell = Box::new(move |result: Result<_, _>| {
                assert!(result.is_ok());
                let _ = done.send(());
            });
            producer.append(place, record(number), tell);
        }
        if number >= SUSTAINED_IN_FLIGHT {
            answers.recv().expect("an acknowledgement");
            acknowledged += 1;
            if acknowledged.is_multiple_of(SUSTAINED_RECORDS / 20) {
                rates.push(per_second(SUSTAINED_RECORDS / 20, slice_began_at.elapsed()));
                slice_began_at = Instant::now();
            }
        }
    }
    let rate = per_second(SUSTAINED_RECORDS, began_at.elapsed());
    let (slowest, fastest) = (rates.iter().min(), rates.iter().max());
    println!("sustained: {rate} records/s; slowest and fastest twentieth {slowest:?} {fastest:?}");
    let closing_at = Instant::now();
    drop(log);
    println!("closed in {:?}", closing_at.elapsed());
    let opening_at = Instant::now();
    let log = open(directory);
    println!("opened again in {:?}", opening_at.elapsed());
    read_all(&log);
}

fn read_all(log: &EmbeddedLog) {
    let mut reader = log.reader(orders(), 0, Visibility::Synced).expect("a reader");
    let end = log.end(orders(), Visibility::Synced).expect("an end");
    let (mut read, mut records, began_at) = (0, Vec::new(), Instant::now());
    while read < end {
        reader.poll(LIMIT, Duration::ZERO, &mut records).expect("records");
        read += records.drain(..).count() as u64;
    }
    println!("one topic read from the store: {} records/s", per_second(read, began_at.elapsed()));
}

fn report(what: &str, took: Duration, mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    let rate = per_second(latencies.len() as u64, took);
    println!("{what}: {rate}/s, p50 {:?}, p99 {:?}, worst {:?}", at(50), at(99), at(100));
}

fn per_second(count: u64, took: Duration) -> u128 {
    u128::from(count) * 1_000_000_000 / took.as_nanos().max(1)
}

fn edge(log: &EmbeddedLog) -> Arc<dyn Producer> {
    let give_up_after = Duration::from_secs(10);
    log.producer(WriterRole::Edge { give_up_after }).expect("a producer")
}

fn orders() -> Place {
    Place::orders(Partition::FIRST)
}

fn events() -> Place {
    Place::events(Partition::FIRST)
}
