//! Replacing one order by another.

use bytes::Bytes;
use model::ReplaceMode;
use proto::{
    log::{RefusalReason, event, outcome},
    orders::HalfResult,
    text,
    trading::{Order, OrderStatus},
};

use super::{Office, Told};
use crate::{
    desk::{Answered, News, RESULT_WAIT, Submission, Wants},
    entry::Replacing,
    problem::Problem,
};

/// What a client is told of both halves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Replaced {
    pub(crate) cancel: HalfResult,
    pub(crate) place: HalfResult,
    /// The order that comes.
    pub(crate) order: Told,
}

impl Office {
    /// Replaces an order, and waits for the result where `wait` says so. Retries are the shard's
    /// alone: what gateways remember of orders does not say which one they came instead of.
    pub(crate) async fn replace(
        &self,
        replacing: &Replacing,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> Result<Replaced, Problem> {
        let wants = if wait { Wants::Answer(RESULT_WAIT) } else { Wants::Receipt };
        let news = self.desk.send(replacing.submission(wants, traceparent)).await?;
        self.replaced(replacing, news).await
    }

    /// What a client is told of both halves, from the news of it.
    pub(crate) async fn replaced(
        &self,
        replacing: &Replacing,
        news: News,
    ) -> Result<Replaced, Problem> {
        let halves = match &news {
            News::Appended { .. } => Some([HalfResult::Pending; 2]),
            News::Answered(answered) => halves(answered),
            News::NotWritten(_) | News::Unknown { .. } => None,
        };
        let order = self.told(&replacing.placed, news).await?;
        let [cancel, place] = halves.unwrap_or_else(|| first_halves(&order, replacing.mode));
        Ok(Replaced { cancel, place, order })
    }
}

impl Replacing {
    /// Its way into the log.
    pub(crate) fn submission(&self, wants: Wants, traceparent: Option<Bytes>) -> Submission {
        Submission {
            account: self.placed.account.clone(),
            command: self.command(),
            partition: self.placed.listed.partition,
            wants,
            claim: None,
            traceparent,
        }
    }
}

/// What the answer to the replacement itself says; `None` where that is a duplicate or unknown.
fn halves(answered: &Answered) -> Option<[HalfResult; 2]> {
    let body = &answered.answer.body;
    match body.outcome.as_ref()?.kind.as_ref()? {
        outcome::Kind::Applied(_) => {
            let is_gone = body.events.iter().any(|event| match &event.kind {
                Some(event::Kind::OrderPlaced(placed)) => placed.replaced_order_id > 0,
                _ => false,
            });
            let cancel = if is_gone { HalfResult::Success } else { HalfResult::Failure };
            Some([cancel, HalfResult::Success])
        }
        outcome::Kind::Refused(refused) => Some(refused_halves(text::refusal(refused.reason()))),
        _ => None,
    }
}

fn refused_halves(reason: &str) -> [HalfResult; 2] {
    if reason == text::refusal(RefusalReason::ReplacedNotOpen) {
        return [HalfResult::Failure, HalfResult::NotAttempted];
    }
    [HalfResult::NotAttempted, HalfResult::Failure]
}

/// What the order that came first says, where this was a retry. That the old one was open is sure
/// only where the new one would not have come otherwise.
fn first_halves(order: &Told, mode: ReplaceMode) -> [HalfResult; 2] {
    let decided = match order {
        Told::Decided(order) => order,
        Told::Taken(_) => return [HalfResult::Pending; 2],
        Told::Unknown(_) => return [HalfResult::Unknown; 2],
    };
    let Order { reject_reason, .. } = decided;
    match (decided.status(), mode) {
        (OrderStatus::Rejected, _) => refused_halves(reject_reason),
        (_, ReplaceMode::StopOnFailure) => [HalfResult::Success; 2],
        (_, ReplaceMode::AllowFailure) => [HalfResult::Unknown, HalfResult::Success],
    }
}
