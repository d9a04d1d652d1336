//! Cancelling one order, or all of a client.

use bytes::Bytes;
use futures_util::future::join_all;
use model::{AccountName, OrderId, Partition, Timestamp};
use proto::{
    command::Command,
    log::{OrderEnded, RefusalReason, outcome},
    orders::CancelAllResult,
    trading::{Order, OrderStatus},
};

use super::Office;
use crate::{
    desk::{Answered, Awaited, News, RESULT_WAIT, Submission, Wants},
    entry::{Cancel, CancelAll, Named, Placed},
    journal::{Asked, Recorded},
    problem::{Kind, Problem},
    reference::Listed,
    result,
};

/// What a client is told of a change of an order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Changed {
    /// The log has it, at this place; the order may still be filled before it.
    Taken(OrderId),
    /// The order as it was left.
    Done(Box<Order>),
    /// Nobody here knows whether it was done.
    Unknown,
}

/// What a client is told of a cancel of all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CancelledAll {
    /// One for each partition that was asked.
    pub(crate) results: Vec<CancelAllResult>,
    /// Whether every partition said what it did.
    pub(crate) is_complete: bool,
}

impl Office {
    /// Cancels one order.
    pub(crate) async fn cancel(
        &self,
        cancel: &Cancel,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> Result<Changed, Problem> {
        let sent = self.begin_cancel(cancel, wait, traceparent);
        self.cancel_outcome(&cancel.named, sent).await
    }

    /// Sends a cancel on its way.
    pub(super) fn begin_cancel(
        &self,
        cancel: &Cancel,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> Result<Awaited, Problem> {
        let wants = if wait { Wants::Answer(RESULT_WAIT) } else { Wants::Receipt };
        self.desk.begin(self.change(&cancel.named, cancel.command(), wants, traceparent)?)
    }

    /// What becomes of a cancel that was sent on its way.
    pub(super) async fn cancel_outcome(
        &self,
        named: &Named,
        sent: Result<Awaited, Problem>,
    ) -> Result<Changed, Problem> {
        let account = &named.account;
        match sent?.news().await? {
            News::Appended { id, .. } => Ok(Changed::Taken(id)),
            News::Answered(answered) => match ended_by(&answered, named.id()) {
                Ok(ended) => {
                    Ok(Changed::Done(Box::new(self.as_left(account, &answered, ended).await)))
                }
                Err(problem) => Err(self.explained(problem, named).await),
            },
            News::NotWritten(problem) => Err(problem),
            News::Unknown { .. } => Ok(Changed::Unknown),
        }
    }

    /// The way of a change into the log: to the partition that the order's own record is in.
    pub(crate) fn change(
        &self,
        named: &Named,
        command: Command,
        wants: Wants,
        traceparent: Option<Bytes>,
    ) -> Result<Submission, Problem> {
        // The answer is shown in the terms of a listed instrument.
        self.reference.loaded()?;
        let (account, partition) = (named.account.clone(), named.partition);
        if partition.number() >= self.desk.partition_count() {
            return Err(Problem::refused(RefusalReason::UnknownOrder).at("id"));
        }
        Ok(Submission { account, command, partition, wants, claim: None, traceparent })
    }

    /// The cancelled order with all its terms, from the ledger or else from its own record.
    async fn as_left(
        &self,
        account: &AccountName,
        answered: &Answered,
        ended: &OrderEnded,
    ) -> Order {
        let at = answered.answer.now;
        let catalogue = self.reference.catalogue();
        let instrument = model::InstrumentId(ended.instrument_id);
        let listed = catalogue.instrument_by_id(instrument).cloned();
        let brief = brief(account, ended, listed.as_deref(), at);
        let Some(id) = OrderId::from_number(ended.order_id) else { return brief };
        let known = match self.upstream.order(id).await {
            Ok(Some(order)) => Some(order),
            _ => self.recorded(id).await.ok().flatten(),
        };
        known.map_or(brief, |order| result::cancelled(order, ended, listed.as_deref(), at))
    }

    /// Why an order could not be changed, where its own client asks and the ledger knows.
    pub(crate) async fn explained(&self, problem: Problem, named: &Named) -> Problem {
        if problem.code != proto::text::refusal(RefusalReason::UnknownOrder) {
            return problem;
        }
        let open = [OrderStatus::Open, OrderStatus::PartiallyFilled, OrderStatus::Pending];
        let found = match named.id() {
            Some(id) => self.upstream.order(id).await,
            None => return problem,
        };
        match found {
            Ok(Some(order))
                if order.client_id == named.account.as_str() && !open.contains(&order.status()) =>
            {
                let status = proto::text::order_status(order.status());
                let message = format!("the order is {status} already");
                Problem::new(Kind::Conflict, "order_not_open", message).at("id")
            }
            _ => problem,
        }
    }

    /// Cancels all orders of an account that fit; not atomic over partitions.
    pub(crate) async fn cancel_all(
        &self,
        all: &CancelAll,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> CancelledAll {
        let wants = if wait { Wants::Answer(RESULT_WAIT) } else { Wants::Receipt };
        let partitions = self.partitions_of(all.listed.as_deref());
        let sent = partitions.into_iter().map(|partition| {
            let submission = cancel_all_submission(all, partition, wants, traceparent.clone());
            async move {
                let news = self.desk.send(submission).await;
                results_of(partition, &news.unwrap_or_else(News::NotWritten))
            }
        });
        let results = join_all(sent).await;
        let is_complete = results.iter().all(|result| result.problem.is_empty());
        CancelledAll { results, is_complete }
    }

    /// The partitions of one instrument, or of all.
    pub(crate) fn partitions_of(&self, listed: Option<&Listed>) -> Vec<Partition> {
        match listed {
            Some(listed) => vec![listed.partition],
            None => (0..self.desk.partition_count()).filter_map(Partition::new).collect(),
        }
    }

    /// The order of the record at `id`, not decided as far as the record tells.
    pub(crate) async fn recorded(&self, id: OrderId) -> Result<Option<Order>, Problem> {
        let Some(recorded) = self.journal.asked(id).await? else { return Ok(None) };
        let Recorded { account, asked, appended_at } = recorded;
        if !self.asker().may_see(account.as_str()) {
            return Ok(None);
        }
        let order = match asked {
            Asked::Order(order) if id.leg() == 0 => order,
            Asked::Order(_) => return Ok(None),
            Asked::List(_) => {
                let list = self.recorded_list(id.record()).await?;
                let orders = list.into_iter().flat_map(|list| list.orders);
                return Ok(orders.into_iter().find(|order| order.id == id.number()));
            }
        };
        let catalogue = self.reference.catalogue();
        let Some(listed) = catalogue.instrument_by_id(order.instrument) else { return Ok(None) };
        let placed = Placed { account, listed: listed.clone(), order };
        Ok(Some(result::pending(&placed, id, appended_at)))
    }
}

/// The way of a cancel of all into the log of one partition.
pub(crate) fn cancel_all_submission(
    all: &CancelAll,
    partition: Partition,
    wants: Wants,
    traceparent: Option<Bytes>,
) -> Submission {
    let (account, command) = (all.account.clone(), all.command());
    Submission { account, command, partition, wants, claim: None, traceparent }
}

/// The end that a cancel brought about: of the order `id`, of its original where `id` is of a
/// duplicate, or of the one that was meant by another name.
pub(crate) fn ended_by(answered: &Answered, id: Option<OrderId>) -> Result<&OrderEnded, Problem> {
    applied(answered)?;
    let mut ends = result::cancelled_by(&answered.answer);
    let first = ends.next();
    let is_it = |ended: &&OrderEnded| id.is_some_and(|id| ended.order_id == id.number());
    let own = ends.chain(first).find(is_it);
    own.or(first).ok_or_else(|| Problem::refused(RefusalReason::UnknownOrder).at("id"))
}

/// Why a change was not made, where it was not.
pub(crate) fn applied(answered: &Answered) -> Result<(), Problem> {
    let outcome = answered.answer.body.outcome.as_ref();
    match outcome.and_then(|outcome| outcome.kind.as_ref()) {
        Some(outcome::Kind::Applied(_)) => Ok(()),
        Some(outcome::Kind::Refused(refused)) => {
            let problem = Problem::refused(refused.reason());
            let is_unknown = refused.reason() == RefusalReason::UnknownOrder;
            Err(if is_unknown { problem.at("id") } else { problem })
        }
        _ => Err(Problem::refused(RefusalReason::Unspecified)),
    }
}

/// A cancelled order as far as its end alone tells.
pub(crate) fn brief(
    account: &AccountName,
    ended: &OrderEnded,
    listed: Option<&Listed>,
    at: Timestamp,
) -> Order {
    let order = Order {
        client_id: account.as_str().to_owned(),
        instrument: listed.map(|listed| listed.symbol().to_owned()).unwrap_or_default(),
        ..Order::default()
    };
    result::cancelled(order, ended, listed, at)
}

/// What became of a cancel of all in one partition.
pub(crate) fn results_of(partition: Partition, news: &News) -> CancelAllResult {
    let partition = u32::from(partition.number());
    let (cancelled_order_ids, problem) = match news {
        News::Appended { .. } => (Vec::new(), String::new()),
        News::NotWritten(problem) => (Vec::new(), problem.message.clone()),
        News::Unknown { .. } => {
            let message = "what became of it here is not known; list the open orders to see";
            (Vec::new(), message.to_owned())
        }
        News::Answered(answered) => {
            let cancelled = result::cancelled_by(&answered.answer);
            let ids = cancelled.map(|ended| ended.order_id).collect();
            let outcome = answered.answer.body.outcome.as_ref();
            match outcome.and_then(|outcome| outcome.kind.as_ref()) {
                Some(outcome::Kind::Applied(_)) => (ids, String::new()),
                Some(outcome::Kind::Refused(refused)) => {
                    (ids, Problem::refused(refused.reason()).message)
                }
                _ => (ids, "the shard did not do it".to_owned()),
            }
        }
    };
    CancelAllResult { partition, cancelled_order_ids, problem }
}
