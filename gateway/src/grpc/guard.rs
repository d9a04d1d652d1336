//! Asks who a caller is, before a call takes a place.

use std::{
    convert::Infallible,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
};

use access::Denied;
use axum::http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tonic::{Status, body::Body, transport::server::TcpConnectInfo};
use tower::{Layer, Service};

use crate::caller::{self, Caller, Gate};

/// Puts a guard in front of services.
#[derive(Clone)]
pub(super) struct GuardLayer(pub(super) Gate);

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, gate: self.0.clone() }
    }
}

/// A service that knows who its callers are.
#[derive(Clone)]
pub(super) struct Guard<S> {
    inner: S,
    gate: Gate,
}

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Guarded<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if self.gate.trusts() {
            return Guarded::Trusted { work: self.inner.call(request) };
        }
        let refused = |problem| Guarded::Refused { status: Some(Status::from(problem)) };
        match self.gate.caller(request.headers(), source(&request)) {
            Ok(Some(caller)) => Guarded::Known { work: caller.scope(self.inner.call(request)) },
            Ok(None) => refused(caller::denied(Denied::Missing)),
            Err(problem) => refused(problem),
        }
    }
}

fn source(request: &Request<Body>) -> Option<IpAddr> {
    let connection = request.extensions().get::<TcpConnectInfo>();
    connection.and_then(TcpConnectInfo::remote_addr).map(|address| address.ip())
}

pin_project! {
    /// An answer, or a refusal.
    #[project = GuardedProjection]
    pub(super) enum Guarded<F> {
        Trusted { #[pin] work: F },
        Known { #[pin] work: TaskLocalFuture<Caller, F> },
        Refused { status: Option<Status> },
    }
}

impl<F> Future for Guarded<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            GuardedProjection::Trusted { work } => work.poll(context),
            GuardedProjection::Known { work } => work.poll(context),
            GuardedProjection::Refused { status } => {
                let status = status.take().expect("a future is not polled after its end");
                Poll::Ready(Ok(status.into_http()))
            }
        }
    }
}
