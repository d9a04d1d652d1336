//! One trace through processes: the W3C `traceparent` out of a span, and into a span.
//!
//! A `traceparent` is `version-trace-parent-flags` in hexadecimal, 55 characters; `tracestate` is
//! not carried, because nothing of ours writes it and the records of an order should stay small.

use crate::sampling;
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::{
    Request,
    metadata::{MetadataMap, MetadataValue},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header and metadata key of the W3C trace context.
pub const TRACE_PARENT: &str = "traceparent";

/// The length of every `traceparent` of the one version that there is.
const TRACE_PARENT_BYTES: usize = 55;

/// How a request takes part in a trace.
#[derive(Clone, Debug)]
pub enum Joined {
    /// Its span is recorded.
    Recorded(Span),
    /// The trace is not recorded here; what the caller sent goes on as it came.
    Carried(String),
    /// There is no trace.
    Untraced,
}

/// Joins the trace that the caller names, or begins one where the ratio of traces says so. `make`
/// is called only for a span that will be recorded: all others cost nothing.
pub fn join(traceparent: Option<&str>, make: impl FnOnce() -> Span) -> Joined {
    match traceparent.filter(|line| is_readable(line)) {
        Some(line) if sampling::is_exporting() && is_sampled(line) => {
            let span = make();
            set_parent(&span, line);
            Joined::Recorded(span)
        }
        Some(line) => Joined::Carried(line.to_owned()),
        None if sampling::draw() => Joined::Recorded(make()),
        None => Joined::Untraced,
    }
}

/// A span below the one that `traceparent` names, where that trace is recorded here.
pub fn child_of(traceparent: Option<&str>, make: impl FnOnce() -> Span) -> Option<Span> {
    let line = traceparent.filter(|line| sampling::is_exporting() && is_sampled(line))?;
    let span = make();
    set_parent(&span, line);
    Some(span)
}

/// Whether the trace of this `traceparent` is recorded by those who export.
fn is_sampled(traceparent: &str) -> bool {
    let flags = traceparent.get(FLAGS_AT..).and_then(|flags| u8::from_str_radix(flags, 16).ok());
    is_readable(traceparent) && flags.is_some_and(|flags| flags & SAMPLED_FLAG != 0)
}

/// The `traceparent` of the current span; nothing where there is none, or where it is disabled.
pub fn inject_current() -> Option<String> {
    inject(&Span::current())
}

/// The `traceparent` of `span`; nothing where it is disabled.
pub fn inject(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let mut slot = Slot(None);
    TraceContextPropagator::new().inject_context(&span.context(), &mut slot);
    slot.0
}

/// Makes `span` a child of the span that `traceparent` names, and says whether it did.
///
/// Call it before the span is first entered. What cannot be read is left aside, as the W3C asks of
/// a receiver: the span then begins a trace of its own.
pub fn set_parent(span: &Span, traceparent: &str) -> bool {
    if span.is_disabled() || !is_readable(traceparent) {
        return false;
    }
    let context =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &Line(traceparent));
    context.span().span_context().is_valid() && span.set_parent(context).is_ok()
}

/// Notes in each of the two spans that the other has to do with it, without being its parent: as
/// with an order and the batch that it was written in. Nothing where one of them is disabled.
pub fn link(one: &Span, other: &Span) {
    if one.is_disabled() || other.is_disabled() {
        return;
    }
    one.add_link(other.context().span().span_context().clone());
    other.add_link(one.context().span().span_context().clone());
}

/// Puts the current span's `traceparent` into the metadata of a gRPC request.
pub fn inject_request<T>(request: &mut Request<T>) {
    let value = inject_current().and_then(|line| MetadataValue::try_from(line).ok());
    if let Some(value) = value {
        request.metadata_mut().insert(TRACE_PARENT, value);
    }
}

/// Makes `span` a child of the caller that the metadata of a gRPC request names, if it names one.
pub fn set_parent_of_request(span: &Span, metadata: &MetadataMap) -> bool {
    let traceparent = metadata.get(TRACE_PARENT).and_then(|value| value.to_str().ok());
    traceparent.is_some_and(|traceparent| set_parent(span, traceparent))
}

/// Where the flags begin, and the one that says that a trace is sampled.
const FLAGS_AT: usize = 53;
const SAMPLED_FLAG: u8 = 1;

/// Whether it is hexadecimal in the one shape that we carry.
fn is_readable(traceparent: &str) -> bool {
    let is_fit = |(at, byte): (usize, u8)| match at {
        2 | 35 | 52 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    traceparent.len() == TRACE_PARENT_BYTES && traceparent.bytes().enumerate().all(is_fit)
}

/// What of a line fuzzing reads (`fuzz/`): whether it is carried on, whether its trace is recorded,
/// and the line of the context that it names.
#[cfg(fuzzing)]
pub fn fuzzed(line: &str) -> (bool, bool, Option<String>) {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Line(line));
    let mut slot = Slot(None);
    TraceContextPropagator::new().inject_context(&context, &mut slot);
    (is_readable(line), is_sampled(line), slot.0)
}

/// Takes what the propagator writes: the one line that we carry.
struct Slot(Option<String>);

impl Injector for Slot {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACE_PARENT {
            self.0 = Some(value);
        }
    }
}

/// Shows the propagator the one line that we carry.
struct Line<'a>(&'a str);

impl Extractor for Line<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACE_PARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACE_PARENT]
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use tracing::{info_span, subscriber::with_default, trace_span};
    use tracing_subscriber::{layer::SubscriberExt, registry};

    use super::*;
    use crate::{logs, traces::Traces};

    const FROM_ELSEWHERE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn traced(body: impl FnOnce()) {
        let traces = Traces::silent();
        let layer = logs::spans(traces.provider().tracer("test"));
        with_default(registry().with(layer), body);
    }

    fn parts(traceparent: &str) -> Vec<String> {
        traceparent.split('-').map(str::to_owned).collect()
    }

    #[test]
    fn a_span_has_a_traceparent() {
        traced(|| {
            let line = info_span!("place").in_scope(inject_current).expect("a span is current");
            let parts = parts(&line);
            let lengths: Vec<usize> = parts.iter().map(String::len).collect();
            assert_eq!(lengths, [2, 32, 16, 2], "{line}");
            assert_eq!(parts[3], "01", "what is made is sampled");
        });
    }

    #[test]
    fn where_nothing_is_exported_the_callers_line_is_carried_and_no_span_is_made() {
        let never = || -> Span { panic!("a span was made") };
        let Joined::Carried(line) = join(Some(FROM_ELSEWHERE), never) else {
            panic!("it is not carried");
        };
        assert_eq!(line, FROM_ELSEWHERE);
        assert!(matches!(join(None, never), Joined::Untraced));
        for junk in [
            "",
            "00-1-2-3",
            &FROM_ELSEWHERE.replace('0', "g"),
            &FROM_ELSEWHERE.replace('-', "0"),
            &FROM_ELSEWHERE.replace("b7169", "b7-69"),
        ] {
            assert!(matches!(join(Some(junk), never), Joined::Untraced), "{junk}");
        }
        assert!(child_of(Some(FROM_ELSEWHERE), never).is_none());
    }

    #[test]
    fn the_flag_says_what_is_sampled() {
        assert!(is_sampled(FROM_ELSEWHERE));
        assert!(is_sampled(&FROM_ELSEWHERE.replace("-01", "-03")));
        assert!(!is_sampled(&FROM_ELSEWHERE.replace("-01", "-00")));
        assert!(!is_sampled(&FROM_ELSEWHERE.replace("-01", "-0g")));
    }

    #[test]
    fn a_parent_from_elsewhere_goes_on_here() {
        traced(|| {
            let span = info_span!("apply");
            assert!(set_parent(&span, FROM_ELSEWHERE));
            let line = span.in_scope(inject_current).expect("a span is current");
            let (theirs, ours) = (parts(FROM_ELSEWHERE), parts(&line));
            assert_eq!(ours[1], theirs[1], "the trace is theirs");
            assert_ne!(ours[2], theirs[2], "the span is ours");
            assert_eq!(ours[3], "01", "sampled there, sampled here");
        });
    }

    #[test]
    fn a_child_stays_in_the_trace() {
        traced(|| {
            let outer = info_span!("outer");
            let _entered = outer.enter();
            let theirs = inject_current().expect("a span is current");
            let ours = info_span!("inner").in_scope(inject_current).expect("a span is current");
            assert_eq!(parts(&ours)[1], parts(&theirs)[1]);
            assert_ne!(parts(&ours)[2], parts(&theirs)[2]);
        });
    }

    #[test]
    fn metadata_carries_it_from_request_to_request() {
        traced(|| {
            let mut request = Request::new(());
            let caller = info_span!("client");
            caller.in_scope(|| inject_request(&mut request));
            let callee = info_span!("server");
            assert!(set_parent_of_request(&callee, request.metadata()));
            let (theirs, ours) = (inject(&caller), inject(&callee));
            assert_eq!(
                parts(&ours.expect("enabled"))[1],
                parts(&theirs.expect("enabled"))[1],
                "one trace"
            );
        });
    }

    #[test]
    fn what_cannot_be_read_is_left_aside() {
        let zero_trace = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let zero_span = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
        let version = "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        traced(|| {
            for line in ["", "-", "00-1-2-3", zero_trace, zero_span, version, "\u{1F980}"] {
                let span = info_span!("apply");
                assert!(!set_parent(&span, line), "{line:?}");
                assert!(inject(&span).is_some(), "the span begins its own trace");
            }
            assert!(!set_parent_of_request(&info_span!("server"), &MetadataMap::new()));
        });
    }

    #[test]
    fn nothing_where_there_is_no_span() {
        assert_eq!(inject_current(), None);
        assert!(!set_parent(&Span::none(), FROM_ELSEWHERE));
        traced(|| {
            assert_eq!(inject_current(), None);
            assert_eq!(trace_span!("below the level").in_scope(inject_current), None);
            let mut request = Request::new(());
            inject_request(&mut request);
            assert!(request.metadata().is_empty());
        });
    }
}
