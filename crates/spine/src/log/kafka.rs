//! The log on Apache Kafka, through librdkafka: what production runs on.
//!
//! A topic of the topic table is a Kafka topic, a partition a Kafka partition, a record a Kafka
//! message. There are no consumer groups, no committed offsets and no transactions: readers say
//! which offset they want, producers which partition, and exactly-once is the answers' numbering,
//! not the broker's. Append times of topics that the log stamps are the leader's LogAppendTime;
//! a leader's clock that steps back shows here, and the shards' `now` is held against it above.
//!
//! - `producer`: appends, and tells what became of it.
//! - `reader`: reads one partition from an offset on.
//! - [`admin`]: creates the topics and checks how they are set.
//! - `client`: what all of them tell librdkafka, and what it tells us.
//!
//! This is the only place that names rdkafka. What will never live here: what a record means.

pub mod admin;
mod client;
mod producer;
mod reader;

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use model::Partition;
use proto::topic::{RECORD_BYTES_MAX, Topic};
use rdkafka::{
    ClientConfig,
    client::Client,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{Producer as _, ThreadedProducer},
};
use tokio::sync::Notify;

use self::{client::Listener, producer::KafkaProducer, reader::KafkaReader};
use super::{Log, LogError, Pace, Place, Producer, Reader, Visibility, WriterRole};
use crate::trace::LogName;

/// What a record may have beside its own bytes in a message or a batch of one: lengths, offsets,
/// the batch's header. Far less in truth; a round number that nobody has to count.
const FRAMING_BYTES_MAX: usize = 64 * 1024;

/// The largest message: `message.max.bytes` of producers and `max.message.bytes` of topics.
const MESSAGE_BYTES_MAX: usize = RECORD_BYTES_MAX + FRAMING_BYTES_MAX;

/// How long a question to the brokers may take: longer than the election of a new leader.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long between two questions to a partition that is between leaders.
const LEADER_LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where the brokers are, and how to talk to them.
#[derive(Clone, Default)]
pub struct KafkaSettings {
    /// `host:port`, separated by commas: brokers to ask for all the others.
    pub bootstrap_servers: String,
    /// The name under which brokers know this process.
    pub client_id: String,
    /// Put before the name of every topic, for several platforms on one cluster. Empty is usual.
    pub topic_prefix: String,
    /// Further properties of librdkafka, such as `security.protocol` and `sasl.password`. Those
    /// that the log's promises rest on are set after them.
    pub properties: BTreeMap<String, String>,
}

impl KafkaSettings {
    /// The settings of a cluster without TLS, passwords or neighbours.
    pub fn new(bootstrap_servers: impl Into<String>) -> KafkaSettings {
        KafkaSettings {
            bootstrap_servers: bootstrap_servers.into(),
            client_id: "tradespine".to_owned(),
            ..KafkaSettings::default()
        }
    }

    /// What a producer of this role tells librdkafka, secrets masked: for a benchmark that measures
    /// librdkafka itself beside the log, so that the two never differ.
    pub fn producer_properties(&self, role: WriterRole) -> BTreeMap<String, String> {
        properties(&producer::config(self, role))
    }

    /// The same of a reader for whose records somebody waits.
    pub fn reader_properties(&self) -> BTreeMap<String, String> {
        properties(&reader::config(self, Pace::Eager))
    }

    /// The name of a topic, as brokers know it.
    pub fn topic_name(&self, topic: Topic) -> String {
        format!("{}{}", self.topic_prefix, topic.name())
    }
}

fn properties(config: &ClientConfig) -> BTreeMap<String, String> {
    let properties = config.config_map().into_iter();
    properties.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Properties may be secrets: only their names are shown.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client_id", &self.client_id)
            .field("topic_prefix", &self.topic_prefix)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

/// A log on Kafka.
pub struct KafkaLog {
    settings: KafkaSettings,
    /// Asks about topics and offsets. A producer that produces nothing, since its thread also
    /// empties the queue of what librdkafka has to say while nobody asks.
    questions: Arc<Questions>,
}

/// A client that asks. Its connection is never held by a fetch that waits for a record, behind
/// which an answer would stand.
type Questions = ThreadedProducer<Listener>;

impl KafkaLog {
    /// Connects to the brokers. The topics must exist before anything is read or appended; see
    /// [`admin::create_topics`].
    ///
    /// # Errors
    /// [`LogError::BadSetting`] where a property is not one or cannot be used, and
    /// [`LogError::Failed`] where no broker answers, with what the client last heard of them.
    pub fn open(settings: KafkaSettings) -> Result<KafkaLog, LogError> {
        let questions: Questions = client::config(&settings)
            .create_with_context(Listener::default())
            .map_err(|error| failed("making a client", &error))?;
        // Any topic will do: what counts is that somebody answers.
        let name = settings.topic_name(Topic::Orders);
        let asked = questions.client().fetch_metadata(Some(&name), ANSWER_WAIT_MAX);
        if let Err(error) = asked {
            let doing = format!("connecting to {}", settings.bootstrap_servers);
            return Err(match questions.context().troubles.last() {
                Some(reason) => LogError::Failed(format!("{doing}: {reason}")),
                None => failed(&doing, &error),
            });
        }
        Ok(KafkaLog { settings, questions: Arc::new(questions) })
    }

    fn client(&self) -> &Client<Listener> {
        self.questions.client()
    }

    fn read(&self, place: Place, from: u64, pace: Pace) -> Result<KafkaReader, LogError> {
        let (first, end) = self.bounds(place)?;
        check_bounds(place, from, (first, end))?;
        let questions = Arc::clone(&self.questions);
        KafkaReader::new(&self.settings, questions, place, (from, end), pace)
    }

    /// The first offset of `place` and its end.
    fn bounds(&self, place: Place) -> Result<(u64, u64), LogError> {
        if place.partition.number() >= self.partition_count(place.topic)? {
            return Err(LogError::NoSuchPlace(place));
        }
        bounds(self.client(), &self.settings.topic_name(place.topic), place, ANSWER_WAIT_MAX)
    }
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KafkaLog").field("settings", &self.settings).finish()
    }
}

impl Log for KafkaLog {
    fn partition_count(&self, topic: Topic) -> Result<u16, LogError> {
        let name = self.settings.topic_name(topic);
        let count = client::partition_count(self.client(), &name)?;
        count.ok_or(LogError::NoSuchPlace(Place { topic, partition: Partition::FIRST }))
    }

    fn producer(&self, role: WriterRole) -> Result<Arc<dyn Producer>, LogError> {
        Ok(Arc::new(KafkaProducer::new(&self.settings, role)?))
    }

    fn reader(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
    ) -> Result<Box<dyn Reader>, LogError> {
        self.reader_at(place, from, visibility, Pace::Eager)
    }

    /// Kafka shows only what is replicated to the in-sync replicas, so both visibilities are one.
    fn reader_at(
        &self,
        place: Place,
        from: u64,
        _: Visibility,
        pace: Pace,
    ) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(self.read(place, from, pace)?))
    }

    fn reader_that_tells(
        &self,
        place: Place,
        from: u64,
        _: Visibility,
        pace: Pace,
        came: Arc<Notify>,
    ) -> Result<Option<Box<dyn Reader>>, LogError> {
        Ok(Some(Box::new(self.read(place, from, pace)?.telling(came))))
    }

    fn end(&self, place: Place, _: Visibility) -> Result<u64, LogError> {
        self.bounds(place).map(|(_, end)| end)
    }

    fn is_exclusive(&self) -> bool {
        false
    }

    fn name(&self) -> LogName {
        LogName { system: "kafka", topic_prefix: self.settings.topic_prefix.clone() }
    }
}

/// Asks for the first offset of `place` and its end, for up to `wait_max`.
fn bounds<C: rdkafka::ClientContext>(
    client: &Client<C>,
    name: &str,
    place: Place,
    wait_max: Duration,
) -> Result<(u64, u64), LogError> {
    let began = Instant::now();
    loop {
        let left = wait_max.saturating_sub(began.elapsed()).max(LEADER_LOOK_EVERY);
        let asked = client.fetch_watermarks(name, place.partition.number().into(), left);
        let code = asked.as_ref().err().and_then(KafkaError::rdkafka_error_code);
        if code.is_some_and(is_between_leaders) && began.elapsed() < wait_max {
            thread::sleep(LEADER_LOOK_EVERY);
            continue;
        }
        let (first, end) = asked.map_err(|error| match code {
            Some(RDKafkaErrorCode::UnknownPartition | RDKafkaErrorCode::UnknownTopic) => {
                LogError::NoSuchPlace(place)
            }
            _ => failed("asking for the end of a partition", &error),
        })?;
        return Ok((u64::try_from(first).unwrap_or(0), u64::try_from(end).unwrap_or(0)));
    }
}

/// Whether a partition, new or not, is about to have another leader than whoever was asked.
const fn is_between_leaders(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::ReplicaNotAvailable
    )
}

/// Whether a reader may begin at `asked`.
fn check_bounds(place: Place, asked: u64, (first, end): (u64, u64)) -> Result<(), LogError> {
    if asked < first {
        return Err(LogError::Trimmed { place, asked, first });
    }
    if asked > end {
        return Err(LogError::BeyondEnd { place, asked, end });
    }
    Ok(())
}

fn failed(doing: &str, error: &KafkaError) -> LogError {
    match error {
        // In its own words it would show the value, which may be a secret.
        KafkaError::ClientConfig(_, reason, property, _) => {
            LogError::BadSetting(format!("{property}: {reason}"))
        }
        KafkaError::ClientCreation(reason) => LogError::BadSetting(reason.clone()),
        error => LogError::Failed(format!("{doing}: {error}")),
    }
}
