//! Orders that wait for money from another shard, and retries of them at another gateway: whoever
//! asks, whenever, is told what the first call was told.

mod support;

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{Shard, Stage, shard::POOR};
use tokio::time::sleep;

const ORDERS: &str = "/api/v1/orders?wait=result";

/// Two gateways without a Redis, and shards that answer.
async fn fleet() -> ([Stage; 2], Vec<Shard>) {
    let gateways = Stage::pair_of(2, None).await;
    let shards = gateways[0].shards();
    (gateways, shards)
}

fn order(client_order_id: &str) -> Value {
    json!({
        "client_id": POOR, "instrument": "BTC-USDT", "side": "buy", "type": "market",
        "quantity": "0.1", "client_order_id": client_order_id,
    })
}

/// Pays money in once so many records more stand on the shard of BTC-USDT; what waits there goes on
/// with that.
async fn pay(gateway: &Stage, more: u64) {
    let records = gateway.inputs(0) + more;
    while gateway.inputs(0) < records {
        sleep(Duration::from_millis(1)).await;
    }
    // Each goes to the home of its account, so some of them come to this shard.
    for number in 0..8 {
        let id = format!("{records}-{number}");
        let deposit = json!({ "asset": "USDT", "amount": "1", "deposit_id": id });
        let path = format!("/api/v1/accounts/rich-{number}/deposits");
        let (status, answer) = gateway.post(&path, &deposit).await;
        assert!(status.is_success(), "{answer}");
    }
}

fn assert_filled(order: &Value) {
    assert_eq!(order["status"], "filled", "{order}");
    assert_eq!(order["fills"].as_array().map(Vec::len), Some(1), "{order}");
    assert_ne!(order["created_at"], order["updated_at"], "it waited: {order}");
}

#[tokio::test]
async fn a_retry_elsewhere_of_what_waits_waits_for_the_same_result() {
    let (gateways, _shards) = fleet().await;
    let order = order("w-1");
    let ((status, first), (_, again), ()) = tokio::join!(
        gateways[0].post(ORDERS, &order),
        gateways[1].post(ORDERS, &order),
        pay(&gateways[0], 2),
    );
    assert_eq!(status, StatusCode::CREATED);
    assert_filled(&first);
    assert_eq!(first, again);
    for gateway in gateways {
        gateway.end().await;
    }
}

#[tokio::test]
async fn a_retry_elsewhere_of_what_has_waited_is_told_the_same() {
    let ([one, other], _shards) = fleet().await;
    let mut first = Vec::new();
    for key in ["d-1", "d-2"] {
        let order = order(key);
        let ((status, told), ()) = tokio::join!(one.post(ORDERS, &order), pay(&other, 1));
        assert_eq!(status, StatusCode::CREATED);
        assert_filled(&told);
        first.push((order, told));
    }
    // The gateway that took them in is no more.
    one.end().await;
    for (order, told) in first.iter().chain(&first) {
        assert_eq!(other.post(ORDERS, order).await, (StatusCode::CREATED, told.clone()));
    }
    let (order, _) = &mut first[0];
    order["quantity"] = json!("0.2");
    let (status, problem) = other.post(ORDERS, order).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("key_reused")));
    other.end().await;
}
