//! Endpoints beside orders: books, withdrawals, the time, the pages for people and machines.

mod support;

use model::Timestamp;
use reqwest::{Method, StatusCode, header};
use serde_json::json;
use support::Stage;

#[tokio::test]
async fn a_book_is_told_to_the_depth_that_is_asked() {
    let stage = Stage::new().await;
    let (status, book) = stage.get("/api/v1/orderbook?instrument=BTC-USDT&depth=2").await;
    assert_eq!(status, StatusCode::OK, "{book}");
    let expected = json!({
        "instrument": "BTC-USDT",
        "sequence": 7,
        "bids": [["100", "0.5"], ["101", "0.5"]],
        "asks": [["200", "0.5"], ["201", "0.5"]],
        "state": "volatility_auction",
        "opens_at": "1970-01-01T00:00:01.000000Z",
        "indication": {
            "price": "150", "volume": "3", "imbalance": "0.5", "imbalance_side": "sell",
        },
    });
    assert_eq!(book, expected);
    let (_, book) = stage.get("/api/v1/orderbook/?instrument=BTC-USDT").await;
    assert_eq!(book["bids"].as_array().map(Vec::len), Some(20), "where nothing is said");
    stage.end().await;
}

#[tokio::test]
async fn a_withdrawal_is_done_once_and_not_beyond_what_there_is() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let path = "/api/v1/accounts/alice/withdrawals";
    let withdrawal = json!({"asset": "USDT", "amount": "2.5", "withdrawal_id": "w-1"});
    let (status, account) = stage.post(path, &withdrawal).await;
    assert_eq!((status, &account["client_id"]), (StatusCode::CREATED, &json!("alice")));
    assert_eq!(stage.post(path, &withdrawal).await.0, StatusCode::OK, "done already");
    let other = json!({"asset": "USDT", "amount": "2.6", "withdrawal_id": "w-1"});
    let (status, problem) = stage.post(path, &other).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("key_reused")));
    let beyond = json!({"asset": "USDT", "amount": "1000", "withdrawal_id": "w-2"});
    let (status, problem) = stage.post(path, &beyond).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("insufficient_funds")));
    assert_eq!(problem["field"], "amount");
    let nameless = json!({"asset": "USDT", "amount": "1"});
    let (status, problem) = stage.post(path, &nameless).await;
    assert_eq!((status.as_u16(), &problem["field"]), (400, &json!("withdrawal_id")));
    stage.end().await;
}

#[tokio::test]
async fn a_transfer_is_done_once_and_to_somebody_else() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let path = "/api/v1/accounts/alice/transfers";
    let sent = json!({"asset": "USDT", "amount": "2.5", "transfer_id": "t-1", "to": "bob"});
    let (status, account) = stage.post(path, &sent).await;
    assert_eq!((status, &account["client_id"]), (StatusCode::CREATED, &json!("alice")));
    assert_eq!(stage.post(path, &sent).await.0, StatusCode::OK, "done already");
    let beyond = json!({"asset": "USDT", "amount": "1000", "transfer_id": "t-2", "to": "bob"});
    let (status, problem) = stage.post(path, &beyond).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("insufficient_funds")));
    for (bad, field) in [
        (json!({"asset": "USDT", "amount": "1", "transfer_id": "t-3"}), "to"),
        (json!({"asset": "USDT", "amount": "1", "transfer_id": "t-3", "to": "alice"}), "to"),
        (json!({"asset": "USDT", "amount": "1", "transfer_id": "t-3", "to": ""}), "to"),
        (json!({"asset": "USDT", "amount": "1", "to": "bob"}), "transfer_id"),
        (json!({"asset": "USDT", "amount": "-1", "transfer_id": "t-3", "to": "bob"}), "amount"),
        (json!({"asset": "EUR", "amount": "1", "transfer_id": "t-3", "to": "bob"}), "asset"),
    ] {
        let (status, problem) = stage.post(path, &bad).await;
        assert_eq!((status.as_u16(), &problem["field"]), (400, &json!(field)), "{bad}");
    }
    stage.end().await;
}

#[tokio::test]
async fn the_time_is_told_in_both_its_forms() {
    let stage = Stage::new().await;
    let (status, time) = stage.get("/api/v1/time").await;
    assert_eq!(status, StatusCode::OK);
    let millis = time["unix_millis"].as_u64().expect("a number");
    let shown = proto::text::rfc3339(Timestamp::from_unix_nanos(millis * 1_000_000));
    let (shown, text) = (&shown[.."2026-01-01T00:00:00.000".len()], &time["time"]);
    assert!(text.as_str().expect("text").starts_with(shown), "{text} is not {shown}");
    stage.end().await;
}

#[tokio::test]
async fn the_pages_of_every_service_are_there() {
    let stage = Stage::new().await;
    for (path, content_type) in [
        ("/healthz", "text/plain"),
        ("/readyz", "text/plain"),
        ("/metrics", "text/plain"),
        ("/docs", "text/html"),
        ("/docs/", "text/html"),
        ("/api/openapi.json", "application/json"),
    ] {
        let response = stage.request(Method::GET, path).send().await.expect(path);
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let given = response.headers()[header::CONTENT_TYPE].to_str().expect("text");
        assert!(given.starts_with(content_type), "{path}: {given}");
        assert!(!response.text().await.expect("a body").is_empty() || path == "/metrics");
    }
    let posted = stage.request(Method::POST, "/healthz").send().await.expect("an answer");
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    stage.end().await;
}
