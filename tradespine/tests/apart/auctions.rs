//! Auctions through services apart, on Kafka: orders collect before an opening and after a price
//! band has stopped a market, everybody is told what the auction would do, and its trades are at
//! the ledger and on the WebSocket.

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use crate::{
    client::{Client, Order, Tape, id},
    cluster::{Cluster, PATIENCE, brokers, free_address, ready, said, until},
};

const INSTRUMENT: &str = "BTC-USD";

/// The frames of one book.
struct Book(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Book {
    async fn follow(address: &str) -> Book {
        let url = format!("ws://{address}/ws/depth?instrument={INSTRUMENT}");
        let (socket, _) = tokio_tungstenite::connect_async(&url).await.expect("a WebSocket");
        Book(socket)
    }

    /// The next frame of this type of which this holds.
    async fn next(&mut self, of_type: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let next = async {
            loop {
                match self.0.next().await.expect("it goes on").expect("a frame") {
                    Message::Text(text) => {
                        let frame: Value = serde_json::from_str(&text).expect("JSON");
                        if frame["type"] == of_type && holds(&frame) {
                            return frame;
                        }
                    }
                    Message::Close(reason) => panic!("it was closed: {reason:?}"),
                    _ => {}
                }
            }
        };
        let next = time::timeout(PATIENCE, next).await;
        next.unwrap_or_else(|_| panic!("no {of_type} frame came in time"))
    }
}

fn order(
    client: &'static str,
    side: &'static str,
    price: &'static str,
    quantity: &'static str,
) -> Order {
    Order { client, instrument: INSTRUMENT, side, price, quantity }
}

#[tokio::test(flavor = "multi_thread")]
async fn markets_open_by_auction_over_services_apart() {
    let Some(brokers) = brokers() else { return };
    let mut cluster = Cluster::new(brokers);
    let admin = free_address();
    cluster.set("TRADESPINE_GATEWAY__ADMIN__ADDRESS", admin.clone());
    cluster.set("TRADESPINE_GATEWAY__ADMIN__TOKEN", "c0ffee");
    said(&cluster.run("topics create --shards 1").await);
    let pages = free_address();
    let mut services = vec![cluster.start(&format!("matcher --http-address {pages}"))];
    for service in ["gateway", "ledger", "broadcaster"] {
        services.push(cluster.start(service));
    }
    for pages in [&cluster.rest, &cluster.websocket, &cluster.ledger_pages, &pages] {
        ready(pages).await;
    }
    let client = Client::new(&cluster.rest);
    // The shard's first inputs are its listings, and whoever reads its answers has them a while
    // after it.
    client.lists(INSTRUMENT).await;
    let mut tape = Tape::follow(&cluster.websocket).await;
    let mut book = Book::follow(&cluster.websocket).await;
    let say = async |words: &str| {
        said(&cluster.run(&format!("admin --admin http://{admin} --operator olga {words}")).await)
    };
    say("market set BTC-USD pre-open").await;
    let filled = open_by_auction(&client, &mut book, &mut tape, async || {
        say("market set BTC-USD trading").await;
    })
    .await;
    say("instrument set BTC-USD --price-band-bps 100 --price-band-auction-secs 2").await;
    until("the band is listed", async || {
        let all = client.get("instruments").await;
        let mut all = all.as_array().into_iter().flatten();
        all.any(|one| one["price_band"]["width_bps"] == 100).then_some(())
    })
    .await;
    let stopped = stop_and_reopen(&client, &mut book, &mut tape).await;
    for id in filled.into_iter().chain(stopped) {
        client.becomes(id, "filled").await;
    }
    let kept = client.get("trades?instrument=BTC-USD").await;
    let kept: Vec<&Value> = kept.as_array().into_iter().flatten().collect();
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(kept.iter().all(|trade| trade["auction"] == true), "{kept:?}");
    for service in services {
        service.stop().await;
    }
    let report = said(&cluster.run("verify --kafka").await);
    assert!(report.ends_with("sound\n"), "{report}");
}

/// Orders collect, and trade at one price when the market opens. Returns those that are filled.
async fn open_by_auction(
    client: &Client,
    book: &mut Book,
    tape: &mut Tape,
    open: impl AsyncFnOnce(),
) -> Vec<u64> {
    let mut placed = Vec::new();
    for (name, side, price, quantity) in [
        ("anna", "buy", "105", "1"),
        ("bert", "buy", "102", "1"),
        ("carl", "sell", "100", "1.5"),
        ("dora", "sell", "110", "1"),
    ] {
        let order = client.place(&order(name, side, price, quantity)).await;
        assert_eq!(order["status"], "open", "{order}");
        placed.push(id(&order));
    }
    let has_all = |frame: &Value| frame["indication"]["volume"] == "1.5";
    let told = book.next("indication", has_all).await;
    let expected = json!({
        "price": "102", "volume": "1.5", "imbalance": "0.5", "imbalance_side": "buy",
    });
    assert_eq!(told["indication"], expected);
    let shown = client.get("orderbook?instrument=BTC-USD").await;
    assert_eq!((&shown["state"], &shown["indication"]), (&json!("pre_open"), &expected));
    open().await;
    for quantity in ["1", "0.5"] {
        let trade = tape.next().await;
        assert_eq!((&trade["price"], &trade["quantity"]), (&json!("102"), &json!(quantity)));
        assert_eq!(trade["auction"], true, "{trade}");
    }
    book.next("status", |frame| frame["state"] == "trading").await;
    let shown = client.get("orderbook?instrument=BTC-USD").await;
    assert_eq!((&shown["bids"], &shown["indication"]), (&json!([["102", "0.5"]]), &Value::Null));
    vec![placed[0], placed[2]]
}

/// One buys at a price that is outside the band: the market stops, and opens again by itself.
async fn stop_and_reopen(client: &Client, book: &mut Book, tape: &mut Tape) -> Vec<u64> {
    let offered = client.place(&order("dora", "sell", "104", "1")).await;
    let bought = client.place(&order("emma", "buy", "104", "1")).await;
    assert_eq!((&offered["status"], &bought["status"]), (&json!("open"), &json!("open")));
    let stopped = book.next("status", |frame| frame["state"] == "volatility_auction").await;
    assert!(stopped["opens_at"].is_string(), "{stopped}");
    book.next("indication", |frame| frame["indication"]["price"] == "104").await;
    let trade = tape.next().await;
    assert_eq!((&trade["price"], &trade["auction"]), (&json!("104"), &json!(true)), "{trade}");
    book.next("status", |frame| frame["state"] == "trading").await;
    vec![id(&offered), id(&bought)]
}
