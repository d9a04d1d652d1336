//! Who waits for what: a bounded map of request ids, in parts so that threads seldom meet.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use model::{AccountName, KeyText, OrderId, Partition, RequestId};
use rustc_hash::FxHashMap;

use super::{Hear, OUTCOME_WAIT, Wants};
use crate::idempotency::Claim;

/// How many parts the map has: many times the threads that could meet in one.
const PARTS: usize = 64;

/// How long a command is remembered that the log never confirmed: its record is late by then,
/// should it stand in the log at all, and a little more for the answer that says so.
const UNCONFIRMED_KEPT: Duration = Duration::from_secs(OUTCOME_WAIT.as_secs() + 2);

/// One command without an answer.
pub(super) struct Waiter {
    begun: Instant,
    wants: Wants,
    partition: Partition,
    /// Where its record stands, once that is known.
    offset: Option<u64>,
    /// Whether the log gave no word on the record.
    is_unconfirmed: bool,
    /// Gone once somebody was told.
    hear: Option<Hear>,
    claim: Option<Claim>,
}

impl Waiter {
    pub(super) fn new(
        begun: Instant,
        partition: Partition,
        wants: Wants,
        claim: Option<Claim>,
        hear: Hear,
    ) -> Waiter {
        Waiter {
            begun,
            wants,
            partition,
            offset: None,
            is_unconfirmed: false,
            hear: Some(hear),
            claim,
        }
    }

    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    pub(super) fn wants(&self) -> Wants {
        self.wants
    }

    pub(super) fn into_parts(self) -> (Option<Hear>, Option<Claim>) {
        (self.hear, self.claim)
    }

    /// Whether anybody waits for an answer, or keeps it.
    pub(super) fn is_awaited(&self) -> bool {
        self.hear.is_some() || self.claim.is_some()
    }

    pub(super) fn take_hear(&mut self) -> Option<Hear> {
        self.hear.take()
    }

    pub(super) fn into_hear(self) -> Option<Hear> {
        self.hear
    }

    /// Whether whoever waits has waited long enough.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.begun) >= self.patience()
    }

    fn id(&self) -> Option<OrderId> {
        self.offset.and_then(|offset| OrderId::at(self.partition, offset))
    }

    /// How long its sender waits.
    fn patience(&self) -> Duration {
        match self.wants {
            Wants::Receipt => OUTCOME_WAIT,
            Wants::Answer(patience) => patience,
        }
    }
}

/// There are as many as there may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// What a sweep found.
#[derive(Default)]
pub(super) struct Swept {
    /// The age of the oldest command that waits for its shard, by shard.
    pub(super) oldest: BTreeMap<Partition, Duration>,
    pub(super) unanswered: usize,
    /// Those whose time is up, with the place of their record where it is known.
    pub(super) time_is_up: Vec<(Hear, Option<OrderId>)>,
}

/// All commands without an answer.
pub(super) struct Waiters {
    parts: Vec<Mutex<FxHashMap<u128, Waiter>>>,
    count: AtomicUsize,
    count_max: usize,
}

impl Waiters {
    pub(super) fn new(count_max: usize) -> Waiters {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Waiters { parts, count: AtomicUsize::new(0), count_max }
    }

    pub(super) fn register(&self, id: RequestId, waiter: Waiter) -> Result<(), Full> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.count_max {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Full);
        }
        self.part(id).insert(id.0, waiter);
        Ok(())
    }

    pub(super) fn remove(&self, id: RequestId) -> Option<Waiter> {
        let waiter = self.part(id).remove(&id.0)?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(waiter)
    }

    /// The record stands at `offset`. Tells when the command began and, where its sender waits for
    /// no more than this, whom to tell. `None` where the answer came first.
    pub(super) fn acknowledged(
        &self,
        id: RequestId,
        offset: u64,
    ) -> Option<(Instant, Option<Hear>)> {
        let mut part = self.part(id);
        let waiter = part.get_mut(&id.0)?;
        waiter.offset = Some(offset);
        let hear = if waiter.wants == Wants::Receipt { waiter.hear.take() } else { None };
        Some((waiter.begun, hear))
    }

    /// The log gave no word on the record. Whom to tell, where its sender waits for that word.
    pub(super) fn unconfirmed(&self, id: RequestId) -> Option<Hear> {
        let mut part = self.part(id);
        let waiter = part.get_mut(&id.0)?;
        waiter.is_unconfirmed = true;
        if waiter.wants == Wants::Receipt { waiter.hear.take() } else { None }
    }

    /// Looks at all of them. A command whose record is in the log stays until its shard answers,
    /// however long that takes: it is what tells that a shard is down.
    pub(super) fn sweep(&self, now: Instant) -> Swept {
        let mut swept = Swept::default();
        for part in &self.parts {
            let mut part = lock(part);
            let before = part.len();
            part.retain(|_, waiter| {
                let age = now.saturating_duration_since(waiter.begun);
                if age >= waiter.patience() {
                    let id = waiter.id();
                    swept.time_is_up.extend(waiter.hear.take().map(|hear| (hear, id)));
                }
                if !waiter.is_unconfirmed {
                    let oldest = swept.oldest.entry(waiter.partition).or_default();
                    *oldest = age.max(*oldest);
                }
                waiter.offset.is_some() || age < UNCONFIRMED_KEPT
            });
            swept.unanswered += part.len();
            self.count.fetch_sub(before - part.len(), Ordering::Relaxed);
        }
        swept
    }

    /// Whether an order of `account` under a key of this text is without an answer, or may still
    /// come to stand in the log. Looks at all of them.
    pub(super) fn awaits(&self, account: &AccountName, key: &KeyText) -> bool {
        let is_it = |waiter: &Waiter| {
            waiter
                .claim
                .as_ref()
                .is_some_and(|claim| claim.key.account == *account && claim.key.key.text == *key)
        };
        self.parts.iter().any(|part| lock(part).values().any(is_it))
    }

    /// Request ids are random, so that their lowest bits deal them out evenly.
    fn part(&self, id: RequestId) -> MutexGuard<'_, FxHashMap<u128, Waiter>> {
        lock(&self.parts[(id.0 % PARTS as u128) as usize])
    }
}

fn lock(part: &Mutex<FxHashMap<u128, Waiter>>) -> MutexGuard<'_, FxHashMap<u128, Waiter>> {
    // What a panicking thread leaves is still a whole map: each change is one step.
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(wants: Wants) -> Waiter {
        Waiter::new(Instant::now(), Partition::FIRST, wants, None, Box::new(|_| {}))
    }

    const PATIENT: Wants = Wants::Answer(Duration::from_secs(5));

    #[test]
    fn there_are_at_most_as_many_as_may_be() {
        let waiters = Waiters::new(2);
        assert_eq!(waiters.register(RequestId(1), waiter(PATIENT)), Ok(()));
        assert_eq!(waiters.register(RequestId(2), waiter(PATIENT)), Ok(()));
        assert_eq!(waiters.register(RequestId(3), waiter(PATIENT)), Err(Full));
        assert!(waiters.remove(RequestId(1)).is_some());
        assert!(waiters.remove(RequestId(1)).is_none());
        assert_eq!(waiters.register(RequestId(3), waiter(PATIENT)), Ok(()));
    }

    #[test]
    fn an_acknowledgement_is_told_to_those_who_wait_for_no_more() {
        let waiters = Waiters::new(9);
        waiters.register(RequestId(1), waiter(Wants::Receipt)).expect("room");
        waiters.register(RequestId(2), waiter(PATIENT)).expect("room");
        let told = |id| waiters.acknowledged(RequestId(id), 7).map(|(_, hear)| hear.is_some());
        assert_eq!(told(1), Some(true));
        assert_eq!(told(1), Some(false), "once");
        assert_eq!(told(2), Some(false));
        assert_eq!(told(3), None, "the answer came first");
    }

    #[test]
    fn time_is_up_once_and_the_command_stays_while_its_record_stands() {
        let waiters = Waiters::new(9);
        waiters.register(RequestId(1), waiter(PATIENT)).expect("room");
        waiters.register(RequestId(2), waiter(PATIENT)).expect("room");
        waiters.acknowledged(RequestId(1), 7);
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(waiters.sweep(later(4)).time_is_up.is_empty());
        let swept = waiters.sweep(later(6));
        let mut ids: Vec<_> = swept.time_is_up.iter().map(|(_, id)| *id).collect();
        ids.sort();
        assert_eq!(ids, [None, OrderId::at(Partition::FIRST, 7)]);
        let swept = waiters.sweep(later(3_600));
        assert_eq!((swept.time_is_up.len(), swept.unanswered), (0, 1));
        assert!(swept.oldest[&Partition::FIRST] > Duration::from_secs(3_500), "a shard is down");
    }

    #[test]
    fn what_the_log_never_confirmed_is_no_sign_of_a_slow_shard() {
        let waiters = Waiters::new(9);
        waiters.register(RequestId(1), waiter(Wants::Receipt)).expect("room");
        assert!(waiters.unconfirmed(RequestId(1)).is_some());
        let swept = waiters.sweep(Instant::now() + Duration::from_secs(8));
        assert_eq!((swept.oldest, swept.unanswered), (BTreeMap::new(), 1));
        assert_eq!(waiters.sweep(Instant::now() + UNCONFIRMED_KEPT).unanswered, 0);
    }
}
