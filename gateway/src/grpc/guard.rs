//! Asks who a caller is, before a call takes a place.

use std::{
    convert::Infallible,
    net::IpAddr,
    task::{Context, Poll},
};

use access::Denied;
use axum::http::{Request, Response};
use tonic::{Status, body::Body, transport::server::TcpConnectInfo};
use tower::{Layer, Service};

use crate::caller::{self, Gate, Guarded};

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
            return Guarded::Open { work: self.inner.call(request) };
        }
        let refused = |problem| Guarded::refused(Ok(Status::from(problem).into_http()));
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
