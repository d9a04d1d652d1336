//! What a backend brings to its trial, and the small words that the cases are told in.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use model::Partition;
use spine::{
    Log, Place, Record, Stored, Visibility,
    log::{
        Acknowledge, AppendError, Appended, Producer, ReachedEnd, ReadLimit, Reader, WriterRole,
    },
};

/// How many shards the logs on trial have.
pub(crate) const SHARDS: u16 = 3;

/// So long nothing takes; only a broken log is waited for so long.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(30);

/// How long one poll waits: short, so that waiting is done by polling again as owners do.
const POLL_WAIT: Duration = Duration::from_millis(20);

/// No limit that a case would notice.
const PLENTY: ReadLimit = ReadLimit { records: 1 << 20, bytes: 1 << 30 };

/// A log on trial.
pub(crate) trait Trial {
    /// The log, opened now; every call opens it anew where the backend can.
    fn open(&self) -> Arc<dyn Log>;
}

pub(crate) fn place(topic: impl Fn(Partition) -> Place, number: u16) -> Place {
    topic(Partition::new(number).expect("a small number"))
}

pub(crate) fn orders() -> Place {
    place(Place::orders, 0)
}

pub(crate) fn shard(log: &dyn Log) -> Arc<dyn Producer> {
    log.producer(WriterRole::Shard).expect("a producer")
}

pub(crate) fn edge(log: &dyn Log) -> Arc<dyn Producer> {
    log.producer(WriterRole::Edge { give_up_after: TOO_LONG }).expect("a producer")
}

/// Appends that are under way, in the order in which they were begun.
#[derive(Default)]
pub(crate) struct Begun(Vec<mpsc::Receiver<Result<Appended, AppendError>>>);

impl Begun {
    pub(crate) fn append(&mut self, producer: &dyn Producer, place: Place, record: Record) {
        let acknowledge = self.hears();
        producer.append(place, record, acknowledge);
    }

    /// Appends these in one call.
    pub(crate) fn append_all(
        &mut self,
        producer: &dyn Producer,
        place: Place,
        records: impl IntoIterator<Item = Record>,
    ) {
        let records = records.into_iter().map(|record| (record, self.hears())).collect();
        producer.append_all(place, records);
    }

    fn hears(&mut self) -> Acknowledge {
        let (tell, heard) = mpsc::channel();
        self.0.push(heard);
        Box::new(move |result| drop(tell.send(result)))
    }

    /// Waits for all; each is told once and no more.
    pub(crate) fn results(self) -> Vec<Result<Appended, AppendError>> {
        let result = |heard: mpsc::Receiver<_>| {
            let result = heard.recv_timeout(TOO_LONG).expect("it is told what became of it");
            assert!(heard.recv_timeout(TOO_LONG).is_err(), "it was told twice");
            result
        };
        self.0.into_iter().map(result).collect()
    }

    pub(crate) fn appended(self) -> Vec<Appended> {
        self.results().into_iter().map(|result| result.expect("it is appended")).collect()
    }

    pub(crate) fn offsets(self) -> Vec<u64> {
        self.appended().iter().map(|appended| appended.offset).collect()
    }
}

/// Appends these values and waits until all are acknowledged.
pub(crate) fn append_all<V: Into<bytes::Bytes>>(
    producer: &dyn Producer,
    place: Place,
    values: impl IntoIterator<Item = V>,
) -> Vec<Appended> {
    let mut begun = Begun::default();
    values.into_iter().for_each(|value| begun.append(producer, place, Record::of(value)));
    begun.appended()
}

pub(crate) fn reader(log: &dyn Log, place: Place, from: u64) -> Box<dyn Reader> {
    log.reader(place, from, Visibility::Synced).expect("a reader")
}

/// Polls until `count` records came, and checks that their offsets follow one another.
pub(crate) fn take(reader: &mut dyn Reader, count: usize) -> Vec<Stored> {
    let mut stored = Vec::new();
    for _ in 0..TOO_LONG.as_millis() / POLL_WAIT.as_millis() {
        reader.poll(PLENTY, POLL_WAIT, &mut stored).expect("it is readable");
        if stored.len() >= count {
            break;
        }
    }
    assert_eq!(stored.len(), count, "records that came");
    assert!(stored.windows(2).all(|pair| pair[0].offset + 1 == pair[1].offset));
    stored
}

/// Polls until the end is told, and returns what came before.
pub(crate) fn take_to_end(reader: &mut dyn Reader) -> Vec<Stored> {
    let mut stored = Vec::new();
    for _ in 0..TOO_LONG.as_millis() / POLL_WAIT.as_millis() {
        let reached = reader.poll(PLENTY, POLL_WAIT, &mut stored).expect("it is readable");
        if reached == ReachedEnd::Yes {
            return stored;
        }
    }
    panic!("the end was never told, after {} records", stored.len());
}

pub(crate) fn text(stored: &Stored) -> String {
    String::from_utf8(stored.record.value.to_vec()).expect("it was written as text")
}

pub(crate) fn texts(stored: &[Stored]) -> Vec<String> {
    stored.iter().map(text).collect()
}
