//! A client that trades by REST and follows the trades on a WebSocket.

use futures_util::StreamExt as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use crate::cluster::{PATIENCE, until};

/// A client of one gateway.
pub(crate) struct Client {
    rest: reqwest::Client,
    base: String,
}

impl Client {
    pub(crate) fn new(address: &str) -> Client {
        Client { rest: reqwest::Client::new(), base: format!("http://{address}/api/v1") }
    }

    /// Places an order and returns what it became.
    pub(crate) async fn place(&self, order: &Order) -> Value {
        self.post(order, "?wait=result").await
    }

    /// Places an order and returns its receipt: nobody may be there to match it.
    pub(crate) async fn leave(&self, order: &Order) -> Value {
        self.post(order, "").await
    }

    async fn post(&self, order: &Order, query: &str) -> Value {
        let request = self.rest.post(format!("{}/orders{query}", self.base)).json(&order.body());
        let response = request.send().await.expect("the gateway answers");
        let status = response.status();
        let answer: Value = response.json().await.expect("an order");
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer
    }

    /// Cancels an open order and waits until it is done.
    pub(crate) async fn cancel(&self, account: &str, id: u64) {
        let url = format!("{}/orders/{id}?client_id={account}&wait=result", self.base);
        let response = self.rest.delete(url).send().await.expect("the gateway answers");
        let status = response.status();
        let answer: Value = response.json().await.expect("an order");
        assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("cancelled")), "{answer}");
    }

    /// Reads something that is there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self.rest.get(format!("{}/{path}", self.base));
        let response = request.send().await.expect("the gateway answers");
        let status = response.status();
        let answer: Value = response.json().await.expect("an answer");
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// The bids and asks of an instrument, without the sequence.
    pub(crate) async fn book(&self, instrument: &str) -> Value {
        let book = self.get(&format!("orderbook?instrument={instrument}")).await;
        json!({ "bids": book["bids"], "asks": book["asks"] })
    }

    /// Waits until there is a book of an instrument.
    pub(crate) async fn lists(&self, instrument: &str) {
        let url = format!("{}/orderbook?instrument={instrument}", self.base);
        until(&url, async || {
            let response = self.rest.get(&url).send().await.ok()?;
            response.status().is_success().then_some(())
        })
        .await;
    }

    /// Waits until the ledger says this of an order.
    pub(crate) async fn becomes(&self, id: u64, status: &str) -> Value {
        let what = format!("order {id} {status}");
        until(&what, async || {
            let order = self.get(&format!("orders/{id}")).await;
            (order["status"] == status).then_some(order)
        })
        .await
    }
}

/// A limit order.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) client: &'static str,
    pub(crate) instrument: &'static str,
    pub(crate) side: &'static str,
    pub(crate) price: &'static str,
    pub(crate) quantity: &'static str,
}

impl Order {
    fn body(&self) -> Value {
        json!({
            "client_id": self.client,
            "instrument": self.instrument,
            "side": self.side,
            "type": "limit",
            "price": self.price,
            "quantity": self.quantity,
        })
    }
}

/// The id of an order that was answered.
pub(crate) fn id(order: &Value) -> u64 {
    order["id"].as_u64().unwrap_or_else(|| panic!("an id in {order}"))
}

/// Every trade, as it happens.
pub(crate) struct Tape(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Tape {
    pub(crate) async fn follow(address: &str) -> Tape {
        let url = format!("ws://{address}/ws/trades");
        let (socket, _) = tokio_tungstenite::connect_async(&url).await.expect("a WebSocket");
        Tape(socket)
    }

    /// The next trade.
    pub(crate) async fn next(&mut self) -> Value {
        let next = async {
            loop {
                match self.0.next().await.expect("the tape goes on").expect("a frame") {
                    Message::Text(text) => {
                        let frame: Value = serde_json::from_str(&text).expect("JSON");
                        if frame["type"] == "trade" {
                            return frame;
                        }
                    }
                    Message::Close(reason) => panic!("the tape was closed: {reason:?}"),
                    _ => {}
                }
            }
        };
        time::timeout(PATIENCE, next).await.expect("a trade in time")
    }
}
