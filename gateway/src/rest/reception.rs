//! Receives a request: it gets an id, which its answer carries, and its part in a trace; where the
//! answer is a problem, or there was no place for it, this is where it becomes problem+json.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
};
use pin_project_lite::pin_project;
use tower::{BoxError, Service, load_shed::error::Overloaded};

use super::{REQUEST_ID, problem, trace};
use crate::{
    problem::{Kind, Problem},
    trace::Around,
};

/// The longest request id of a client that is taken over: a UUID with a generous prefix.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// A service whose requests have ids and whose answers never fail.
#[derive(Clone)]
pub(crate) struct Reception<S> {
    inner: S,
    desk: Arc<Desk>,
}

/// What all clones share.
struct Desk {
    requests_max: usize,
    seconds: metrics::Histogram,
    shed: metrics::Counter,
}

impl<S> Reception<S> {
    /// Receives for `inner`, which takes `requests_max` requests at once and sheds what is more.
    pub(super) fn new(inner: S, requests_max: usize) -> Reception<S> {
        let desk = Desk {
            requests_max,
            seconds: metrics::histogram!("tradespine_gateway_rest_request_seconds"),
            shed: metrics::counter!("tradespine_gateway_rest_requests_shed_total"),
        };
        Reception { inner, desk: Arc::new(desk) }
    }
}

impl<S> Service<Request> for Reception<S>
where
    S: Service<Request, Response = Response, Error = BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Received<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // It is always ready, for it sheds what it has no place for; and routes have no error.
        self.inner.poll_ready(context).map(|_| Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let began = Instant::now();
        let request_id = request_id(request.headers());
        let trace = trace::join(&request, &request_id);
        let inner = trace.around(self.inner.call(request));
        Received { inner, request_id, began, desk: Arc::clone(&self.desk) }
    }
}

pin_project! {
    /// An answer on its way to its client.
    pub(crate) struct Received<F> {
        #[pin]
        inner: Around<F>,
        request_id: HeaderValue,
        began: Instant,
        desk: Arc<Desk>,
    }
}

impl<F> Future for Received<F>
where
    F: Future<Output = Result<Response, BoxError>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let answered = ready!(this.inner.as_mut().poll(context));
        let mut response =
            answered.unwrap_or_else(|error| this.desk.problem(&error).into_response());
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            response = problem::render(&problem, this.request_id.to_str().unwrap_or_default());
        }
        response.headers_mut().insert(REQUEST_ID, this.request_id.clone());
        if let Some(span) = this.inner.as_ref().span() {
            trace::note(span, response.status());
        }
        this.desk.seconds.record(this.began.elapsed());
        Poll::Ready(Ok(response))
    }
}

impl Desk {
    fn problem(&self, error: &BoxError) -> Problem {
        if !error.is::<Overloaded>() {
            return Problem::new(Kind::Internal, "internal", error.to_string());
        }
        self.shed.increment(1);
        let most = self.requests_max;
        let message = format!("{most} requests are in progress, as many as may be; try again");
        Problem::overloaded(message)
    }
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
