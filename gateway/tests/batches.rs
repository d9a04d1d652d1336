//! Many orders in one request: some are taken and others not, each with a result of its own.

mod support;

use proto::{
    orders::{
        CancelOrdersRequest, PlaceOrderRequest, PlaceOrdersRequest, cancel_orders_result,
        order_entry_service_client::OrderEntryServiceClient, place_orders_result,
    },
    trading::{OrderStatus, OrderType, Side},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Stage, answer, limit_order};

fn with(field: &str, value: Value) -> Value {
    let mut order = limit_order();
    order[field] = value;
    order
}

#[tokio::test]
async fn each_order_has_the_result_that_it_alone_would_have() {
    let stage = Stage::with(3, |settings| settings).await;
    let _shards = stage.shards();
    let market = json!({
        "client_id": "alice", "instrument": "BTC-USDT", "side": "buy", "type": "market",
        "quantity": "0.1",
    });
    let orders = json!({"orders": [
        limit_order(),
        with("price", json!("100.001")),
        market,
        with("instrument", json!("ETH-USDT")),
        "no order",
        with("client_id", json!("bob")),
    ]});
    let (status, told) = stage.post("/api/v1/orders/batch?wait=result", &orders).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let results = told.as_array().expect("an array");
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64()).collect();
    assert_eq!(statuses, [201, 400, 201, 201, 400, 201].map(Some), "{told}");
    assert_eq!(results[0]["order"]["status"], "open");
    let problem = &results[1]["problem"];
    assert_eq!((&problem["code"], &problem["field"]), (&json!("off_grid"), &json!("price")));
    assert_eq!(results[2]["order"]["fills"][0]["price"], "100");
    assert_eq!(results[3]["order"]["receipt"]["partition"], 2);
    assert_eq!(results[4]["problem"]["field"], "body");
    assert_eq!(results[5]["order"]["client_id"], "bob");
    // In the log they stand as they did in the request.
    let offsets = [0, 2, 5].map(|at| results[at]["order"]["receipt"]["offset"].as_u64());
    assert_eq!(offsets, [1, 2, 3].map(Some));
    assert_eq!((stage.inputs(0), stage.inputs(2)), (4, 2));
    stage.end().await;
}

#[tokio::test]
async fn a_batch_again_under_the_same_key_places_nothing_again() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let batch =
        json!({"orders": [limit_order(), limit_order(), with("client_order_id", json!("own"))]});
    let send = |key: &'static str| {
        let request = stage.request(Method::POST, "/api/v1/orders/batch?wait=result");
        answer(request.header("Idempotency-Key", key).json(&batch))
    };
    let ids = |told: &Value| {
        let results = told.as_array().expect("an array").iter();
        results.map(|result| result["order"]["id"].clone()).collect::<Vec<_>>()
    };
    let (status, first) = send("k").await;
    assert_eq!((status, ids(&first)), (StatusCode::OK, vec![json!(1), json!(2), json!(3)]));
    let written = stage.inputs(0);
    let (_, again) = send("k").await;
    assert_eq!((ids(&again), stage.inputs(0)), (ids(&first), written));
    let (_, other) = send("k-2").await;
    assert_eq!(ids(&other)[2], json!(3), "its own id counts, not the batch's");
    assert_eq!(stage.inputs(0), written + 2);
    stage.end().await;
}

#[tokio::test]
async fn many_are_cancelled_each_with_its_result() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    for _ in 0..3 {
        stage.post("/api/v1/orders?wait=result", &limit_order()).await;
    }
    let path = "/api/v1/orders/batch?client_id=alice&ids=1,2,77,x";
    let (status, told) = stage.delete(&format!("{path}&wait=result")).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let results = told.as_array().expect("an array");
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64()).collect();
    assert_eq!(statuses, [200, 200, 404, 400].map(Some), "{told}");
    assert_eq!(results[1]["order"]["status"], "cancelled");
    assert_eq!(results[2]["problem"]["code"], "unknown_order");
    assert_eq!(results[3]["problem"]["code"], "bad_order_id");
    let (_, told) = stage.delete("/api/v1/orders/batch?client_id=alice&ids=3").await;
    let cancel = &told[0]["cancel"];
    assert_eq!((&told[0]["status"], &cancel["id"]), (&json!(202), &json!(3)), "{told}");
    assert_eq!((&cancel["status"], cancel["receipt"].is_object()), (&json!("pending"), true));
    stage.end().await;
}

#[tokio::test]
async fn what_is_no_batch_is_refused_whole() {
    let stage = Stage::new().await;
    let written = stage.inputs(0);
    let many = vec![limit_order(); 101];
    let table = [
        (json!({}), "orders", "missing_field"),
        (json!({"orders": {}}), "orders", "wrong_type"),
        (json!({"orders": []}), "orders", "bad_count"),
        (json!({"orders": many}), "orders", "bad_count"),
        (json!([limit_order()]), "body", "broken_json"),
    ];
    for (batch, field, code) in table {
        let (status, problem) = stage.post("/api/v1/orders/batch", &batch).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert_eq!((&problem["field"], &problem["code"]), (&json!(field), &json!(code)));
    }
    let ids = vec!["1"; 101].join(",");
    let table = [
        ("ids=1".to_owned(), "client_id"),
        ("client_id=alice".to_owned(), "ids"),
        (format!("client_id=alice&ids={ids}"), "ids"),
    ];
    for (query, field) in table {
        let (status, problem) = stage.delete(&format!("/api/v1/orders/batch?{query}")).await;
        assert_eq!((status, &problem["field"]), (StatusCode::BAD_REQUEST, &json!(field)));
    }
    assert_eq!(stage.get("/api/v1/orders/batch").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(stage.inputs(0), written, "nothing reached the log");
    stage.end().await;
}

#[tokio::test]
async fn the_same_over_grpc() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let mut client = OrderEntryServiceClient::connect(stage.grpc.clone()).await.expect("it is up");
    let order = |price: &str| PlaceOrderRequest {
        client_id: "alice".to_owned(),
        instrument: "BTC-USDT".to_owned(),
        side: Side::Buy.into(),
        r#type: OrderType::Limit.into(),
        price: price.to_owned(),
        quantity: "0.5".to_owned(),
        ..Default::default()
    };
    let orders = vec![order("100.01"), order("100.001"), order("99")];
    let request = PlaceOrdersRequest { orders, wait_for_result: true };
    let results = client.place_orders(request).await.expect("an answer").into_inner().results;
    let told: Vec<_> = results
        .into_iter()
        .map(|result| match result.result.expect("a result") {
            place_orders_result::Result::Order(order) => Ok((order.id, order.status())),
            place_orders_result::Result::Error(error) => Err((error.code, error.field)),
        })
        .collect();
    let off_grid = Err(("off_grid".to_owned(), "price".to_owned()));
    let open = |id| Ok((id, OrderStatus::Open));
    assert_eq!(told, [open(1), off_grid, open(2)]);
    let order_ids = vec![2, 1 << 60, 1];
    let request =
        CancelOrdersRequest { client_id: "alice".to_owned(), order_ids, wait_for_result: true };
    let results = client.cancel_orders(request).await.expect("an answer").into_inner().results;
    let told: Vec<_> = results
        .into_iter()
        .map(|result| match result.result.expect("a result") {
            cancel_orders_result::Result::Order(order) => Ok((order.id, order.status())),
            cancel_orders_result::Result::Error(error) => Err(error.code),
        })
        .collect();
    let cancelled = |id| Ok((id, OrderStatus::Cancelled));
    assert_eq!(told, [cancelled(2), Err("bad_order_id".to_owned()), cancelled(1)]);
    let none = client.place_orders(PlaceOrdersRequest::default()).await.expect_err("no orders");
    assert_eq!(none.code(), tonic::Code::InvalidArgument);
    stage.end().await;
}
