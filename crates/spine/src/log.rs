//! What a log is: partitions of records, each with the next offset, in one order for everybody.
//!
//! A backend promises, and the contract suite in `tests/log_contract.rs` holds it to:
//!
//! - offsets of a partition are 0, 1, 2, ... without gaps, and a record never changes;
//! - records that one producer appends to one partition stand in the order of its calls;
//! - an acknowledged record survives the end of the process (and of the machine, where the backend
//!   says so), and so does every record before it;
//! - append times of a partition never run backwards;
//! - a reader sees every record once, in order, from the offset it was opened at.
//!
//! [`Visibility`] exists because an embedded log can show a record before it is durable: edges act
//! only on what is [`Visibility::Synced`], a shard may read what is [`Visibility::Written`], since
//! its answers come later in the same journal and are lost with their inputs or not at all.

pub mod embedded;
pub mod kafka;
pub mod memory;
pub mod walker;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use model::{Partition, Timestamp};
use proto::topic::Topic;
use thiserror::Error;
use tokio::sync::Notify;

use self::walker::Walker;
use crate::{header::Headers, trace::LogName};

/// One partition of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The topic.
    pub topic: Topic,
    /// The partition of it.
    pub partition: Partition,
}

impl Place {
    /// The input of the shard with this number.
    pub const fn orders(partition: Partition) -> Place {
        Place { topic: Topic::Orders, partition }
    }

    /// The output of the shard with this number.
    pub const fn events(partition: Partition) -> Place {
        Place { topic: Topic::Events, partition }
    }
}

/// What is appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The key; only compacted topics look at it.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Bytes,
    /// Volatile notes beside the value, never hashed and never input to a shard's state.
    pub headers: Headers,
}

impl Record {
    /// A record of this value, without key or headers.
    pub fn of(value: impl Into<Bytes>) -> Record {
        Record { key: None, value: value.into(), headers: Headers::default() }
    }

    /// What counts against [`proto::topic::RECORD_BYTES_MAX`]: key, value and headers.
    pub fn bytes(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.as_ref().map_or(0, Bytes::len) + self.value.len() + headers
    }
}

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number in its partition, from 0.
    pub offset: u64,
    /// When the log appended it, by the log's own clock (for topics that the log stamps).
    pub appended_at: Timestamp,
    /// The record.
    pub record: Record,
}

/// Which records a reader is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Also those whose durability is not confirmed yet. Only for shards.
    Written,
    /// Only those that survive whatever the backend promises to survive.
    Synced,
}

/// How soon a reader looks again after it has brought something. Whoever looks as often as
/// something comes is woken, and wakes its owner, for a handful of records at a time: under load
/// that costs more than the records do. The first record after a quiet time is brought at once at
/// any pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once: somebody waits for each record.
    Eager,
    /// Not before this time has passed since it looked last; what came meanwhile comes together.
    AtMostEvery(Duration),
}

/// How a producer deals with a log that is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterRole {
    /// A shard: waits for room, never gives a record up. Any failure ends the process.
    Shard,
    /// An edge: refuses when there is no room, and gives a record up after this long. What became
    /// of a record that was given up is unknown.
    Edge {
        /// How long a record is tried.
        give_up_after: Duration,
    },
}

/// Where an appended record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its offset.
    pub offset: u64,
    /// Its append time, where the log stamps the topic and the backend tells.
    pub appended_at: Option<Timestamp>,
}

/// Why a record was not appended, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppendError {
    /// No room to wait in; nothing was appended. Try again later.
    #[error("the log's queue is full; nothing was appended")]
    Full,
    /// Larger than a record may be; nothing was appended.
    #[error("the record has {bytes} bytes, more than a record may have")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No answer in time. The record may stand in the log, now or later.
    #[error("the log did not confirm the record; whether it was appended is unknown")]
    Unknown,
    /// The producer is finished: nothing more can be appended through it.
    #[error("the log's producer has failed: {0}")]
    Fatal(String),
}

/// Why a log could not be read or opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LogError {
    /// There is no such topic or partition.
    #[error("there is no partition {} of {}", .0.partition, .0.topic.name())]
    NoSuchPlace(Place),
    /// The offset asked for is beyond the end of the partition.
    #[error("offset {asked} of {} {} is beyond its end {end}", .place.topic.name(), .place.partition)]
    BeyondEnd {
        /// Where.
        place: Place,
        /// The offset asked for.
        asked: u64,
        /// One more than the last offset there.
        end: u64,
    },
    /// The records from the offset asked for are gone: a log was trimmed or lost.
    #[error("offset {asked} of {} {} is gone; the partition begins at {first}", .place.topic.name(), .place.partition)]
    Trimmed {
        /// Where.
        place: Place,
        /// The offset asked for.
        asked: u64,
        /// The first offset there.
        first: u64,
    },
    /// What was read is damaged.
    #[error("the log is damaged: {0}")]
    Damaged(String),
    /// A setting is one that the backend cannot use: trying again will not help.
    #[error("the log cannot be used with these settings: {0}")]
    BadSetting(String),
    /// The backend failed.
    #[error("the log failed: {0}")]
    Failed(String),
}

/// Called once, with what became of an append.
pub type Acknowledge = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;

/// Appends records.
pub trait Producer: Send + Sync {
    /// Appends `record` to `place` and calls `acknowledge` exactly once, perhaps before it returns,
    /// perhaps on another thread; it must not block. Whether this waits for room is the
    /// [`WriterRole`]'s.
    fn append(&self, place: Place, record: Record, acknowledge: Acknowledge);

    /// Appends records that are there together, in order, each as by [`Producer::append`]. A
    /// backend for which many in one go are cheaper than each by itself can take them so.
    fn append_all(&self, place: Place, records: Vec<(Record, Acknowledge)>) {
        for (record, acknowledge) in records {
            self.append(place, record, acknowledge);
        }
    }
}

/// How much one poll may bring.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimit {
    /// At most so many records.
    pub records: usize,
    /// No further record once so many bytes of values were brought.
    pub bytes: usize,
}

/// Reads one partition from an offset on.
pub trait Reader: Send {
    /// Waits up to `wait` for a record, then appends what is there to `into`, in order. Returns
    /// whether the end of the partition was reached, as far as was known during this call; an empty
    /// poll alone does not say so.
    ///
    /// # Errors
    /// [`LogError`]; the reader is then finished.
    fn poll(
        &mut self,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError>;

    /// How long records had better gather before the next poll. A poll that may wait does so by
    /// itself.
    fn rest(&self) -> Duration {
        Duration::ZERO
    }
}

/// Whether a poll reached the end of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReachedEnd {
    /// Nothing visible is left beyond what was brought.
    Yes,
    /// There may be more.
    No,
}

/// A log: partitions that can be appended to and read.
pub trait Log: Send + Sync {
    /// How many partitions `topic` has.
    ///
    /// # Errors
    /// [`LogError`] where that cannot be told.
    fn partition_count(&self, topic: Topic) -> Result<u16, LogError>;

    /// A producer of its own.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be made.
    fn producer(&self, role: WriterRole) -> Result<Arc<dyn Producer>, LogError>;

    /// A reader of `place` from offset `from` on; `from` may be the end, not beyond it.
    ///
    /// # Errors
    /// [`LogError`] where there is nothing to read from there.
    fn reader(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
    ) -> Result<Box<dyn Reader>, LogError>;

    /// A reader whose owner is content with this pace. Where a look costs nothing but the owner's
    /// own time this is any reader; where each is a request to somebody, it makes fewer.
    ///
    /// # Errors
    /// [`LogError`] where there is nothing to read from there.
    fn reader_at(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
        _pace: Pace,
    ) -> Result<Box<dyn Reader>, LogError> {
        self.reader(place, from, visibility)
    }

    /// The same for an owner that is a task, which nothing may hold up: `came` is told whenever
    /// something comes where a poll had left nothing, and a poll without time to wait asks nobody.
    /// `None` where this log has no such readers.
    ///
    /// # Errors
    /// [`LogError`] where there is nothing to read from there.
    fn reader_that_tells(
        &self,
        _place: Place,
        _from: u64,
        _visibility: Visibility,
        _pace: Pace,
        _came: Arc<Notify>,
    ) -> Result<Option<Box<dyn Reader>>, LogError> {
        Ok(None)
    }

    /// One more than the offset of the last visible record.
    ///
    /// # Errors
    /// [`LogError`] where that cannot be told.
    fn end(&self, place: Place, visibility: Visibility) -> Result<u64, LogError>;

    /// Steps `walker` until it has ended: on a thread of its own, which has this name. A log that
    /// is simulated keeps it for whoever steps everything there.
    ///
    /// # Errors
    /// [`LogError`] where no thread can be started.
    fn walk(&self, name: String, walker: Box<dyn Walker>) -> Result<(), LogError> {
        walker::on_a_thread(name, walker)
    }

    /// Whether one process has the log for itself by a lock, so that a shard's owner need not wait
    /// for another to show itself.
    fn is_exclusive(&self) -> bool;

    /// How it is called in traces.
    fn name(&self) -> LogName {
        LogName::own()
    }
}

/// Appends and waits in async code for what became of it.
pub async fn append(
    producer: &dyn Producer,
    place: Place,
    record: Record,
) -> Result<Appended, AppendError> {
    let (done, wait) = tokio::sync::oneshot::channel();
    producer.append(
        place,
        record,
        Box::new(move |result| {
            // Whoever asked may be gone; the record is appended all the same.
            let _ = done.send(result);
        }),
    );
    wait.await.unwrap_or(Err(AppendError::Unknown))
}

/// Appends and blocks this thread until it is known what became of it.
pub fn append_blocking(
    producer: &dyn Producer,
    place: Place,
    record: Record,
) -> Result<Appended, AppendError> {
    let (done, wait) = std::sync::mpsc::sync_channel(1);
    producer.append(
        place,
        record,
        Box::new(move |result| {
            let _ = done.send(result);
        }),
    );
    wait.recv().unwrap_or(Err(AppendError::Unknown))
}
