//! Who waits for an order or a withdrawal that waits for money from other shards: its own answer
//! was no result, and the one that is comes with some later input.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use model::OrderId;
use proto::log::{self, AnswerBody, Outcome, event::Kind, outcome};
use spine::Answer;

use super::{Hear, waiters::Waiter};

/// How many are remembered at most: as many as may wait on a shard. Whoever comes beyond is told at
/// once that the result is not known.
const PARKED_MAX: usize = 1 << 16;

/// All that wait for a later answer, by the place of their own record.
#[derive(Default)]
pub(super) struct Parked {
    waiters: Mutex<BTreeMap<OrderId, Waiter>>,
    /// How many there are, so that nobody looks into answers where there are none.
    count: AtomicUsize,
}

impl Parked {
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Remembers who waits for `id`, or tells who is to be told that nobody does.
    pub(super) fn park(&self, id: OrderId, waiter: Waiter) -> Option<Hear> {
        let mut waiters = self.lock();
        if waiters.len() >= PARKED_MAX {
            return waiter.into_hear();
        }
        waiters.insert(id, waiter);
        self.count.store(waiters.len(), Ordering::Relaxed);
        None
    }

    pub(super) fn take(&self, id: OrderId) -> Option<Waiter> {
        let mut waiters = self.lock();
        let waiter = waiters.remove(&id);
        self.count.store(waiters.len(), Ordering::Relaxed);
        waiter
    }

    /// Those whose time is up. They are forgotten: the ledger knows what became of it.
    pub(super) fn sweep(&self, now: Instant) -> Vec<(Hear, Option<OrderId>)> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut waiters = self.lock();
        let late: Vec<OrderId> =
            waiters.iter().filter(|(_, waiter)| waiter.is_late(now)).map(|(id, _)| *id).collect();
        let told = |id| Some((waiters.remove(&id)?.into_hear()?, Some(id)));
        let late = late.into_iter().filter_map(told).collect();
        self.count.store(waiters.len(), Ordering::Relaxed);
        late
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrderId, Waiter>> {
        // What a panicking thread leaves is still a whole map: each change is one step.
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an answer is no result: what it answers waits for money.
pub(crate) fn is_parked(body: &AnswerBody) -> bool {
    let waits = |kind: &Kind| matches!(kind, Kind::OrderParked(_) | Kind::WithdrawalParked(_));
    body.events.iter().any(|event| event.kind.as_ref().is_some_and(waits))
}

/// Whatever that waited may be decided by an answer: the places of the records.
pub(super) fn decided(body: &AnswerBody) -> impl Iterator<Item = OrderId> {
    body.events.iter().filter_map(|event| OrderId::from_number(decided_by(event.kind.as_ref()?)?))
}

fn decided_by(kind: &Kind) -> Option<u64> {
    let id = match kind {
        Kind::OrderPlaced(placed) => placed.order_id,
        Kind::OrderRejected(rejected) => rejected.order_id,
        Kind::OrderEnded(ended) => ended.order_id,
        Kind::WithdrawalDecided(decided) => decided.record_id,
        _ => 0,
    };
    (id > 0).then_some(id)
}

/// What `answer` says of what waited under `id`, as if its own record had been decided by it.
pub(super) fn as_its_own(answer: &Answer, id: OrderId) -> Answer {
    let number = id.number();
    let is_about = |kind: &Kind| match kind {
        Kind::Trade(trade) => trade.taker_order_id == number,
        Kind::BookChanged(_) => true,
        kind => decided_by(kind) == Some(number),
    };
    let events: Vec<_> = answer
        .body
        .events
        .iter()
        .filter(|event| event.kind.as_ref().is_some_and(is_about))
        .cloned()
        .collect();
    let outcome = events.iter().find_map(|event| match event.kind.as_ref()? {
        Kind::OrderRejected(rejected) => {
            let refused = log::Refused { reason: rejected.reason };
            Some(Outcome { kind: Some(outcome::Kind::Refused(refused)) })
        }
        Kind::WithdrawalDecided(decided) => decided.outcome.clone(),
        _ => None,
    });
    let applied = || Outcome { kind: Some(outcome::Kind::Applied(log::Applied {})) };
    let body = AnswerBody {
        outcome: Some(outcome.unwrap_or_else(applied)),
        events,
        balances: answer.body.balances.clone(),
        accounts: answer.body.accounts.clone(),
        ..AnswerBody::default()
    };
    Answer { in_offset: id.offset(), body, ..answer.clone() }
}
