//! One trace from the client on: the span of a request is a child of the one that the client names,
//! and the record in the log carries it further. A trace that is not recorded here has no span, and
//! what the client sent is carried as it came.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use pin_project_lite::pin_project;
use telemetry::propagation::{self, Joined};
use tokio::task::futures::TaskLocalFuture;
use tracing::{Instrument, Span, instrument::Instrumented};

/// The header in which a client names its span.
pub(crate) const TRACE_PARENT: &str = propagation::TRACE_PARENT;

tokio::task_local! {
    /// What the client of this task's request sent, where the trace is not recorded here.
    static CARRIED: Bytes;
}

/// A request's part in a trace.
pub(crate) struct Trace(Joined);

impl Trace {
    /// Joins the trace that the client names. `make` is called only where it is recorded.
    pub(crate) fn join(traceparent: Option<&str>, make: impl FnOnce() -> Span) -> Trace {
        Trace(propagation::join(traceparent, make))
    }

    /// Does the request's work inside of it.
    pub(crate) fn around<F: Future>(self, work: F) -> Around<F> {
        match self.0 {
            Joined::Recorded(span) => Around::Recorded { work: work.instrument(span) },
            Joined::Carried(line) => {
                Around::Carried { work: CARRIED.scope(Bytes::from(line), work) }
            }
            Joined::Untraced => Around::Untraced { work },
        }
    }

    /// What records carry of it, and its span, for work that outlives this call: the span ends
    /// where it is dropped.
    pub(crate) fn into_parts(self) -> (Option<Bytes>, Option<Span>) {
        match self.0 {
            Joined::Recorded(span) => (propagation::inject(&span).map(Bytes::from), Some(span)),
            Joined::Carried(line) => (Some(Bytes::from(line)), None),
            Joined::Untraced => (None, None),
        }
    }

    /// Its span, where it is recorded.
    pub(crate) fn span(&self) -> Option<Span> {
        match &self.0 {
            Joined::Recorded(span) => Some(span.clone()),
            Joined::Carried(_) | Joined::Untraced => None,
        }
    }
}

pin_project! {
    /// Work inside of a trace. A future with a name, for services that have to name theirs.
    #[project = AroundProjection]
    #[project_ref = AroundView]
    pub(crate) enum Around<F> {
        Recorded { #[pin] work: Instrumented<F> },
        Carried { #[pin] work: TaskLocalFuture<Bytes, F> },
        Untraced { #[pin] work: F },
    }
}

impl<F> Around<F> {
    /// The span of the work, where it is recorded.
    pub(crate) fn span(self: Pin<&Self>) -> Option<&Span> {
        match self.project_ref() {
            AroundView::Recorded { work } => Some(work.get_ref().span()),
            AroundView::Carried { .. } | AroundView::Untraced { .. } => None,
        }
    }
}

impl<F: Future> Future for Around<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            AroundProjection::Recorded { work } => work.poll(context),
            AroundProjection::Carried { work } => work.poll(context),
            AroundProjection::Untraced { work } => work.poll(context),
        }
    }
}

/// What a record in the log carries of the trace around this task.
pub(crate) fn current() -> Option<Bytes> {
    let own = propagation::inject_current().map(Bytes::from);
    own.or_else(|| CARRIED.try_with(Bytes::clone).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_client_sent_is_carried_to_the_record() {
        let line = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = Trace::join(Some(line), Span::none);
        assert_eq!(trace.around(async { current() }).await.as_deref(), Some(line.as_bytes()));
        let (carried, span) = Trace::join(Some(line), Span::none).into_parts();
        assert_eq!((carried.as_deref(), span.is_none()), (Some(line.as_bytes()), true));
        assert_eq!(Trace::join(Some("junk"), Span::none).around(async { current() }).await, None);
    }
}
