//! What runs on the journal until it is killed.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use model::Partition;
use proto::topic::Topic;
use rand::{RngExt as _, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::{
    Log, Place, Record, Visibility,
    log::{
        Producer, ReadLimit, WriterRole,
        embedded::{EmbeddedLog, EmbeddedSettings},
    },
};

pub(crate) const PARTITIONS: u16 = 2;

/// So many appends a client has under way.
const IN_FLIGHT: u64 = 32;

/// Small, so that tables are written and journals sealed within a short run.
const MEMTABLE_BYTES: u64 = 1024 * 1024;

pub(crate) const LIMIT: ReadLimit = ReadLimit { records: 1000, bytes: 1 << 20 };

/// The topics that the counter goes round.
pub(crate) const ROUND: [Topic; 3] = [Topic::Market, Topic::Reference, Topic::OrdersDeadLetters];

pub(crate) fn settings() -> EmbeddedSettings {
    EmbeddedSettings { memtable_bytes: MEMTABLE_BYTES, ..EmbeddedSettings::new(PARTITIONS) }
}

pub(crate) fn journal_path(directory: &Path) -> PathBuf {
    directory.join("journal")
}

pub(crate) fn acknowledgements_path(directory: &Path) -> PathBuf {
    directory.join("acknowledged")
}

pub(crate) fn partitions() -> impl Iterator<Item = Partition> {
    (0..PARTITIONS).filter_map(Partition::new)
}

/// The value with this number: its bytes, sometimes of many pieces, follow from it.
pub(crate) fn value(number: u64) -> Vec<u8> {
    let mut random = Pcg64Mcg::seed_from_u64(number);
    let bytes = match random.random_range(0..200) {
        0 => random.random_range(20_000..40_000),
        1..10 => random.random_range(2_900..9_100),
        _ => random.random_range(0..400),
    };
    let filling = (0..bytes).map(|_| random.random::<u8>());
    number.to_be_bytes().into_iter().chain(filling).collect()
}

/// The number of the answer to an order.
pub(crate) fn answer_number(order_number: u64) -> u64 {
    order_number ^ 0xA5A5_A5A5_A5A5_A5A5
}

/// The number that a value begins with.
pub(crate) fn number_of(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*value.first_chunk()?))
}

/// Runs until somebody kills this process.
pub(crate) fn run(directory: &Path) {
    let log = EmbeddedLog::open(&journal_path(directory), settings()).expect("the journal opens");
    let notes = OpenOptions::new()
        .create(true)
        .append(true)
        .open(acknowledgements_path(directory))
        .expect("a file for acknowledgements");
    let notes = Arc::new(notes);
    let (log, notes) = (&log, &notes);
    thread::scope(|threads| {
        for partition in partitions() {
            threads.spawn(move || orders(&**log, partition, notes));
            threads.spawn(move || answers(&**log, partition, notes));
        }
        threads.spawn(|| round(&**log, notes));
    });
}

/// Appends, notes the acknowledgement, and then says that there is room for another.
fn append(
    producer: &dyn Producer,
    place: Place,
    number: u64,
    notes: &Arc<File>,
    room: Option<mpsc::Sender<()>>,
) {
    let notes = Arc::clone(notes);
    let acknowledge = Box::new(move |result: Result<spine::log::Appended, _>| {
        let offset = result.expect("the journal works until it is killed").offset;
        let mut note = vec![place.topic.number()];
        note.extend(place.partition.number().to_be_bytes());
        note.extend(offset.to_be_bytes());
        note.extend(number.to_be_bytes());
        (&*notes).write_all(&note).expect("noted");
        if let Some(room) = room {
            let _ = room.send(());
        }
    });
    producer.append(place, Record::of(value(number)), acknowledge);
}

fn orders(log: &dyn Log, partition: Partition, notes: &Arc<File>) {
    let role = WriterRole::Edge { give_up_after: Duration::from_secs(60) };
    let producer = log.producer(role).expect("a producer");
    // Another process has another number, so that no value comes twice.
    let seed = u64::from(process::id()) << 16 | u64::from(partition.number());
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let (room, freed) = mpsc::channel();
    for sent in 0_u64.. {
        if sent >= IN_FLIGHT {
            freed.recv().expect("acknowledged");
        }
        let number = random.random();
        append(&*producer, Place::orders(partition), number, notes, Some(room.clone()));
    }
}

/// Answers each order in order, from the first that has no answer.
fn answers(log: &dyn Log, partition: Partition, notes: &Arc<File>) {
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let (orders, events) = (Place::orders(partition), Place::events(partition));
    let answered = log.end(events, Visibility::Written).expect("an end");
    let mut reader = log.reader(orders, answered, Visibility::Written).expect("a reader");
    let mut read = Vec::new();
    loop {
        reader.poll(LIMIT, Duration::from_secs(1), &mut read).expect("orders");
        for order in read.drain(..) {
            let number = number_of(&order.record.value).expect("an order's number");
            append(&*producer, events, answer_number(number), notes, None);
        }
    }
}

/// Appends 0, 1, 2, ... to three topics in turn.
fn round(log: &dyn Log, notes: &Arc<File>) {
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let place = |topic| Place { topic, partition: Partition::FIRST };
    let end = |topic| log.end(place(topic), Visibility::Written).expect("an end");
    let begin: u64 = ROUND.into_iter().map(end).sum();
    let (room, freed) = mpsc::channel();
    for (topic, number) in ROUND.into_iter().cycle().skip((begin % 3) as usize).zip(begin..) {
        if number >= begin + IN_FLIGHT {
            freed.recv().expect("acknowledged");
        }
        append(&*producer, place(topic), number, notes, Some(room.clone()));
    }
}
