//! A Jaeger that runs already, and what it shows by its JSON API.

use std::{collections::BTreeMap, env};

use serde_json::Value;

use crate::span::{Span, SpanName};

/// A running Jaeger.
pub(crate) struct Jaeger {
    /// The address of its pages.
    pages: String,
    /// Where spans are sent.
    pub(crate) otlp: String,
}

impl Jaeger {
    /// The one to use; `None` where there is none and the test is skipped.
    pub(crate) fn of_tests() -> Option<Jaeger> {
        let address = |name| {
            let address = env::var(name).ok();
            if address.is_none() {
                assert!(env::var_os("TRADESPINE_XTASK").is_none(), "{name} is not set");
                println!("skipped: {name} names no Jaeger");
            }
            address
        };
        let pages = address("TRADESPINE_TEST_JAEGER")?;
        Some(Jaeger { pages, otlp: address("TRADESPINE_TEST_JAEGER_OTLP")? })
    }

    /// The spans of the trace of an order, as somebody finds it who knows the order's id; empty
    /// while there is none.
    pub(crate) async fn order(&self, order_id: u64) -> Vec<Span> {
        let tags = format!("%7B%22tradespine.order_id%22%3A%22{order_id}%22%7D");
        let query = format!("service=tradespine-gateway&lookback=1h&tags={tags}");
        let url = format!("{}/api/traces?{query}", self.pages);
        let answer = reqwest::get(url).await.expect("Jaeger answers");
        let text = answer.text().await.expect("a page");
        let found: Value = serde_json::from_str(&text).expect("JSON");
        // Beside its id in this log it has nothing that tells it from that of another test.
        let traces = found["data"].as_array().into_iter().flatten();
        traces.flat_map(spans).collect()
    }
}

fn spans(trace: &Value) -> Vec<Span> {
    let spans = trace["spans"].as_array().expect("a trace has spans");
    spans.iter().map(|span| read(span, &trace["processes"])).collect()
}

fn read(span: &Value, processes: &Value) -> Span {
    let id = |of: &Value| -> SpanName { (text(&of["traceID"]), text(&of["spanID"])) };
    let of = id(span);
    let references = span["references"].as_array().cloned().unwrap_or_default();
    let references = |kind: &str| {
        references.iter().filter(|to| to["refType"] == kind).map(id).collect::<Vec<_>>()
    };
    let process = &processes[text(&span["processID"])];
    let mut attributes: BTreeMap<String, String> = span["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| (text(&tag["key"]), text(&tag["value"])))
        .collect();
    Span {
        parent: references("CHILD_OF").pop().map(|(_, parent)| parent),
        links: references("FOLLOWS_FROM"),
        service: text(&process["serviceName"]),
        kind: attributes.remove("span.kind").unwrap_or_default(),
        name: text(&span["operationName"]),
        id: of,
        attributes,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
