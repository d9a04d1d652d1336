//! Requests in traces: a span a request, named as OpenTelemetry's conventions for HTTP ask.

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode},
};
use telemetry::traces;
use tracing::{Span, field::Empty};

use super::path;
use crate::trace::{TRACE_PARENT, Trace};

/// A request's part in the trace that its client names, or in one of its own.
pub(super) fn join(request: &Request, request_id: &HeaderValue) -> Trace {
    let traceparent = request.headers().get(TRACE_PARENT);
    Trace::join(traceparent.and_then(|value| value.to_str().ok()), || {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let route = route(path);
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        tracing::info_span!(
            parent: None,
            "rest",
            "otel.name" = name,
            "otel.kind" = "server",
            "otel.status_code" = Empty,
            "error.type" = Empty,
            "http.request.method" = method,
            "http.route" = route,
            "http.response.status_code" = Empty,
            "url.scheme" = "http",
            "url.path" = path,
            "tradespine.request_id" = request_id.to_str().unwrap_or_default(),
        )
    })
}

/// Notes how a request ended. What its client did wrong is no error of this server.
pub(super) fn note(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        traces::failed(span, status.as_str());
    }
}

/// The route that a path takes. Names of spans are few; paths are as many as orders.
fn route(path: &str) -> Option<&'static str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_taken = |route: &str| {
        let mut parts = path.split('/');
        let fits =
            |part: &str| parts.next().is_some_and(|found| found == part || part.starts_with('{'));
        route.split('/').all(fits) && parts.next().is_none()
    };
    path::ALL.into_iter().find(|route| is_taken(route))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_by_its_route() {
        for (path, expected) in [
            ("/api/v1/orders", Some(path::ORDERS)),
            ("/api/v1/orders/", Some(path::ORDERS)),
            ("/api/v1/orders/273", Some(path::ORDER)),
            ("/api/v1/orders/273/fills", None),
            ("/api/v1/accounts/alice/deposits", Some(path::DEPOSITS)),
            ("/docs", Some(path::DOCS)),
            ("/", None),
            ("", None),
            ("/api/v1", None),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }
}
