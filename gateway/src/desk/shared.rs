//! What the acknowledgements and the followers share with the desk: whoever hears of a command
//! tells the one who waits for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use daemon::clock::Clock;
use model::{OrderId, Partition, RequestId, Timestamp};
use proto::log::outcome;
use spine::{
    Answer, LogId, Place,
    acceptor::Accepted,
    answer::{AnswerError, Sealed},
    log::{AppendError, Appended},
    trace::Tracer,
};

use super::{
    Answered, Machine, News, Waits, Wants,
    parked::Parked,
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

    /// Hears an accepted answer: who waits for it is told.
    pub(super) fn heed(
        &self,
        partition: Partition,
        accepted: Accepted<Sealed>,
    ) -> Result<(), AnswerError> {
        let sealed = accepted.answer.clone();
        // On a shard that is alone nothing waits, and nobody looks.
        let is_alone = self.partition_count <= 1;
        let waits = if is_alone { Waits::default() } else { Waits::of(&sealed)? };
        // Ticks and the like answer nobody's request.
        let is_command = sealed.request_id.0 != 0;
        if is_command || !waits.is_none() {
            self.cache.hear(partition, &sealed, &waits);
        }
        if waits.begins
            && let Some(id) = OrderId::at(partition, sealed.in_offset)
        {
            self.parked.begin(id, sealed.now);
        }
        if is_command {
            self.answered(partition, accepted, &waits)?;
        }
        // Last: one answer can say that its own command waits and what becomes of it.
        self.end_waits(&sealed, &waits)
    }

    /// Hands an answer to who waits for it, and keeps it for retries. Where nobody does any more
    /// and nothing is kept, which is most orders under load, nobody looks into it.
    fn answered(
        &self,
        partition: Partition,
        accepted: Accepted<Sealed>,
        waits: &Waits,
    ) -> Result<(), AnswerError> {
        let Accepted { offset, answer: sealed, headers } = accepted;
        let Some(waiter) = self.waiters.remove(sealed.request_id) else { return Ok(()) };
        let _span = self.tracer.process(Place::events(partition), offset, &headers);
        self.meters.answered.increment(1);
        // Of others the answer is read when there is time.
        if waiter.wants() != Wants::Receipt {
            self.meters.answer_seconds.record(waiter.begun().elapsed());
        }
        if !waiter.is_awaited() {
            return Ok(());
        }
        let mut answer = sealed.open()?;
        // Nobody here looks at postings, and answers are kept.
        answer.body.postings = Vec::new();
        match self.waits_for(partition, &answer, waits) {
            Some(id) => self.park(id, waiter, OrderId::at(partition, answer.in_offset), answer.now),
            None => self.tell(waiter, Answered::at_once(partition, answer)),
        }
        Ok(())
    }

    /// The record whose result is to come that `answer` is not yet: its own, or, where it is a
    /// duplicate, the first one of its key.
    fn waits_for(&self, partition: Partition, answer: &Answer, waits: &Waits) -> Option<OrderId> {
        if waits.begins {
            return OrderId::at(partition, answer.in_offset);
        }
        match answer.body.outcome.as_ref()?.kind.as_ref()? {
            outcome::Kind::Duplicate(duplicate) => {
                let original = OrderId::from_number(duplicate.original_order_id)?;
                self.parked.holds(original).then_some(original)
            }
            _ => None,
        }
    }

    /// Hands on what an answer says of orders and withdrawals that waited for money, where anybody
    /// waits for that here. Every answer may; most gateways have nobody who does.
    fn end_waits(&self, sealed: &Sealed, waits: &Waits) -> Result<(), AnswerError> {
        let mut opened = None;
        for id in &waits.ends {
            let Some(noted) = self.parked.end(*id) else { continue };
            if noted.waiters.is_empty() {
                continue;
            }
            let answer = match &opened {
                Some(answer) => answer,
                None => opened.insert(sealed.clone().open()?),
            };
            for waiter in noted.waiters {
                self.tell(waiter, Answered::after_waiting(answer, *id, noted.received_at));
            }
        }
        Ok(())
    }

    /// What is asked for waits. One who wants the receipt only has it with this.
    fn park(&self, id: OrderId, mut waiter: Waiter, own: Option<OrderId>, at: Timestamp) {
        if waiter.wants() == Wants::Receipt
            && let (Some(own), Some(hear)) = (own, waiter.take_hear())
        {
            hear(News::Appended { id: own, at });
        }
        if let Some(hear) = self.parked.wait(id, waiter) {
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
