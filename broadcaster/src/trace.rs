//! Frames in traces: what a traced answer comes to is followed up to the sockets of its listeners.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use telemetry::{propagation, traces};
use tracing::{Span, field::Empty};

use crate::{hub::Feed, market::Frame};

/// How many sends of one answer are recorded: the first few tell what there is to see, and a
/// popular instrument has thousands of listeners.
const SENDS_RECORDED_MAX: u32 = 16;

/// A traced answer, of which frames came.
#[derive(Debug)]
pub struct Cause {
    traceparent: String,
    sends_left: AtomicU32,
}

impl Cause {
    /// The answer whose processing is `span`; `None` where that is not recorded.
    pub fn of(span: &Span) -> Option<Arc<Cause>> {
        let traceparent = propagation::inject(span)?;
        Some(Arc::new(Cause { traceparent, sends_left: AtomicU32::new(SENDS_RECORDED_MAX) }))
    }

    fn take_send(&self) -> bool {
        let fewer = |left: u32| left.checked_sub(1);
        self.sends_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }
}

/// The spans of sending `frames` to one WebSocket in one write: one for each traced answer that
/// some of them came of, below its processing. Each lasts until it is dropped.
pub(crate) fn sends(frames: &[Arc<Frame>], feed: Feed) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut last: Option<&Arc<Cause>> = None;
    for frame in frames {
        let Some(cause) = frame.cause() else { continue };
        // Frames of one answer stand together.
        if last.is_some_and(|last| Arc::ptr_eq(last, cause)) || !cause.take_send() {
            continue;
        }
        last = Some(cause);
        spans.extend(send(cause, frame, feed, frames.len()));
    }
    spans
}

fn send(cause: &Cause, frame: &Frame, feed: Feed, count: usize) -> Option<Span> {
    propagation::child_of(Some(&cause.traceparent), || {
        let destination = feed.path();
        tracing::info_span!(
            parent: None,
            "send",
            "otel.name" = format!("send {destination}"),
            "otel.kind" = "producer",
            "otel.status_code" = Empty,
            "error.type" = Empty,
            "messaging.system" = "websocket",
            "messaging.operation.name" = "send",
            "messaging.operation.type" = "send",
            "messaging.destination.name" = destination,
            "messaging.batch.message_count" = i64::try_from(count).unwrap_or(i64::MAX),
            "tradespine.instrument" = frame.listed().symbol(),
        )
    })
}

/// Notes that a write did not go through.
pub(crate) fn failed(spans: &[Span], error: &'static str) {
    for span in spans {
        traces::failed(span, error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_sends_of_an_answer_are_recorded() {
        let sends_left = AtomicU32::new(SENDS_RECORDED_MAX);
        let cause = Cause { traceparent: String::new(), sends_left };
        let recorded = (0..10 * SENDS_RECORDED_MAX).filter(|_| cause.take_send()).count();
        assert_eq!(u32::try_from(recorded), Ok(SENDS_RECORDED_MAX));
    }
}
