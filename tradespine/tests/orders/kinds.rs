//! One of each kind of order: in over REST, through the log and its shard, and out of the ledger.
//! Whoever starts a platform can place them there; it has to be a new one, of one shard.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// How long the ledger may take to know what was decided.
const TELLING_MAX: Duration = Duration::from_secs(60);

/// Somebody who places orders at a gateway.
pub(crate) struct Desk {
    rest: String,
    http: Client,
}

impl Desk {
    /// At the gateway that serves REST there, `http://` included.
    pub(crate) fn at(rest: String) -> Desk {
        Desk { rest, http: Client::new() }
    }

    /// Places an order to trade a hundredth BTC, with these fields on top, and tells its result.
    async fn place(&self, client: &str, side: &str, price: &str, more: Value) -> Value {
        let mut order = json!({
            "client_id": client, "instrument": "BTC-USDT", "side": side, "type": "limit",
            "price": price, "quantity": "0.01",
        });
        let fields = order.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        let url = format!("{}/api/v1/orders?wait=result", self.rest);
        let response = self.http.post(url).json(&order).send().await.expect("it answers");
        assert_eq!(response.status(), StatusCode::CREATED, "{order}");
        response.json().await.expect("an order")
    }

    /// The order as the ledger has it, once it has this status.
    async fn ledger_tells(&self, order: &Value, status: &str) -> Value {
        let path = format!("api/v1/orders?client_id={}&limit=100", text(order, "client_id"));
        let url = format!("{}/{path}", self.rest);
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

    /// Waits until the book has so much on offer at a price.
    async fn book_tells(&self, price: &str, quantity: &str) {
        let url = format!("{}/api/v1/orderbook?instrument=BTC-USDT", self.rest);
        let looking = async {
            loop {
                let response = self.http.get(&url).send().await.expect("it answers");
                let book: Value = response.json().await.unwrap_or_default();
                let asks = book["asks"].as_array().into_iter().flatten();
                if asks.into_iter().any(|level| *level == json!([price, quantity])) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let told = tokio::time::timeout(TELLING_MAX, looking).await;
        told.unwrap_or_else(|_| panic!("the book has no {quantity} at {price}"));
    }
}

fn text<'a>(order: &'a Value, field: &str) -> &'a str {
    order[field].as_str().unwrap_or_default()
}

/// Places one of each kind after the other, and sees each decided and told.
pub(crate) async fn each_kind_is_placed_decided_and_told(desk: &Desk) {
    time_in_force(desk).await;
    post_only(desk).await;
    self_trade_prevention(desk).await;
    stops(desk).await;
    icebergs(desk).await;
    trailing(desk).await;
    batches(desk).await;
    lists(desk).await;
    changes(desk).await;
    replacements(desk).await;
    switches(desk).await;
}

async fn time_in_force(desk: &Desk) {
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

    let url = format!("{}/api/v1/time", desk.rest);
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

async fn post_only(desk: &Desk) {
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
async fn icebergs(desk: &Desk) {
    let url = format!("{}/api/v1/orderbook?instrument=BNB-USD", desk.rest);
    let asks = async {
        loop {
            let book: Value =
                desk.http.get(&url).send().await.expect("an answer").json().await.expect("a book");
            if book["asks"].as_array().is_some_and(|asks| !asks.is_empty()) {
                return book["asks"].clone();
            }
        }
    };
    let shown = json!({"instrument": "BNB-USD", "display_quantity": "0.004"});
    let maker = desk.place("maker", "sell", "2000", shown).await;
    assert_eq!((text(&maker, "status"), text(&maker, "display_quantity")), ("open", "0.004"));
    let told = desk.ledger_tells(&maker, "open").await;
    assert_eq!((text(&told, "display_quantity"), text(&told, "remaining")), ("0.004", "0.01"));
    let asks = tokio::time::timeout(TELLING_MAX, asks).await.expect("the book is told");
    assert_eq!(asks, json!([["2000", "0.004"]]));
    let buy = json!({"instrument": "BNB-USD", "quantity": "0.009", "time_in_force": "fok"});
    let taker = desk.place("taker", "buy", "2000", buy).await;
    assert_eq!(
        (text(&taker, "status"), taker["fills"].as_array().map_or(0, Vec::len)),
        ("filled", 3)
    );
    let told = desk.ledger_tells(&maker, "partially_filled").await;
    assert_eq!(text(&told, "remaining"), "0.001");
    let many = json!({"instrument": "BNB-USD", "display_quantity": "0.00001"});
    let many = desk.place("maker", "sell", "2000", many).await;
    assert_eq!(
        (text(&many, "status"), text(&many, "reject_reason")),
        ("rejected", "too_many_parts")
    );
}

/// A sell that follows the price up from the next trade, and wakes 10 % below the highest.
async fn trailing(desk: &Desk) {
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
async fn stops(desk: &Desk) {
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
        let url = format!("{}/api/v1/trades?instrument=BTC-USDT&limit=50", desk.rest);
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
    let url = format!("{}/api/v1/orders/{id}?client_id=anna&wait=result", desk.rest);
    let response = desk.http.delete(&url).send().await.expect("it answers");
    assert_eq!(response.status(), StatusCode::OK);
    desk.ledger_tells(&profit, "cancelled").await;
}

/// What is amended keeps its place, the ledger tells the new quantity, and depth the new total.
async fn changes(desk: &Desk) {
    // Nothing that others have left in the book is met before these two.
    let sweep = json!({"quantity": "1", "time_in_force": "ioc"});
    desk.place("sweeper", "buy", "69999", sweep).await;
    let first = desk.place("anna", "sell", "70000", json!({"client_order_id": "mine"})).await;
    let second = desk.place("bert", "sell", "70000", json!({})).await;
    let (id, url) = (&first["id"], format!("{}/api/v1/orders", desk.rest));
    let lower = json!({"client_id": "anna", "quantity": "0.004"});
    let amend = desk.http.patch(format!("{url}/{id}?wait=result")).json(&lower);
    let response = amend.send().await.expect("it answers");
    assert_eq!(response.status(), StatusCode::OK);
    let amended: Value = response.json().await.expect("an order");
    assert_eq!((text(&amended, "quantity"), text(&amended, "remaining")), ("0.004", "0.004"));
    desk.book_tells("70000", "0.014").await;
    desk.place("carl", "buy", "70000", json!({"quantity": "0.006"})).await;
    let told = desk.ledger_tells(&first, "filled").await;
    assert_eq!((text(&told, "quantity"), text(&told, "remaining")), ("0.004", "0"));
    let told = desk.ledger_tells(&second, "partially_filled").await;
    assert_eq!((text(&told, "quantity"), text(&told, "remaining")), ("0.01", "0.008"));

    let again = desk.place("anna", "sell", "71000", json!({"client_order_id": "other"})).await;
    let own = format!("{url}?client_id=anna&instrument=BTC-USDT&client_order_id=other");
    let restricted = desk.http.delete(format!("{own}&only=partially_filled&wait=result"));
    let response = restricted.send().await.expect("it answers");
    assert_eq!(response.status(), StatusCode::CONFLICT);
    let cancel = desk.http.delete(format!("{own}&only=new&wait=result"));
    assert_eq!(cancel.send().await.expect("it answers").status(), StatusCode::OK);
    desk.ledger_tells(&again, "cancelled").await;
    let id = second["id"].as_u64().expect("an id");
    let cancel = desk.http.delete(format!("{url}/{id}?client_id=bert&wait=result"));
    assert_eq!(cancel.send().await.expect("it answers").status(), StatusCode::OK);
}

/// Both halves are told, the ledger knows both orders, and where nothing was done it says so.
async fn replacements(desk: &Desk) {
    let old = desk.place("anna", "sell", "72000", json!({"quantity": "5"})).await;
    let id = old["id"].as_u64().expect("an id");
    let replace = |mode: &str, key: &str| {
        let order = json!({
            "client_id": "anna", "client_order_id": key, "instrument": "BTC-USDT", "side": "sell",
            "type": "limit", "price": "73000", "quantity": "999", "mode": mode,
        });
        let rest = &desk.rest;
        let url = format!("{rest}/api/v1/orders/{id}/replace?wait=result");
        let request = desk.http.post(url).json(&order);
        async move {
            let response = request.send().await.expect("it answers");
            let status = response.status();
            (status, response.json::<Value>().await.expect("both halves"))
        }
    };
    let told = |view: &Value| {
        (text(view, "cancel_result").to_owned(), text(view, "new_order_result").to_owned())
    };
    let of = |cancel: &str, place: &str| (cancel.to_owned(), place.to_owned());
    // More than is free beside the old order, and less than with it.
    let (status, done) = replace("stop_on_failure", "next").await;
    assert_eq!(status, StatusCode::CREATED, "{done}");
    assert_eq!(told(&done), of("success", "success"), "{done}");
    assert_eq!(done["order"]["status"], "open");
    let (_, again) = replace("stop_on_failure", "next").await;
    assert_eq!((told(&again), &again["order"]["id"]), (told(&done), &done["order"]["id"]));
    desk.ledger_tells(&old, "cancelled").await;
    desk.ledger_tells(&done["order"], "open").await;
    let (status, failed) = replace("stop_on_failure", "late").await;
    assert_eq!(status, StatusCode::CONFLICT, "{failed}");
    assert_eq!(told(&failed), of("failure", "not_attempted"));
    let rejected = desk.ledger_tells(&failed["order"], "rejected").await;
    assert_eq!(text(&rejected, "reject_reason"), "replaced_not_open");
    let (_, failed) = replace("allow_failure", "poor").await;
    assert_eq!(told(&failed), of("not_attempted", "failure"), "too little is free: {failed}");
    let all = format!("{}/api/v1/orders?client_id=anna&wait=result", desk.rest);
    let response = desk.http.delete(all).send().await.expect("it answers");
    assert_eq!(response.status(), StatusCode::OK);
    let (status, done) = replace("allow_failure", "anyway").await;
    assert_eq!(status, StatusCode::CREATED, "{done}");
    assert_eq!(told(&done), of("failure", "success"));
}

/// What is not heard of in time ends, and what somebody else has open does not.
async fn switches(desk: &Desk) {
    let mine = desk.place("carl", "sell", "74000", json!({})).await;
    let other = desk.place("dora", "sell", "74000", json!({})).await;
    let url = format!("{}/api/v1/accounts/carl/cancel_after", desk.rest);
    let after = |seconds: u32| {
        let request = desk.http.post(&url).json(&json!({"timeout_seconds": seconds}));
        async move {
            let response = request.send().await.expect("it answers");
            assert_eq!(response.status(), StatusCode::OK);
            response.json::<Value>().await.expect("when")
        }
    };
    assert_eq!(after(0).await["results"][0]["cancels_at"], Value::Null);
    let set = after(1).await;
    assert!(text(&set["results"][0], "cancels_at").ends_with('Z'), "{set}");
    let told = desk.ledger_tells(&mine, "cancelled").await;
    assert_eq!((text(&told, "reject_reason"), text(&told, "remaining")), ("cancel_after", "0.01"));
    desk.ledger_tells(&other, "open").await;
}

async fn self_trade_prevention(desk: &Desk) {
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
        let url = format!("{}/api/v1/accounts/{client}/trade_group", desk.rest);
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

/// Some are taken and others not; each is an order of its own.
async fn batches(desk: &Desk) {
    let order = |price: &str| {
        json!({
            "client_id": "many", "instrument": "BTC-USDT", "side": "buy", "type": "limit",
            "price": price, "quantity": "0.01",
        })
    };
    let url = format!("{}/api/v1/orders/batch", desk.rest);
    let batch = json!({"orders": [order("1000"), order("1000.001"), order("1001")]});
    let sent = desk.http.post(format!("{url}?wait=result")).json(&batch).send().await;
    let told: Value = sent.expect("it answers").json().await.expect("an array");
    let statuses = [0, 1, 2].map(|at| told[at]["status"].as_u64());
    assert_eq!(statuses, [201, 400, 201].map(Some), "{told}");
    let [first, second] = [0, 2].map(|at| told[at]["order"].clone());
    desk.ledger_tells(&first, "open").await;
    let ids = format!("{},{},1", first["id"], second["id"]);
    let sent = desk.http.delete(format!("{url}?client_id=many&ids={ids}&wait=result")).send().await;
    let told: Value = sent.expect("it answers").json().await.expect("an array");
    let statuses = [0, 1, 2].map(|at| told[at]["status"].as_u64());
    assert_eq!(statuses, [200, 200, 404].map(Some), "{told}");
    for order in [first, second] {
        desk.ledger_tells(&order, "cancelled").await;
    }
}

/// A bracket: bought, and then sold by one of two orders.
async fn lists(desk: &Desk) {
    let leg = |side: &str, kind: &str, price: Value, stop_price: Value| {
        json!({
            "side": side, "type": kind, "price": price, "stop_price": stop_price,
            "quantity": "0.01",
        })
    };
    // Nobody else trades in it.
    let eth = || json!({"instrument": "ETH-USDT"});
    let list = json!({
        "client_id": "lister", "instrument": "ETH-USDT", "contingency": "otoco",
        "client_order_id": "bracket-1",
        "working": leg("buy", "limit", json!("4800"), Value::Null),
        "above": leg("sell", "limit", json!("5200"), Value::Null),
        "below": leg("sell", "stop_loss_limit", json!("4500"), json!("4600")),
    });
    let url = format!("{}/api/v1/order_lists", desk.rest);
    let sent = desk.http.post(format!("{url}?wait=result")).json(&list).send().await;
    let placed: Value = sent.expect("it answers").json().await.expect("a list");
    assert_eq!((text(&placed, "status"), text(&placed, "contingency")), ("executing", "otoco"));
    let [working, above, below] = [0, 1, 2].map(|at| placed["orders"][at].clone());
    assert_eq!((text(&working, "status"), text(&above, "status")), ("open", "pending"));
    desk.ledger_tells(&below, "pending").await;
    desk.place("seller", "sell", "4800", eth()).await;
    desk.ledger_tells(&working, "filled").await;
    let told = desk.ledger_tells(&above, "open").await;
    assert_eq!((&told["list_id"], text(&told, "contingency")), (&placed["id"], "otoco"));
    desk.ledger_tells(&below, "open").await;
    desk.place("buyer", "buy", "5200", eth()).await;
    desk.ledger_tells(&above, "filled").await;
    let told = desk.ledger_tells(&below, "expired").await;
    assert_eq!((text(&told, "reject_reason"), text(&told, "stop_price")), ("order_list", "4600"));
    let found = desk.http.get(format!("{url}/{}", placed["id"])).send().await;
    let found: Value = found.expect("it answers").json().await.expect("a list");
    assert_eq!(
        (text(&found, "status"), found["orders"].as_array().map(Vec::len)),
        ("all_done", Some(3))
    );

    let oco = json!({
        "client_id": "lister", "instrument": "ETH-USDT", "contingency": "oco",
        "above": leg("sell", "limit", json!("6000"), Value::Null),
        "below": leg("sell", "stop_loss", Value::Null, json!("4000")),
    });
    let sent = desk.http.post(format!("{url}?wait=result")).json(&oco).send().await;
    let placed: Value = sent.expect("it answers").json().await.expect("a list");
    let cancel = format!("{url}/{}?client_id=lister&wait=result", placed["id"]);
    let sent = desk.http.delete(&cancel).send().await.expect("it answers");
    assert_eq!(sent.status(), StatusCode::OK);
    for at in [0, 1] {
        desk.ledger_tells(&placed["orders"][at], "cancelled").await;
    }
    let sent = desk.http.delete(&cancel).send().await.expect("it answers");
    assert_eq!(sent.status(), StatusCode::CONFLICT, "nothing of it is open any more");
}
