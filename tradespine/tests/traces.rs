//! Traces of the platform in one process, as a collector is sent them.

#[path = "traces/collector.rs"]
mod collector;
mod platform;
#[path = "traces/span.rs"]
mod span;
#[path = "traces/trader.rs"]
mod trader;

use std::{collections::BTreeSet, net::TcpListener};

use collector::Collector;
use platform::Platform;
use proto::{
    orders::{
        StreamOrdersRequest, stream_orders_request::Request as Asked,
        stream_orders_response::Result as Told,
    },
    trading::Side,
};
use span::{Services, Span, one, order, tree};
use tempfile::TempDir;
use trader::{connect, limit, listen, place_by_grpc, place_by_rest, until};

const REST: &str = "POST /api/v1/orders";
const GRPC: &str = "tradespine.orders.v1.OrderEntryService/PlaceOrder";
const STREAM: &str = "tradespine.orders.v1.OrderEntryService/StreamOrders";

/// One process is one service.
const UP: &str = "tradespine";
const SERVICES: Services = Services { gateway: UP, matcher: UP, ledger: UP, broadcaster: UP };

/// A span of a client's, whose trace it wants recorded.
const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn start(directory: &TempDir, endpoint: String, ratio: &str) -> Platform {
    let settings =
        [("TRADESPINE_OTLP__ENDPOINT", endpoint), ("TRADESPINE_OTLP__RATIO", ratio.to_owned())];
    Platform::start_with(directory.path(), &settings).await
}

/// Waits until the trace of the order with this id is whole, and returns its id.
async fn whole(collector: &Collector, order_id: u64, expected: &str) -> String {
    let found = || {
        let spans = collector.spans();
        let is_it = |span: &&Span| {
            span.attributes.get("tradespine.order_id") == Some(&order_id.to_string())
        };
        let trace = spans.iter().find(is_it).map(|span| span.trace().to_owned())?;
        let tree = tree(&spans, &trace);
        Some((trace, tree))
    };
    let last = || format!("{:?}\n{expected}", found());
    until(async || found().filter(|(_, tree)| tree == expected), last).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_one_trace_from_its_request_to_the_sockets() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (collector, endpoint) = Collector::start().await;
    let platform = start(&directory, endpoint, "1").await;
    let _ears = listen(platform.rest(), platform.websocket()).await;

    let sold = place_by_rest(platform.rest(), "sell", None).await;
    let maker = whole(&collector, sold, &order(REST, &SERVICES, "", &["/ws/depth"])).await;
    let bought = place_by_grpc(platform.gateway(), Side::Buy).await;
    let sockets = ["/ws/depth", "/ws/trades"];
    let taker = whole(&collector, bought, &order(GRPC, &SERVICES, "", &sockets)).await;
    assert_ne!(maker, taker, "an order is a trace");

    let spans = collector.spans();
    let rest = one(&spans, &maker, UP, REST);
    assert_eq!((rest.parent.as_ref(), rest.links.len()), (None, 0));
    assert_has(
        rest,
        &[
            ("http.request.method", "POST"),
            ("http.route", "/api/v1/orders"),
            ("http.response.status_code", "201"),
            ("url.path", "/api/v1/orders"),
            ("url.scheme", "http"),
        ],
    );
    let grpc = one(&spans, &taker, UP, GRPC);
    assert_has(
        grpc,
        &[("rpc.system.name", "grpc"), ("rpc.method", GRPC), ("rpc.response.status_code", "OK")],
    );
    for (trace, id) in [(&maker, sold), (&taker, bought)] {
        log_is_told_by_the_conventions(&spans, trace, id);
    }
    let write = one(&spans, &taker, UP, "BATCH ledger");
    assert_has(write, &[("db.system.name", "sqlite"), ("db.operation.name", "BATCH")]);
    assert!(write.attribute("db.operation.batch.size").parse::<u64>().expect("a number") > 0);
    let send = one(&spans, &taker, UP, "send /ws/trades");
    assert_has(
        send,
        &[
            ("messaging.system", "websocket"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "/ws/trades"),
            ("tradespine.instrument", "BTC-USD"),
        ],
    );
    every_stage_is_measured(&platform).await;
    platform.stop().await;
}

fn assert_has(span: &Span, attributes: &[(&str, &str)]) {
    for (name, value) in attributes {
        assert_eq!(span.attribute(name), *value, "{name} of {}", span.name);
    }
}

/// The rate and the latency of each stage, and the age of what waits for it, which is there also
/// where nothing does.
async fn every_stage_is_measured(platform: &Platform) {
    for metric in [
        "gateway_commands_answered_total",
        "gateway_acknowledge_seconds_count",
        "gateway_answer_seconds_count",
        "gateway_rest_request_seconds_count",
        "gateway_grpc_call_seconds_count",
        "shard_answers_total",
        "shard_answer_seconds_count",
        "ledger_answers_total",
        "ledger_batch_seconds_count",
        "ledger_delay_seconds_count",
        "broadcaster_answers_total",
        "broadcaster_delay_seconds_count",
        "broadcaster_send_seconds_count",
    ] {
        let name = format!("tradespine_{metric}");
        assert!(sum(&metrics(platform, &name).await) > 0.0, "{name}");
    }
    for metric in [
        "gateway_oldest_unanswered",
        "shard_oldest_unanswered",
        "ledger_oldest_unwritten",
        "broadcaster_oldest_unpublished",
    ] {
        let name = format!("tradespine_{metric}_seconds");
        let ages = metrics(platform, &name).await;
        assert_eq!(ages.len(), 1, "{name}");
        assert!(ages[0] < 3_600.0, "{name}: {ages:?}");
    }
}

/// The order stands in the log where its id says, and each span names what it is about.
fn log_is_told_by_the_conventions(spans: &[Span], trace: &str, order_id: u64) {
    let offset = order_id.to_string();
    for (name, operation, topic) in [
        ("send tradespine.orders.v1", "send", "tradespine.orders.v1"),
        ("process tradespine.orders.v1", "process", "tradespine.orders.v1"),
        ("send tradespine.events.v1", "send", "tradespine.events.v1"),
    ] {
        let span = one(spans, trace, UP, name);
        assert_has(
            span,
            &[
                ("messaging.system", "tradespine"),
                ("messaging.operation.name", operation),
                ("messaging.operation.type", operation),
                ("messaging.destination.name", topic),
                ("messaging.destination.partition.id", "0"),
            ],
        );
        assert!(!span.attributes.contains_key("error.type"), "{span:?}");
        if topic.contains("orders") {
            assert_eq!(span.attribute("messaging.kafka.offset"), offset, "{name}");
        }
    }
    let sent = one(spans, trace, UP, "send tradespine.orders.v1");
    assert!(sent.attribute("messaging.message.body.size").parse::<u64>().expect("a number") > 0);
    assert!(spans.iter().filter(|span| span.trace() == trace).all(|span| span.links.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_leaves_nothing_and_a_callers_trace_goes_on() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (collector, endpoint) = Collector::start().await;
    let platform = start(&directory, endpoint, "0").await;
    let _ears = listen(platform.rest(), platform.websocket()).await;

    place_by_rest(platform.rest(), "sell", None).await;
    place_by_grpc(platform.gateway(), Side::Buy).await;
    let sold = place_by_rest(platform.rest(), "sell", Some(CALLER)).await;
    let expected = order(REST, &SERVICES, "", &["/ws/depth"]);
    let trace = whole(&collector, sold, &expected).await;
    platform.stop().await;

    let mut ids = CALLER.split('-').skip(1);
    assert_eq!(Some(trace.as_str()), ids.next(), "the trace is the caller's");
    let spans = collector.spans();
    assert_eq!(one(&spans, &trace, UP, REST).parent.as_deref(), ids.next());
    let strange: Vec<&Span> = spans.iter().filter(|span| span.trace() != trace).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

/// Sends so many orders down one stream without waiting between them, and hears of each. How many
/// were placed.
async fn stream(platform: &Platform, count: u64) -> u64 {
    let requests = (0..count).map(|correlation_id| StreamOrdersRequest {
        correlation_id,
        request: Some(Asked::Place(limit(Side::Sell))),
    });
    let requests = tokio_stream::iter(requests.collect::<Vec<_>>());
    let mut client = connect(platform.gateway()).await;
    let mut results = client.stream_orders(requests).await.expect("a stream").into_inner();
    let (mut heard, mut placed) = (BTreeSet::new(), 0);
    while heard.len() < usize::try_from(count).expect("few") {
        let result = results.message().await.expect("the stream goes on").expect("a result");
        heard.insert(result.correlation_id);
        placed += u64::from(matches!(result.result, Some(Told::Place(_))));
    }
    placed
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_are_written_together_are_linked_with_their_batch() {
    const ORDERS: u64 = 500;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (collector, endpoint) = Collector::start().await;
    let platform = start(&directory, endpoint, "1").await;
    stream(&platform, ORDERS).await;
    // A look waits until the ledger has what its gateway has written; a platform that stops does
    // not, for the log keeps it.
    let orders = format!("{}/api/v1/orders?limit=1", platform.rest());
    let looked = reqwest::get(orders).await.expect("an answer");
    assert!(looked.status().is_success(), "{}", looked.status());
    platform.stop().await;

    let spans = collector.spans();
    let roots = spans.iter().filter(|span| span.name == STREAM);
    let traces: BTreeSet<&str> = roots.map(Span::trace).collect();
    assert_eq!(traces.len() as u64, ORDERS, "each order of a stream is a trace");

    let is_batch = |span: &&Span| span.kind == "consumer" && span.links.len() > 1;
    let batches: Vec<&Span> = spans.iter().filter(is_batch).collect();
    assert!(!batches.is_empty(), "{ORDERS} orders were written one by one");
    for batch in batches {
        assert_eq!(batch.parent, None, "no order of several is its parent");
        let count: usize =
            batch.attribute("messaging.batch.message_count").parse().expect("a number");
        assert!(count >= batch.links.len());
        for link in &batch.links {
            let linked = spans.iter().find(|span| span.id == *link).expect("it is there");
            assert!(traces.contains(linked.trace()), "{linked:?}");
            assert_eq!(linked.links, std::slice::from_ref(&batch.id), "and back");
            assert_eq!(linked.name, batch.name);
        }
        let expected = format!("{UP}: consumer {}\n  {UP}: client BATCH ledger\n", batch.name);
        assert_eq!(tree(&spans, batch.trace()), expected);
    }
}

/// The values of a metric on the gateway's page, one for each of its labels.
async fn metrics(platform: &Platform, name: &str) -> Vec<f64> {
    let page = reqwest::get(format!("{}/metrics", platform.rest())).await.expect("a page");
    let page = page.text().await.expect("text");
    let is_it = |line: &&str| line.split(['{', ' ']).next() == Some(name);
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
    page.lines().filter(is_it).filter_map(value).collect()
}

fn sum(values: &[f64]) -> f64 {
    values.iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_holds_up_nothing_and_what_it_misses_is_counted() {
    const ORDERS_A_FLOOD: u64 = 2_000;
    let directory = tempfile::tempdir().expect("a temporary directory");
    // The kernel takes the connection, and nobody ever reads from it.
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", hanging.local_addr().expect("it is bound"));
    let platform = start(&directory, endpoint, "1").await;
    let mut placed = 0;
    for _ in 0..2 {
        placed += stream(&platform, ORDERS_A_FLOOD).await;
        let waiting = sum(&metrics(&platform, "tradespine_otlp_spans_waiting").await);
        let most = telemetry::traces::QUEUED_SPANS_MAX as f64;
        assert!(waiting <= most, "{waiting} spans wait, and {most} may");
    }
    // Seven spans an order and more, of which few enough found room.
    let dropped = sum(&metrics(&platform, "tradespine_otlp_spans_dropped_total").await);
    assert!(dropped > 0.0, "nothing was counted");
    assert_eq!(sum(&metrics(&platform, "tradespine_otlp_spans_exported_total").await), 0.0);
    let answered = sum(&metrics(&platform, "tradespine_gateway_commands_answered_total").await);
    // Where the machine is busy with other things a gateway may shed some of a flood, and says so.
    assert!(placed > ORDERS_A_FLOOD, "only {placed} were placed");
    assert!(answered >= placed as f64, "{answered} of {placed}");
    platform.stop().await;
}
