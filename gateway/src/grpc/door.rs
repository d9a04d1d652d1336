//! What every call of our own services passes: one of a bounded number of places, or a refusal at
//! once. Health and reflection are outside of it: a gateway that sheds load is alive and says so.
//!
//! A place is given back with the head of the answer. What a stream holds after it is bounded by
//! the number of streams; see [`OrderEntry`](super::orders::OrderEntry).

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::http::{Request, Response};
use pin_project_lite::pin_project;
use tonic::{Status, body::Body};
use tower::{
    BoxError, Layer, Service,
    limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer},
    load_shed::{LoadShed, error::Overloaded},
};

use crate::problem::{Kind, Problem};

/// Puts services behind one door.
#[derive(Clone)]
pub(super) struct DoorLayer {
    places: GlobalConcurrencyLimitLayer,
    desk: Desk,
}

impl DoorLayer {
    /// Lets `calls_max` calls in at once, over all services and connections.
    pub(super) fn new(calls_max: usize) -> DoorLayer {
        let shed = metrics::counter!("tradespine_gateway_grpc_calls_shed_total");
        let seconds = metrics::histogram!("tradespine_gateway_grpc_call_seconds");
        let places = GlobalConcurrencyLimitLayer::new(calls_max);
        DoorLayer { places, desk: Desk { calls_max, shed, seconds } }
    }
}

impl<S> Layer<S> for DoorLayer {
    type Service = Door<LoadShed<ConcurrencyLimit<S>>>;

    fn layer(&self, inner: S) -> Self::Service {
        Door { inner: LoadShed::new(self.places.layer(inner)), desk: self.desk.clone() }
    }
}

/// A service whose calls are answered with a status where there is no place for them.
#[derive(Clone)]
pub(super) struct Door<S> {
    inner: S,
    desk: Desk,
}

#[derive(Clone)]
struct Desk {
    calls_max: usize,
    shed: metrics::Counter,
    seconds: metrics::Histogram,
}

impl<S> Service<Request<Body>> for Door<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Admitted<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // It is always ready, for it sheds what it has no place for; and services have no error.
        self.inner.poll_ready(context).map(|_| Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let began = Instant::now();
        Admitted { inner: self.inner.call(request), desk: self.desk.clone(), began }
    }
}

pin_project! {
    /// An answer on its way to its client.
    pub(super) struct Admitted<F> {
        #[pin]
        inner: F,
        desk: Desk,
        began: Instant,
    }
}

impl<F> Future for Admitted<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = ready!(this.inner.poll(context));
        this.desk.seconds.record(this.began.elapsed());
        let refused = |error| Status::from(this.desk.problem(&error)).into_http();
        Poll::Ready(Ok(answered.unwrap_or_else(refused)))
    }
}

impl Desk {
    fn problem(&self, error: &BoxError) -> Problem {
        if !error.is::<Overloaded>() {
            return Problem::new(Kind::Internal, "internal", error.to_string());
        }
        self.shed.increment(1);
        let most = self.calls_max;
        let message = format!("{most} calls are in progress, as many as may be; try again");
        Problem::overloaded(message)
    }
}
