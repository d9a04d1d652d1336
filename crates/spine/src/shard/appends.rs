//! What an owner has appended, and what the log has said to it so far.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use bytes::Bytes;
use model::Timestamp;

use super::ShardError;
use crate::{
    log::{Acknowledge, AppendError, Place, Producer, Record},
    trace::Sending,
};

/// How many answers are held at the most before they are appended: some three hundred microseconds
/// of work.
const HELD_MAX: usize = 32;

/// The owner's producer, with what was heard of its appends.
pub(super) struct Appends {
    producer: Arc<dyn Producer>,
    /// Where answers go.
    answers: Place,
    /// Answers that are appended together. One by one, a producer would send the first alone and
    /// the rest after it.
    held: Vec<Held>,
    heard: Arc<Heard>,
    incarnation_text: Bytes,
    candidacy: Arc<Candidacy>,
}

/// An answer that is not appended yet.
struct Held {
    out_seq: u64,
    record: Record,
    sending: Option<Sending>,
}

/// What the log has said of this owner's appends, by its own threads.
#[derive(Default)]
struct Heard {
    /// The first failure of any append: it ends the owner.
    failure: Mutex<Option<AppendError>>,
    failed: AtomicBool,
    /// The highest number of an answer that was acknowledged. The log has every record that one
    /// producer appended to one place before it, too.
    acknowledged: AtomicU64,
    tick_in_flight: AtomicBool,
}

impl Heard {
    fn fail(&self, error: AppendError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }
}

/// Whether the record by which this stands for ownership was acknowledged, and its append time.
type Candidacy = OnceLock<Option<Timestamp>>;

impl Appends {
    pub(super) fn new(producer: Arc<dyn Producer>, incarnation: u64, answers: Place) -> Appends {
        Appends {
            producer,
            answers,
            held: Vec::new(),
            heard: Arc::default(),
            incarnation_text: Bytes::from(format!("{incarnation:016x}")),
            candidacy: Arc::default(),
        }
    }

    pub(super) fn incarnation_text(&self) -> Bytes {
        self.incarnation_text.clone()
    }

    /// Whether every append so far succeeded or may yet.
    pub(super) fn check(&self) -> Result<(), ShardError> {
        if !self.heard.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let first = self.heard.failure.lock().unwrap_or_else(PoisonError::into_inner);
        Err(ShardError::Append(first.clone().unwrap_or(AppendError::Unknown)))
    }

    /// Appends a dead letter. One that has become too large for a record is said aloud instead: the
    /// original stays where it is, and the shard goes on.
    pub(super) fn copy(&self, place: Place, record: Record) {
        let heard = Arc::clone(&self.heard);
        self.producer.append(
            place,
            record,
            Box::new(move |result| match result {
                Err(error @ AppendError::TooLarge { .. }) => {
                    tracing::error!(%error, "an input was not copied to the dead letters");
                }
                Err(error) => heard.fail(error),
                Ok(_) => {}
            }),
        );
    }

    /// Appends the answer of this number, at the latest with the next [`Appends::flush`]; `sending`
    /// is its part in a trace.
    pub(super) fn publish(&mut self, out_seq: u64, record: Record, sending: Option<Sending>) {
        self.held.push(Held { out_seq, record, sending });
        if self.held.len() >= HELD_MAX {
            self.flush();
        }
    }

    /// Appends what is held, in order and together.
    pub(super) fn flush(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let heard = &self.heard;
        let appends = self.held.drain(..).map(|Held { out_seq, record, sending }| {
            let heard = Arc::clone(heard);
            let acknowledge: Acknowledge = Box::new(move |result| {
                if let Some(sending) = sending {
                    sending.end(&result);
                }
                match result {
                    Ok(_) => {
                        heard.acknowledged.fetch_max(out_seq, Ordering::Release);
                    }
                    Err(error) => heard.fail(error),
                }
            });
            (record, acknowledge)
        });
        self.producer.append_all(self.answers, appends.collect());
    }

    /// The number up to which the log has this owner's answers.
    pub(super) fn acknowledged(&self) -> u64 {
        self.heard.acknowledged.load(Ordering::Acquire)
    }

    /// Appends the record by which this stands for ownership.
    pub(super) fn stand(&mut self, place: Place, record: Record) {
        self.candidacy = Arc::default();
        let (heard, candidacy) = (Arc::clone(&self.heard), Arc::clone(&self.candidacy));
        self.producer.append(
            place,
            record,
            Box::new(move |result| match result {
                Ok(appended) => {
                    let _ = candidacy.set(appended.appended_at);
                }
                Err(error) => heard.fail(error),
            }),
        );
    }

    /// The append time of the last candidacy, once it is acknowledged.
    pub(super) fn candidacy(&self) -> Option<Option<Timestamp>> {
        self.candidacy.get().copied()
    }

    /// Appends a tick.
    pub(super) fn tick(&self, place: Place, record: Record) {
        self.heard.tick_in_flight.store(true, Ordering::Release);
        let heard = Arc::clone(&self.heard);
        self.producer.append(
            place,
            record,
            Box::new(move |result| {
                heard.tick_in_flight.store(false, Ordering::Release);
                if let Err(error) = result {
                    heard.fail(error);
                }
            }),
        );
    }

    /// Whether the last tick is not acknowledged yet; there is never more than one.
    pub(super) fn tick_in_flight(&self) -> bool {
        self.heard.tick_in_flight.load(Ordering::Acquire)
    }
}
