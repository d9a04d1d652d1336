//! Orders that end with the stream that asked for it, whoever ends it.

use std::time::Duration;

use model::Partition;
use prost::Message;
use proto::{
    admin::RevokeTokenRequest,
    log::{self, client_command, input},
    orders::{
        CancelOnDisconnectRequest, StreamOrdersRequest, StreamOrdersResponse,
        order_entry_service_client::OrderEntryServiceClient,
        stream_orders_request::Request as Asked, stream_orders_response::Result as Told,
    },
    reference::CredentialScope,
};
use reqwest::Method;
use serde_json::{Value, json};
use spine::{Place, Visibility, log::ReadLimit};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::stage::{ADMIN, STUCK, Stage, bearing};

/// A stream of orders of one account.
struct Trading {
    asks: mpsc::Sender<StreamOrdersRequest>,
    results: Streaming<StreamOrdersResponse>,
}

impl Trading {
    async fn begin(stage: &Stage, token: &str) -> Trading {
        let client = OrderEntryServiceClient::connect(stage.grpc.clone()).await;
        let (asks, asked) = mpsc::channel(8);
        let opened = client
            .expect("it answers")
            .stream_orders(bearing(token, ReceiverStream::new(asked)))
            .await;
        Trading { asks, results: opened.expect("it is opened").into_inner() }
    }

    async fn watch(&mut self, client_id: &str, timeout_seconds: u32) -> Told {
        let client_id = client_id.to_owned();
        let request = CancelOnDisconnectRequest { client_id, timeout_seconds };
        let request = Some(Asked::CancelOnDisconnect(request));
        let asked = StreamOrdersRequest { correlation_id: 7, request };
        self.asks.send(asked).await.expect("it is open");
        let told = self.results.message().await.expect("it goes on").expect("there is a result");
        told.result.expect("it is told")
    }

    /// The same, which is to be in force.
    async fn is_watched(&mut self, timeout_seconds: u32) {
        let Told::CancelOnDisconnect(told) = self.watch("", timeout_seconds).await else {
            panic!("it is refused")
        };
        assert!(told.results.iter().all(|result| result.problem.is_empty()), "{told:?}");
    }
}

/// An account with money and its token.
async fn account(stage: &Stage, account: &str) -> (String, String) {
    let (summary, token) = stage.token(account, CredentialScope::Fund).await;
    let path = format!("/api/v1/accounts/{account}/deposits");
    let body = json!({ "asset": "USDT", "amount": "1000", "deposit_id": "d" });
    let (status, text) = stage.ask(Method::POST, &path, Some(&token), Some(&body)).await;
    assert_eq!(status, 201, "{text}");
    (summary.id, token)
}

/// An order that rests; its id.
async fn place(stage: &Stage, token: &str) -> u64 {
    let order = json!({
        "instrument": "BTC-USDT", "side": "buy", "type": "limit", "price": "1", "quantity": "1",
    });
    let path = "/api/v1/orders?wait=result";
    let (status, text) = stage.ask(Method::POST, path, Some(token), Some(&order)).await;
    assert_eq!(status, 201, "{text}");
    let told: Value = serde_json::from_str(&text).expect("it is JSON");
    told["id"].as_u64().expect("an id")
}

async fn order(stage: &Stage, token: &str, id: u64) -> Value {
    let path = format!("/api/v1/orders/{id}");
    let (status, text) = stage.ask(Method::GET, &path, Some(token), None).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).expect("it is JSON")
}

/// What has become of an order, once it is no longer open.
async fn ended(stage: &Stage, token: &str, id: u64) -> (String, String) {
    let looking = async {
        loop {
            let told = order(stage, token, id).await;
            if told["status"] != "open" {
                let word = |field: &str| told[field].as_str().unwrap_or_default().to_owned();
                return (word("status"), word("reject_reason"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(STUCK, looking).await.expect("it ends")
}

fn cancelled() -> (String, String) {
    ("cancelled".to_owned(), String::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_orders_end_with_its_stream_however_it_ends() {
    let stage = Stage::new().await;
    let [(_, alice), (_, bob)] = [account(&stage, "alice").await, account(&stage, "bob").await];
    let bobs = place(&stage, &bob).await;

    // It says that it has no more to ask.
    let mut trading = Trading::begin(&stage, &alice).await;
    trading.is_watched(60).await;
    let id = place(&stage, &alice).await;
    let Trading { asks, mut results } = trading;
    drop(asks);
    while results.message().await.expect("it goes on").is_some() {}
    assert_eq!(ended(&stage, &alice, id).await, cancelled());

    // It is gone.
    let mut trading = Trading::begin(&stage, &alice).await;
    trading.is_watched(60).await;
    let id = place(&stage, &alice).await;
    drop(trading);
    assert_eq!(ended(&stage, &alice, id).await, cancelled());

    // It does not want it any longer, or never has.
    let mut trading = Trading::begin(&stage, &alice).await;
    trading.is_watched(60).await;
    trading.is_watched(0).await;
    let id = place(&stage, &alice).await;
    drop(trading);
    let mut other = Trading::begin(&stage, &alice).await;
    other.is_watched(60).await;
    assert_eq!(order(&stage, &alice, id).await["status"], "open");
    drop(other);
    assert_eq!(ended(&stage, &alice, id).await, cancelled());
    assert_eq!(order(&stage, &bob, bobs).await["status"], "open", "nobody else's");
}

/// How often the log was told of a stream of orders that is open.
fn moved_on(stage: &Stage) -> usize {
    let place = Place::orders(Partition::FIRST);
    let mut reader = stage.log.reader(place, 0, Visibility::Synced).expect("a reader");
    let limit = ReadLimit { records: 100_000, bytes: 1 << 30 };
    let mut stored = Vec::new();
    reader.poll(limit, Duration::from_millis(100), &mut stored).expect("it reads");
    let is_of_a_stream = |value: &[u8]| {
        let Ok(log::Input { kind: Some(input::Kind::Client(client)) }) = log::Input::decode(value)
        else {
            return false;
        };
        matches!(
            client.command,
            Some(client_command::Command::CancelAfter(after)) if after.session > 0
        )
    };
    stored.iter().filter(|stored| is_of_a_stream(&stored.record.value)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn as_long_as_a_stream_is_open_the_instant_is_moved_on() {
    let stage = Stage::new().await;
    let (_, alice) = account(&stage, "alice").await;
    let mut trading = Trading::begin(&stage, &alice).await;
    trading.is_watched(3).await;
    let moving = async {
        while moved_on(&stage) < 4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(STUCK, moving).await.expect("it is moved on");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ones_own_account_and_within_a_minute() {
    let stage = Stage::new().await;
    let (_, alice) = account(&stage, "alice").await;
    let mut trading = Trading::begin(&stage, &alice).await;
    for (client_id, seconds, code) in
        [("bob", 10, "not_found"), ("alice", 2, "out_of_range"), ("", 61, "out_of_range")]
    {
        let Told::Error(error) = trading.watch(client_id, seconds).await else {
            panic!("{client_id} {seconds}")
        };
        assert_eq!(error.code, code, "{client_id} {seconds}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_gateway_that_may_speak_for_it_they_end_at_their_instant() {
    let stage = Stage::new().await;
    let (token_id, alice) = account(&stage, "alice").await;
    let (_, reading) = stage.token("alice", CredentialScope::Read).await;
    let mut trading = Trading::begin(&stage, &alice).await;
    trading.is_watched(3).await;
    let id = place(&stage, &alice).await;
    let revoke = RevokeTokenRequest { operator: "olga".to_owned(), token_id };
    stage.operators().await.revoke_token(bearing(ADMIN, revoke)).await.expect("it is revoked");
    let told = ended(&stage, &reading, id).await;
    assert_eq!(told, ("cancelled".to_owned(), "cancel_after".to_owned()));
}
