//! What every request passes: it gets an id, a span, and one of a bounded number of places; and
//! where the answer is a problem, this is where it becomes problem+json with that id.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::REQUEST_ID;
use crate::{
    problem::{Kind, Problem},
    trace::{self, Trace},
};

/// The longest request id of a client that is taken over: a UUID with a generous prefix.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The media type of problems.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// How many requests may be in progress, and what is measured of them.
pub(super) struct Door {
    places: Semaphore,
    requests_max: usize,
    seconds: metrics::Histogram,
    shed: metrics::Counter,
}

impl Door {
    pub(super) fn new(requests_max: usize) -> Door {
        Door {
            places: Semaphore::new(requests_max),
            requests_max,
            seconds: metrics::histogram!("tradespine_gateway_rest_request_seconds"),
            shed: metrics::counter!("tradespine_gateway_rest_requests_shed_total"),
        }
    }
}

/// A problem as REST answers it (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemView<'a> {
    /// A URN that ends in the code.
    #[schema(value_type = String, example = "urn:tradespine:problem:unknown_instrument")]
    r#type: String,
    /// The status in words.
    #[schema(value_type = String)]
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// A word that programs can tell problems apart by.
    #[schema(value_type = String, example = "unknown_instrument")]
    code: &'a str,
    /// The field at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "instrument")]
    field: Option<&'a str>,
    /// What is wrong, what the limit is, and what to do.
    #[schema(value_type = String)]
    detail: &'a str,
    /// The id of the request, as in the x-request-id header.
    #[schema(value_type = String)]
    request_id: &'a str,
}

/// Carries the problem to the door, which knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = StatusCode::OK.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

pub(super) async fn pass(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    let mut response = match door.places.try_acquire() {
        Ok(_place) => {
            let trace = trace(&request, &id);
            trace.around(next.run(request)).await
        }
        Err(_) => {
            door.shed.increment(1);
            let most = door.requests_max;
            let message = format!("{most} requests are in progress, as many as may be; try again");
            Problem::overloaded(message).into_response()
        }
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = render(&problem, id.to_str().unwrap_or_default());
    }
    response.headers_mut().insert(REQUEST_ID, id);
    door.seconds.record(began.elapsed());
    response
}

fn trace(request: &Request, id: &HeaderValue) -> Trace {
    let traceparent = request.headers().get(trace::TRACE_PARENT);
    Trace::join(traceparent.and_then(|value| value.to_str().ok()), || {
        tracing::info_span!(
            "rest",
            method = %request.method(),
            path = request.uri().path(),
            request_id = id.to_str().unwrap_or_default(),
        )
    })
}

/// The client's id of the request where it sent a plain one, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_plain = |value: &&HeaderValue| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&value.len()) && value.to_str().is_ok()
    };
    headers.get(REQUEST_ID).filter(is_plain).cloned().unwrap_or_else(|| {
        let id = format!("{:032x}", rand::random::<u128>());
        HeaderValue::try_from(id).expect("hexadecimal digits make a header")
    })
}

fn render(problem: &Problem, request_id: &str) -> Response {
    let view = ProblemView {
        r#type: format!("urn:tradespine:problem:{}", problem.code),
        title: problem.kind.title(),
        status: problem.kind.http_status(),
        code: problem.code,
        field: problem.field.as_deref(),
        detail: &problem.message,
        request_id,
    };
    let status = StatusCode::from_u16(view.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if problem.kind == Kind::Internal {
        tracing::error!(request_id, %problem, "a request failed");
    }
    let mut response = (status, Json(&view)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    if let Some(seconds) = problem.kind.retry_after_secs() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
