//! Changes of orders that are open, over REST and gRPC, against a shard that answers.

mod support;

use proto::{
    orders::{
        AmendOrderRequest, CancelOrderRequest, HalfResult, PlaceOrderRequest, ReplaceOrderRequest,
        order_entry_service_client::OrderEntryServiceClient,
    },
    trading::{CancelOnly, OrderStatus, OrderType, ReplaceMode, Side},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Stage, answer, limit_order};
use tonic::Code;

impl Stage {
    /// Places a limit order over 0.5 and tells its id.
    async fn open(&self, client_order_id: &str) -> u64 {
        let mut order = limit_order();
        order["client_order_id"] = json!(client_order_id);
        let (status, order) = self.post("/api/v1/orders?wait=result", &order).await;
        assert_eq!((status, &order["status"]), (StatusCode::CREATED, &json!("open")), "{order}");
        order["id"].as_u64().expect("an id")
    }

    async fn patch(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(Method::PATCH, path).json(body)).await
    }
}

#[tokio::test]
async fn an_amend_tells_the_order_as_it_is_now() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let id = stage.open("a").await;
    let path = format!("/api/v1/orders/{id}");
    let lower = json!({"client_id": "alice", "quantity": 0.2});
    let (status, taken) = stage.patch(&path, &lower).await;
    assert_eq!((status, &taken["status"]), (StatusCode::ACCEPTED, &json!("pending")), "{taken}");
    assert_eq!((&taken["id"], &taken["look_up"]), (&json!(id), &json!(path)));
    let waiting = format!("{path}?wait=result");
    let lower = json!({"client_id": "alice", "quantity": "0.1"});
    let (status, order) = stage.patch(&waiting, &lower).await;
    assert_eq!(status, StatusCode::OK, "{order}");
    assert_eq!((&order["quantity"], &order["remaining"]), (&json!("0.1"), &json!("0.1")));
    assert_eq!((&order["status"], &order["price"]), (&json!("open"), &json!("100.01")));
    let more = json!({"client_id": "alice", "quantity": "0.3"});
    let (status, problem) = stage.patch(&waiting, &more).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("amend_increases")));
    assert_eq!(problem["field"], "quantity");
    let before = stage.inputs(0);
    let table = [
        (json!({"quantity": "0.1"}), 400, "client_id"),
        (json!({"client_id": "alice"}), 400, "quantity"),
        (json!({"client_id": "alice", "quantity": "0"}), 400, "quantity"),
        (json!({"client_id": "alice", "quantity": "0.000001"}), 400, "quantity"),
        (json!({"client_id": "alice", "quantity": true}), 400, "quantity"),
        (json!({"client_id": "bob", "quantity": "0.1"}), 404, "id"),
    ];
    for (body, expected, field) in table {
        let (status, problem) = stage.patch(&waiting, &body).await;
        assert_eq!((status.as_u16(), &problem["field"]), (expected, &json!(field)), "{problem}");
    }
    for (path, expected) in [("/api/v1/orders/x", 400), ("/api/v1/orders/999", 404)] {
        let (status, problem) = stage.patch(path, &lower).await;
        assert_eq!((status.as_u16(), &problem["field"]), (expected, &json!("id")), "{path}");
    }
    assert_eq!(stage.inputs(0), before, "nothing of it reached the log");
    stage.end().await;
}

#[tokio::test]
async fn a_cancel_by_the_clients_own_id_or_both_finds_the_order() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let (first, second) = (stage.open("a").await, stage.open("b").await);
    let own = "/api/v1/orders?client_id=alice&instrument=BTC-USDT&client_order_id=a";
    let (status, problem) = stage.delete(&format!("{own}&only=partially_filled&wait=result")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("cancel_restricted")));
    let (status, order) = stage.delete(&format!("{own}&only=new&wait=result")).await;
    assert_eq!((status, &order["status"]), (StatusCode::OK, &json!("cancelled")), "{order}");
    assert_eq!((&order["id"], &order["client_order_id"]), (&json!(first), &json!("a")));
    let both = |key| format!("/api/v1/orders/{second}?client_id=alice&client_order_id={key}");
    let (status, _) = stage.delete(&format!("{}&wait=result", both("a"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "of two orders");
    let (status, taken) = stage.delete(&both("b")).await;
    assert_eq!((status, &taken["client_order_id"]), (StatusCode::ACCEPTED, &json!("b")));
    let (status, taken) = stage.delete(own).await;
    assert_eq!((status, &taken["id"]), (StatusCode::ACCEPTED, &Value::Null));
    let look_up = "/api/v1/orders?client_id=alice&client_order_id=a";
    assert_eq!(taken["look_up"], look_up);
    let table = [
        ("/api/v1/orders?client_id=alice&client_order_id=a", "instrument"),
        ("/api/v1/orders?client_order_id=a&instrument=BTC-USDT", "client_id"),
        (
            "/api/v1/orders?client_id=alice&client_order_id=a%20b&instrument=BTC-USDT",
            "client_order_id",
        ),
        ("/api/v1/orders?client_id=alice&only=new", "only"),
        ("/api/v1/orders/1?client_id=alice&only=old", "only"),
    ];
    for (path, field) in table {
        let (status, problem) = stage.delete(path).await;
        assert_eq!((status.as_u16(), &problem["field"]), (400, &json!(field)), "{path}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_cancel_of_all_can_be_for_one_side_and_a_range_of_limits() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let id = stage.open("a").await;
    let all = "/api/v1/orders?client_id=alice&instrument=BTC-USDT&wait=result";
    let (status, done) = stage.delete(&format!("{all}&side=SELL&price_to=100.01")).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    assert_eq!(done["results"][0]["cancelled_order_ids"], json!([]));
    let (_, done) = stage.delete(&format!("{all}&price_from=100.01&price_to=100.01")).await;
    assert_eq!(done["results"][0]["cancelled_order_ids"], json!([id]));
    let before = stage.inputs(0);
    let table = [
        ("client_id=alice&price_from=1", "instrument"),
        ("client_id=alice&instrument=BTC-USDT&price_from=2&price_to=1", "price_from"),
        ("client_id=alice&instrument=BTC-USDT&price_to=0.001", "price_to"),
        ("client_id=alice&side=both", "side"),
        ("side=buy", "client_id"),
    ];
    for (query, field) in table {
        let (status, problem) = stage.delete(&format!("/api/v1/orders?{query}")).await;
        assert_eq!((status.as_u16(), &problem["field"]), (400, &json!(field)), "{query}");
    }
    assert_eq!(stage.inputs(0), before, "nothing of it reached the log");
    stage.end().await;
}

#[tokio::test]
async fn a_replacement_tells_both_halves() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let old = stage.open("a").await;
    let order = |key: &str, mode: Value| {
        let mut order = limit_order();
        order["client_order_id"] = json!(key);
        order["price"] = json!("99");
        order["mode"] = mode;
        order
    };
    let path = format!("/api/v1/orders/{old}/replace?wait=result");
    let halves = |view: &Value| [view["cancel_result"].clone(), view["new_order_result"].clone()];
    let (status, done) = stage.post(&path, &order("b", Value::Null)).await;
    assert_eq!(status, StatusCode::CREATED, "{done}");
    assert_eq!(halves(&done), ["success", "success"]);
    assert_eq!((&done["order"]["status"], &done["order"]["price"]), (&json!("open"), &json!("99")));
    let (status, late) = stage.post(&path, &order("c", json!("STOP_ON_FAILURE"))).await;
    assert_eq!(status, StatusCode::CONFLICT, "{late}");
    assert_eq!(halves(&late), ["failure", "not_attempted"]);
    let rejected = (&late["order"]["status"], &late["order"]["reject_reason"]);
    assert_eq!(rejected, (&json!("rejected"), &json!("replaced_not_open")));
    let (status, done) = stage.post(&path, &order("d", json!("allow_failure"))).await;
    assert_eq!(
        (status, halves(&done)),
        (StatusCode::CREATED, ["failure", "success"].map(Value::from))
    );
    let id = done["order"]["id"].as_u64().expect("an id");
    let taken = format!("/api/v1/orders/{id}/replace");
    let (status, taken) = stage.post(&taken, &order("e", Value::Null)).await;
    assert_eq!(
        (status, halves(&taken)),
        (StatusCode::CREATED, ["pending", "pending"].map(Value::from))
    );
    // Read back from its own record.
    let (_, found) = stage.get(&format!("/api/v1/orders/{}", taken["order"]["id"])).await;
    assert_eq!((&found["price"], &found["client_order_id"]), (&json!("99"), &json!("e")));
    let table = [
        (path.clone(), order("f", json!("maybe")), "mode"),
        (path.clone(), order("f", json!(1)), "mode"),
        (path.clone(), json!({"client_id": "alice"}), "instrument"),
        ("/api/v1/orders/x/replace".to_owned(), order("f", Value::Null), "id"),
        // In another partition, so of another instrument.
        (format!("/api/v1/orders/{}/replace", 1_u64 << 43), order("f", Value::Null), "instrument"),
    ];
    for (path, body, field) in table {
        let (status, problem) = stage.post(&path, &body).await;
        assert_eq!((status.as_u16(), &problem["field"]), (400, &json!(field)), "{path}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_switch_is_set_on_every_partition_or_that_of_the_instrument() {
    let stage = Stage::with(3, |settings| settings).await;
    let _shards = stage.shards();
    let path = "/api/v1/accounts/alice/cancel_after";
    let (status, set) = stage.post(path, &json!({"timeout_seconds": 30})).await;
    assert_eq!(status, StatusCode::OK, "{set}");
    let of = |partition, at: Value| json!({"partition": partition, "cancels_at": at});
    let at = json!("1970-01-01T00:00:30.000000Z");
    assert_eq!(set["results"], json!([of(0, at.clone()), of(1, at.clone()), of(2, at.clone())]));
    let one = json!({"timeout_seconds": "0", "instrument": "ETH-USDT"});
    let (status, set) = stage.post(path, &one).await;
    assert_eq!(status, StatusCode::OK, "{set}");
    let results = [of(2, Value::Null)];
    assert_eq!(
        set,
        json!({"client_id": "alice", "instrument": "ETH-USDT", "timeout_seconds": 0, "results": results})
    );
    let before = stage.inputs(0);
    let table = [
        (json!({}), "timeout_seconds"),
        (json!({"timeout_seconds": 86_401}), "timeout_seconds"),
        (json!({"timeout_seconds": -1}), "timeout_seconds"),
        (json!({"timeout_seconds": 1.5}), "timeout_seconds"),
        (json!({"timeout_seconds": true}), "timeout_seconds"),
        (json!({"timeout_seconds": 30, "instrument": "BTC-EUR"}), "instrument"),
    ];
    for (body, field) in table {
        let (status, problem) = stage.post(path, &body).await;
        assert_eq!((status.as_u16(), &problem["field"]), (400, &json!(field)), "{body}");
    }
    let (status, problem) =
        stage.post("/api/v1/accounts/a%20b/cancel_after", &json!({"timeout_seconds": 1})).await;
    assert_eq!((status.as_u16(), &problem["field"]), (400, &json!("client_id")));
    assert_eq!(stage.inputs(0), before, "nothing of it reached the log");
    stage.end().await;
}

#[tokio::test]
async fn grpc_says_the_same() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let id = stage.open("a").await;
    let mut client =
        OrderEntryServiceClient::connect(stage.grpc.clone()).await.expect("it connects");
    let client_id = "alice".to_owned();
    let amend = AmendOrderRequest {
        client_id: client_id.clone(),
        order_id: id,
        quantity: "0.2".to_owned(),
        wait_for_result: true,
        ..Default::default()
    };
    let order = client.amend_order(amend.clone()).await.expect("it is done").into_inner().order;
    let order = order.expect("an order");
    assert_eq!((order.quantity.as_str(), order.remaining.as_str()), ("0.2", "0.2"));
    let more = AmendOrderRequest { quantity: "0.4".to_owned(), ..amend };
    let refused = client.amend_order(more).await.expect_err("it is more");
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    let order = PlaceOrderRequest {
        client_id: client_id.clone(),
        client_order_id: "b".to_owned(),
        instrument: "BTC-USDT".to_owned(),
        side: Side::Buy.into(),
        r#type: OrderType::Limit.into(),
        price: "99".to_owned(),
        quantity: "1".to_owned(),
        wait_for_result: true,
        ..Default::default()
    };
    let replace = ReplaceOrderRequest {
        replaced_order_id: id,
        mode: ReplaceMode::StopOnFailure.into(),
        order: Some(order.clone()),
    };
    let done = client.replace_order(replace.clone()).await.expect("it is done").into_inner();
    assert_eq!(
        [done.cancel_result(), done.new_order_result()],
        [HalfResult::Success, HalfResult::Success]
    );
    let again = PlaceOrderRequest { client_order_id: "c".to_owned(), ..order };
    let again = ReplaceOrderRequest { order: Some(again), ..replace };
    let late = client.replace_order(again).await.expect("it is told").into_inner();
    assert_eq!(
        [late.cancel_result(), late.new_order_result()],
        [HalfResult::Failure, HalfResult::NotAttempted]
    );
    let id = done.order.expect("an order").id;
    let cancel = CancelOrderRequest {
        client_id,
        client_order_id: "b".to_owned(),
        instrument: "BTC-USDT".to_owned(),
        only: CancelOnly::PartiallyFilled.into(),
        wait_for_result: true,
        ..Default::default()
    };
    let refused = client.cancel_order(cancel.clone()).await.expect_err("it is new");
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    let cancel = CancelOrderRequest { only: CancelOnly::New.into(), ..cancel };
    let order = client.cancel_order(cancel).await.expect("it is done").into_inner().order;
    let order = order.expect("an order");
    assert_eq!((order.id, order.status()), (id, OrderStatus::Cancelled));
    stage.end().await;
}
