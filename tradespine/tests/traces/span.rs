//! Spans as a test looks at them, whoever tells of them, and a trace as text.

use std::collections::BTreeMap;

/// Names a span among all.
pub(crate) type SpanName = (String, String);

/// A span that was exported.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// The trace and the span, in hexadecimal.
    pub(crate) id: SpanName,
    /// The span above it, in the same trace.
    pub(crate) parent: Option<String>,
    /// The service that it came from.
    pub(crate) service: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) links: Vec<SpanName>,
    /// Numbers and truths as text.
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Span {
    pub(crate) fn trace(&self) -> &str {
        &self.id.0
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        let value = self.attributes.get(name);
        value.unwrap_or_else(|| panic!("{} has no {name}: {:?}", self.name, self.attributes))
    }
}

/// The spans of one trace, each in a line below the one that it is part of, in the order of their
/// text: the same trace is always the same text.
pub(crate) fn tree(spans: &[Span], trace: &str) -> String {
    let spans: Vec<&Span> = spans.iter().filter(|span| span.trace() == trace).collect();
    let is_root = |span: &&&Span| {
        let parent = span.parent.as_ref();
        parent.is_none_or(|parent| spans.iter().all(|other| other.id.1 != *parent))
    };
    let mut roots: Vec<String> =
        spans.iter().filter(is_root).map(|root| branch(&spans, root, 0)).collect();
    roots.sort();
    roots.concat()
}

fn branch(spans: &[&Span], span: &Span, depth: usize) -> String {
    let is_below = |other: &&&Span| other.parent.as_ref() == Some(&span.id.1);
    let mut below: Vec<String> =
        spans.iter().filter(is_below).map(|child| branch(spans, child, depth + 1)).collect();
    below.sort();
    let Span { service, kind, name, .. } = span;
    format!("{}{service}: {kind} {name}\n{}", "  ".repeat(depth), below.concat())
}

/// The only span of a trace with these in its service and name.
pub(crate) fn one<'a>(spans: &'a [Span], trace: &str, service: &str, name: &str) -> &'a Span {
    let is_it =
        |span: &&Span| span.trace() == trace && span.service == service && span.name == name;
    let mut found = spans.iter().filter(is_it);
    let first = found.next().unwrap_or_else(|| panic!("no {name} of {service} in {trace}"));
    assert!(found.next().is_none(), "more than one {name} of {service} in {trace}");
    first
}

/// What an order's trace looks like: `root` is its request, `services` are those that the spans
/// come from, `prefix` stands before the topics, and `sockets` are where it was told.
pub(crate) fn order(root: &str, services: &Services, prefix: &str, sockets: &[&str]) -> String {
    let Services { gateway, matcher, ledger, broadcaster } = services;
    let (orders, events) =
        (format!("{prefix}tradespine.orders.v1"), format!("{prefix}tradespine.events.v1"));
    let mut readers = [
        format!("        {gateway}: consumer process {events}\n"),
        format!(
            "        {ledger}: consumer process {events}\n          {ledger}: client BATCH ledger\n"
        ),
        sockets
            .iter()
            .fold(format!("        {broadcaster}: consumer process {events}\n"), |lines, path| {
                format!("{lines}          {broadcaster}: producer send {path}\n")
            }),
    ];
    readers.sort();
    let way = [
        format!("{gateway}: server {root}\n"),
        format!("  {gateway}: producer send {orders}\n"),
        format!("    {matcher}: consumer process {orders}\n"),
        format!("      {matcher}: producer send {events}\n"),
    ];
    way.concat() + &readers.concat()
}

/// What the services of a platform are called in traces.
pub(crate) struct Services {
    pub(crate) gateway: &'static str,
    pub(crate) matcher: &'static str,
    pub(crate) ledger: &'static str,
    pub(crate) broadcaster: &'static str,
}
