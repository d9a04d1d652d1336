//! Calls in traces: a span a call, named as OpenTelemetry's conventions for RPC ask.

use telemetry::traces;
use tonic::{Code, Request, Status};
use tracing::{Span, field::Empty};

use super::status;
use crate::{
    problem::Problem,
    trace::{TRACE_PARENT, Trace},
};

/// A method of a service, as traces call it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method {
    pub(super) service: &'static str,
    pub(super) name: &'static str,
}

/// The `traceparent` that the caller sent.
pub(super) fn traceparent<T>(request: &Request<T>) -> Option<&str> {
    request.metadata().get(TRACE_PARENT).and_then(|value| value.to_str().ok())
}

/// A call's part in the trace that its caller names, or in one of its own.
pub(super) fn join(method: Method, traceparent: Option<&str>) -> Trace {
    Trace::join(traceparent, || {
        let Method { service, name } = method;
        let full_name = format!("{service}/{name}");
        tracing::info_span!(
            parent: None,
            "grpc",
            "otel.name" = full_name,
            "otel.kind" = "server",
            "otel.status_code" = Empty,
            "error.type" = Empty,
            "rpc.system.name" = "grpc",
            "rpc.method" = full_name,
            "rpc.response.status_code" = Empty,
        )
    })
}

/// Does a call's work inside of its trace, and notes there how it ended.
pub(super) async fn answer<T>(
    trace: Trace,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Status> {
    let span = trace.span();
    let answered = trace.around(work).await.map_err(Status::from);
    if let Some(span) = span {
        note(&span, answered.as_ref().err().map_or(Code::Ok, Status::code));
    }
    answered
}

/// Notes with which code a call ended. What its caller did wrong is no error of this server.
pub(super) fn note(span: &Span, code: Code) {
    let word = status::word(code);
    span.record("rpc.response.status_code", word);
    let is_ours = matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    if is_ours {
        traces::failed(span, word);
    }
}
