//! Look-ups that see what this gateway's clients have written.

use model::{AccountName, KeyText, OrderId};
use proto::{
    ledger::{
        GetBalancesResponse, ListOrdersRequest, ListOrdersResponse, ListTradesRequest,
        ListTradesResponse,
    },
    trading::Order,
};

use super::Office;
use crate::problem::{Kind, Problem};

impl Office {
    /// The order with this id. Whatever the ledger has not seen or cannot say is read from the log
    /// itself, so that an acknowledged order is always found.
    pub(crate) async fn order(&self, id: OrderId) -> Result<Order, Problem> {
        if let Ok(Some(order)) = self.upstream.order(id).await {
            let is_own = self.asker().may_see(&order.client_id);
            return is_own.then_some(order).ok_or_else(no_order);
        }
        self.recorded(id).await?.ok_or_else(no_order)
    }

    /// The order of a client under its own id of it. That there is none is said only where no such
    /// order is on its way from this gateway, and by a ledger that has read everything this gateway
    /// has written.
    pub(crate) async fn order_of(
        &self,
        account: &AccountName,
        key: &KeyText,
    ) -> Result<Order, Problem> {
        let (client_id, client_order_id) = (account.as_str(), key.as_str());
        if let Some(order) = self.upstream.order_of(client_id, client_order_id).await? {
            return Ok(order);
        }
        // Looked at before the ledger is asked again: an order that is answered in between is
        // there.
        let is_awaited = self.desk.awaits(account, key);
        if !is_awaited && self.upstream.has_read(self.own_writes()).await {
            let found = self.upstream.order_of(client_id, client_order_id).await?;
            return found.ok_or_else(|| no_order().at("client_order_id"));
        }
        let message = "the order may be on its way and is not decided yet; try again";
        Err(Problem::unavailable("not_known_yet", message))
    }

    /// Orders, newest first.
    pub(crate) async fn orders(
        &self,
        request: ListOrdersRequest,
    ) -> Result<ListOrdersResponse, Problem> {
        let at_least = self.own_writes();
        self.upstream.orders(ListOrdersRequest { at_least, ..request }).await
    }

    /// Trades, newest first.
    pub(crate) async fn trades(
        &self,
        request: ListTradesRequest,
    ) -> Result<ListTradesResponse, Problem> {
        let at_least = self.own_writes();
        self.upstream.trades(ListTradesRequest { at_least, ..request }).await
    }

    /// The balances of one account.
    pub(crate) async fn balances(&self, client_id: &str) -> Result<GetBalancesResponse, Problem> {
        self.upstream.balances(client_id, self.own_writes()).await
    }
}

fn no_order() -> Problem {
    Problem::new(Kind::NotFound, "unknown_order", "there is no such order").at("id")
}
