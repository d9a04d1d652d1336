//! What every client tells librdkafka, and what librdkafka tells us.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use model::Partition;
use rdkafka::{
    ClientConfig, ClientContext,
    client::Client,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
};

use super::{ANSWER_WAIT_MAX, KafkaSettings, failed};
use crate::log::LogError;

/// The properties of every client: the settings' own first, then what may not be otherwise.
pub(super) fn config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in &settings.properties {
        config.set(name, value);
    }
    config
        .set("bootstrap.servers", &settings.bootstrap_servers)
        .set("client.id", &settings.client_id)
        // A small record must not wait for the acknowledgement of the one before.
        .set("socket.nagle.disable", "true")
        .set("socket.keepalive.enable", "true")
        // A broker that restarts is back in seconds; orders wait for it meanwhile.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        // Brokers may ask clients for figures, for which every request is timed. Nobody reads them.
        .set("enable.metrics.push", "false")
        .set("allow.auto.create.topics", "false");
    config
}

/// How many partitions the topic of this name has; `None` where there is no such topic.
pub(super) fn partition_count<C: ClientContext>(
    client: &Client<C>,
    name: &str,
) -> Result<Option<u16>, LogError> {
    let metadata = client
        .fetch_metadata(Some(name), ANSWER_WAIT_MAX)
        .map_err(|error| failed(&format!("asking about topic {name}"), &error))?;
    let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
        return Ok(None);
    };
    match topic.error().map(RDKafkaErrorCode::from) {
        // Until a leader is elected the partitions are there all the same.
        None | Some(RDKafkaErrorCode::LeaderNotAvailable) => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            return Ok(None);
        }
        Some(code) => {
            return Err(failed(
                &format!("asking about topic {name}"),
                &KafkaError::MetadataFetch(code),
            ));
        }
    }
    let count = u16::try_from(topic.partitions().len()).unwrap_or(u16::MAX);
    if count > Partition::COUNT_MAX {
        let most = Partition::COUNT_MAX;
        return Err(LogError::Failed(format!(
            "topic {name} has {count} partitions, more than {most}"
        )));
    }
    Ok(Some(count))
}

/// Hands on what librdkafka says to those who listen to this process.
#[derive(Debug, Default)]
pub(super) struct Listener {
    pub(super) troubles: Troubles,
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        note(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.troubles.hear(&error, reason);
    }
}

impl ConsumerContext for Listener {}

impl ProducerContext for Listener {
    type DeliveryOpaque = ();

    /// A client that only asks delivers nothing.
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// How long the same trouble is not said again.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What a client has heard to be wrong with its brokers, and the last of it kept: a call that gets
/// no answer fails with no more than that, and people want to know why.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    last: Mutex<Option<(String, Instant)>>,
}

impl Troubles {
    /// Says it, unless it was said just now: a client without a broker tries many times a second.
    pub(super) fn hear(&self, error: &KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // The reader is told of it too, and it is no trouble.
            Some(RDKafkaErrorCode::PartitionEOF) => return,
            // That all are down says nothing beside what is wrong with each.
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                tracing::debug!(reason, "kafka client");
                return;
            }
            _ => {}
        }
        // How long it took and how often it was so are no news.
        let trouble = reason.split(" (after ").next().unwrap_or(reason);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_said = last
            .as_ref()
            .is_some_and(|(said, at)| said == trouble && at.elapsed() < SAY_AGAIN_AFTER);
        if is_said {
            tracing::debug!(%error, reason, "kafka client");
        } else {
            tracing::warn!(%error, reason, "kafka client");
            *last = Some((trouble.to_owned(), Instant::now()));
        }
    }

    /// The last of it, in librdkafka's words.
    pub(super) fn last(&self) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|(trouble, _)| trouble.clone())
    }
}

/// The facility under which librdkafka logs that a connection failed, which it tells of by a call
/// too.
const CONNECTION_FAILED: &str = "FAIL";

/// What it has to say about a property that shards set knowingly, each time that one starts.
const KNOWN_WARNING: &str = "enable.gapless.guarantee is experimental";

/// Writes a line of librdkafka's into our own log.
pub(super) fn note(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        _ if facility == CONNECTION_FAILED || message.contains(KNOWN_WARNING) => {
            tracing::debug!(facility, message, "librdkafka");
        }
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(facility, message, "librdkafka"),
        RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "librdkafka"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(facility, message, "librdkafka");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "librdkafka"),
    }
}
