//! Lists of orders: placed as one, looked up, cancelled.

use bytes::Bytes;
use model::{AccountName, OrderId};
use proto::{
    log::OrderEnded,
    trading::{Order, OrderList, OrderListStatus},
};

use super::Office;
use crate::{
    desk::{Answered, News, RESULT_WAIT, Submission, Wants},
    entry::{Cancel, PlacedList},
    idempotency::{Claim, Kept},
    journal::{Asked, Recorded},
    office::{ended_by, order::key_reused_by},
    problem::{Kind, Problem},
    result::{self, ListDecision},
};

/// What a client is told of its list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ToldList {
    /// The log has it; it is not decided yet as far as this gateway knows.
    Taken(OrderList),
    /// It is decided.
    Decided(OrderList),
    /// Nobody here knows; the list says where to look.
    Unknown(OrderList),
}

impl ToldList {
    pub(crate) fn into_list(self) -> OrderList {
        match self {
            ToldList::Taken(list) | ToldList::Decided(list) | ToldList::Unknown(list) => list,
        }
    }
}

/// What a client is told of a list's cancel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CancelledList {
    /// The log has it, at this place.
    Taken(OrderId),
    /// The list as it was left.
    Done(OrderList),
    /// Nobody here knows whether it was done.
    Unknown,
}

impl Office {
    /// Places a list of orders, all of them or none, and waits for the result where `wait` says so.
    pub(crate) async fn place_list(
        &self,
        placed: &PlacedList,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> Result<ToldList, Problem> {
        let claim = Claim::of_list(placed);
        if let Some(claim) = &claim
            && let Some(kept) = self.known(claim).await
        {
            return first_result(placed, claim, &kept);
        }
        let submission = Submission {
            account: placed.account.clone(),
            command: placed.command(),
            partition: placed.listed.partition,
            wants: if wait { Wants::Answer(RESULT_WAIT) } else { Wants::Receipt },
            claim: claim.clone(),
            traceparent,
        };
        let sent = self.desk.send(submission).await;
        if let (Err(_), Some(claim)) = (&sent, &claim) {
            self.cache.let_go(claim);
        }
        match sent? {
            News::Appended { id, at } => Ok(ToldList::Taken(result::pending_list(placed, id, at))),
            News::Answered(answered) => self.list_decided(placed, &answered).await,
            News::NotWritten(problem) => Err(problem),
            News::Unknown { id } => Ok(self.unknown_list(placed, id)),
        }
    }

    fn unknown_list(&self, placed: &PlacedList, id: Option<OrderId>) -> ToldList {
        ToldList::Unknown(result::unknown_list(placed, id, self.desk.now()))
    }

    async fn list_decided(
        &self,
        placed: &PlacedList,
        answered: &Answered,
    ) -> Result<ToldList, Problem> {
        let Some(id) = answered.id() else { return Ok(self.unknown_list(placed, None)) };
        match result::decide_list(placed, id, answered) {
            ListDecision::Decided(list) => Ok(ToldList::Decided(*list)),
            ListDecision::KeyReused => Err(key_reused_by(&placed.list.key)),
            ListDecision::Duplicate(original) => match self.known_list(original).await {
                Some(list) => Ok(ToldList::Decided(list)),
                None => Ok(self.unknown_list(placed, Some(original))),
            },
        }
    }

    /// The list with this id, or of the order with this id. What the ledger has not seen or cannot
    /// say is read from the log itself, so that an acknowledged list is always found.
    pub(crate) async fn order_list(&self, id: OrderId) -> Result<OrderList, Problem> {
        if let Some(list) = self.known_list(id).await {
            return Ok(list);
        }
        self.recorded_list(id.record()).await?.ok_or_else(|| {
            Problem::new(Kind::NotFound, "unknown_list", "there is no such list").at("id")
        })
    }

    /// The list as the ledger knows it.
    async fn known_list(&self, id: OrderId) -> Option<OrderList> {
        let mut orders: Vec<Order> = Vec::new();
        for leg in id.record().legs() {
            match self.upstream.order(leg).await {
                Ok(Some(order)) => orders.push(order),
                _ => break,
            }
        }
        result::list_of(orders)
    }

    /// The list of the record at `id`, not decided as far as the record tells.
    pub(super) async fn recorded_list(&self, id: OrderId) -> Result<Option<OrderList>, Problem> {
        let Some(recorded) = self.journal.asked(id).await? else { return Ok(None) };
        let Recorded { account, asked: Asked::List(list), appended_at } = recorded else {
            return Ok(None);
        };
        if !self.asker().may_see(account.as_str()) {
            return Ok(None);
        }
        let catalogue = self.reference.catalogue();
        let Some(listed) = catalogue.instrument_by_id(list.instrument) else { return Ok(None) };
        let placed = PlacedList { account, listed: listed.clone(), list };
        Ok(Some(result::pending_list(&placed, id, appended_at)))
    }

    /// Cancels all that is open of a list of `account`.
    pub(crate) async fn cancel_list(
        &self,
        account: AccountName,
        id: OrderId,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> Result<CancelledList, Problem> {
        let id = id.record();
        let wants = if wait { Wants::Answer(RESULT_WAIT) } else { Wants::Receipt };
        let cancel = Cancel::of(account.clone(), id);
        let submission = self.change(&cancel.named, cancel.command(), wants, traceparent)?;
        match self.desk.send(submission).await? {
            News::Appended { id, .. } => Ok(CancelledList::Taken(id)),
            News::Answered(answered) => match ended_by(&answered, Some(id)) {
                Ok(_) => Ok(CancelledList::Done(self.list_as_left(id, &answered).await)),
                Err(problem) => Err(self.list_explained(problem, &account, id).await),
            },
            News::NotWritten(problem) => Err(problem),
            News::Unknown { .. } => Ok(CancelledList::Unknown),
        }
    }

    /// The list with what the answer cancelled of it.
    async fn list_as_left(&self, id: OrderId, answered: &Answered) -> OrderList {
        let at = answered.answer.now;
        let list = match self.known_list(id).await {
            Some(list) => Some(list),
            None => self.recorded_list(id).await.ok().flatten(),
        };
        let ends: Vec<&OrderEnded> = result::cancelled_by(&answered.answer).collect();
        let Some(mut list) = list else {
            return OrderList { id: id.number(), ..OrderList::default() };
        };
        let catalogue = self.reference.catalogue();
        for order in &mut list.orders {
            let end = ends.iter().find(|end| end.order_id == order.id);
            if let Some(end) = end {
                let instrument = model::InstrumentId(end.instrument_id);
                let listed = catalogue.instrument_by_id(instrument).map(AsRef::as_ref);
                *order = result::cancelled(std::mem::take(order), end, listed, at);
            }
        }
        list.status = OrderListStatus::AllDone.into();
        list
    }

    /// Why a list could not be cancelled, where its own client asks and the ledger knows.
    async fn list_explained(
        &self,
        problem: Problem,
        account: &AccountName,
        id: OrderId,
    ) -> Problem {
        match self.known_list(id).await {
            Some(list)
                if list.client_id == account.as_str()
                    && list.status() != OrderListStatus::Executing =>
            {
                let message = "nothing of the list is open any more";
                Problem::new(Kind::Conflict, "list_not_open", message).at("id")
            }
            _ => problem,
        }
    }
}

fn first_result(placed: &PlacedList, claim: &Claim, kept: &Kept) -> Result<ToldList, Problem> {
    let decided = kept.answered.id().filter(|_| kept.content == claim.content);
    match decided.map(|id| result::decide_list(placed, id, &kept.answered)) {
        Some(ListDecision::Decided(list)) => Ok(ToldList::Decided(*list)),
        _ => Err(key_reused_by(&placed.list.key)),
    }
}
