//! What every client tells librdkafka, and what librdkafka tells us.

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
#[derive(Clone, Copy, Debug)]
pub(super) struct Listener;

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        note(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for Listener {}

impl ProducerContext for Listener {
    type DeliveryOpaque = ();

    /// A client that only asks delivers nothing.
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Writes a line of librdkafka's into our own log.
pub(super) fn note(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
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
