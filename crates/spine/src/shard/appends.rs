//! What an owner has appended, and what the log has said to it so far.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use model::Timestamp;

use super::ShardError;
use crate::log::{AppendError, Place, Producer, Record};

/// The owner's producer, with its failures and acknowledgements.
pub(super) struct Appends {
    producer: Arc<dyn Producer>,
    failures: Arc<Failures>,
    incarnation_text: Bytes,
    candidacy: Arc<Candidacy>,
    tick_in_flight: Arc<AtomicBool>,
}

/// The first failure of any append: it ends the owner.
#[derive(Default)]
struct Failures {
    any: AtomicBool,
    first: Mutex<Option<AppendError>>,
}

impl Failures {
    fn note(&self, error: AppendError) {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.any.store(true, Ordering::Release);
    }
}

/// Whether the record by which this stands for ownership was acknowledged, and its append time.
type Candidacy = OnceLock<Option<Timestamp>>;

/// Set once the log has acknowledged an answer.
pub(super) type Acknowledged = Arc<AtomicBool>;

impl Appends {
    pub(super) fn new(producer: Arc<dyn Producer>, incarnation: u64) -> Appends {
        Appends {
            producer,
            failures: Arc::default(),
            incarnation_text: Bytes::from(format!("{incarnation:016x}")),
            candidacy: Arc::default(),
            tick_in_flight: Arc::default(),
        }
    }

    pub(super) fn incarnation_text(&self) -> Bytes {
        self.incarnation_text.clone()
    }

    /// Whether every append so far succeeded or may yet.
    pub(super) fn check(&self) -> Result<(), ShardError> {
        if !self.failures.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let first = self.failures.first.lock().unwrap_or_else(PoisonError::into_inner);
        Err(ShardError::Append(first.clone().unwrap_or(AppendError::Unknown)))
    }

    /// Appends a dead letter. One that has become too large for a record is said aloud instead: the
    /// original stays where it is, and the shard goes on.
    pub(super) fn copy(&self, place: Place, record: Record) {
        let failures = Arc::clone(&self.failures);
        self.producer.append(
            place,
            record,
            Box::new(move |result| match result {
                Err(error @ AppendError::TooLarge { .. }) => {
                    tracing::error!(%error, "an input was not copied to the dead letters");
                }
                Err(error) => failures.note(error),
                Ok(_) => {}
            }),
        );
    }

    /// Appends an answer; the flag is raised once it is acknowledged.
    pub(super) fn publish(&self, place: Place, record: Record) -> Acknowledged {
        let acknowledged = Acknowledged::default();
        let (failures, raised) = (Arc::clone(&self.failures), Arc::clone(&acknowledged));
        self.producer.append(
            place,
            record,
            Box::new(move |result| match result {
                Ok(_) => raised.store(true, Ordering::Release),
                Err(error) => failures.note(error),
            }),
        );
        acknowledged
    }

    /// Appends the record by which this stands for ownership.
    pub(super) fn stand(&mut self, place: Place, record: Record) {
        self.candidacy = Arc::default();
        let (failures, candidacy) = (Arc::clone(&self.failures), Arc::clone(&self.candidacy));
        self.producer.append(
            place,
            record,
            Box::new(move |result| match result {
                Ok(appended) => {
                    let _ = candidacy.set(appended.appended_at);
                }
                Err(error) => failures.note(error),
            }),
        );
    }

    /// The append time of the last candidacy, once it is acknowledged.
    pub(super) fn candidacy(&self) -> Option<Option<Timestamp>> {
        self.candidacy.get().copied()
    }

    /// Appends a tick.
    pub(super) fn tick(&self, place: Place, record: Record) {
        self.tick_in_flight.store(true, Ordering::Release);
        let (failures, in_flight) = (Arc::clone(&self.failures), Arc::clone(&self.tick_in_flight));
        self.producer.append(
            place,
            record,
            Box::new(move |result| {
                in_flight.store(false, Ordering::Release);
                if let Err(error) = result {
                    failures.note(error);
                }
            }),
        );
    }

    /// Whether the last tick is not acknowledged yet; there is never more than one.
    pub(super) fn tick_in_flight(&self) -> bool {
        self.tick_in_flight.load(Ordering::Acquire)
    }
}
