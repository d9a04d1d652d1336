//! Placing an order.

use bytes::Bytes;
use model::OrderId;
use proto::{
    command::{Key, KeySpace},
    trading::{Order, OrderStatus},
};

use super::Office;
use crate::{
    desk::{Answered, Awaited, News, RESULT_WAIT, Submission, Wants},
    entry::Placed,
    idempotency::{Claim, Kept},
    problem::{Kind, Problem},
    result::{self, Decision},
};

/// What a client is told of its order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// The log has it; it is not decided yet as far as this gateway knows.
    Taken(Order),
    /// It is decided.
    Decided(Order),
    /// Nobody here knows; the order says where to look.
    Unknown(Order),
}

impl Told {
    pub(crate) fn into_order(self) -> Order {
        match self {
            Told::Taken(order) | Told::Decided(order) | Told::Unknown(order) => order,
        }
    }
}

impl Office {
    /// Places an order, and waits for its result where `wait` says so.
    pub(crate) async fn place(
        &self,
        placed: &Placed,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> Result<Told, Problem> {
        let claim = Claim::of(placed);
        if let Some(first) = self.first(placed, claim.as_ref()).await {
            return first;
        }
        let sent = self.begin(placed, wait, claim.clone(), traceparent);
        self.outcome(placed, claim.as_ref(), sent).await
    }

    /// The first result of an order that this gateway knows to be a retry.
    pub(super) async fn first(
        &self,
        placed: &Placed,
        claim: Option<&Claim>,
    ) -> Option<Result<Told, Problem>> {
        let kept = self.known(claim?).await?;
        Some(first_result(placed, claim?, &kept))
    }

    /// Sends an order on its way.
    pub(super) fn begin(
        &self,
        placed: &Placed,
        wait: bool,
        claim: Option<Claim>,
        traceparent: Option<Bytes>,
    ) -> Result<Awaited, Problem> {
        let wants = if wait { Wants::Answer(RESULT_WAIT) } else { Wants::Receipt };
        self.desk.begin(submission(placed, wants, claim, traceparent))
    }

    /// What becomes of an order that was sent on its way.
    pub(super) async fn outcome(
        &self,
        placed: &Placed,
        claim: Option<&Claim>,
        sent: Result<Awaited, Problem>,
    ) -> Result<Told, Problem> {
        let news = match sent {
            Ok(awaited) => awaited.news().await,
            Err(problem) => Err(problem),
        };
        if let (Err(_), Some(claim)) = (&news, claim) {
            self.cache.let_go(claim);
        }
        self.told(placed, news?).await
    }

    /// What `news` of an order means to its client.
    pub(crate) async fn told(&self, placed: &Placed, news: News) -> Result<Told, Problem> {
        match news {
            News::Appended { id, at } => Ok(Told::Taken(result::pending(placed, id, at))),
            News::Answered(answered) => self.decided(placed, &answered).await,
            News::NotWritten(problem) => Err(problem),
            News::Unknown { id } => Ok(Told::Unknown(result::unknown(placed, id, self.desk.now()))),
        }
    }

    async fn decided(&self, placed: &Placed, answered: &Answered) -> Result<Told, Problem> {
        let Some(id) = answered.id() else {
            return Ok(Told::Unknown(result::unknown(placed, None, self.desk.now())));
        };
        match result::decide(placed, id, answered) {
            Decision::Decided(order) => Ok(Told::Decided(*order)),
            Decision::KeyReused(_) => Err(key_reused(placed)),
            Decision::Duplicate(original) => Ok(self.original(placed, original).await),
        }
    }

    /// The first result of an order that was placed again.
    async fn original(&self, placed: &Placed, original: OrderId) -> Told {
        if let Some(claim) = Claim::of(placed)
            && let Some(kept) = self.cache.first(&claim, original)
            && let Ok(told) = first_result(placed, &claim, &kept)
        {
            return told;
        }
        match self.upstream.order(original).await {
            Ok(Some(order)) if order.status() != OrderStatus::Pending => Told::Decided(order),
            _ => Told::Unknown(result::unknown(placed, Some(original), self.desk.now())),
        }
    }

    /// The kept answer to what was asked under this key, where it is still sure to count: it stands
    /// in this log, and its shard has not forgotten the key.
    pub(super) async fn known(&self, claim: &Claim) -> Option<Kept> {
        let kept = self.cache.find(claim).await?;
        let is_remembered = self.desk.now() < kept.answered.received_at.plus(self.key_retention);
        (kept.log_id == self.desk.log_id() && is_remembered).then_some(kept)
    }
}

/// The way of an order into the log.
pub(crate) fn submission(
    placed: &Placed,
    wants: Wants,
    claim: Option<Claim>,
    traceparent: Option<Bytes>,
) -> Submission {
    Submission {
        account: placed.account.clone(),
        command: placed.command(),
        partition: placed.listed.partition,
        wants,
        claim,
        traceparent,
    }
}

fn first_result(placed: &Placed, claim: &Claim, kept: &Kept) -> Result<Told, Problem> {
    if kept.content != claim.content {
        return Err(key_reused(placed));
    }
    let decided = kept.answered.id().map(|id| result::decide(placed, id, &kept.answered));
    match decided {
        Some(Decision::Decided(order)) => Ok(Told::Decided(*order)),
        // Only answers that used the key up are kept: neither is one.
        Some(Decision::Duplicate(_) | Decision::KeyReused(_)) | None => Err(key_reused(placed)),
    }
}

fn key_reused(placed: &Placed) -> Problem {
    key_reused_by(&placed.order.key)
}

pub(super) fn key_reused_by(key: &Key) -> Problem {
    let field = match key.space {
        KeySpace::ClientOrderId => "client_order_id",
        KeySpace::IdempotencyKey | KeySpace::Generated => "idempotency_key",
    };
    let message = format!(
        "{field} was used for this instrument with another order; send that order again, or use a \
         new one"
    );
    Problem::new(Kind::KeyReused, "key_reused", message).at(field)
}
