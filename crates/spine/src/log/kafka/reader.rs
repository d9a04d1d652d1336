//! Reads one partition from an offset on.
//!
//! The end is known in two ways. librdkafka says once that a fetch came back empty at an offset.
//! That knowledge would grow stale in silence when a broker stops answering, so a reader that keeps
//! finding nothing asks for the end again now and then, and takes its word back without an answer.
//! And while records keep coming no fetch ever comes back empty: then the end is asked for now and
//! then as well, and has been reached once the reader is where it was.

mod rest;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use model::Timestamp;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    client::Client,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{
        BorrowedHeaders, BorrowedMessage, Headers as _, Message as _, Timestamp as KafkaTime,
    },
    producer::Producer as _,
};
use tokio::sync::Notify;

use self::rest::Rests;
use super::{
    ANSWER_WAIT_MAX, KafkaSettings, MESSAGE_BYTES_MAX, Questions, bounds, check_bounds,
    client::{self, Listener},
    failed,
};
use crate::{
    header::Headers,
    log::{LogError, Pace, Place, ReachedEnd, ReadLimit, Reader, Record, Stored},
};

/// How long a broker holds a fetch that finds nothing, in milliseconds; a new record ends it at
/// once. This is also how long it takes to learn that the end is reached.
const FETCH_WAIT_MS: &str = "50";

/// How much a reader keeps fetched ahead of its owner.
const AHEAD_KIBIBYTES_MAX: usize = 16 * 1024;

/// With how many records ahead of its owner a reader asks for no more. A client asks for the next
/// as soon as it has something unless it is told so, which under a steady load is a request, an
/// answer and a handful of switches of context for each record or two, at both ends. So it rests
/// for its pace while its owner has not taken what came, and one request brings what came
/// meanwhile.
const AHEAD_RECORDS_ENOUGH: &str = "1";

/// The pace of an eager reader while records keep coming: what is waited there is won twice
/// (docs/adr/0009). Under load it rests longer (`rest`). A record after a quiet time is fetched at
/// once.
const EAGER_PACE: Duration = Duration::from_millis(2);

/// After how much waiting for nothing the end is asked for again.
const END_STALE_AFTER: Duration = Duration::from_millis(100);

/// How often the end is asked for while records keep coming: two requests a second of each reader
/// cost nobody anything, and nobody minds to learn a second late that a reader has caught up.
const END_ASKED_EVERY: Duration = Duration::from_secs(1);

/// How long that answer may take: many times what it takes a broker in good health.
const END_WAIT_MAX: Duration = Duration::from_millis(500);

/// A consumer of one partition.
pub(super) struct KafkaReader {
    consumer: BaseConsumer<Listener>,
    /// Asks for the end.
    questions: Arc<Questions>,
    cursor: Cursor,
    rests: Rests,
    /// Whether its owner is told of what comes, and must not be held up.
    tells: bool,
}

/// Where a reader is.
struct Cursor {
    name: String,
    place: Place,
    next: u64,
    at_end: bool,
    waited_for_nothing: Duration,
    /// An end that was told and is not reached yet.
    told_end: Option<u64>,
    asked_at: Instant,
}

impl KafkaReader {
    /// A reader of `place` from offset `from` on, which was found to be there, as `end` was to be
    /// the end.
    pub(super) fn new(
        settings: &KafkaSettings,
        questions: Arc<Questions>,
        place: Place,
        (from, end): (u64, u64),
        pace: Pace,
    ) -> Result<KafkaReader, LogError> {
        let failed = |error| failed("making a reader", &error);
        let consumer: BaseConsumer<Listener> =
            config(settings, pace).create_with_context(Listener::default()).map_err(failed)?;
        let name = settings.topic_name(place.topic);
        let first = Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX));
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(&name, place.partition.number().into(), first)
            .map_err(failed)?;
        consumer.assign(&assignment).map_err(failed)?;
        let cursor = Cursor {
            name,
            place,
            next: from,
            at_end: from == end,
            waited_for_nothing: Duration::ZERO,
            told_end: (from < end).then_some(end),
            asked_at: Instant::now(),
        };
        Ok(KafkaReader { consumer, questions, cursor, rests: Rests::default(), tells: false })
    }

    /// The same, which tells `came` when something comes. librdkafka's thread does, with a lock of
    /// the queue in its hand: what wakes a task and no more may be done there.
    pub(super) fn telling(mut self, came: Arc<Notify>) -> KafkaReader {
        self.consumer.set_nonempty_callback(move || came.notify_one());
        self.tells = true;
        self
    }
}

impl Reader for KafkaReader {
    fn poll(
        &mut self,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        let KafkaReader { consumer, questions, cursor, rests, tells } = self;
        let may_ask = !(*tells && wait.is_zero());
        let (mut records, mut bytes) = (0, 0);
        let rest = rests.rest(Instant::now(), wait);
        if !rest.is_zero() {
            thread::sleep(rest);
        }
        let mut wait = wait.saturating_sub(rest);
        while records < limit.records && bytes < limit.bytes {
            match consumer.poll(wait) {
                Some(Ok(message)) => {
                    let stored = cursor.take(&message)?;
                    records += 1;
                    bytes += stored.record.value.len();
                    into.push(stored);
                }
                // Perhaps long ago, if nobody polled since: what came after it stands behind it.
                Some(Err(KafkaError::PartitionEOF(_))) => cursor.is_at_end(),
                Some(Err(error)) => {
                    cursor.judge(&error, questions.client())?;
                    break;
                }
                None => {
                    if may_ask {
                        cursor.doubt_end(wait, questions.client());
                        cursor.look_for_end(questions.client());
                    }
                    cursor.notice_end();
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        let more = records >= limit.records || bytes >= limit.bytes;
        rests.brought(records, more, Instant::now());
        Ok(if cursor.at_end { ReachedEnd::Yes } else { ReachedEnd::No })
    }

    fn rest(&self) -> Duration {
        self.rests.rest(Instant::now(), Duration::MAX)
    }
}

impl Cursor {
    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<Stored, LogError> {
        let offset = u64::try_from(message.offset()).unwrap_or(u64::MAX);
        // Only compaction may leave gaps.
        if offset != self.next && !self.place.topic.compacted() {
            return Err(LogError::Damaged(format!(
                "offset {offset} of {} {} stands where {} should",
                self.name, self.place.partition, self.next
            )));
        }
        self.next = offset + 1;
        self.at_end = false;
        self.waited_for_nothing = Duration::ZERO;
        Ok(Stored { offset, appended_at: timestamp(message.timestamp()), record: record(message) })
    }

    /// Whether to read on after this error, which is librdkafka's way to tell many things.
    fn judge(&mut self, error: &KafkaError, client: &Client<Listener>) -> Result<(), LogError> {
        use RDKafkaErrorCode as Code;
        let KafkaError::MessageConsumption(code) = error else {
            return Err(failed("reading", error));
        };
        self.at_end = false;
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => Err(self.out_of_range(error, client)),
            Code::BadMessage | Code::InvalidMessage => Err(LogError::Damaged(error.to_string())),
            // The connection comes back, or a new leader is found, without our doing. The
            // coordinator is a thing of consumer groups, which we have none of.
            Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator
            | Code::GroupAuthorizationFailed => {
                tracing::warn!(%error, place = ?self.place, "reading is interrupted");
                Ok(())
            }
            _ => Err(failed("reading", error)),
        }
    }

    fn out_of_range(&self, error: &KafkaError, client: &Client<Listener>) -> LogError {
        let checked = bounds(client, &self.name, self.place, ANSWER_WAIT_MAX)
            .and_then(|bounds| check_bounds(self.place, self.next, bounds));
        // In range by now: the log was cut below what was read, and has grown again.
        checked.err().unwrap_or_else(|| LogError::Damaged(error.to_string()))
    }

    fn is_at_end(&mut self) {
        self.at_end = true;
        self.told_end = None;
    }

    /// Keeps the knowledge of the end fresh while nothing comes.
    fn doubt_end(&mut self, waited: Duration, client: &Client<Listener>) {
        self.waited_for_nothing += waited;
        if self.waited_for_nothing >= END_STALE_AFTER {
            self.waited_for_nothing = Duration::ZERO;
            self.at_end = false;
            self.ask_end(client);
        }
    }

    /// Asks for the end now and then while records keep coming.
    fn look_for_end(&mut self, client: &Client<Listener>) {
        let is_sought = !self.at_end && self.told_end.is_none();
        if is_sought && self.asked_at.elapsed() >= END_ASKED_EVERY {
            self.ask_end(client);
        }
    }

    /// Whether an end that was told is reached. To be called when all that was fetched is read.
    fn notice_end(&mut self) {
        if self.told_end.is_some_and(|end| self.next >= end) {
            self.is_at_end();
        }
    }

    fn ask_end(&mut self, client: &Client<Listener>) {
        let bounds = bounds(client, &self.name, self.place, END_WAIT_MAX);
        self.told_end = bounds.ok().map(|(_, end)| end);
        self.asked_at = Instant::now();
    }
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    Record {
        key: message.key().map(Bytes::copy_from_slice),
        value: message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice),
        headers: message.headers().map_or_else(Headers::default, headers),
    }
}

fn headers(written: &BorrowedHeaders) -> Headers {
    written.iter().fold(Headers::default(), |headers, header| {
        let name = Bytes::copy_from_slice(header.key.as_bytes());
        headers.with(name, Bytes::copy_from_slice(header.value.unwrap_or_default()))
    })
}

/// Kafka's milliseconds as an instant; what has no time has the earliest.
pub(super) fn timestamp(time: KafkaTime) -> Timestamp {
    let millis = time.to_millis().and_then(|millis| u64::try_from(millis).ok());
    millis.map_or(Timestamp::EPOCH, Timestamp::from_unix_millis)
}

pub(super) fn config(settings: &KafkaSettings, pace: Pace) -> ClientConfig {
    let span = match pace {
        Pace::Eager => EAGER_PACE,
        Pace::AtMostEvery(span) => span,
    };
    let mut config = client::config(settings);
    config
        // librdkafka wants a group's name even of a reader that joins none.
        .set("group.id", format!("{}-reads-without-a-group", settings.client_id))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", FETCH_WAIT_MS)
        .set("fetch.message.max.bytes", MESSAGE_BYTES_MAX.to_string())
        .set("queued.max.messages.kbytes", AHEAD_KIBIBYTES_MAX.to_string())
        .set("queued.min.messages", AHEAD_RECORDS_ENOUGH)
        // Nought would mean to look without a rest.
        .set("fetch.queue.backoff.ms", span.as_millis().max(1).to_string());
    config
}

#[cfg(test)]
mod tests;
