//! Orders over REST and gRPC, and ears on the sockets.

use std::time::Duration;

use futures_util::StreamExt as _;
use proto::{
    orders::{PlaceOrderRequest, order_entry_service_client::OrderEntryServiceClient},
    trading::{OrderType, Side, TimeInForce},
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};
use tonic::{Request, transport::Channel};

/// How long anything may take before the test gives up: no measure of speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How often a thing that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is traded.
pub(crate) const INSTRUMENT: &str = "BTC-USD";

/// The trace of a client that does not want it recorded.
pub(crate) const NOT_SAMPLED: &str = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// The header of the W3C trace context.
const TRACE_PARENT: &str = "traceparent";

/// Places a limit order over REST, with a trace of the caller's own where there is one, and waits
/// for its result. Returns its id.
pub(crate) async fn place_by_rest(rest: &str, side: &str, traceparent: Option<&str>) -> u64 {
    let body = json!({
        "client_id": "rest", "instrument": INSTRUMENT, "side": side, "type": "limit",
        "price": "100", "quantity": "0.1",
    });
    let mut request = reqwest::Client::new()
        .post(format!("{rest}/api/v1/orders?wait=result"))
        .header("content-type", "application/json")
        .body(body.to_string());
    if let Some(traceparent) = traceparent {
        request = request.header(TRACE_PARENT, traceparent);
    }
    let answer = request.send().await.expect("the gateway answers");
    let text = answer.text().await.expect("an order");
    let order: Value = serde_json::from_str(&text).expect("JSON");
    order["id"].as_u64().unwrap_or_else(|| panic!("no id in {order}"))
}

/// A limit order as gRPC has it.
pub(crate) fn limit(side: Side) -> PlaceOrderRequest {
    PlaceOrderRequest {
        client_id: "grpc".to_owned(),
        instrument: INSTRUMENT.to_owned(),
        side: side.into(),
        r#type: OrderType::Limit.into(),
        time_in_force: TimeInForce::Gtc.into(),
        price: "100".to_owned(),
        quantity: "0.1".to_owned(),
        wait_for_result: true,
        ..Default::default()
    }
}

/// A client of the gateway's gRPC.
pub(crate) async fn connect(grpc: &str) -> OrderEntryServiceClient<Channel> {
    OrderEntryServiceClient::connect(grpc.to_owned()).await.expect("the gateway is up")
}

/// The same over gRPC.
pub(crate) async fn place_by_grpc(grpc: &str, side: Side) -> u64 {
    let placed = connect(grpc).await.place_order(Request::new(limit(side))).await;
    placed.expect("it is taken").into_inner().order.expect("an order").id
}

/// An ear on a socket.
pub(crate) struct Ear(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Ear {
    /// Waits for a broadcaster that has not caught up with the log yet.
    pub(crate) async fn on(websocket: &str, path: &str) -> Ear {
        let url = format!("{websocket}{path}");
        let connect = async || tokio_tungstenite::connect_async(&url).await.ok();
        let (socket, _) = until(connect, || format!("a WebSocket at {url}")).await;
        Ear(socket)
    }

    /// The next frame; `None` where none comes within a moment.
    pub(crate) async fn hears(&mut self, within: Duration) -> Option<Value> {
        loop {
            let frame = time::timeout(within, self.0.next()).await.ok()?;
            if let Message::Text(text) = frame.expect("the feed goes on").expect("a frame") {
                return Some(serde_json::from_str(&text).expect("JSON"));
            }
        }
    }
}

/// Ears on all trades and on the depth of one instrument, both of which are heard from already.
pub(crate) async fn listen(rest: &str, websocket: &str) -> [Ear; 2] {
    let mut depth = Ear::on(websocket, &format!("/ws/depth?instrument={INSTRUMENT}")).await;
    depth.hears(PATIENCE).await.expect("a snapshot first");
    let mut trades = Ear::on(websocket, "/ws/trades").await;
    // Trades of before it listens are not told: one that is proves that it does. None of them is
    // traced, or the ledger might write them together with one that a test looks at.
    let heard = async {
        loop {
            place_by_rest(rest, "sell", Some(NOT_SAMPLED)).await;
            place_by_rest(rest, "buy", Some(NOT_SAMPLED)).await;
            if trades.hears(Duration::from_secs(2)).await.is_some() {
                return;
            }
        }
    };
    time::timeout(PATIENCE, heard).await.expect("a trade is heard");
    [trades, depth]
}

/// Looks again and again until something is found; `last` says what was seen instead.
pub(crate) async fn until<T>(
    mut look: impl AsyncFnMut() -> Option<T>,
    last: impl FnOnce() -> String,
) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            time::sleep(LOOK_EVERY).await;
        }
    };
    match time::timeout(PATIENCE, looking).await {
        Ok(found) => found,
        Err(_) => panic!("it did not come:\n{}", last()),
    }
}
