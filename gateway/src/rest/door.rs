//! What every request of the API passes, from the outside in:
//!
//! 1. [`Cors`]: its headers on every answer, refusals included. Preflights end here.
//! 2. [`Reception`]: an id and a trace; problem+json with that id where something is wrong.
//! 3. [`Guard`]: who the caller is, where anybody is asked.
//! 4. [`LoadShed`] and [`ConcurrencyLimit`]: one of a bounded number of places, or an error.
//! 5. The routes.
//!
//! The stack stands around the whole router and each of its futures is a plain one: layers of the
//! router itself are boxed and cloned anew for each request, and every order passes here.

use axum::{
    Router,
    http::{Method, header},
};
use tower::{
    ServiceBuilder,
    limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer},
    load_shed::LoadShed,
};
use tower_http::cors::{AllowHeaders, Any, Cors, CorsLayer};

use super::{NEXT_CURSOR, REQUEST_ID, guard::Guard, reception::Reception};
use crate::caller::Gate;

/// The API behind its door.
pub(crate) type Door = Cors<Reception<Guard<LoadShed<ConcurrencyLimit<Router>>>>>;

/// Puts `routes` behind a door that lets `requests_max` requests in at once, over all connections.
pub(super) fn door(routes: Router, requests_max: usize, gate: Gate) -> Door {
    ServiceBuilder::new()
        .layer(cors())
        .layer_fn(|inner| Reception::new(inner, requests_max))
        .layer_fn(|inner| Guard::new(inner, gate.clone()))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(requests_max))
        .service(routes)
}

/// Any page may call: there are no cookies here that it could misuse. Headers are named back to it,
/// for a star would not be one for `authorization`.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([REQUEST_ID, NEXT_CURSOR, header::RETRY_AFTER])
}
