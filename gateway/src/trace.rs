//! One trace from the client on: the span of a request is a child of the one that the client names,
//! and the record in the log carries it further. A trace that is not recorded here has no span, and
//! what the client sent is carried as it came.

use bytes::Bytes;
use telemetry::propagation::{self, Joined};
use tracing::{Instrument, Span};

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
    pub(crate) async fn around<F: Future>(self, work: F) -> F::Output {
        match self.0 {
            Joined::Recorded(span) => work.instrument(span).await,
            Joined::Carried(line) => CARRIED.scope(Bytes::from(line), work).await,
            Joined::Untraced => work.await,
        }
    }

    /// What records carry of it, for work that outlives the request.
    pub(crate) fn line(&self) -> Option<Bytes> {
        match &self.0 {
            Joined::Recorded(span) => propagation::inject(span).map(Bytes::from),
            Joined::Carried(line) => Some(Bytes::copy_from_slice(line.as_bytes())),
            Joined::Untraced => None,
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
        assert_eq!(trace.line().as_deref(), Some(line.as_bytes()));
        assert_eq!(trace.around(async { current() }).await.as_deref(), Some(line.as_bytes()));
        assert_eq!(Trace::join(Some("junk"), Span::none).around(async { current() }).await, None);
    }
}
