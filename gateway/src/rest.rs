//! REST: JSON in, JSON out, problem+json where something is wrong.
//!
//! Handlers read a request, call the office, and shape the answer; every request passes the
//! [`mod@door`] first, which gives it an id and a place, or refuses it.

mod accounts;
mod batch;
mod body;
mod changes;
mod docs;
mod door;
mod fees;
mod front;
#[cfg(fuzzing)]
pub(crate) mod fuzzed;
mod guard;
mod lists;
mod market;
mod orders;
mod params;
mod problem;
mod reception;
mod shape;
mod trace;
mod trade;
mod transfers;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, Method, StatusCode, Uri},
    routing::{MethodRouter, get, post, put},
};

use self::door::{Door, door};
pub(crate) use self::front::Front;
use crate::{
    office::Office,
    problem::{Kind, Problem},
};

/// The header that carries the id of a request, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that carries the cursor of the next page.
pub(crate) const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// The header that carries a key of retries.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// All that is served: the API, of which `requests_max` requests may be in progress at once, and
/// the health pages.
pub(crate) fn front(office: Arc<Office>, requests_max: usize, health: Router) -> Front<Door> {
    let gate = office.gate.clone();
    Front { api: door(routes(office), requests_max, gate), health }
}

/// The paths of the API, as routes and traces name them.
mod path {
    pub(super) const ORDERS: &str = "/api/v1/orders";
    pub(super) const ORDER_BATCH: &str = "/api/v1/orders/batch";
    pub(super) const ORDER: &str = "/api/v1/orders/{id}";
    pub(super) const REPLACE: &str = "/api/v1/orders/{id}/replace";
    pub(super) const ORDER_LISTS: &str = "/api/v1/order_lists";
    pub(super) const ORDER_LIST: &str = "/api/v1/order_lists/{id}";
    pub(super) const TRADES: &str = "/api/v1/trades";
    pub(super) const ORDER_BOOK: &str = "/api/v1/orderbook";
    pub(super) const INSTRUMENTS: &str = "/api/v1/instruments";
    pub(super) const TIME: &str = "/api/v1/time";
    pub(super) const ACCOUNT: &str = "/api/v1/accounts/{client_id}";
    pub(super) const DEPOSITS: &str = "/api/v1/accounts/{client_id}/deposits";
    pub(super) const WITHDRAWALS: &str = "/api/v1/accounts/{client_id}/withdrawals";
    pub(super) const TRANSFERS: &str = "/api/v1/accounts/{client_id}/transfers";
    pub(super) const TRADE_GROUP: &str = "/api/v1/accounts/{client_id}/trade_group";
    pub(super) const CANCEL_AFTER: &str = "/api/v1/accounts/{client_id}/cancel_after";
    pub(super) const ACCOUNT_FEES: &str = "/api/v1/accounts/{client_id}/fees";
    pub(super) const ACCOUNT_LIMITS: &str = "/api/v1/accounts/{client_id}/limits";
    pub(super) const FEE_TIERS: &str = "/api/v1/fee_tiers";
    pub(super) const DOCS: &str = "/docs";
    pub(super) const OPENAPI: &str = "/api/openapi.json";

    /// All of them.
    pub(super) const ALL: [&str; 21] = [
        ORDERS,
        ORDER_BATCH,
        ORDER,
        REPLACE,
        ORDER_LISTS,
        ORDER_LIST,
        TRADES,
        ORDER_BOOK,
        INSTRUMENTS,
        TIME,
        ACCOUNT,
        DEPOSITS,
        WITHDRAWALS,
        TRANSFERS,
        TRADE_GROUP,
        CANCEL_AFTER,
        ACCOUNT_FEES,
        ACCOUNT_LIMITS,
        FEE_TIERS,
        DOCS,
        OPENAPI,
    ];
}

fn routes(office: Arc<Office>) -> Router {
    let one_order = get(orders::one).delete(orders::cancel).patch(changes::amend);
    let all_orders = post(orders::place).get(orders::list).delete(orders::cancel_all);
    Router::new()
        .with(path::ORDERS, all_orders)
        .with(path::ORDER_BATCH, post(batch::place).delete(batch::cancel))
        .with(path::ORDER, one_order)
        .with(path::REPLACE, post(changes::replace))
        .with(path::ORDER_LISTS, post(lists::place))
        .with(path::ORDER_LIST, get(lists::one).delete(lists::cancel))
        .with(path::TRADES, get(market::trades))
        .with(path::ORDER_BOOK, get(market::book))
        .with(path::INSTRUMENTS, get(market::instruments))
        .with(path::TIME, get(market::time))
        .with(path::ACCOUNT, get(accounts::balances))
        .with(path::DEPOSITS, post(accounts::deposit))
        .with(path::WITHDRAWALS, post(accounts::withdraw))
        .with(path::TRANSFERS, post(transfers::transfer))
        .with(path::TRADE_GROUP, put(accounts::set_trade_group))
        .with(path::CANCEL_AFTER, post(accounts::cancel_after))
        .with(path::ACCOUNT_FEES, get(fees::account_fees))
        .with(path::ACCOUNT_LIMITS, get(fees::account_limits))
        .with(path::FEE_TIERS, get(fees::tiers))
        .with(path::DOCS, get(docs::page))
        .with(path::OPENAPI, get(docs::openapi))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(office)
}

/// Routes that are reached with and without a slash at their end.
trait WithSlash {
    fn with(self, path: &str, methods: MethodRouter<Arc<Office>>) -> Self;
}

impl WithSlash for Router<Arc<Office>> {
    fn with(self, path: &str, methods: MethodRouter<Arc<Office>>) -> Self {
        self.route(path, methods.clone()).route(&format!("{path}/"), methods)
    }
}

async fn not_found(uri: Uri) -> Problem {
    let message = format!("there is nothing at {}; /docs shows what there is", uri.path());
    Problem::new(Kind::NotFound, "no_such_path", message)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let message = format!("{method} is not for {}; /docs shows what is", uri.path());
    Problem::new(Kind::MethodNotAllowed, "method_not_allowed", message)
}

/// 200 or 201 for what was done now, and what was before.
const fn created(is_new: bool) -> StatusCode {
    if is_new { StatusCode::CREATED } else { StatusCode::OK }
}
