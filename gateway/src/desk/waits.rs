//! What an answer says of orders and withdrawals that wait for money from other shards; pure.

use model::OrderId;
use proto::log::{self, AnswerBody, Outcome, event::Kind, outcome};
use spine::{
    Answer,
    answer::{AnswerError, Sealed},
};

/// Which waits an answer begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Whether what it answers waits from now on: then it is no result.
    pub begins: bool,
    /// Whatever it decides or ends that came with an earlier record, whether that waited or not:
    /// the places of the records.
    pub ends: Vec<OrderId>,
}

impl Waits {
    /// Those of this answer.
    ///
    /// # Errors
    /// [`AnswerError`] where its body is none.
    pub fn of(answer: &Sealed) -> Result<Waits, AnswerError> {
        Ok(Waits::among(&answer.events()?))
    }

    /// Those of these events.
    pub fn among(events: &[log::Event]) -> Waits {
        let kinds = || events.iter().filter_map(|event| event.kind.as_ref());
        let begins = kinds().any(|kind| {
            let is_list = matches!(kind, Kind::ListParked(_));
            is_list || matches!(kind, Kind::OrderParked(_) | Kind::WithdrawalParked(_))
        });
        let mut ends: Vec<OrderId> = kinds().filter_map(decided_by).collect();
        // The orders of one list end one after the other.
        ends.dedup();
        Waits { begins, ends }
    }

    pub(super) fn is_none(&self) -> bool {
        !self.begins && self.ends.is_empty()
    }
}

/// The place of the record of what an event decides or ends, if it is not that of the answered
/// input.
fn decided_by(kind: &Kind) -> Option<OrderId> {
    let id = match kind {
        Kind::OrderPlaced(placed) => placed.order_id,
        Kind::OrderRejected(rejected) => rejected.order_id,
        Kind::ListPlaced(placed) => placed.list_id,
        Kind::ListRejected(rejected) => rejected.list_id,
        Kind::OrderEnded(ended) => ended.order_id,
        Kind::WithdrawalDecided(decided) => decided.record_id,
        _ => 0,
    };
    record_of(id)
}

/// The place of the record that brought the order with this number.
fn record_of(number: u64) -> Option<OrderId> {
    OrderId::from_number(number).filter(|_| number > 0).map(OrderId::record)
}

/// What `answer` says of what waited under `id`, as if its own record had been decided by it.
pub(super) fn as_its_own(answer: &Answer, id: OrderId) -> Answer {
    let is_about = |kind: &Kind| match kind {
        Kind::Trade(trade) => record_of(trade.taker_order_id) == Some(id),
        Kind::PendingPlaced(placed) => record_of(placed.order_id) == Some(id),
        Kind::BookChanged(_) => true,
        kind => decided_by(kind) == Some(id),
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
        Kind::ListRejected(rejected) => {
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
