//! Look-ups that see what this gateway's clients have written.

use model::OrderId;
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
            return Ok(order);
        }
        self.recorded(id).await?.ok_or_else(no_order)
    }

    /// The order of a client under its own id of it. That there is none is said only by a ledger
    /// that has read everything this gateway has written.
    pub(crate) async fn order_of(
        &self,
        client_id: &str,
        client_order_id: &str,
    ) -> Result<Order, Problem> {
        if let Some(order) = self.upstream.order_of(client_id, client_order_id).await? {
            return Ok(order);
        }
        if !self.upstream.has_read(self.own_writes()).await {
            let message = "the ledger has not read all orders yet; try again";
            return Err(Problem::unavailable("ledger_behind", message));
        }
        let found = self.upstream.order_of(client_id, client_order_id).await?;
        found.ok_or_else(|| no_order().at("client_order_id"))
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
