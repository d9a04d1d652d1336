//! A gateway that is full or has just started refuses at once, says so in either protocol, and
//! writes nothing.

mod support;

use std::time::Duration;

use futures_util::{StreamExt, future, stream};
use gateway::Settings;
use proto::{
    orders::{PlaceOrderRequest, order_entry_service_client::OrderEntryServiceClient},
    reference::{ListInstrumentsRequest, reference_service_client::ReferenceServiceClient},
    trading::{OrderType, Side},
};
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};
use support::{Stage, answer, limit_order};
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt;

/// Tries something while an order waits for its result in the only place that there is, and shows
/// that nothing was written meanwhile. An order waits for some seconds only, so this is done again
/// where it was not there to the end.
async fn while_occupied<T, W: Future<Output: Send + 'static> + Send + 'static>(
    stage: &Stage,
    waits: impl Fn() -> W,
    tries: impl AsyncFn() -> T,
) -> (T, JoinHandle<W::Output>) {
    loop {
        let before = stage.inputs(0);
        let waiting = tokio::spawn(waits());
        while stage.inputs(0) == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let tried = tries().await;
        let written = stage.inputs(0);
        if !waiting.is_finished() {
            assert_eq!(written, before + 1, "nothing but the order that waits");
            return (tried, waiting);
        }
    }
}

/// An order from another page than the gateway's own.
async fn place_from_elsewhere(stage: &Stage) -> Response {
    let request = stage.request(Method::POST, "/api/v1/orders").json(&limit_order());
    let request = request.header("x-request-id", "my-own").header(header::ORIGIN, "http://a.test");
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn rest_refuses_what_it_has_no_place_for_and_stays_alive() {
    let stage = Stage::with(1, |settings| Settings { rest_requests_max: 1, ..settings }).await;
    let path = "/api/v1/orders?wait=result";
    let waits = || answer(stage.request(Method::POST, path).json(&limit_order()));
    let (refused, first) =
        while_occupied(&stage, waits, async || place_from_elsewhere(&stage).await).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    assert_eq!(refused.headers()[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(refused.headers()["x-request-id"], "my-own");
    assert_eq!(refused.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let problem: Value =
        serde_json::from_str(&refused.text().await.expect("a body")).expect("it is JSON");
    assert_eq!((&problem["code"], &problem["status"]), (&"overloaded".into(), &503.into()));
    assert_eq!(problem["request_id"], "my-own");

    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(stage.get(path).await.0, StatusCode::OK, "{path} has no door");
    }
    let preflight = stage
        .request(Method::OPTIONS, "/api/v1/orders")
        .header(header::ORIGIN, "http://a.test")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
    assert_eq!(preflight.send().await.expect("an answer").status(), StatusCode::OK);
    let _shards = stage.shards();
    assert!(first.await.expect("no panic").0.is_success());
    assert_eq!(place_from_elsewhere(&stage).await.status(), StatusCode::CREATED);
    stage.end().await;
}

fn assert_shed(status: &Status) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    let details = status.get_error_details();
    assert_eq!(details.error_info().expect("a reason").reason, "overloaded");
    let delay = details.retry_info().expect("a time to wait").retry_delay;
    assert_eq!(delay, Some(Duration::from_secs(1)));
}

async fn order_entry(stage: &Stage) -> OrderEntryServiceClient<Channel> {
    OrderEntryServiceClient::connect(stage.grpc.clone()).await.expect("it is up")
}

fn order(wait_for_result: bool) -> PlaceOrderRequest {
    PlaceOrderRequest {
        client_id: "alice".to_owned(),
        instrument: "BTC-USDT".to_owned(),
        side: Side::Buy.into(),
        r#type: OrderType::Limit.into(),
        price: "100.01".to_owned(),
        quantity: "0.5".to_owned(),
        wait_for_result,
        ..Default::default()
    }
}

#[tokio::test]
async fn grpc_refuses_what_it_has_no_place_for_whatever_the_connection_and_service() {
    let stage = Stage::with(1, |settings| Settings { grpc_calls_max: 1, ..settings }).await;
    let client = order_entry(&stage).await;
    let waits = || {
        let mut client = client.clone();
        async move { client.place_order(order(true)).await }
    };
    let another = order_entry(&stage).await;
    let uri = stage.grpc.clone();
    let reference = ReferenceServiceClient::connect(uri.clone()).await.expect("it is up");
    let channel = Channel::from_shared(uri).expect("a uri").connect().await;
    let health = HealthClient::new(channel.expect("it is up"));
    let tries = async || {
        let placed = another.clone().place_order(order(false)).await.err();
        let listed = reference.clone().list_instruments(ListInstrumentsRequest {}).await.err();
        let checked = health.clone().check(HealthCheckRequest::default()).await;
        ([placed, listed], checked.expect("it has no door").into_inner().status)
    };
    let ((refused, serving), first) = while_occupied(&stage, waits, tries).await;
    refused.iter().for_each(|status| assert_shed(status.as_ref().expect("it is full")));
    assert_eq!(serving, 1, "it serves");

    let _shards = stage.shards();
    let mut another = another;
    first.await.expect("no panic").expect("it was placed");
    another.place_order(order(false)).await.expect("there is a place again");
    stage.end().await;
}

#[tokio::test]
async fn streams_of_orders_are_bounded_until_their_last_result() {
    let stage = Stage::with(1, |settings| Settings { order_streams_max: 1, ..settings }).await;
    let (end, ended) = oneshot::channel::<()>();
    let silent = stream::once(ended).filter_map(|_| future::ready(None));
    let mut client = order_entry(&stage).await;
    let open = client.stream_orders(silent).await.expect("the only place");
    let mut another = order_entry(&stage).await;
    let refused = another.stream_orders(stream::empty()).await;
    assert_shed(&refused.expect_err("it is full"));
    another.place_order(order(false)).await.expect("calls have places of their own");
    drop((open, end));
    let again = async {
        while another.stream_orders(stream::empty()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("the place is given back");
    stage.end().await;
}

/// What is not found may be listed all the same, until the listings were read: whoever is told that
/// there is no such instrument gives up, whoever is told to try again does.
#[tokio::test]
async fn whoever_names_an_instrument_before_the_listings_were_read_is_told_to_try_again() {
    let stage = Stage::before_the_listing().await;
    let movement = json!({"asset": "USDT", "amount": "1", "deposit_id": "d1"});
    let order = "/api/v1/orders";
    let requests = [
        stage.request(Method::POST, order).json(&limit_order()),
        stage.request(Method::DELETE, "/api/v1/orders/0?client_id=alice"),
        stage.request(Method::DELETE, "/api/v1/orders?client_id=alice&instrument=BTC-USDT"),
        stage.request(Method::POST, "/api/v1/accounts/alice/deposits").json(&movement),
        stage.request(Method::GET, "/api/v1/trades?instrument=BTC-USDT"),
        stage.request(Method::GET, "/api/v1/orderbook?instrument=BTC-USDT"),
        stage.request(Method::GET, "/api/v1/instruments"),
    ];
    for request in requests {
        let (status, problem) = answer(request).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
        assert_eq!(problem["code"], "starting");
    }
    let mut client = order_entry(&stage).await;
    let placed = client.place_order(self::order(false)).await.expect_err("nothing is listed");
    assert_eq!(placed.code(), Code::Unavailable, "{placed}");
    assert_eq!(stage.inputs(0), 1, "nothing but the genesis");

    stage.list().await;
    let _shards = stage.shards();
    assert_eq!(stage.post(order, &limit_order()).await.0, StatusCode::CREATED);
    client.place_order(self::order(true)).await.expect("it is listed");
    stage.end().await;
}
