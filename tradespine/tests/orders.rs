//! Every kind of order through the whole platform: in over REST, through the log and its shard, and
//! out of the ledger. In the end the log is verified against the tables.

mod platform;

use std::time::Duration;

use platform::Platform;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// How long the ledger may take to know what was decided.
const TELLING_MAX: Duration = Duration::from_secs(60);

struct Desk<'a> {
    platform: &'a Platform,
    http: Client,
}

impl Desk<'_> {
    /// Places an order to trade a hundredth BTC, with these fields on top, and tells its result.
    async fn place(&self, client: &str, side: &str, price: &str, more: Value) -> Value {
        let mut order = json!({
            "client_id": client, "instrument": "BTC-USDT", "side": side, "type": "limit",
            "price": price, "quantity": "0.01",
        });
        let fields = order.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        let url = format!("{}/api/v1/orders?wait=result", self.platform.rest());
        let response = self.http.post(url).json(&order).send().await.expect("it answers");
        assert_eq!(response.status(), StatusCode::CREATED, "{order}");
        response.json().await.expect("an order")
    }

    /// The order as the ledger has it, once it has this status.
    async fn ledger_tells(&self, order: &Value, status: &str) -> Value {
        let path = format!("api/v1/orders?client_id={}&limit=100", text(order, "client_id"));
        let url = format!("{}/{path}", self.platform.rest());
        let looking = async {
            loop {
                let response = self.http.get(&url).send().await.expect("it answers");
                let listed: Value = response.json().await.unwrap_or_default();
                let found = listed.as_array().into_iter().flatten();
                let mut found = found.filter(|found| found["id"] == order["id"]);
                if let Some(found) = found.find(|found| found["status"] == status) {
                    return found.clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(TELLING_MAX, looking).await;
        found.unwrap_or_else(|_| panic!("the ledger has no {status} {order}"))
    }
}

fn text<'a>(order: &'a Value, field: &str) -> &'a str {
    order[field].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_placed_decided_and_told() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let platform = Platform::start(directory.path()).await;
    let desk = Desk { platform: &platform, http: Client::new() };
    time_in_force(&desk).await;
    post_only(&desk).await;
    self_trade_prevention(&desk).await;
    stops(&desk).await;
    icebergs(&desk).await;
    trailing(&desk).await;
    platform.stop().await;
    platform::verify(directory.path());
}

async fn time_in_force(desk: &Desk<'_>) {
    let maker = desk.place("maker", "sell", "50000", json!({})).await;
    assert_eq!(maker["status"], "open");
    let fok = json!({"time_in_force": "fok", "quantity": "0.02"});
    let killed = desk.place("taker", "buy", "50000", fok).await;
    assert_eq!((text(&killed, "status"), text(&killed, "remaining")), ("expired", "0.02"));
    let told = desk.ledger_tells(&killed, "expired").await;
    assert_eq!(
        (text(&told, "reject_reason"), text(&told, "time_in_force")),
        ("fill_or_kill", "fok")
    );
    let filled = desk.place("taker", "buy", "50000", json!({"time_in_force": "fok"})).await;
    assert_eq!(filled["status"], "filled");
    desk.ledger_tells(&maker, "filled").await;

    let url = format!("{}/api/v1/time", desk.platform.rest());
    let response = desk.http.get(&url).send().await.expect("it answers");
    let clock: Value = response.json().await.expect("a time");
    let now = clock["unix_millis"].as_u64().expect("a number");
    let soon = proto::text::rfc3339(model::Timestamp::from_unix_millis(now + 2_000));
    let gtd = json!({"time_in_force": "gtd", "expires_at": soon});
    let gtd = desk.place("maker", "sell", "60000", gtd).await;
    assert_eq!(gtd["status"], "open");
    let told = desk.ledger_tells(&gtd, "expired").await;
    assert_eq!((text(&told, "reject_reason"), text(&told, "remaining")), ("expired", "0.01"));
    assert_eq!(told["expires_at"], gtd["expires_at"]);

    let day = desk.place("maker", "sell", "60000", json!({"time_in_force": "day"})).await;
    assert!(text(&day, "expires_at").ends_with("T00:00:00.000000Z"), "{day}");
    let told = desk.ledger_tells(&day, "open").await;
    assert_eq!(told["expires_at"], day["expires_at"]);
}

async fn post_only(desk: &Desk<'_>) {
    let maker = desk.place("maker", "sell", "50000", json!({"post_only": true})).await;
    assert_eq!((text(&maker, "status"), &maker["post_only"]), ("open", &json!(true)));
    let taker = desk.place("taker", "buy", "50000", json!({"post_only": true})).await;
    assert_eq!((text(&taker, "status"), text(&taker, "reject_reason")), ("rejected", "would_take"));
    let told = desk.ledger_tells(&taker, "rejected").await;
    assert_eq!((text(&told, "reject_reason"), &told["post_only"]), ("would_take", &json!(true)));
    desk.place("taker", "buy", "50000", json!({})).await;
    desk.ledger_tells(&maker, "filled").await;
}

/// Only a part is told to the public, and all of it can be bought.
async fn icebergs(desk: &Desk<'_>) {
    let url = format!("{}/api/v1/orderbook?instrument=ETH-USDT", desk.platform.rest());
    let asks = async {
        loop {
            let book: Value = desk.http.get(&url).send().await.unwrap().json().await.unwrap();
            if book["asks"].as_array().is_some_and(|asks| !asks.is_empty()) {
                return book["asks"].clone();
            }
        }
    };
    let shown = json!({"instrument": "ETH-USDT", "display_quantity": "0.004"});
    let maker = desk.place("maker", "sell", "2000", shown).await;
    assert_eq!((text(&maker, "status"), text(&maker, "display_quantity")), ("open", "0.004"));
    let told = desk.ledger_tells(&maker, "open").await;
    assert_eq!((text(&told, "display_quantity"), text(&told, "remaining")), ("0.004", "0.01"));
    let asks = tokio::time::timeout(TELLING_MAX, asks).await.expect("the book is told");
    assert_eq!(asks, json!([["2000", "0.004"]]));
    let buy = json!({"instrument": "ETH-USDT", "quantity": "0.009", "time_in_force": "fok"});
    let taker = desk.place("taker", "buy", "2000", buy).await;
    assert_eq!((text(&taker, "status"), taker["fills"].as_array().unwrap().len()), ("filled", 3));
    let told = desk.ledger_tells(&maker, "partially_filled").await;
    assert_eq!(text(&told, "remaining"), "0.001");
    let many = json!({"instrument": "ETH-USDT", "display_quantity": "0.00001"});
    let many = desk.place("maker", "sell", "2000", many).await;
    assert_eq!(
        (text(&many, "status"), text(&many, "reject_reason")),
        ("rejected", "too_many_parts")
    );
}

/// A sell that follows the price up from the next trade, and wakes 10 % below the highest.
async fn trailing(desk: &Desk<'_>) {
    let trade = async |price: &str| {
        let of = json!({"instrument": "SOL-USD"});
        desk.place("maker", "sell", price, of.clone()).await;
        desk.place("taker", "buy", price, of).await;
    };
    let stop = json!({
        "instrument": "SOL-USD", "type": "stop_loss", "price": null, "trailing_delta_bps": 1000,
    });
    let refused = desk.place("anna", "buy", "", stop.clone()).await;
    assert_eq!(text(&refused, "reject_reason"), "no_reference_price");
    let stop = desk.place("anna", "sell", "", stop).await;
    assert_eq!((text(&stop, "status"), &stop["trailing_delta_bps"]), ("open", &json!(1000)));
    let told = desk.ledger_tells(&stop, "open").await;
    assert_eq!((text(&told, "type"), &told["trailing_delta_bps"]), ("stop_loss", &json!(1000)));
    for price in ["100", "120", "108.01"] {
        trade(price).await;
    }
    desk.ledger_tells(&stop, "open").await;
    let bid = json!({"instrument": "SOL-USD", "quantity": "0.03"});
    desk.place("maker", "buy", "105", bid).await;
    trade("108").await;
    let told = desk.ledger_tells(&stop, "filled").await;
    assert_eq!(text(&told, "remaining"), "0");
}

/// Anna's stop wakes another's in turn; each holds its funds from the start.
async fn stops(desk: &Desk<'_>) {
    desk.place("maker", "sell", "51000", json!({})).await;
    desk.place("maker", "sell", "52000", json!({})).await;
    desk.place("maker", "sell", "53000", json!({})).await;
    let stop = json!({"type": "stop_loss", "price": null, "stop_price": "51000"});
    let first = desk.place("anna", "buy", "", stop.clone()).await;
    assert_eq!((text(&first, "status"), text(&first, "type")), ("open", "stop_loss"));
    let told = desk.ledger_tells(&first, "open").await;
    assert_eq!((text(&told, "type"), text(&told, "stop_price")), ("stop_loss", "51000"));
    let limit = json!({"type": "stop_loss_limit", "stop_price": "52000"});
    let second = desk.place("bert", "buy", "53000", limit).await;
    desk.place("carl", "buy", "51000", json!({})).await;
    for (order, at) in [(&first, "52000"), (&second, "53000")] {
        desk.ledger_tells(order, "filled").await;
        let url = format!("{}/api/v1/trades?instrument=BTC-USDT&limit=50", desk.platform.rest());
        let trades: Value =
            desk.http.get(&url).send().await.expect("an answer").json().await.expect("trades");
        let of = trades.as_array().into_iter().flatten().find(|t| t["buy_order_id"] == order["id"]);
        assert_eq!(text(of.expect("it traded"), "price"), at);
    }
    let late = desk.place("anna", "buy", "", stop).await;
    assert_eq!(
        (text(&late, "status"), text(&late, "reject_reason")),
        ("rejected", "would_trigger")
    );
    let profit = json!({"type": "take_profit_limit", "stop_price": "60000"});
    let profit = desk.place("anna", "sell", "61000", profit).await;
    let id = profit["id"].as_u64().expect("an id");
    let url = format!("{}/api/v1/orders/{id}?client_id=anna&wait=result", desk.platform.rest());
    let response = desk.http.delete(&url).send().await.expect("it answers");
    assert_eq!(response.status(), StatusCode::OK);
    desk.ledger_tells(&profit, "cancelled").await;
}

async fn self_trade_prevention(desk: &Desk<'_>) {
    let maker = desk.place("both", "sell", "50000", json!({"quantity": "0.03"})).await;
    let mode = json!({"self_trade_prevention": "decrement"});
    let taker = desk.place("both", "buy", "50000", mode).await;
    assert_eq!((text(&taker, "status"), text(&taker, "prevented_quantity")), ("expired", "0.01"));
    assert_eq!(text(&taker, "reject_reason"), "self_trade_prevented");
    let told = desk.ledger_tells(&taker, "expired").await;
    assert_eq!((text(&told, "prevented_quantity"), text(&told, "remaining")), ("0.01", "0"));
    assert_eq!(text(&told, "self_trade_prevention"), "decrement");
    let told = desk.ledger_tells(&maker, "open").await;
    assert_eq!((text(&told, "prevented_quantity"), text(&told, "remaining")), ("0.01", "0.02"));
    let mode = json!({"self_trade_prevention": "expire_maker"});
    let taker = desk.place("both", "buy", "50000", mode).await;
    assert_eq!(taker["status"], "open", "the maker is gone and nothing else is offered");
    let told = desk.ledger_tells(&maker, "expired").await;
    assert_eq!((text(&told, "prevented_quantity"), text(&told, "remaining")), ("0.03", "0"));
    for client in ["one", "other"] {
        let url = format!("{}/api/v1/accounts/{client}/trade_group", desk.platform.rest());
        let put = desk.http.put(url).json(&json!({"trade_group_id": 4711}));
        assert_eq!(put.send().await.expect("it answers").status(), StatusCode::OK);
    }
    let of = |more: Value| {
        let mut of = json!({"instrument": "LTC-USD"});
        of.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        of
    };
    desk.place("one", "sell", "90", of(json!({}))).await;
    let mode = json!({"self_trade_prevention": "expire_taker"});
    let taker = desk.place("other", "buy", "90", of(mode)).await;
    assert_eq!(text(&taker, "reject_reason"), "self_trade_prevented");
}
