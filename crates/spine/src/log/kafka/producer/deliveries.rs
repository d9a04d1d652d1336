//! What librdkafka says became of records, and to whom that is told.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Message as _, Timestamp as KafkaTime},
    producer::{DeliveryResult, ProducerContext},
};

use super::{
    super::client::{self, Troubles},
    Way,
};
use crate::log::{Acknowledge, AppendError, Appended, Place, WriterRole, kafka::reader::timestamp};

/// What is told of a producer once it has failed for good.
pub(super) type Failure = Arc<OnceLock<String>>;

/// A record on its way, and whom to tell. The mutex is never contended: it makes a `Send` function
/// `Sync`, as asked for by the library, which only ever moves it.
pub(super) struct Pending {
    place: Place,
    pub(super) bytes: usize,
    acknowledge: Mutex<Acknowledge>,
}

impl Pending {
    pub(super) fn new(place: Place, bytes: usize, acknowledge: Acknowledge) -> Pending {
        Pending { place, bytes, acknowledge: Mutex::new(acknowledge) }
    }

    pub(super) fn into_acknowledge(self) -> Acknowledge {
        self.acknowledge.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears from librdkafka what became of records.
pub(super) struct Deliveries {
    role: WriterRole,
    failure: Failure,
    troubles: Troubles,
    /// By which the next wave goes. The thread that hears holds it while it does.
    way: OnceLock<Weak<Way>>,
}

impl Deliveries {
    /// Of a client whose producer notes with `failure` that it is finished.
    pub(super) fn new(role: WriterRole, failure: &Failure) -> Deliveries {
        let (failure, troubles) = (Arc::clone(failure), Troubles::default());
        Deliveries { role, failure, troubles, way: OnceLock::new() }
    }

    /// By which way the next wave goes. To be said once.
    pub(super) fn go_on_by(&self, way: &Arc<Way>) {
        let _ = self.way.set(Arc::downgrade(way));
    }

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
        let (place, bytes) = (pending.place, pending.bytes);
        (pending.into_acknowledge())(told);
        if let Some(way) = self.way.get().and_then(Weak::upgrade) {
            way.told(place, bytes);
        }
    }
}

/// Notes that the producer is finished; the first reason stays.
pub(super) fn fail(failure: &Failure, reason: String) -> AppendError {
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
