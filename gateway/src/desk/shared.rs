//! What the acknowledgements and the followers share with the desk: whoever hears of a command
//! tells the one who waits for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use daemon::clock::Clock;
use model::{OrderId, Partition, RequestId};
use spine::{
    Answer, LogId, Place,
    acceptor::Accepted,
    answer::{AnswerError, Sealed},
    log::{AppendError, Appended},
    trace::Tracer,
};

use super::{
    Answered, Machine, News, Wants,
    parked::{self, Parked},
    waiters::{Waiter, Waiters},
};
use crate::{
    idempotency::Cache,
    problem::{Kind, Problem},
};

/// See the [module](self).
pub(super) struct Shared {
    pub(super) log_id: LogId,
    pub(super) machine: Machine,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) waiters: Waiters,
    pub(super) parked: Parked,
    pub(super) cache: Arc<dyn Cache>,
    pub(super) partition_count: u16,
    /// One more than the largest acknowledged offset of each partition; what a read must reflect
    /// for a client to see its own writes.
    pub(super) acknowledged: Vec<AtomicU64>,
    /// The age of each partition's oldest command without an answer at the last sweep, in
    /// milliseconds.
    pub(super) oldest_millis: Vec<AtomicU64>,
    pub(super) has_failed: AtomicBool,
    pub(super) meters: Meters,
    pub(super) tracer: Tracer,
}

pub(super) struct Meters {
    pub(super) appended: metrics::Counter,
    pub(super) answered: metrics::Counter,
    pub(super) shed: metrics::Counter,
    pub(super) unknown: metrics::Counter,
    pub(super) acknowledge_seconds: metrics::Histogram,
    pub(super) answer_seconds: metrics::Histogram,
}

impl Meters {
    pub(super) fn new() -> Meters {
        Meters {
            appended: metrics::counter!("tradespine_gateway_commands_appended_total"),
            answered: metrics::counter!("tradespine_gateway_commands_answered_total"),
            shed: metrics::counter!("tradespine_gateway_commands_shed_total"),
            unknown: metrics::counter!("tradespine_gateway_commands_unknown_total"),
            acknowledge_seconds: metrics::histogram!("tradespine_gateway_acknowledge_seconds"),
            answer_seconds: metrics::histogram!("tradespine_gateway_answer_seconds"),
        }
    }
}

impl Shared {
    pub(super) fn acknowledge(
        &self,
        request_id: RequestId,
        partition: Partition,
        result: Result<Appended, AppendError>,
    ) {
        match result {
            Ok(appended) => self.appended(request_id, partition, appended),
            Err(AppendError::Full) => {
                let message = "the way into the log is full; nothing was written, try again";
                self.not_written(request_id, Problem::overloaded(message));
            }
            Err(error @ AppendError::TooLarge { .. }) => {
                let problem = Problem::new(Kind::TooLarge, "record_too_large", error.to_string());
                self.not_written(request_id, problem);
            }
            Err(AppendError::Unknown) => self.unconfirmed(request_id),
            Err(AppendError::Fatal(reason)) => {
                if !self.has_failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(reason, "the producer of the gateway has failed");
                }
                self.unconfirmed(request_id);
            }
        }
    }

    fn appended(&self, request_id: RequestId, partition: Partition, appended: Appended) {
        let end = self.acknowledged.get(usize::from(partition.number()));
        if let Some(end) = end {
            end.fetch_max(appended.offset + 1, Ordering::Relaxed);
        }
        self.meters.appended.increment(1);
        let acknowledged = self.waiters.acknowledged(request_id, appended.offset);
        let Some((begun, hear)) = acknowledged else { return };
        self.meters.acknowledge_seconds.record(begun.elapsed());
        let Some(hear) = hear else { return };
        let at = appended.appended_at.unwrap_or_else(|| self.clock.now());
        hear(match OrderId::at(partition, appended.offset) {
            Some(id) => News::Appended { id, at },
            None => News::Unknown { id: None },
        });
    }

    fn not_written(&self, request_id: RequestId, problem: Problem) {
        if let Some(hear) = self.waiters.remove(request_id).and_then(Waiter::into_hear) {
            hear(News::NotWritten(problem));
        }
    }

    /// Nobody knows whether the record is in the log; an answer may still come.
    fn unconfirmed(&self, request_id: RequestId) {
        self.meters.unknown.increment(1);
        if let Some(hear) = self.waiters.unconfirmed(request_id) {
            hear(News::Unknown { id: None });
        }
    }

    /// Hands an accepted answer to who waits for it, and keeps it for retries. Where nobody does
    /// any more and nothing is kept, which is most orders under load, nobody looks into it.
    pub(super) fn answered(
        &self,
        partition: Partition,
        accepted: Accepted<Sealed>,
    ) -> Result<(), AnswerError> {
        let Accepted { offset, answer: sealed, headers } = accepted;
        self.cache.hear(partition, &sealed);
        let Some(waiter) = self.waiters.remove(sealed.request_id) else { return Ok(()) };
        let _span = self.tracer.process(Place::events(partition), offset, &headers);
        self.meters.answered.increment(1);
        self.meters.answer_seconds.record(waiter.begun().elapsed());
        if !waiter.is_awaited() {
            return Ok(());
        }
        let mut answer = sealed.open()?;
        // Nobody here looks at postings, and answers are kept.
        answer.body.postings = Vec::new();
        if parked::is_parked(&answer.body) {
            self.park(partition, waiter, &answer);
        } else {
            let decided_at = answer.in_offset;
            self.tell(waiter, Answered { partition, answer, decided_at });
        }
        Ok(())
    }

    /// Hands on what an answer says of orders and withdrawals that waited for money, where anybody
    /// waits for that here. Every answer may; most gateways have nobody who does.
    pub(super) fn heed_parked(
        &self,
        partition: Partition,
        sealed: &Sealed,
    ) -> Result<(), AnswerError> {
        let answer = sealed.clone().open()?;
        for id in parked::decided(&answer.body) {
            let Some(waiter) = self.parked.take(id) else { continue };
            let (answer, decided_at) = (parked::as_its_own(&answer, id), answer.in_offset);
            self.tell(waiter, Answered { partition, answer, decided_at });
        }
        Ok(())
    }

    /// What is asked for waits. One who wants the receipt only has it with this.
    fn park(&self, partition: Partition, mut waiter: Waiter, answer: &Answer) {
        let Some(id) = answer.order_id(partition) else { return };
        if waiter.wants() == Wants::Receipt
            && let Some(hear) = waiter.take_hear()
        {
            hear(News::Appended { id, at: answer.now });
        }
        if let Some(hear) = self.parked.park(id, waiter) {
            hear(News::Unknown { id: Some(id) });
        }
    }

    /// Tells who waits, and keeps the answer for retries.
    fn tell(&self, waiter: Waiter, answered: Answered) {
        let wants = waiter.wants();
        let (hear, claim) = waiter.into_parts();
        let answered = Arc::new(answered);
        if let Some(claim) = claim {
            self.cache.keep(claim, self.log_id, &answered);
        }
        let Some(hear) = hear else { return };
        hear(match (wants, answered.id()) {
            (Wants::Receipt, Some(id)) => News::Appended { id, at: answered.answer.now },
            _ => News::Answered(answered),
        });
    }
}
