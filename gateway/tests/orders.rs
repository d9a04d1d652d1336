//! Orders over REST, against a shard that answers and one that does not.

mod support;

use std::time::Duration;

use gateway::Settings;
use proto::trading::{Order, OrderStatus};
use reqwest::{Method, StatusCode};
use serde_json::json;
use support::{Stage, answer, limit_order};

fn market_order() -> serde_json::Value {
    json!({
        "client_id": "alice", "instrument": "BTC-USDT", "side": "BUY", "type": "Market",
        "quantity": 0.1, "client_order_id": "m-1",
    })
}

#[tokio::test]
async fn an_order_is_pending_once_the_log_has_it_and_is_found_by_its_id_at_once() {
    let stage = Stage::new().await;
    let (status, order) = stage.post("/api/v1/orders", &limit_order()).await;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    assert_eq!(order["status"], "pending");
    assert_eq!((&order["price"], &order["quantity"]), (&json!("100.01"), &json!("0.5")));
    assert_eq!((&order["id"], &order["order_id"]), (&json!(1), &json!(1)));
    assert_eq!(order["receipt"], json!({"partition": 0, "offset": 1}));
    assert_eq!(order["client_order_id"], json!(null));
    assert!(order["created_at"].as_str().expect("a time").ends_with('Z'));

    // The ledger has not seen it, then does not answer at all: it is read from the log.
    let (status, found) = stage.get("/api/v1/orders/1").await;
    assert_eq!((status, &found["status"]), (StatusCode::OK, &json!("pending")));
    assert_eq!((&found["price"], &found["created_at"]), (&order["price"], &order["created_at"]));
    stage.ledger.goes_down();
    assert_eq!(stage.get("/api/v1/orders/1").await.0, StatusCode::OK);
    assert_eq!(stage.get("/api/v1/orders/0").await.0, StatusCode::NOT_FOUND, "genesis");
    let (status, problem) = stage.get("/api/v1/trades").await;
    assert_eq!((status.as_u16(), &problem["code"]), (503, &json!("ledger_unavailable")));
    stage.end().await;
}

#[tokio::test]
async fn who_waits_is_told_the_result() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let (status, order) = stage.post("/api/v1/orders?wait=result", &limit_order()).await;
    assert_eq!((status, &order["status"]), (StatusCode::CREATED, &json!("open")), "{order}");
    assert_eq!((&order["remaining"], &order["fills"]), (&json!("0.5"), &json!([])));
    let (status, order) = stage.post("/api/v1/orders?wait=result", &market_order()).await;
    assert_eq!((status, &order["status"]), (StatusCode::CREATED, &json!("filled")), "{order}");
    let fill = json!({
        "trade_id": "BTC-USDT-1", "price": "100", "quantity": "0.1", "maker_order_id": 1,
    });
    assert_eq!(order["fills"], json!([fill]));
    assert_eq!((&order["time_in_force"], &order["remaining"]), (&json!("ioc"), &json!("0")));
    let by_quote = json!({
        "client_id": "alice", "instrument": "BTC-USDT", "side": "buy", "type": "market",
        "quote_quantity": "10",
    });
    let (status, order) = stage.post("/api/v1/orders?wait=result", &by_quote).await;
    assert_eq!((status, &order["status"]), (StatusCode::CREATED, &json!("rejected")));
    assert_eq!(order["reject_reason"], "insufficient_funds");
    stage.end().await;
}

#[tokio::test]
async fn what_else_an_order_says_goes_into_the_log_and_is_told_back() {
    let stage = Stage::new().await;
    let mut order = limit_order();
    order["time_in_force"] = json!("gtd");
    order["expires_at"] = json!("2030-01-01T01:00:00+01:00");
    order["post_only"] = json!(true);
    order["self_trade_prevention"] = json!("expire_both");
    let (status, told) = stage.post("/api/v1/orders", &order).await;
    assert_eq!(status, StatusCode::CREATED, "{told}");
    assert_eq!((&told["time_in_force"], &told["post_only"]), (&json!("gtd"), &json!(true)));
    assert_eq!(told["expires_at"], "2030-01-01T00:00:00.000000Z");
    assert_eq!(told["self_trade_prevention"], "expire_both");
    // Read back from its own record.
    let (_, found) = stage.get("/api/v1/orders/1").await;
    for field in ["time_in_force", "post_only", "expires_at", "self_trade_prevention"] {
        assert_eq!(found[field], told[field], "{field}");
    }
    // A plain order is told as plainly as before.
    let (_, plain) = stage.post("/api/v1/orders", &limit_order()).await;
    for field in ["post_only", "expires_at", "self_trade_prevention", "prevented_quantity"] {
        assert_eq!(plain.get(field), None, "{field}");
    }
    stage.end().await;
}

#[tokio::test]
async fn the_same_order_again_answers_with_the_first_result() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let (_, first) = stage.post("/api/v1/orders?wait=result", &market_order()).await;
    let written = stage.inputs(0);
    for path in ["/api/v1/orders?wait=result", "/api/v1/orders"] {
        let (status, again) = stage.post(path, &market_order()).await;
        assert_eq!(status, StatusCode::CREATED);
        assert_eq!((&again["id"], &again["status"]), (&first["id"], &json!("filled")), "{path}");
    }
    assert_eq!(stage.inputs(0), written, "this gateway had seen the answer");
    let mut other = market_order();
    other["quantity"] = json!("0.2");
    let (status, problem) = stage.post("/api/v1/orders", &other).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("key_reused")));
    // The same key for another instrument, or as an Idempotency-Key, is another key.
    other["client_order_id"] = json!(null);
    let keyed = stage.request(Method::POST, "/api/v1/orders?wait=result");
    let (status, _) = answer(keyed.header("Idempotency-Key", "m-1").json(&other)).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(stage.inputs(0), written + 1);
    stage.end().await;
}

#[tokio::test]
async fn a_retry_that_only_the_shard_knows_is_its_duplicate() {
    let stage = Stage::new().await;
    // Two before the shard runs: no answer is known, both go into the log.
    let (_, first) = stage.post("/api/v1/orders", &market_order()).await;
    let order = Order {
        id: first["id"].as_u64().expect("an id"),
        client_id: "alice".to_owned(),
        client_order_id: "m-1".to_owned(),
        status: OrderStatus::Filled.into(),
        ..Order::default()
    };
    stage.ledger.knows(order);
    let again = async { stage.post("/api/v1/orders?wait=result", &market_order()).await };
    let shard = async {
        while stage.inputs(0) < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stage.shards()
    };
    let ((status, again), _shards) = tokio::join!(again, shard);
    assert_eq!((status, &again["id"]), (StatusCode::CREATED, &first["id"]), "{again}");
    assert_eq!(again["status"], "filled");
    let found = stage.get("/api/v1/orders?client_id=alice&client_order_id=m-1").await;
    assert_eq!((found.0, &found.1["id"]), (StatusCode::OK, &first["id"]));
    let missing = stage.get("/api/v1/orders?client_id=alice&client_order_id=m-2").await;
    assert_eq!(missing.0, StatusCode::NOT_FOUND);
    stage.end().await;
}

#[tokio::test]
async fn an_outcome_that_is_not_known_is_said_to_be_unknown() {
    let stage = Stage::with(1, |settings| Settings {
        unanswered_age_max: Duration::from_secs(60),
        ..settings
    })
    .await;
    let (status, order) = stage.post("/api/v1/orders?wait=result", &limit_order()).await;
    assert_eq!((status, &order["status"]), (StatusCode::ACCEPTED, &json!("unknown")), "{order}");
    assert_eq!((&order["id"], &order["look_up"]), (&json!(1), &json!("/api/v1/orders/1")));
    stage.end().await;
}

#[tokio::test]
async fn nobody_says_that_an_order_is_absent_while_it_is_on_its_way() {
    let stage = Stage::new().await;
    let (status, _) = stage.post("/api/v1/orders", &market_order()).await;
    assert_eq!(status, StatusCode::CREATED);
    let path = "/api/v1/orders?client_id=alice&client_order_id=m-1";
    let (status, problem) = stage.get(path).await;
    assert_eq!((status.as_u16(), &problem["code"]), (503, &json!("not_known_yet")));
    stage.end().await;
}

#[tokio::test]
async fn cancels_tell_how_they_left_the_order() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let (_, order) = stage.post("/api/v1/orders?wait=result", &limit_order()).await;
    let path = format!("/api/v1/orders/{}?client_id=alice&wait=result", order["id"]);
    let (status, cancelled) = stage.delete(&path).await;
    assert_eq!((status, &cancelled["status"]), (StatusCode::OK, &json!("cancelled")));
    assert_eq!(cancelled["price"], "100.01", "the terms are read from the log: {cancelled}");
    assert_eq!((&cancelled["remaining"], &cancelled["id"]), (&json!("0.5"), &order["id"]));
    let (status, problem) = stage.delete(&path).await;
    assert_eq!((status.as_u16(), &problem["code"]), (404, &json!("unknown_order")));
    let filled = Order {
        id: order["id"].as_u64().expect("an id"),
        client_id: "alice".to_owned(),
        status: OrderStatus::Filled.into(),
        ..Order::default()
    };
    stage.ledger.knows(filled);
    let (status, problem) = stage.delete(&path).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("order_not_open")));
    let (status, taken) = stage.delete("/api/v1/orders/1?client_id=alice").await;
    assert_eq!((status, &taken["status"]), (StatusCode::ACCEPTED, &json!("pending")));
    stage.end().await;
}

#[tokio::test]
async fn cancel_all_asks_every_partition_or_that_of_the_instrument() {
    let stage = Stage::with(3, |settings| settings).await;
    let _shards = stage.shards();
    let mut ids = Vec::new();
    for instrument in ["BTC-USDT", "ETH-USDT", "ETH-USDT"] {
        let mut order = limit_order();
        order["instrument"] = json!(instrument);
        let (status, order) = stage.post("/api/v1/orders?wait=result", &order).await;
        assert_eq!(status, StatusCode::CREATED, "{order}");
        ids.push(order["id"].clone());
    }
    assert_eq!(ids[1].as_u64(), Some(2 << 43 | 1), "its partition is in its id");
    let (status, _) = stage.delete("/api/v1/orders?client_id=bob&wait=result").await;
    assert_eq!(status, StatusCode::OK);
    let (status, done) =
        stage.delete("/api/v1/orders?client_id=alice&instrument=ETH-USDT&wait=result").await;
    assert_eq!(status, StatusCode::OK, "{done}");
    assert_eq!(done["results"], json!([{"partition": 2, "cancelled_order_ids": ids[1..]}]));
    let (_, done) = stage.delete("/api/v1/orders?client_id=alice&wait=result").await;
    assert_eq!(done["results"].as_array().map(Vec::len), Some(3));
    assert_eq!(done["results"][0]["cancelled_order_ids"], json!([ids[0]]));
    let (status, _) = stage.delete("/api/v1/orders?client_id=alice").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    stage.end().await;
}

#[tokio::test]
async fn money_moves_once_for_each_id() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let path = "/api/v1/accounts/alice/deposits";
    let deposit = json!({"asset": "USDT", "amount": 12.5, "deposit_id": "d-1"});
    let (status, account) = stage.post(path, &deposit).await;
    assert_eq!(status, StatusCode::CREATED, "{account}");
    let balances = json!([{"asset": "USDT", "available": "12.5", "held": "0"}]);
    assert_eq!(account, json!({"client_id": "alice", "balances": balances}));
    assert_eq!(stage.post(path, &deposit).await.0, StatusCode::OK, "done already");
    let other = json!({"asset": "USDT", "amount": "12.6", "deposit_id": "d-1"});
    let (status, problem) = stage.post(path, &other).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("key_reused")));
    stage.ledger.goes_down();
    let another = json!({"asset": "USDT", "amount": "3", "deposit_id": "d-2"});
    let (_, account) = stage.post(path, &another).await;
    assert_eq!(account["balances"][0]["available"], "3", "from the answer itself: {account}");
    stage.end().await;
}

#[tokio::test]
async fn orders_that_wait_too_long_shed_new_ones() {
    let stage = Stage::with(1, |settings| Settings {
        unanswered_age_max: Duration::from_millis(200),
        ..settings
    })
    .await;
    assert_eq!(stage.post("/api/v1/orders", &limit_order()).await.0, StatusCode::CREATED);
    let shed = async {
        loop {
            let request = stage.request(Method::POST, "/api/v1/orders").json(&limit_order());
            let response = request.send().await.expect("an answer");
            if response.status() != StatusCode::CREATED {
                return response;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let response = tokio::time::timeout(Duration::from_secs(10), shed).await.expect("it sheds");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    // A shard that comes back answers them all, and orders are taken in again.
    let _shards = stage.shards();
    let taken = async {
        while stage.post("/api/v1/orders", &limit_order()).await.0 != StatusCode::CREATED {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), taken).await.expect("it recovers");
    stage.end().await;
}

#[tokio::test]
async fn commands_without_an_answer_are_bounded() {
    let stage = Stage::with(1, |settings| Settings { unanswered_max: 3, ..settings }).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(stage.post("/api/v1/orders", &limit_order()).await.0.as_u16());
    }
    assert_eq!(statuses, [201, 201, 201, 503]);
    assert_eq!(stage.inputs(0), 4, "genesis and three orders");
    stage.end().await;
}

#[tokio::test]
async fn lists_are_asked_of_the_ledger_as_they_are_asked_of_us() {
    let stage = Stage::new().await;
    let path = "/api/v1/orders?client_id=alice&instrument=BTC-USDT&status=OPEN&limit=50&page=3";
    let response = stage.request(Method::GET, path).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-next-cursor"], "more");
    let asked = stage.ledger.last_list().expect("it was asked");
    assert_eq!((asked.page_size, asked.skip, asked.status()), (50, 100, OrderStatus::Open));
    assert_eq!((asked.client_id.as_str(), asked.instrument.as_str()), ("alice", "BTC-USDT"));
    let (_, trades) = stage.get("/api/v1/trades/").await;
    assert_eq!(trades[0]["executed_at"], "1970-01-01T00:00:01.000005Z");
    assert_eq!(
        (&trades[0]["id"], &trades[0]["taker_side"]),
        (&json!("BTC-USDT-17"), &json!("buy"))
    );
    let (_, account) = stage.get("/api/v1/accounts/alice").await;
    assert_eq!(account["balances"][0]["asset"], "USDT");
    let (_, instruments) = stage.get("/api/v1/instruments").await;
    assert_eq!(instruments[0]["symbol"], "BTC-USDT");
    assert_eq!(instruments[0]["tick_size"], "0.01");
    assert_eq!(instruments[0]["state"], "halted");
    assert_eq!(instruments[1]["state"], json!(null), "nobody told it");
    let (status, openapi) = stage.get("/api/openapi.json").await;
    assert_eq!((status, &openapi["info"]["title"]), (StatusCode::OK, &json!("Tradespine")));
    assert_eq!(stage.get("/docs").await.0, StatusCode::OK);
    stage.end().await;
}
