//! REST: JSON in, JSON out, problem+json where something is wrong.
//!
//! Handlers read a request, call the office, and shape the answer; every request passes the
//! [`door`] first, which gives it an id, a span, and a place, or refuses it.

mod accounts;
mod body;
mod docs;
mod door;
mod market;
mod orders;
mod params;
mod shape;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, Method, StatusCode, Uri},
    middleware,
    routing::{MethodRouter, delete, get, post},
};
use tower_http::cors::{Any, CorsLayer};

use self::door::Door;
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

/// All routes but the health pages.
pub(crate) fn router(office: Arc<Office>, requests_max: usize) -> Router {
    let door = Arc::new(Door::new(requests_max));
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
        .layer(middleware::from_fn_with_state(door, door::pass))
        .layer(cors())
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

/// Any page may call: there are no cookies here that it could misuse.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(Any)
        .expose_headers([REQUEST_ID, NEXT_CURSOR, axum::http::header::RETRY_AFTER])
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
