//! Asks who a caller is, before a request takes a place. What everybody may see needs no token; one
//! that is borne all the same has to be good.

use std::{
    net::{IpAddr, SocketAddr},
    task::{Context, Poll},
};

use axum::{
    extract::{ConnectInfo, Request},
    response::{IntoResponse, Response},
};
use tower::{BoxError, Service};

use super::path;
use crate::{
    caller::{self, Gate, Guarded},
    problem::Problem,
};

/// What is open to everybody.
const OPEN: [&str; 7] = [
    path::TRADES,
    path::ORDER_BOOK,
    path::INSTRUMENTS,
    path::FEE_TIERS,
    path::TIME,
    path::DOCS,
    path::OPENAPI,
];

/// A service that knows who its callers are.
#[derive(Clone)]
pub(crate) struct Guard<S> {
    inner: S,
    gate: Gate,
}

impl<S> Guard<S> {
    pub(super) fn new(inner: S, gate: Gate) -> Guard<S> {
        Guard { inner, gate }
    }
}

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response, Error = BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = Guarded<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.gate.trusts() {
            return Guarded::Open { work: self.inner.call(request) };
        }
        let refused = |problem: Problem| Guarded::refused(Ok(problem.into_response()));
        match self.gate.caller(request.headers(), source(&request)) {
            Ok(Some(caller)) => Guarded::Known { work: caller.scope(self.inner.call(request)) },
            Ok(None) if is_open(request.uri().path()) => {
                Guarded::Open { work: self.inner.call(request) }
            }
            Ok(None) => refused(caller::denied(access::Denied::Missing)),
            Err(problem) => refused(problem),
        }
    }
}

fn source(request: &Request) -> Option<IpAddr> {
    let connection = request.extensions().get::<ConnectInfo<SocketAddr>>();
    connection.map(|ConnectInfo(address)| address.ip())
}

fn is_open(path: &str) -> bool {
    OPEN.contains(&path.strip_suffix('/').unwrap_or(path))
}
