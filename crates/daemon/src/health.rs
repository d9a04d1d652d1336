//! `/healthz`, `/readyz` and `/metrics` of a process, and the handle in which its parts say whether
//! they are ready.
//!
//! Alive means that the process answers at all. Ready means that every part that registered says
//! so; the page names each part that does not, with its reason.

mod readiness;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::readiness::{Part, Readiness};

/// Renders the metrics of the process as Prometheus reads them: `telemetry::metrics::render`.
pub type MetricsPage = fn() -> String;

/// The type under which Prometheus asks for its text.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The paths of the three pages.
pub const PATHS: [&str; 3] = [ALIVE, READY, METRICS];

const ALIVE: &str = "/healthz";
const READY: &str = "/readyz";
const METRICS: &str = "/metrics";

/// The three pages, to be merged into a service's own router or served by themselves.
pub fn router(readiness: Readiness, metrics: MetricsPage) -> Router {
    Router::new()
        .route(ALIVE, get(async || "alive\n"))
        .route(READY, get(ready).with_state(readiness))
        .route(
            METRICS,
            get(move || async move { ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], metrics()) }),
        )
}

/// Serves the three pages by themselves until `stop`: for a process that has no HTTP of its own.
///
/// # Errors
/// Where the listener can no longer accept.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: MetricsPage,
    stop: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, router(readiness, metrics))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// The same for a service that still waits for what it needs: whatever else it is asked for it does
/// not have *yet*, and says so with 503 and when to ask again. A client would take a 404 for a
/// final word on its order.
///
/// # Errors
/// Where the listener can no longer accept.
pub async fn serve_waiting(
    listener: TcpListener,
    readiness: Readiness,
    metrics: MetricsPage,
    stop: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, waiting_router(readiness, metrics))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

fn waiting_router(readiness: Readiness, metrics: MetricsPage) -> Router {
    router(readiness, metrics).fallback(async || {
        let headers =
            [(header::CONTENT_TYPE, "application/problem+json"), (header::RETRY_AFTER, "1")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, STARTING)
    })
}

/// What a service that still waits answers to everything else.
const STARTING: &str = r#"{"type":"urn:tradespine:problem:starting","title":"Service Unavailable","status":503,"code":"starting","detail":"the service still starts and has done nothing; send it again, and /readyz says what it waits for"}"#;

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let status =
        if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, readiness.to_string())
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use tower::ServiceExt;

    use super::*;

    const PAGE_BYTES_MAX: usize = 4_096;

    async fn page(readiness: &Readiness, path: &str) -> (StatusCode, String) {
        let router = router(readiness.clone(), || "tradespine_orders_total 3\n".to_owned());
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("an answer");
        let status = response.status();
        let body = to_bytes(response.into_body(), PAGE_BYTES_MAX).await.expect("a body");
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn it_is_alive_before_it_is_ready() {
        let readiness = Readiness::default();
        let ledger = readiness.register("ledger");
        ledger.not_ready("1,200 answers behind");
        assert_eq!(page(&readiness, "/healthz").await.0, StatusCode::OK);
        let (status, text) = page(&readiness, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(text, "not ready\nledger: 1,200 answers behind\n");
        ledger.ready();
        let (status, text) = page(&readiness, "/readyz").await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, "ready\nledger: ready\n"));
    }

    #[tokio::test]
    async fn metrics_are_the_text_that_was_rendered() {
        let (status, text) = page(&Readiness::default(), "/metrics").await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, "tradespine_orders_total 3\n"));
    }

    #[tokio::test]
    async fn what_a_service_does_not_have_yet_is_not_missing() {
        let router = waiting_router(Readiness::default(), String::new);
        let request = Request::post("/api/v1/orders").body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let body = to_bytes(response.into_body(), PAGE_BYTES_MAX).await.expect("a body");
        assert!(String::from_utf8_lossy(&body).contains(r#""code":"starting""#));
        // Where nothing comes after the pages, what is not there is missing.
        assert_eq!(page(&Readiness::default(), "/api/v1/orders").await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn the_pages_end_with_the_stop() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let stop = CancellationToken::new();
        stop.cancel();
        serve(listener, Readiness::default(), String::new, stop).await.expect("ends well");
    }
}
