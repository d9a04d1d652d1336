//! Traces of services apart, on a real Kafka, as a real Jaeger shows them.

#[path = "apart/cluster.rs"]
mod cluster;
#[path = "traces/jaeger.rs"]
mod jaeger;
#[path = "traces/span.rs"]
mod span;
#[path = "traces/trader.rs"]
mod trader;

use std::cell::RefCell;

use cluster::{Cluster, brokers, free_address, ready, said};
use jaeger::Jaeger;
use proto::trading::Side;
use span::{Services, Span, one, order, tree};
use trader::{listen, place_by_grpc, place_by_rest, until};

const SERVICES: Services = Services {
    gateway: "tradespine-gateway",
    matcher: "tradespine-matcher",
    ledger: "tradespine-ledger",
    broadcaster: "tradespine-broadcaster",
};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_by_rest_and_one_by_grpc_are_each_one_trace_in_jaeger() {
    let (Some(brokers), Some(jaeger)) = (brokers(), Jaeger::of_tests()) else { return };
    let mut cluster = Cluster::new(brokers);
    cluster.set("TRADESPINE_OTLP__ENDPOINT", &jaeger.otlp);
    cluster.set("TRADESPINE_OTLP__RATIO", "1");
    said(&cluster.run("topics create").await);
    let matcher_pages = free_address();
    let processes = ["gateway", "ledger", "broadcaster"]
        .map(|service| cluster.start(service))
        .into_iter()
        .chain([cluster.start(&format!("matcher --http-address {matcher_pages}"))])
        .collect::<Vec<_>>();
    for pages in [&cluster.rest, &cluster.websocket, &cluster.ledger_pages, &matcher_pages] {
        ready(pages).await;
    }
    let (rest, grpc) = (format!("http://{}", cluster.rest), format!("http://{}", cluster.grpc));
    let _ears = listen(&rest, &format!("ws://{}", cluster.websocket)).await;

    let sold = place_by_rest(&rest, "sell", None).await;
    let expected = ("POST /api/v1/orders", ["/ws/depth"].as_slice());
    let maker = whole(&jaeger, &cluster, sold, expected).await;
    let bought = place_by_grpc(&grpc, Side::Buy).await;
    let expected = (
        "tradespine.orders.v1.OrderEntryService/PlaceOrder",
        ["/ws/depth", "/ws/trades"].as_slice(),
    );
    let taker = whole(&jaeger, &cluster, bought, expected).await;
    assert_ne!(maker, taker);

    for process in processes {
        process.stop().await;
    }
}

/// Waits until Jaeger shows the whole trace of an order of this cluster, and returns its id.
async fn whole(
    jaeger: &Jaeger,
    cluster: &Cluster,
    order_id: u64,
    (root, sockets): (&str, &[&str]),
) -> String {
    let prefix = cluster.topic_prefix();
    let expected = order(root, &SERVICES, prefix, sockets);
    let seen = RefCell::new(String::new());
    let spans: Vec<Span> = until(
        async || {
            let spans = jaeger.order(order_id).await;
            let ours = spans.iter().find(|span| span.name.contains(prefix))?.trace().to_owned();
            seen.replace(tree(&spans, &ours));
            (*seen.borrow() == expected)
                .then(|| spans.into_iter().filter(|span| span.trace() == ours).collect())
        },
        || format!("{}instead:\n{}", expected, seen.borrow()),
    )
    .await;
    assert!(spans.iter().all(|span| span.links.is_empty()), "an order alone is in no batch");
    let trace = spans[0].trace().to_owned();
    let sent = one(&spans, &trace, SERVICES.gateway, &format!("send {prefix}tradespine.orders.v1"));
    assert_eq!(sent.attribute("messaging.system"), "kafka");
    assert_eq!(sent.attribute("messaging.kafka.offset"), order_id.to_string());
    let write = one(&spans, &trace, SERVICES.ledger, "BATCH ledger");
    assert_eq!(write.attribute("db.system.name"), "sqlite");
    trace
}
