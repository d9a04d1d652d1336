//! The log in traces: spans of what is sent to it and of what is done with what was read, named as
//! OpenTelemetry's conventions for messaging ask.
//!
//! | span | kind | below | lasts |
//! |---|---|---|---|
//! | `send <topic>` | producer | whoever sends | until the log has acknowledged the record |
//! | `process <topic>` | consumer | the sender of the record | while it is worked on |
//!
//! The record carries its `send` span in the header `traceparent`. A span is made only for a trace
//! that is recorded here (docs/adr/0006); for all others there is one look at a header.
//!
//! What will never live here: a span that is not about a record of the log.

use bytes::Bytes;
use telemetry::{propagation, traces};
use tracing::{Span, field::Empty};

use crate::{
    header::{Headers, TRACE_PARENT},
    log::{AppendError, Appended, Log, Place},
};

/// How a log is called in traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogName {
    /// What `messaging.system` says.
    pub system: &'static str,
    /// What stands before the names of all its topics.
    pub topic_prefix: String,
}

impl LogName {
    /// A log of ours.
    pub const fn own() -> LogName {
        LogName { system: "tradespine", topic_prefix: String::new() }
    }
}

/// Makes the spans of one log.
#[derive(Clone, Debug)]
pub struct Tracer {
    name: LogName,
}

impl Tracer {
    /// For `log`.
    pub fn of(log: &dyn Log) -> Tracer {
        Tracer { name: log.name() }
    }

    /// The span of sending a record with a value of `bytes` to `place`, below the span that
    /// `traceparent` names; `None` where that trace is not recorded here.
    pub fn send(&self, place: Place, bytes: usize, traceparent: Option<&[u8]>) -> Option<Sending> {
        let span = propagation::child_of(text(traceparent?), || {
            let destination = self.destination(place);
            tracing::info_span!(
                parent: None,
                "send",
                "otel.name" = format!("send {destination}"),
                "otel.kind" = "producer",
                "otel.status_code" = Empty,
                "error.type" = Empty,
                "messaging.system" = self.name.system,
                "messaging.operation.name" = "send",
                "messaging.operation.type" = "send",
                "messaging.destination.name" = destination,
                "messaging.destination.partition.id" = %place.partition,
                "messaging.message.body.size" = integer(bytes as u64),
                "messaging.kafka.offset" = Empty,
                "tradespine.order_id" = Empty,
            )
        })?;
        Some(Sending(span))
    }

    /// The span of working on the record at `offset` of `place`, below whoever sent it; `None`
    /// where that trace is not recorded here.
    pub fn process(&self, place: Place, offset: u64, headers: &Headers) -> Option<Span> {
        propagation::child_of(headers.text(TRACE_PARENT), || {
            let span = self.processing(place);
            span.record("messaging.kafka.offset", integer(offset));
            span
        })
    }

    /// The span of working on `count` records of `place` in one go, in a trace of its own: for
    /// where several are traced, each to be linked with it. Only where one of them is.
    pub fn process_batch(&self, place: Place, count: usize) -> Span {
        let span = self.processing(place);
        span.record("messaging.batch.message_count", integer(count as u64));
        span
    }

    fn processing(&self, place: Place) -> Span {
        let destination = self.destination(place);
        tracing::info_span!(
            parent: None,
            "process",
            "otel.name" = format!("process {destination}"),
            "otel.kind" = "consumer",
            "otel.status_code" = Empty,
            "error.type" = Empty,
            "messaging.system" = self.name.system,
            "messaging.operation.name" = "process",
            "messaging.operation.type" = "process",
            "messaging.destination.name" = destination,
            "messaging.destination.partition.id" = %place.partition,
            "messaging.kafka.offset" = Empty,
            "messaging.batch.message_count" = Empty,
        )
    }

    fn destination(&self, place: Place) -> String {
        format!("{}{}", self.name.topic_prefix, place.topic.name())
    }
}

/// A record on its way into the log.
#[derive(Debug)]
pub struct Sending(Span);

impl Sending {
    /// What the record carries, so that its readers go on from here.
    pub fn traceparent(&self) -> Option<Bytes> {
        propagation::inject(&self.0).map(Bytes::from)
    }

    /// Notes which order the record places, for people who look for it.
    pub fn orders(&self, order_id: u64) {
        self.0.record("tradespine.order_id", integer(order_id));
    }

    /// Ends the span with what became of the record.
    pub fn end(self, result: &Result<Appended, AppendError>) {
        match result {
            Ok(appended) => {
                self.0.record("messaging.kafka.offset", integer(appended.offset));
            }
            Err(error) => {
                traces::failed(&self.0, error.word());
            }
        }
    }
}

impl AppendError {
    /// A word for it, that programs can tell it apart by.
    pub const fn word(&self) -> &'static str {
        match self {
            AppendError::Full => "full",
            AppendError::TooLarge { .. } => "too_large",
            AppendError::Unknown => "unknown",
            AppendError::Fatal(_) => "fatal",
        }
    }
}

fn text(traceparent: &[u8]) -> Option<&str> {
    std::str::from_utf8(traceparent).ok()
}

/// A number as attributes have them: without this it would be told as text.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use model::Partition;

    use super::*;
    use crate::log::memory::MemoryLog;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// Where nothing is exported, as in this test, not even a sampled trace makes a span.
    #[test]
    fn no_span_is_made_for_what_is_not_recorded_here() {
        let tracer = Tracer::of(&MemoryLog::new(1));
        let place = Place::orders(Partition::FIRST);
        for traceparent in [None, Some(SAMPLED.as_bytes()), Some(b"\xff".as_slice())] {
            assert!(tracer.send(place, 1, traceparent).is_none());
        }
        let headers = Headers::default().with(TRACE_PARENT, SAMPLED);
        assert!(tracer.process(place, 0, &headers).is_none());
    }

    #[test]
    fn a_large_number_is_still_a_number() {
        assert_eq!(integer(7), 7);
        assert_eq!(integer(u64::MAX), i64::MAX);
    }
}
