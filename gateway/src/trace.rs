//! One trace from the client on: the span of a request is a child of the one that the client names,
//! and the record in the log carries it further.

use bytes::Bytes;
use tracing::Span;

/// The header in which a client names its span.
pub(crate) const TRACE_PARENT: &str = telemetry::propagation::TRACE_PARENT;

/// `span` as a child of the client's, where it named one.
pub(crate) fn continued(span: Span, traceparent: Option<&str>) -> Span {
    if let Some(traceparent) = traceparent {
        telemetry::propagation::set_parent(&span, traceparent);
    }
    span
}

/// What a record in the log carries of the current span.
pub(crate) fn current() -> Option<Bytes> {
    telemetry::propagation::inject_current().map(Bytes::from)
}
