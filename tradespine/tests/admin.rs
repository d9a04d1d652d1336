//! Words of those who run the platform, from the command line through the gateway's own listener
//! into the log of every shard, and what becomes of them. In the end the log is verified.

mod platform;

use std::time::Duration;

use platform::{Platform, free_address};
use reqwest::Client;
use serde_json::{Value, json};

const TOKEN: &str = "c0ffee";
const TOKEN_SETTING: &str = "TRADESPINE_GATEWAY__ADMIN__TOKEN";

/// How long a gateway may take to hear of a listing.
const TELLING_MAX: Duration = Duration::from_secs(60);

/// Those who run a platform.
struct Operators {
    platform: Platform,
    address: String,
    ledger: String,
    http: Client,
}

impl Operators {
    async fn start(directory: &std::path::Path, shards: u16) -> Operators {
        let (address, ledger) = (free_address(), free_address());
        let settings = [
            ("TRADESPINE_LEDGER__GRPC_ADDRESS", ledger.clone()),
            ("TRADESPINE_SHARDS", shards.to_string()),
            ("TRADESPINE_GATEWAY__ADMIN__ADDRESS", address.clone()),
            (TOKEN_SETTING, TOKEN.to_owned()),
        ];
        let platform = Platform::start_with(directory, &settings).await;
        let [address, ledger] = [address, ledger].map(|address| format!("http://{address}"));
        Operators { platform, address, ledger, http: Client::new() }
    }

    /// Says something with this token.
    fn try_say(&self, token: &str, words: &[&str]) -> (bool, String) {
        let to = ["admin", "--admin", &self.address, "--operator", "olga"];
        Platform::run(&[&to[..], words].concat(), &[(TOKEN_SETTING, token)])
    }

    fn say(&self, words: &[&str]) -> String {
        let (is_done, text) = self.try_say(TOKEN, words);
        assert!(is_done, "{text}");
        text
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.platform.rest());
        let response = self.http.get(url).send().await.expect("it answers");
        response.json().await.expect("it is JSON")
    }

    /// What an account has of an asset, once it is so much; fails with what it has.
    async fn has(&self, account: &str, asset: &str, available: &str) {
        let path = format!("/api/v1/accounts/{account}");
        let looking = async {
            loop {
                let told = self.get(&path).await;
                let mut balances = told["balances"].as_array().into_iter().flatten();
                let is_it = |one: &&Value| one["asset"] == asset && one["available"] == available;
                if balances.any(|one| is_it(&one)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(TELLING_MAX, looking).await.expect(available);
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.platform.rest());
        let response = self.http.post(url).json(body).send().await.expect("it answers");
        (response.status().as_u16(), response.json().await.expect("it is JSON"))
    }

    /// The instrument as it is listed, once this holds of it.
    async fn listed(&self, symbol: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            loop {
                let all = self.get("/api/v1/instruments").await;
                let mut all = all.as_array().into_iter().flatten();
                if let Some(found) = all.find(|one| one["symbol"] == symbol && holds(one)) {
                    return found.clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(TELLING_MAX, looking).await.expect("it is listed so")
    }
}

/// BTC-USD is told what it costs and what it takes, and then orders are, each on its shard.
async fn trade_under_fees_and_filters(operators: &Operators) {
    let set = ["instrument", "set", "BTC-USD"];
    let crossed = ["--min-quantity", "2", "--max-quantity", "1"];
    let (is_done, told) = operators.try_say(TOKEN, &[&set[..], &crossed].concat());
    assert!(!is_done && told.contains("min_quantity, max_quantity and quantity_step"), "{told}");
    let fees = ["--maker-fee", "0.001", "--taker-fee", "0.002", "--fee-asset", "quote"];
    let filters = ["--min-notional", "5", "--price-step", "0.5", "--max-orders", "2"];
    operators.say(&[&set[..], &fees, &filters].concat());
    let listed = operators.listed("BTC-USD", |listed| listed["taker_fee"] == "0.002").await;
    assert_eq!(
        listed["filters"],
        json!({
            "min_notional": "5", "min_notional_on_market": false, "price_step": "0.5",
            "max_orders": 2,
        })
    );
    let order = |client: &str, side: &str, price: &str, quantity: &str| {
        json!({
            "client_id": client, "instrument": "BTC-USD", "side": side, "type": "limit",
            "price": price, "quantity": quantity,
        })
    };
    let place = async |order: Value| operators.post("/api/v1/orders?wait=result", &order).await.1;
    for (refused, reason) in [
        (order("anna", "sell", "100.1", "1"), "price_filter"),
        (order("anna", "sell", "100", "0.04"), "notional"),
    ] {
        let told = place(refused).await;
        assert_eq!((&told["status"], &told["reject_reason"]), (&json!("rejected"), &json!(reason)));
    }
    for price in ["100.5", "101"] {
        assert_eq!(place(order("anna", "sell", price, "1")).await["status"], "open");
    }
    let third = place(order("anna", "sell", "102", "1")).await;
    assert_eq!(third["reject_reason"], "max_orders", "{third}");
    let bought = place(order("bert", "buy", "100.5", "1")).await;
    assert_eq!(bought["status"], "filled", "{bought}");
    let fill = &bought["fills"][0];
    assert_eq!((&fill["fee"], &fill["fee_asset"]), (&json!("0.201"), &json!("USD")), "{bought}");
    // The bound is taken away again, and the fees stay.
    operators.say(&[&set[..], &["--max-orders", "0"]].concat());
    assert_eq!(place(order("anna", "sell", "102", "1")).await["status"], "open");
    assert_eq!(place(order("anna", "sell", "103", "1")).await["status"], "open");
    operators.listed("BTC-USD", |listed| listed["filters"]["max_orders"].is_null()).await;
}

/// A limit order on ETH-USD, which the second shard trades.
fn eth(client: &str, side: &str, price: &str) -> Value {
    json!({
        "client_id": client, "instrument": "ETH-USD", "side": side, "type": "limit",
        "price": price, "quantity": "0.001",
    })
}

/// An account may only sell, then nothing, then all again.
async fn hold_an_account_back(operators: &Operators) {
    let place = async |order: Value| operators.post("/api/v1/orders?wait=result", &order).await.1;
    let told = operators.say(&["account", "set", "zoe", "--state", "reduce-only"]);
    assert_eq!(told.trim(), "account zoe reduce-only\nshard 0: done\nshard 1: done\nshard 2: done");
    let bought = place(eth("zoe", "buy", "1000")).await;
    assert_eq!(bought["reject_reason"], "reduce_only", "{bought}");
    assert_eq!(place(eth("zoe", "sell", "3000")).await["status"], "open");
    operators.say(&["account", "set", "zoe", "--state", "suspended"]);
    assert_eq!(place(eth("zoe", "sell", "3000")).await["reject_reason"], "account_suspended");
    let all = format!("{}/api/v1/orders?client_id=zoe&wait=result", operators.platform.rest());
    let cancelled = operators.http.delete(all).send().await.expect("it answers");
    assert!(cancelled.status().is_success(), "whoever is suspended may cancel");
    let limit = ["account", "limit", "zoe"];
    let (is_done, told) =
        operators.try_say(TOKEN, &[&limit[..], &["--max-position", "NO-PE=1"]].concat());
    assert!(!is_done && told.contains("asset"), "{told}");
    let limits = ["--max-order-notional", "USD=2", "--max-position", "ETH=5000"];
    operators.say(&[&limit[..], &limits, &["--max-open-orders", "3"]].concat());
    let told = operators.say(&["account", "set", "zoe", "--state", "active"]);
    assert!(told.starts_with("account zoe active\nshard 0: done"), "{told}");
    assert_eq!(place(eth("zoe", "buy", "1000")).await["status"], "open");
    assert_eq!(place(eth("zoe", "sell", "3000")).await["reject_reason"], "max_order_notional");
    operators.say(&limit);
    assert_eq!(place(eth("zoe", "sell", "3000")).await["status"], "open");
}

/// How many orders rest when all trading is stopped: several steps of a shard.
const RESTING: usize = 3_000;

/// All trading is stopped, and all that rests ends by itself; then it goes on.
async fn stop_all_trading(operators: &Operators) {
    let mut last = Value::Null;
    for _ in 0..RESTING / 100 {
        let orders: Vec<Value> = (0..100).map(|_| eth("maker", "sell", "3000")).collect();
        let (status, told) =
            operators.post("/api/v1/orders/batch?wait=result", &json!({ "orders": orders })).await;
        assert_eq!(status, 200, "{told}");
        last = told.as_array().and_then(|told| told.last()).cloned().unwrap_or(told);
    }
    let began = std::time::Instant::now();
    let told = operators.say(&["kill", "--venue"]);
    let answered = began.elapsed();
    assert_eq!(told.trim(), "stop all trading\nshard 0: done\nshard 1: done\nshard 2: done");
    let is_empty = |book: &Value| {
        let side = |side: &str| book[side].as_array().is_some_and(Vec::is_empty);
        side("bids") && side("asks")
    };
    let emptying = async {
        while !is_empty(&operators.get("/api/v1/orderbook?instrument=ETH-USD").await) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(TELLING_MAX, emptying).await.expect("all of it ends");
    // No measure of speed, which would depend on the machine: it is told for who wants to know.
    let all = began.elapsed();
    println!(
        "{RESTING} orders: the command was answered after {answered:?}, all gone after {all:?}"
    );
    let id = last["order"]["id"].as_u64().or_else(|| last["id"].as_u64()).expect("it has an id");
    let ended = async {
        loop {
            let order = operators.get(&format!("/api/v1/orders/{id}?client_id=maker")).await;
            if order["status"] == "cancelled" {
                return order;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(TELLING_MAX, ended).await.expect("it is told so");
    assert_eq!(ended["reject_reason"], "kill_switch", "{ended}");
    let place = async |order: Value| operators.post("/api/v1/orders?wait=result", &order).await.1;
    assert_eq!(place(eth("maker", "sell", "3000")).await["reject_reason"], "kill_switch");
    operators.say(&["release", "--venue"]);
    assert_eq!(place(eth("maker", "sell", "3000")).await["status"], "open");
}

/// The market of ETH-USD is halted and then delisted.
async fn halt_and_delist(operators: &Operators) {
    // ETH-USD is traded by the second shard, and no other is asked.
    operators.listed("ETH-USD", |listed| listed["state"] == "trading").await;
    let halt = ["market", "set", "ETH-USD", "halted"];
    assert_eq!(operators.say(&halt).trim(), "ETH-USD halted\nshard 1: done");
    assert_eq!(operators.say(&halt).trim(), "ETH-USD halted\nshard 1: done before");
    operators.listed("ETH-USD", |listed| listed["state"] == "halted").await;
    let book = operators.get("/api/v1/orderbook?instrument=ETH-USD").await;
    assert_eq!(book["state"], "halted");
    let order = json!({
        "client_id": "alice", "instrument": "ETH-USD", "side": "buy", "type": "limit",
        "price": "1", "quantity": "1",
    });
    let url = format!("{}/api/v1/orders?wait=result", operators.platform.rest());
    let placed = operators.http.post(url).json(&order).send().await.expect("it answers");
    let placed: Value = placed.json().await.expect("it is JSON");
    assert_eq!(
        (&placed["status"], &placed["reject_reason"]),
        (&json!("rejected"), &json!("market_halted"))
    );
    operators.say(&["market", "set", "ETH-USD", "delisted"]);
    let (is_done, told) = operators.try_say(TOKEN, &["market", "set", "ETH-USD", "trading"]);
    assert!(!is_done && told.contains("stays so"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_operators_are_recorded_with_who_said_them() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let operators = Operators::start(directory.path(), 3).await;

    let upgrade = ["upgrade", "--behaviour", "4"];
    let told = operators.say(&upgrade);
    assert!(
        told.contains("shard 0: done before") && told.contains("shard 2: done before"),
        "{told}"
    );
    let (is_done, told) = operators.try_say(TOKEN, &["upgrade", "--behaviour", "99"]);
    assert!(!is_done && told.contains("behaviour must be from 1 to"), "{told}");
    let (is_done, told) = operators.try_say("guess", &upgrade);
    assert!(!is_done && told.contains("token"), "{told}");

    // ETH-USD is on the second shard, and all have to know.
    let set = ["instrument", "set", "ETH-USD", "--price-protection-bps", "300"];
    let told = operators.say(&set);
    assert_eq!(told.trim(), "ETH-USD version 2\nshard 0: done\nshard 1: done\nshard 2: done");
    operators.listed("ETH-USD", |listed| listed["price_protection_bps"] == 300).await;
    let told = operators.say(&set);
    assert!(told.starts_with("ETH-USD version 2\nshard 1: done before"), "{told}");
    let (is_done, told) = operators.try_say(TOKEN, &["instrument", "set", "NO-PE"]);
    assert!(!is_done && told.contains("instrument"), "{told}");

    trade_under_fees_and_filters(&operators).await;
    let made = operators.say(&["--json", "token", "create", "alice", "--label", "bot"]);
    let made: Value = serde_json::from_str(&made).expect("it is JSON");
    let (id, secret) = (made["token"]["id"].as_str(), made["secret"].as_str());
    let (id, secret) = (id.expect("an id").to_owned(), secret.expect("a secret").to_owned());
    let told = operators.say(&["token", "list", "--account", "alice"]);
    assert_eq!(told.trim(), format!("{id}  alice  trade  bot  by olga, until revoked"));
    let told = operators.say(&["token", "revoke", &id]);
    assert_eq!(told.trim(), format!("token {id} of alice is revoked"));
    let told = operators.say(&["token", "revoke", &id]);
    assert_eq!(told.trim(), format!("token {id} of alice had been revoked before"));
    assert_eq!(operators.say(&["token", "list"]).trim(), "no token is in force");
    let (is_done, told) = operators.try_say(TOKEN, &["token", "revoke", "nobody-s"]);
    assert!(!is_done && told.contains("there is no such token"), "{told}");
    hold_an_account_back(&operators).await;
    stop_all_trading(&operators).await;
    halt_and_delist(&operators).await;

    operators.platform.stop().await;
    let data = directory.path().to_str().expect("a path");
    let dump = ["log", "dump", "--topic", "orders", "--data-dir", data];
    let (_, dumped) = Platform::run(&dump, &[]);
    assert!(dumped.contains("upgrade to behaviour 4, says olga"), "{dumped}");
    assert!(dumped.contains("protection 300 bps") && !dumped.contains(TOKEN), "{dumped}");
    assert!(dumped.contains("fees 1000 maker and 2000 taker millionths"), "{dumped}");
    assert!(dumped.contains("orders to 2"), "{dumped}");
    assert!(dumped.contains(&format!("token {id} of alice to trade")), "{dumped}");
    assert!(dumped.contains(&format!("token {id} of alice to trade, revoked")), "{dumped}");
    assert!(!dumped.contains(&secret), "{dumped}");
    assert!(dumped.contains("account zoe is reduce-only, says olga"), "{dumped}");
    assert!(dumped.contains("stop all trading, says olga"), "{dumped}");
    let (_, second) = Platform::run(&[&dump[..], &["--partition", "1"]].concat(), &[]);
    assert!(second.contains("instrument 2 is to be halted, says olga"), "{second}");
    let (is_sound, told) = Platform::run(&["admin", "audit", "verify", "--data-dir", data], &[]);
    assert!(is_sound && told.contains("entries, none missing or changed"), "{told}");
    let (_, trail) = Platform::run(&["admin", "audit", "show", "--data-dir", data], &[]);
    assert!(trail.starts_with("1  20") && trail.contains("bootstrap called Upgrade"), "{trail}");
    assert!(trail.contains("nobody called Upgrade from 127.0.0.1: not let in"), "{trail}");
    assert!(trail.contains("called CreateToken") && !trail.contains(TOKEN), "{trail}");
    platform::verify(directory.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_sent_and_corrected_once_and_to_the_unit() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let operators = Operators::start(directory.path(), 3).await;

    // Alice is at home on the third shard and bob on the second.
    let path = "/api/v1/accounts/alice/transfers";
    let sent = json!({"to": "bob", "asset": "USDT", "amount": "250.5", "transfer_id": "rent"});
    for status in [201, 200] {
        assert_eq!(operators.post(path, &sent).await.0, status);
    }
    let more = json!({"to": "bob", "asset": "USDT", "amount": "250.6", "transfer_id": "rent"});
    let (status, problem) = operators.post(path, &more).await;
    assert_eq!((status, &problem["code"]), (422, &json!("key_reused")));
    operators.has("alice", "USDT", "999749.5").await;
    operators.has("bob", "USDT", "1000250.5").await;

    let correct = ["adjust", "bob", "USDT", "-0.5", "--id", "ticket-1"];
    let told = operators.say(&correct);
    assert_eq!(told.trim(), "adjust bob by -0.5 USDT\nshard 1: done");
    assert!(operators.say(&correct).ends_with("shard 1: done before\n"));
    let too_much = ["adjust", "bob", "USDT", "-2000000", "--id", "ticket-2"];
    let (is_done, told) = operators.try_say(TOKEN, &too_much);
    assert!(!is_done && told.contains("shard 1: "), "{told}");
    operators.has("bob", "USDT", "1000250").await;

    // Bob begins anew; his part of it is on the second shard.
    let reset = ["account", "reset", "bob", "--id", "monday"];
    let told = operators.say(&reset);
    assert_eq!(told.trim(), "reset bob\nshard 0: done\nshard 1: done\nshard 2: done");
    assert!(operators.say(&reset).contains("shard 1: done before"));
    operators.has("bob", "USDT", "1000000").await;

    // The ledger adds up both sides while the platform runs.
    let solvency = ["solvency", "--ledger", &operators.ledger, "--json"];
    let (is_sound, told) = Platform::run(&solvency, &[]);
    assert!(is_sound, "{told}");
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    let of = |code| {
        told["assets"].as_array().and_then(|all| all.iter().find(|one| one["asset"] == code))
    };
    let usdt = of("USDT").expect("it is listed");
    let field = |name: &str| usdt[name].as_str().unwrap_or_default().to_owned();
    assert_eq!([field("granted"), field("adjusted")], ["2000000", "-250.5"]);
    assert_eq!([field("available"), field("difference")], ["1999749.5", "0"]);
    assert!(told["as_of"][0]["out_seq"].as_u64() > Some(10), "it says of which answers: {told}");

    operators.platform.stop().await;
    platform::verify(directory.path());
}
