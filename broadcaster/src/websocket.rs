//! The HTTP port: WebSockets, and the pages that every service has.
//!
//! | path | what |
//! |---|---|
//! | `/ws/trades[?instrument=[&since=]]` | trades as they happen; with `since` those after that sequence first |
//! | `/ws/depth?instrument=` | a snapshot of the book, then contiguous changes |
//! | `/healthz`, `/readyz`, `/metrics` | it runs; it has caught up with the log; what Prometheus scrapes |
//!
//! What a client asks for is checked before the upgrade and refused as problem+json, because a
//! WebSocket has no way to say what was wrong with the request that opened it.

mod client;
mod problem;
mod server;
mod upgrade;

use axum::{
    Router,
    extract::{Query, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use model::InstrumentId;
use serde::Deserialize;

use self::problem::Problem;
pub(crate) use self::server::serve;
use crate::{hub::Feed, service::Edge};

/// The routes of the HTTP port.
pub(crate) fn router(edge: Edge) -> Router {
    Router::new()
        .route("/ws/trades", get(trades))
        .route("/ws/trades/", get(trades))
        .route("/ws/depth", get(depth))
        .route("/ws/depth/", get(depth))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(|| async { telemetry::metrics::render() }))
        .fallback(|| async { Problem::not_found("path", "there is nothing at this path") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(edge)
}

/// What a client can say in the query. Unknown names are left aside.
#[derive(Deserialize)]
struct Asked {
    instrument: Option<String>,
    since: Option<String>,
}

type AskedQuery = Result<Query<Asked>, axum::extract::rejection::QueryRejection>;

async fn trades(
    State(edge): State<Edge>,
    asked: AskedQuery,
    request: Request,
) -> Result<Response, Problem> {
    let asked = readable(asked)?;
    let since = asked.since.as_deref().map(sequence).transpose()?;
    let feed = match (asked.instrument, since) {
        (Some(symbol), since) => Feed::Trades { instrument: listed(&edge, &symbol)?, since },
        (None, None) => Feed::AllTrades,
        (None, Some(_)) => {
            let detail = "since counts the trades of one instrument: say which";
            return Err(Problem::bad_request("instrument", "missing", detail));
        }
    };
    upgrade::upgrade(&edge, request, feed)
}

async fn depth(
    State(edge): State<Edge>,
    asked: AskedQuery,
    request: Request,
) -> Result<Response, Problem> {
    let Some(symbol) = readable(asked)?.instrument else {
        return Err(Problem::bad_request("instrument", "missing", "say which instrument"));
    };
    let instrument = listed(&edge, &symbol)?;
    upgrade::upgrade(&edge, request, Feed::Depth { instrument })
}

async fn readyz(State(edge): State<Edge>) -> Response {
    if edge.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not caught up with the log yet\n").into_response()
    }
}

fn readable(asked: AskedQuery) -> Result<Asked, Problem> {
    match asked {
        Ok(Query(asked)) => Ok(asked),
        Err(rejection) => Err(Problem::bad_request("query", "malformed", &rejection.body_text())),
    }
}

fn sequence(text: &str) -> Result<u64, Problem> {
    // Digits only: `parse` alone would also take a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        Problem::bad_request(
            "since",
            "malformed",
            "write a whole number, the last sequence you had",
        )
    })
}

/// What of a query fuzzing reads (`fuzz/`): the sequence to go on from.
#[cfg(fuzzing)]
pub fn fuzzed(query: &str) -> Option<u64> {
    let uri = axum::http::Uri::try_from(format!("/ws/trades?{query}")).ok()?;
    let asked = readable(Query::<Asked>::try_from_uri(&uri)).ok()?;
    sequence(&asked.since?).ok()
}

/// The instrument with this symbol. What is unknown before the log was read may be listed in it.
fn listed(edge: &Edge, symbol: &str) -> Result<InstrumentId, Problem> {
    if !edge.is_ready() {
        return Err(Problem::not_ready());
    }
    edge.hub
        .find(symbol)
        .ok_or_else(|| Problem::not_found("instrument", "no instrument with this symbol is listed"))
}
