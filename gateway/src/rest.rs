//! REST: JSON in, JSON out, problem+json where something is wrong.
//!
//! Handlers read a request, call the office, and shape the answer; every request passes the
//! [`mod@door`] first, which gives it an id and a place, or refuses it.

mod accounts;
mod body;
mod docs;
mod door;
mod front;
mod market;
mod orders;
mod params;
mod problem;
mod reception;
mod shape;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, Method, StatusCode, Uri},
    routing::{MethodRouter, delete, get, post},
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
    Front { api: door(routes(office), requests_max), health }
}

fn routes(office: Arc<Office>) -> Router {
    let one_order = get(orders::one).merge(delete(orders::cancel));
    let all_orders = post(orders::place).get(orders::list).delete(orders::cancel_all);
    Router::new()
        .with("/api/v1/orders", all_orders)
        .with("/api/v1/orders/{id}", one_order)
        .with("/api/v1/trades", get(market::trades))
        .with("/api/v1/orderbook", get(market::book))
        .with("/api/v1/instruments", get(market::instruments))
        .with("/api/v1/time", get(market::time))
        .with("/api/v1/accounts/{client_id}", get(accounts::balances))
        .with("/api/v1/accounts/{client_id}/deposits", post(accounts::deposit))
        .with("/api/v1/accounts/{client_id}/withdrawals", post(accounts::withdraw))
        .with("/docs", get(docs::page))
        .with("/api/openapi.json", get(docs::openapi))
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
