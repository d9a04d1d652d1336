//! The API and, beside its door, the health pages: a gateway that sheds load is alive and says so.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{Router, extract::Request, response::Response, routing::future::RouteFuture};
use daemon::health;
use futures_util::future::Either;
use tower::Service;

/// All that is served over HTTP.
#[derive(Clone)]
pub(crate) struct Front<A> {
    pub(super) api: A,
    pub(super) health: Router,
}

impl<A> Service<Request> for Front<A>
where
    A: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<A::Future, RouteFuture<Infallible>>;

    /// The API's; that of the health pages is always ready.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.api.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if health::PATHS.contains(&request.uri().path()) {
            Either::Right(self.health.call(request))
        } else {
            Either::Left(self.api.call(request))
        }
    }
}
