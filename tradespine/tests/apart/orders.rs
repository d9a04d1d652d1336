//! Every kind of order through services apart, on Kafka: each is placed at the gateway, found at
//! the ledger, and every trade that the ledger has was told on a WebSocket, once and in order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    client::{Client, Tape},
    cluster::{Cluster, brokers, free_address, ready, said},
    kinds::{self, Desk},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_placed_decided_and_told_by_services_apart() {
    let Some(brokers) = brokers() else { return };
    let cluster = Cluster::new(brokers);
    said(&cluster.run("topics create --shards 1").await);
    let pages = free_address();
    let mut services = vec![cluster.start(&format!("matcher --http-address {pages}"))];
    for service in ["gateway", "ledger", "broadcaster"] {
        services.push(cluster.start(service));
    }
    for pages in [&cluster.rest, &cluster.websocket, &cluster.ledger_pages, &pages] {
        ready(pages).await;
    }
    let mut tape = Tape::follow(&cluster.websocket).await;
    let desk = Desk::at(format!("http://{}", cluster.rest));
    kinds::each_kind_is_placed_decided_and_told(&desk).await;
    every_trade_was_told(&Client::new(&cluster.rest), &mut tape).await;
    for service in services {
        service.stop().await;
    }
    let report = said(&cluster.run("verify --kafka").await);
    assert!(report.ends_with("sound\n"), "{report}");
}

/// Of each instrument the trades are numbered from 1 without a gap, as the ledger has them.
async fn every_trade_was_told(client: &Client, tape: &mut Tape) {
    let kept = client.get("trades?limit=500").await;
    let kept = kept.as_array().expect("an array").clone();
    assert!(kept.len() > 12, "only {} trades", kept.len());
    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for _ in 0..kept.len() {
        let trade = tape.next().await;
        let instrument = trade["instrument"].as_str().expect("text").to_owned();
        told.entry(instrument).or_default().push(trade);
    }
    for (instrument, trades) in &told {
        let numbers = trades.iter().map(|trade| trade["sequence"].as_u64().expect("a number"));
        assert!(numbers.eq(1..=trades.len() as u64), "{instrument}: {trades:?}");
    }
    for trade in &kept {
        let of = &told[trade["instrument"].as_str().expect("text")];
        let same = of.iter().find(|told| told["id"] == trade["id"]).expect("it was told");
        for field in ["price", "quantity", "buy_order_id", "sell_order_id", "executed_at"] {
            assert_eq!(same[field], trade[field], "{field} of {trade}");
        }
    }
}
