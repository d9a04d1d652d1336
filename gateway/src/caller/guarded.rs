//! A call that a guard has looked at, whichever the protocol.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use super::Caller;

pin_project! {
    /// The work of a call, in the name of whoever calls where that is known; or a refusal.
    #[project = GuardedProjection]
    pub(crate) enum Guarded<F: Future> {
        Open { #[pin] work: F },
        Known { #[pin] work: TaskLocalFuture<Caller, F> },
        Refused { answer: Option<F::Output> },
    }
}

impl<F: Future> Guarded<F> {
    pub(crate) const fn refused(answer: F::Output) -> Guarded<F> {
        Guarded::Refused { answer: Some(answer) }
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            GuardedProjection::Open { work } => work.poll(context),
            GuardedProjection::Known { work } => work.poll(context),
            GuardedProjection::Refused { answer } => {
                Poll::Ready(answer.take().expect("a future is not polled after its end"))
            }
        }
    }
}
