//! Lists of orders over REST and gRPC, against a shard that takes every list that buys.

mod support;

use proto::{
    orders::{
        CancelOrderListRequest, GetOrderListRequest, PlaceOrderListRequest, PlaceOrderRequest,
        order_entry_service_client::OrderEntryServiceClient,
    },
    trading::{Contingency, OrderListStatus, OrderType, Side},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Stage, answer};

/// The leg that one field of the list number 1 names, as an id.
fn leg(number: u64) -> Value {
    json!(1 + (number << 41))
}

fn stop(side: &str, price: &str) -> Value {
    json!({"side": side, "type": "stop_loss", "stop_price": price, "quantity": "0.5"})
}

fn limit(side: &str, price: &str) -> Value {
    json!({"side": side, "type": "limit", "price": price, "quantity": "0.5"})
}

fn oco() -> Value {
    json!({
        "client_id": "alice", "instrument": "BTC-USDT", "contingency": "OCO",
        "client_order_id": "l-1", "above": stop("buy", "110"), "below": limit("buy", "90"),
    })
}

#[tokio::test]
async fn a_list_is_pending_once_the_log_has_it_and_is_found_by_any_of_its_ids() {
    let stage = Stage::new().await;
    let (status, list) = stage.post("/api/v1/order_lists", &oco()).await;
    assert_eq!((status, &list["status"]), (StatusCode::CREATED, &json!("pending")), "{list}");
    assert_eq!((&list["id"], &list["list_id"]), (&json!(1), &json!(1)));
    assert_eq!(list["receipt"], json!({"partition": 0, "offset": 1}));
    assert_eq!((&list["contingency"], &list["client_order_id"]), (&json!("oco"), &json!("l-1")));
    let orders = list["orders"].as_array().expect("orders");
    assert_eq!(orders.len(), 2);
    let ids: Vec<_> = orders.iter().map(|order| order["id"].clone()).collect();
    assert_eq!(ids, [leg(1), leg(2)]);
    assert_eq!(
        (&orders[0]["type"], &orders[0]["stop_price"]),
        (&json!("stop_loss"), &json!("110"))
    );
    assert_eq!(orders[1]["post_only"], json!(true), "though it did not say so");
    for order in orders {
        assert_eq!((&order["list_id"], &order["contingency"]), (&json!(1), &json!("oco")));
        assert_eq!(order["receipt"], list["receipt"]);
    }
    // Nobody has answered yet: it is read from the log.
    for id in [json!(1), leg(1), leg(2)] {
        let (status, found) = stage.get(&format!("/api/v1/order_lists/{id}")).await;
        assert_eq!((status, &found["orders"]), (StatusCode::OK, &list["orders"]), "{id}");
    }
    let (status, order) = stage.get(&format!("/api/v1/orders/{}", leg(2))).await;
    assert_eq!((status, &order), (StatusCode::OK, &orders[1]));
    for path in [format!("/api/v1/orders/{}", leg(3)), "/api/v1/order_lists/0".to_owned()] {
        assert_eq!(stage.get(&path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    stage.end().await;
}

#[tokio::test]
async fn who_waits_is_told_the_result_and_a_retry_the_first() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let path = "/api/v1/order_lists?wait=result";
    let (status, list) = stage.post(path, &oco()).await;
    assert_eq!((status, &list["status"]), (StatusCode::CREATED, &json!("executing")), "{list}");
    assert_eq!(
        (&list["orders"][0]["status"], &list["orders"][0]["fills"]),
        (&json!("open"), &json!([]))
    );
    let written = stage.inputs(0);
    let (status, again) = stage.post(path, &oco()).await;
    assert_eq!((status, &again["orders"]), (StatusCode::CREATED, &list["orders"]));
    assert_eq!(stage.inputs(0), written, "this gateway had seen the answer");
    let mut other = oco();
    other["below"]["price"] = json!("91");
    let (status, problem) = stage.post(path, &other).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("key_reused")));

    let oto = json!({
        "client_id": "alice", "instrument": "BTC-USDT", "contingency": "oto",
        "working": limit("buy", "90"), "pending": limit("sell", "110"),
    });
    let (_, list) = stage.post(path, &oto).await;
    assert_eq!(list["orders"][0]["status"], "open", "{list}");
    assert_eq!(list["orders"][1]["status"], "pending", "it waits for the first");
    assert_eq!(list["orders"][1].get("post_only"), None);

    let sell = json!({
        "client_id": "alice", "instrument": "BTC-USDT", "contingency": "oco",
        "above": limit("sell", "110"), "below": stop("sell", "90"),
    });
    let (status, list) = stage.post(path, &sell).await;
    assert_eq!((status, &list["status"]), (StatusCode::CREATED, &json!("rejected")), "{list}");
    assert_eq!(list["reject_reason"], "list_prices");
    assert_eq!(list["orders"][1]["reject_reason"], "list_prices");
    stage.end().await;
}

#[tokio::test]
async fn a_list_is_cancelled_whole_or_by_one_of_its_orders() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let path = "/api/v1/order_lists?wait=result";
    stage.post(path, &oco()).await;
    let (status, problem) = stage.delete("/api/v1/order_lists/1?client_id=bob&wait=result").await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("unknown_order")));
    let (status, list) = stage.delete("/api/v1/order_lists/1?client_id=alice&wait=result").await;
    assert_eq!((status, &list["status"]), (StatusCode::OK, &json!("all_done")), "{list}");
    assert_eq!(list["orders"][1]["status"], "cancelled");
    let (status, taken) = stage.delete("/api/v1/order_lists/1?client_id=alice").await;
    assert_eq!((status, &taken["status"]), (StatusCode::ACCEPTED, &json!("pending")));
    assert_eq!(taken["look_up"], "/api/v1/order_lists/1");
    stage.end().await;
}

#[tokio::test]
async fn every_bad_list_is_a_400_that_names_its_field() {
    let stage = Stage::new().await;
    let written = stage.inputs(0);
    let with = |field: &str, value: Value| {
        let mut list = oco();
        list[field] = value;
        list
    };
    let by_quote = json!({"side": "buy", "type": "market", "quote_quantity": "5"});
    let keyed = {
        let mut order = limit("buy", "90");
        order["client_order_id"] = json!("own");
        order
    };
    let table = [
        (with("contingency", json!("pair")), "contingency", "unknown_word"),
        (with("contingency", Value::Null), "contingency", "missing_field"),
        (with("instrument", json!("BTC-EUR")), "instrument", "unknown_instrument"),
        (with("client_id", Value::Null), "client_id", "missing_field"),
        (with("client_order_id", json!("a b")), "client_order_id", "bad_key"),
        (with("above", Value::Null), "above", "missing_field"),
        (with("working", limit("buy", "90")), "working", "not_for_list"),
        (with("below", json!([])), "below.body", "broken_json"),
        (with("below", limit("buy", "90.001")), "below.price", "off_grid"),
        (with("below", keyed), "below.client_order_id", "only_for_list"),
        (with("below", by_quote), "below", "by_quote"),
        (with("below", limit("sell", "90")), "below", "pair_differs"),
        (with("above", limit("buy", "110")), "above", "pair_kinds"),
        (with("below", limit("buy", "110")), "above", "pair_prices"),
        (
            json!({
                "client_id": "alice", "instrument": "BTC-USDT", "contingency": "oto",
                "working": stop("buy", "110"), "pending": limit("sell", "120"),
            }),
            "working",
            "not_limit",
        ),
    ];
    for (list, field, code) in table {
        let (status, problem) = stage.post("/api/v1/order_lists", &list).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{list}: {problem}");
        assert_eq!(
            (&problem["field"], &problem["code"]),
            (&json!(field), &json!(code)),
            "{problem}"
        );
    }
    let keyed = stage.request(Method::POST, "/api/v1/order_lists");
    let (status, problem) =
        answer(keyed.header("Idempotency-Key", "a b").json(&with("client_order_id", Value::Null)))
            .await;
    assert_eq!((status, &problem["field"]), (StatusCode::BAD_REQUEST, &json!("idempotency_key")));
    assert_eq!(stage.inputs(0), written, "nothing reached the log");
    stage.end().await;
}

#[tokio::test]
async fn the_same_over_grpc() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let mut client = OrderEntryServiceClient::connect(stage.grpc.clone()).await.expect("it is up");
    let order = |side: Side, order_type: OrderType, price: &str, stop: &str| PlaceOrderRequest {
        side: side.into(),
        r#type: order_type.into(),
        price: price.to_owned(),
        stop_price: stop.to_owned(),
        quantity: "0.5".to_owned(),
        ..Default::default()
    };
    let request = PlaceOrderListRequest {
        client_id: "alice".to_owned(),
        instrument: "BTC-USDT".to_owned(),
        contingency: Contingency::Otoco.into(),
        working: Some(order(Side::Buy, OrderType::Limit, "90", "")),
        above: Some(order(Side::Sell, OrderType::Limit, "110", "")),
        below: Some(order(Side::Sell, OrderType::StopLossLimit, "79", "80")),
        wait_for_result: true,
        ..Default::default()
    };
    let list = client.place_order_list(request).await.expect("an answer").into_inner().list;
    let list = list.expect("a list");
    assert_eq!((list.status(), list.orders.len()), (OrderListStatus::Executing, 3));
    assert_eq!(list.orders[2].stop_price, "80");
    let request = GetOrderListRequest { list_id: list.id };
    let found = client.get_order_list(request).await.expect("an answer").into_inner().list;
    assert_eq!(found.expect("a list").orders.len(), 3);
    let request = CancelOrderListRequest {
        client_id: "alice".to_owned(),
        list_id: list.id,
        wait_for_result: true,
    };
    let left = client.cancel_order_list(request).await.expect("an answer").into_inner().list;
    assert_eq!(left.expect("a list").status(), OrderListStatus::AllDone);
    stage.end().await;
}
