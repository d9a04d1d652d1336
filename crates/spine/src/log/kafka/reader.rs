//! Reads one partition from an offset on.
//!
//! The end is known in two ways. librdkafka says once that a fetch came back empty at an offset.
//! That knowledge would grow stale in silence when a broker stops answering, so a reader that keeps
//! finding nothing asks for the end again now and then, and takes its word back without an answer.
//! And while records keep coming no fetch ever comes back empty: then the end is asked for now and
//! then as well, and has been reached once the reader is where it was.

use std::time::{Duration, Instant};

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
};

use super::{
    ANSWER_WAIT_MAX, KafkaSettings, MESSAGE_BYTES_MAX, bounds, check_bounds,
    client::{self, Listener},
    failed,
};
use crate::{
    header::Headers,
    log::{LogError, Place, ReachedEnd, ReadLimit, Reader, Record, Stored},
};

/// How long a broker holds a fetch that finds nothing, in milliseconds; a new record ends it at
/// once. This is also how long it takes to learn that the end is reached.
const FETCH_WAIT_MS: &str = "50";

/// How much a reader keeps fetched ahead of its owner.
const AHEAD_KIBIBYTES_MAX: usize = 16 * 1024;

/// For how long a reader that looks again whether there is room for more must wait, in
/// milliseconds: little, since the owner has just made some.
const AHEAD_ROOM_WAIT_MS: &str = "5";

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
    cursor: Cursor,
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
        place: Place,
        from: u64,
        end: u64,
    ) -> Result<KafkaReader, LogError> {
        let failed = |error| failed("making a reader", &error);
        let consumer: BaseConsumer<Listener> =
            config(settings).create_with_context(Listener::default()).map_err(failed)?;
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
        Ok(KafkaReader { consumer, cursor })
    }
}

impl Reader for KafkaReader {
    fn poll(
        &mut self,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        let KafkaReader { consumer, cursor } = self;
        let (mut records, mut bytes) = (0, 0);
        let mut wait = wait;
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
                    cursor.judge(&error, consumer.client())?;
                    break;
                }
                None => {
                    cursor.doubt_end(wait, consumer.client());
                    cursor.look_for_end(consumer.client());
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        Ok(if cursor.at_end { ReachedEnd::Yes } else { ReachedEnd::No })
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

    /// Learns of the end while records keep coming. To be called when all that was fetched is read.
    fn look_for_end(&mut self, client: &Client<Listener>) {
        if self.at_end {
            return;
        }
        if self.told_end.is_none() && self.asked_at.elapsed() >= END_ASKED_EVERY {
            self.ask_end(client);
        }
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

pub(super) fn config(settings: &KafkaSettings) -> ClientConfig {
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
        .set("fetch.queue.backoff.ms", AHEAD_ROOM_WAIT_MS);
    config
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use model::Partition;
    use rdkafka::admin::{AdminClient, AdminOptions};

    use super::*;
    use crate::log::{
        Log as _, Visibility, WriterRole, append_blocking,
        kafka::{KafkaLog, admin},
    };

    const PLENTY: ReadLimit = ReadLimit { records: 100, bytes: 1 << 20 };

    /// Polls until something is said, and returns the error that it must be.
    fn refusal(settings: &KafkaSettings, place: Place, from: u64) -> LogError {
        let mut reader = KafkaReader::new(settings, place, from, u64::MAX).expect("a reader");
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
        let Ok(bootstrap) = env::var("TRADESPINE_TEST_KAFKA") else {
            assert!(env::var_os("TRADESPINE_XTASK").is_none(), "TRADESPINE_TEST_KAFKA is not set");
            println!("skipped: TRADESPINE_TEST_KAFKA names no broker");
            return;
        };
        let mut settings = KafkaSettings::new(bootstrap);
        settings.topic_prefix = format!("trimmed-{}-", process::id());
        admin::create_topics(&settings, 1, 1).expect("the topics are created");
        let log = KafkaLog::open(settings.clone()).expect("the broker answers");
        let producer = log.producer(WriterRole::Shard).expect("a producer");
        let place = Place::orders(Partition::FIRST);
        for _ in 0..3 {
            append_blocking(&*producer, place, Record::of("x")).expect("it is appended");
        }
        let mut cut = TopicPartitionList::new();
        let name = settings.topic_name(place.topic);
        cut.add_partition_offset(&name, 0, Offset::Offset(2)).expect("an offset");
        let client: AdminClient<Listener> =
            client::config(&settings).create_with_context(Listener::default()).expect("a client");
        admin::block_on(client.delete_records(&cut, &AdminOptions::new())).expect("it is trimmed");

        let trimmed = LogError::Trimmed { place, asked: 1, first: 2 };
        assert_eq!(log.reader(place, 1, Visibility::Synced).err(), Some(trimmed.clone()));
        assert_eq!(refusal(&settings, place, 1), trimmed);
        assert_eq!(refusal(&settings, place, 4), LogError::BeyondEnd { place, asked: 4, end: 3 });
    }
}
