//! Appends to Kafka, and tells exactly once what became of each record.
//!
//! Every producer is idempotent: retries after a lost answer neither repeat nor reorder. A shard's
//! never gives a record up and never leaves a gap; an edge's gives up in time, refuses rather than
//! waits, and says that it does not know.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use proto::topic::{RECORD_BYTES_MAX, Topic};
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, Message as _, OwnedHeaders, Timestamp as KafkaTime},
    producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer},
};

use super::{
    KafkaSettings, MESSAGE_BYTES_MAX,
    client::{self, Troubles},
    failed,
};
use crate::{
    header::Headers,
    log::{
        Acknowledge, AppendError, Appended, LogError, Place, Producer, Record, WriterRole,
        kafka::reader::timestamp,
    },
};

/// How long the first record of a batch waits for company, in milliseconds. Nothing: a record that
/// is alone is acknowledged after 0.6 ms instead of 1.6 ms. Under load records gather while
/// requests are on their way, of which there are few.
const LINGER_MS: &str = "0";

/// How many requests an edge may have on their way to one broker. Fewer make fuller batches: what
/// comes meanwhile goes together. More than one, since a request has records of one partition, and
/// an edge writes to many.
const EDGE_REQUESTS_IN_FLIGHT_MAX: u8 = 2;

/// The same of a shard, which answers into one partition: while one batch is on its way the next
/// one gathers.
const SHARD_REQUESTS_IN_FLIGHT_MAX: u8 = 1;

/// How many records a shard may have unacknowledged before it waits: a few tenths of a second of
/// the broker's best.
const SHARD_QUEUE_RECORDS_MAX: usize = 100_000;

/// How many records an edge may have unacknowledged before it refuses: more wait longer for their
/// turn than a client for its answer.
const EDGE_QUEUE_RECORDS_MAX: usize = 20_000;

/// How many bytes a producer may have unacknowledged: sixteen of the largest records.
const QUEUE_KIBIBYTES_MAX: usize = 16 * RECORD_BYTES_MAX / 1024;

/// How long a shard sleeps before it looks again for room. Room comes by hundreds of records.
const ROOM_WAIT: Duration = Duration::from_millis(1);

/// What is told of this producer once it has failed for good.
type Failure = Arc<OnceLock<String>>;

/// A producer with a thread of its own, which calls the acknowledgements, in the log's order for
/// each partition. A shard must not append from inside one: it could wait there for room that only
/// this thread makes.
pub(super) struct KafkaProducer {
    producer: ThreadedProducer<Deliveries>,
    role: WriterRole,
    failure: Failure,
    names: [String; Topic::ALL.len()],
}

impl KafkaProducer {
    pub(super) fn new(
        settings: &KafkaSettings,
        role: WriterRole,
    ) -> Result<KafkaProducer, LogError> {
        let failure = Failure::default();
        let troubles = Troubles::default();
        let deliveries = Deliveries { role, failure: Arc::clone(&failure), troubles };
        let producer = config(settings, role)
            .create_with_context(deliveries)
            .map_err(|error| failed("making a producer", &error))?;
        let names = Topic::ALL.map(|topic| settings.topic_name(topic));
        Ok(KafkaProducer { producer, role, failure, names })
    }

    fn name(&self, topic: Topic) -> &str {
        let index = Topic::ALL.iter().position(|other| *other == topic);
        index.map_or("", |index| &self.names[index])
    }

    /// Hands the message to librdkafka; waits for room where this is a shard's producer.
    fn send(&self, mut message: Message<'_>) -> Result<(), (AppendError, Acknowledge)> {
        loop {
            let Err((error, refused)) = self.producer.send(message) else { return Ok(()) };
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if full && self.role == WriterRole::Shard && self.failure.get().is_none() {
                thread::sleep(ROOM_WAIT);
                message = refused;
                continue;
            }
            let told =
                if full { AppendError::Full } else { fail(&self.failure, error.to_string()) };
            return Err((told, refused.delivery_opaque.into_acknowledge()));
        }
    }
}

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KafkaProducer").field("role", &self.role).finish()
    }
}

impl Producer for KafkaProducer {
    fn append(&self, place: Place, record: Record, acknowledge: Acknowledge) {
        if let Some(reason) = self.failure.get() {
            return acknowledge(Err(AppendError::Fatal(reason.clone())));
        }
        let bytes = record.bytes();
        if bytes > RECORD_BYTES_MAX {
            return acknowledge(Err(AppendError::TooLarge { bytes }));
        }
        let mut message: Message<'_> =
            BaseRecord::with_opaque_to(self.name(place.topic), Pending::new(acknowledge))
                .partition(place.partition.number().into())
                .payload(record.value.as_ref());
        if let Some(key) = &record.key {
            message = message.key(key.as_ref());
        }
        if !record.headers.is_empty() {
            message = message.headers(headers(&record.headers));
        }
        if let Err((error, acknowledge)) = self.send(message) {
            acknowledge(Err(error));
        }
    }
}

type Message<'a> = BaseRecord<'a, [u8], [u8], Box<Pending>>;

/// Whom to tell. The mutex is never contended: it makes a `Send` function `Sync`, as asked for by
/// the library, which only ever moves it.
struct Pending(Mutex<Acknowledge>);

impl Pending {
    fn new(acknowledge: Acknowledge) -> Box<Pending> {
        Box::new(Pending(Mutex::new(acknowledge)))
    }

    fn into_acknowledge(self) -> Acknowledge {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears from librdkafka what became of records.
struct Deliveries {
    role: WriterRole,
    failure: Failure,
    troubles: Troubles,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::note(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.troubles.hear(&error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            fail(&self.failure, reason.to_owned());
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        let told = match result {
            Ok(message) => appended(message.offset(), message.timestamp()),
            Err((error, _)) => Err(self.judge(error)),
        };
        (pending.into_acknowledge())(told);
    }
}

impl Deliveries {
    fn judge(&self, error: &KafkaError) -> AppendError {
        match error.rdkafka_error_code() {
            // The owner is leaving; what was on its way may arrive.
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => {
                AppendError::Unknown
            }
            Some(RDKafkaErrorCode::Fatal) => fail(&self.failure, error.to_string()),
            _ if self.role == WriterRole::Shard => fail(&self.failure, error.to_string()),
            _ => {
                tracing::warn!(%error, "gave a record up");
                AppendError::Unknown
            }
        }
    }
}

/// Notes that the producer is finished; the first reason stays.
fn fail(failure: &Failure, reason: String) -> AppendError {
    tracing::error!(reason, "the kafka producer has failed");
    AppendError::Fatal(failure.get_or_init(|| reason).clone())
}

/// An offset is missing where a retry was recognised so late that the broker no longer knows where
/// the first try stands.
fn appended(offset: i64, time: KafkaTime) -> Result<Appended, AppendError> {
    let offset = u64::try_from(offset).map_err(|_| AppendError::Unknown)?;
    let stamped = matches!(time, KafkaTime::LogAppendTime(_));
    Ok(Appended { offset, appended_at: stamped.then(|| timestamp(time)) })
}

/// A name that is not text, which none of ours is, is written with marks in place of the rest.
fn headers(headers: &Headers) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new(), |written, (name, value)| {
        written.insert(Header { key: &String::from_utf8_lossy(name), value: Some(value) })
    })
}

pub(super) fn config(settings: &KafkaSettings, role: WriterRole) -> ClientConfig {
    let mut config = client::config(settings);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("max.in.flight.requests.per.connection", requests_in_flight(role).to_string())
        .set("linger.ms", LINGER_MS)
        .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
        .set("queue.buffering.max.kbytes", QUEUE_KIBIBYTES_MAX.to_string());
    match role {
        WriterRole::Shard => config
            .set("enable.gapless.guarantee", "true")
            .set("message.timeout.ms", "0")
            .set("queue.buffering.max.messages", SHARD_QUEUE_RECORDS_MAX.to_string()),
        WriterRole::Edge { give_up_after } => config
            // Nought would mean never.
            .set("message.timeout.ms", give_up_after.as_millis().max(1).to_string())
            .set("queue.buffering.max.messages", EDGE_QUEUE_RECORDS_MAX.to_string()),
    };
    config
}

const fn requests_in_flight(role: WriterRole) -> u8 {
    match role {
        WriterRole::Shard => SHARD_REQUESTS_IN_FLIGHT_MAX,
        WriterRole::Edge { .. } => EDGE_REQUESTS_IN_FLIGHT_MAX,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use model::Partition;

    use super::*;

    const TOO_LONG: Duration = Duration::from_secs(30);

    /// A producer whose brokers are not there: nobody listens at this port.
    fn unheard(role: WriterRole) -> KafkaProducer {
        KafkaProducer::new(&KafkaSettings::new("127.0.0.1:1"), role).expect("a producer")
    }

    fn append(producer: &KafkaProducer) -> mpsc::Receiver<Result<Appended, AppendError>> {
        let (tell, heard) = mpsc::channel();
        let acknowledge = Box::new(move |result| drop(tell.send(result)));
        producer.append(Place::orders(Partition::FIRST), Record::of("x"), acknowledge);
        heard
    }

    #[test]
    fn an_edge_gives_up_and_says_that_it_does_not_know() {
        let producer = unheard(WriterRole::Edge { give_up_after: Duration::from_millis(1) });
        let heard = append(&producer);
        assert_eq!(heard.recv_timeout(TOO_LONG), Ok(Err(AppendError::Unknown)));
        assert!(heard.recv_timeout(TOO_LONG).is_err(), "it was told twice");
    }

    #[test]
    fn an_edge_is_refused_where_there_is_no_room() {
        let producer = unheard(WriterRole::Edge { give_up_after: TOO_LONG });
        let waiting: Vec<_> = (0..EDGE_QUEUE_RECORDS_MAX).map(|_| append(&producer)).collect();
        assert_eq!(append(&producer).try_recv(), Ok(Err(AppendError::Full)));
        drop(producer);
        let told = waiting.iter().map(|heard| heard.recv_timeout(TOO_LONG));
        assert!(told.into_iter().all(|told| told == Ok(Err(AppendError::Unknown))));
    }

    #[test]
    fn a_producer_that_failed_appends_no_more() {
        let producer = unheard(WriterRole::Shard);
        fail(&producer.failure, "first".to_owned());
        fail(&producer.failure, "second".to_owned());
        let fatal = AppendError::Fatal("first".to_owned());
        assert_eq!(append(&producer).try_recv(), Ok(Err(fatal)));
    }
}
