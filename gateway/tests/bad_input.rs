//! Whatever a client sends, it is told what is wrong with which field, nothing reaches the log, and
//! the service stays up.

mod support;

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use support::{Stage, answer, limit_order};

/// A good order with one field changed, or taken out where the value is null.
fn with(field: &str, value: Value) -> String {
    let mut order = limit_order();
    order[field] = value;
    order.to_string()
}

/// A good order with the text of one field changed to what is not JSON, or not a number.
fn with_raw(field: &str, raw: &str) -> String {
    with(field, json!("RAW")).replace("\"RAW\"", raw)
}

#[tokio::test]
async fn every_bad_order_is_a_4xx_that_names_its_field() {
    let stage = Stage::new().await;
    let before = stage.inputs(0);
    let digits = "1".repeat(40);
    #[rustfmt::skip]
    let table = [
        ("instrument", 400, with("instrument", json!("BTC-EUR"))),
        ("instrument", 400, with("instrument", Value::Null)),
        ("price", 400, with("price", json!("100.001"))),
        ("price", 400, with_raw("price", "100.001")),
        ("price", 400, with("price", json!(0))),
        ("price", 400, with("price", json!("-1"))),
        ("price", 400, with_raw("price", "-1")),
        ("price", 400, with("price", json!("NaN"))),
        ("price", 400, with_raw("price", "NaN")),
        ("price", 400, with("price", json!("Infinity"))),
        ("price", 400, with("price", json!("1e3"))),
        ("price", 400, with_raw("price", "1e3")),
        ("price", 400, with_raw("price", &digits)),
        ("price", 400, with("price", json!(digits))),
        ("price", 400, with("price", json!([1]))),
        ("price", 400, with("price", json!(true))),
        ("price", 400, with("price", Value::Null)),
        ("quantity", 400, with("quantity", json!("0.000001"))),
        ("quantity", 400, with_raw("quantity", "0.0")),
        ("quantity", 400, with_raw("quantity", "-0.5")),
        ("quantity", 400, with_raw("quantity", "1e-1")),
        ("quantity", 400, with_raw("quantity", &digits)),
        ("quantity", 400, with("quantity", json!({"amount": 1}))),
        ("quantity", 400, with("quantity", Value::Null)),
        ("side", 400, with("side", json!("hold"))),
        ("side", 400, with("side", json!(1))),
        ("side", 400, with("side", Value::Null)),
        ("type", 400, with("type", json!("stop"))),
        ("time_in_force", 400, with("time_in_force", json!("gtx"))),
        ("expires_at", 400, with("time_in_force", json!("gtd"))),
        ("expires_at", 400, with("expires_at", json!("2030-01-01T00:00:00Z"))),
        ("stop_price", 400, with("type", json!("stop_loss_limit"))),
        ("stop_price", 400, with("stop_price", json!("100"))),
        ("self_trade_prevention", 400, with("self_trade_prevention", json!("cancel"))),
        ("client_id", 400, with("client_id", Value::Null)),
        ("client_id", 400, with("client_id", json!("a b"))),
        ("client_id", 400, with("client_id", json!(7))),
        ("client_order_id", 400, with("client_order_id", json!("é"))),
        ("post_only", 400, with("post_only", json!("yes"))),
        ("display_quantity", 400, with("display_quantity", json!("1000"))),
        ("display_quantity", 400, with("display_quantity", json!(0))),
        ("display_quantity", 400, with("display_quantity", json!("0.000001"))),
        ("display_quantity", 400, with("display_quantity", json!(true))),
        ("trailing_delta_bps", 400, with("trailing_delta_bps", json!(100))),
        ("trailing_delta_bps", 400, with("trailing_delta_bps", json!("1.5"))),
        ("trailing_delta_bps", 400, with("trailing_delta_bps", json!([1]))),
        ("body", 400, "{\"client_id\": \"alice\"".to_owned() + &" ".repeat(9)),
        ("body", 400, "not json".to_owned()),
        ("body", 400, String::new()),
        ("body", 400, "[]".to_owned()),
        ("body", 413, with("client_id", json!("x".repeat(20_000)))),
    ];
    for (field, status, body) in table {
        let request = stage
            .request(Method::POST, "/api/v1/orders")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.clone());
        let (given, problem) = answer(request).await;
        let shown = &body[..body.len().min(200)];
        assert_eq!(given.as_u16(), status, "{shown}: {problem}");
        assert_eq!(problem["field"], field, "{shown}: {problem}");
        assert_eq!(problem["status"], status, "{shown}: {problem}");
        for text in ["type", "title", "code", "detail", "request_id"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
    }
    assert_eq!(stage.inputs(0), before, "nothing reached the log");
    assert_eq!(stage.post("/api/v1/orders", &limit_order()).await.0, StatusCode::CREATED);
    assert_eq!(stage.inputs(0), before + 1);
    stage.end().await;
}

#[tokio::test]
async fn every_bad_parameter_is_a_4xx_that_names_it() {
    let stage = Stage::new().await;
    let before = stage.inputs(0);
    let [get, delete] = [Method::GET, Method::DELETE];
    #[rustfmt::skip]
    let table = [
        (&get, "/api/v1/orders?limit=1000000000", 400, "limit"),
        (&get, "/api/v1/orders?limit=0", 400, "limit"),
        (&get, "/api/v1/orders?page=1000000000", 400, "page"),
        (&get, "/api/v1/orders?status=lost", 400, "status"),
        (&get, "/api/v1/orders?client_id=a%20b", 400, "client_id"),
        (&get, "/api/v1/orders?client_order_id=a", 400, "client_id"),
        (&get, "/api/v1/orders?instrument=BTC-EUR", 400, "instrument"),
        (&get, "/api/v1/trades?limit=1000000000", 400, "limit"),
        (&get, "/api/v1/trades?limit=500&page=201", 400, "page"),
        (&get, "/api/v1/trades?instrument=BTC-EUR", 400, "instrument"),
        (&get, "/api/v1/orderbook", 400, "instrument"),
        (&get, "/api/v1/orderbook?instrument=BTC-USDT&depth=1000000000", 400, "depth"),
        (&get, "/api/v1/orders/abc", 400, "id"),
        (&get, "/api/v1/orders/-1", 400, "id"),
        (&get, "/api/v1/orders/99999999999999999999", 400, "id"),
        (&get, "/api/v1/orders/8000000", 404, "id"),
        (&get, "/api/v1/orders/0", 404, "id"),
        (&get, "/api/v1/accounts/a%20b", 400, "client_id"),
        (&get, "/api/v1/accounts/%ff", 400, "path"),
        (&delete, "/api/v1/orders", 400, "client_id"),
        (&delete, "/api/v1/orders?client_id=alice&instrument=BTC-EUR", 400, "instrument"),
        (&delete, "/api/v1/orders/7", 400, "client_id"),
        (&delete, "/api/v1/orders/7?client_id=alice&wait=yes", 400, "wait"),
        (&delete, "/api/v1/orders/8796093022208?client_id=alice", 404, "id"),
    ];
    for (method, path, status, field) in table {
        let (given, problem) = answer(stage.request(method.clone(), path)).await;
        assert_eq!(given.as_u16(), status, "{path}: {problem}");
        assert_eq!(problem["field"], field, "{path}: {problem}");
    }
    let (_, problem) = stage.get("/api/v1/orders?page=1000000000").await;
    assert!(problem["detail"].as_str().expect("text").contains("cursor"), "{problem}");
    let bad = json!({"asset": "EUR", "amount": 1, "deposit_id": "d-1"});
    let (status, problem) = stage.post("/api/v1/accounts/alice/deposits", &bad).await;
    assert_eq!((status.as_u16(), &problem["field"]), (400, &json!("asset")));
    assert_eq!(stage.inputs(0), before, "nothing reached the log");
    stage.end().await;
}

#[tokio::test]
async fn what_is_not_json_not_there_or_not_offered_is_told_so() {
    let stage = Stage::new().await;
    let order = limit_order().to_string();
    let plain = stage.request(Method::POST, "/api/v1/orders").body(order.clone());
    let (status, problem) = answer(plain.header(header::CONTENT_TYPE, "text/plain")).await;
    assert_eq!((status.as_u16(), &problem["field"]), (415, &json!("content-type")));
    let silent = stage.request(Method::POST, "/api/v1/orders").body(order.clone());
    assert_eq!(answer(silent).await.0.as_u16(), 415);
    let with_charset = stage
        .request(Method::POST, "/api/v1/orders/")
        .header(header::CONTENT_TYPE, "Application/JSON; charset=utf-8")
        .body(order);
    assert_eq!(answer(with_charset).await.0, StatusCode::CREATED);

    let response = stage.request(Method::GET, "/nowhere").send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let (status, problem) = answer(stage.request(Method::PUT, "/api/v1/orders")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (405, &json!("method_not_allowed")));
    stage.end().await;
}

#[tokio::test]
async fn a_request_keeps_its_id_or_is_given_one() {
    let stage = Stage::new().await;
    let own = stage.request(Method::GET, "/nowhere").header("x-request-id", "my-own");
    let response = own.send().await.expect("an answer");
    assert_eq!(response.headers()["x-request-id"], "my-own");
    let text = response.text().await.expect("a body");
    let problem: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(problem["request_id"], "my-own");
    let response = stage.request(Method::GET, "/api/v1/time").send().await.expect("an answer");
    assert_eq!(response.headers()["x-request-id"].len(), 32);
    let preflight = stage
        .request(Method::OPTIONS, "/api/v1/orders")
        .header("origin", "http://somewhere.test")
        .header("access-control-request-method", "POST")
        .send()
        .await
        .expect("an answer");
    assert_eq!(preflight.status(), StatusCode::OK);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    stage.end().await;
}
