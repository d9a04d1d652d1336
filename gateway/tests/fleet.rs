//! Two gateways on one log, who tell each other of retries through a Redis: one that does as it
//! should, and one that forgets, dies, falls silent, is slow, or lies. Whatever it does, a key has
//! one order, and both gateways tell the same of it.
//!
//! `TRADESPINE_TEST_DOUBLES` says how many orders are sent twice while Redis is flushed and killed.

mod support;

#[path = "fleet/doubles.rs"]
mod doubles;

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{
    Shard, Stage, limit_order,
    redis_server::{RedisServer, ask, redis_url},
};
use tokio::time::sleep;

const ORDERS: &str = "/api/v1/orders?wait=result";

/// How long anything may take before a test gives up: no measure of speed.
const PATIENCE: Duration = Duration::from_secs(60);

struct Fleet {
    gateways: [Stage; 2],
    _shards: Vec<Shard>,
}

impl Fleet {
    /// Two gateways, with a shard that answers, through this Redis.
    async fn new(url: &str) -> Fleet {
        let gateways = Stage::pair(url).await;
        let shards = gateways[0].shards();
        Fleet { gateways, _shards: shards }
    }

    /// Waits until an order of one gateway is known to the other without a record in the log.
    async fn until_shared(&self, name: &str) {
        let shared = async {
            for number in 0.. {
                let order = order(&format!("{name}-{number}"));
                let written = self.written();
                self.twice(&order).await;
                if self.written() == written + 1 {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, shared).await.expect("they tell each other");
    }

    /// Sends an order to one gateway and then to the other, who answer with the same.
    async fn twice(&self, order: &Value) -> Value {
        let (status, first) = self.gateways[0].post(ORDERS, order).await;
        assert_eq!((status, &first["status"]), (StatusCode::CREATED, &json!("open")), "{first}");
        assert_eq!(first["client_order_id"], order["client_order_id"]);
        let (status, again) = self.gateways[1].post(ORDERS, order).await;
        assert_eq!((status, &again), (StatusCode::CREATED, &first));
        first
    }

    fn written(&self) -> u64 {
        self.gateways[0].inputs(0)
    }

    async fn end(self) {
        for gateway in self.gateways {
            gateway.end().await;
        }
    }
}

fn order(client_order_id: &str) -> Value {
    let mut order = limit_order();
    order["client_order_id"] = json!(client_order_id);
    order
}

/// How many look-ups so far ended like this, in this process.
fn found(word: &str) -> u64 {
    let line = format!("tradespine_gateway_retry_lookups_total{{found=\"{word}\"}} ");
    let page = telemetry::metrics::render();
    let count = page.lines().find_map(|found| found.strip_prefix(&line));
    count.map_or(0, |count| count.parse().expect("a count"))
}

#[tokio::test]
async fn what_one_gateway_took_in_the_other_answers_without_a_record() {
    let Some(url) = redis_url() else { return };
    let fleet = Fleet::new(&url).await;
    fleet.until_shared("shared").await;
    let (hits, misses) = (found("hit"), found("miss"));
    assert!(hits > 0 && misses > 0, "{hits} hits and {misses} misses");

    // The same key with another body, at the gateway that did not take the first in.
    let order = order("k-1");
    let (_, first) = fleet.gateways[0].post(ORDERS, &order).await;
    let written = fleet.written();
    let mut other = order.clone();
    other["quantity"] = json!("0.6");
    let (status, problem) = fleet.gateways[1].post(ORDERS, &other).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("key_reused")));
    // Who does not wait for the result is told it too, since it is known.
    let (status, again) = fleet.gateways[1].post("/api/v1/orders", &order).await;
    assert_eq!((status, &again["id"]), (StatusCode::CREATED, &first["id"]));
    assert_eq!(again["status"], "open");
    assert!(fleet.written() <= written + 1, "at most the first of them asked the log");
    fleet.end().await;
}

#[tokio::test]
async fn an_order_that_is_on_its_way_at_one_gateway_is_waited_for_at_the_other() {
    let Some(url) = redis_url() else { return };
    let gateways = Stage::pair(&url).await;
    let order = order("k-1");
    let first = gateways[0].post(ORDERS, &order);
    let again = gateways[1].post(ORDERS, &order);
    let shards = async {
        // Both were asked, and nobody can have an answer.
        while gateways[0].inputs(0) < 2 {
            sleep(Duration::from_millis(1)).await;
        }
        gateways[0].shards()
    };
    let ((status, first), (_, again), _shards) = tokio::join!(first, again, shards);
    assert_eq!((status, &first["status"]), (StatusCode::CREATED, &json!("open")), "{first}");
    assert_eq!(first, again);
    for gateway in gateways {
        gateway.end().await;
    }
}

#[tokio::test]
async fn a_claim_of_a_gateway_that_died_is_not_waited_for_for_long() {
    let Some(_) = redis_url() else { return };
    let server = RedisServer::start();
    let fleet = Fleet::new(&server.url()).await;
    fleet.until_shared("up").await;
    let held = found("held");
    let elsewhere = Elsewhere::new(&server).await;
    let name = elsewhere.name(&fleet, &server, "k-1").await;
    plant(&server, &["SET", &name], &claim());
    fleet.twice(&order("k-1")).await;
    assert!(found("held") > held);
    until_told(&server, &name).await;
    elsewhere.0.end().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_redis_that_forgets_everything_costs_a_record_and_no_order() {
    let Some(_) = redis_url() else { return };
    let server = RedisServer::start();
    let fleet = Fleet::new(&server.url()).await;
    fleet.until_shared("up").await;
    for number in 0..20 {
        let order = order(&format!("k-{number}"));
        let (_, first) = fleet.gateways[0].post(ORDERS, &order).await;
        ask(&server.url(), &["FLUSHALL"]).expect("it forgets");
        let (status, again) = fleet.gateways[1].post(ORDERS, &order).await;
        assert_eq!((status, again), (StatusCode::CREATED, first));
    }
    fleet.until_shared("still").await;
    fleet.end().await;
}

#[tokio::test]
async fn without_redis_the_log_says_what_a_retry_is_until_redis_is_back() {
    let Some(_) = redis_url() else { return };
    let mut server = RedisServer::start();
    let fleet = Fleet::new(&server.url()).await;
    fleet.until_shared("up").await;
    for round in 0..3 {
        let degraded = found("degraded");
        server.kill();
        for number in 0..20 {
            fleet.twice(&order(&format!("k-{round}-{number}"))).await;
        }
        assert!(found("degraded") > degraded);
        server.restart();
        fleet.until_shared(&format!("again-{round}")).await;
    }
    fleet.end().await;
}

#[tokio::test]
async fn a_gateway_begins_and_serves_where_no_redis_ever_was() {
    let Some(_) = redis_url() else { return };
    let mut server = RedisServer::start();
    server.kill();
    let fleet = Fleet::new(&server.url()).await;
    fleet.twice(&order("k-1")).await;
    server.restart();
    fleet.until_shared("now").await;
    fleet.end().await;
}

#[tokio::test]
async fn a_redis_that_falls_silent_is_soon_asked_no_more() {
    let Some(_) = redis_url() else { return };
    let server = RedisServer::start();
    let fleet = Fleet::new(&server.url()).await;
    fleet.until_shared("up").await;
    let degraded = found("degraded");
    server.hold();
    let orders: Vec<Value> = (0..60).map(|number| order(&format!("k-{number}"))).collect();
    for order in &orders {
        fleet.twice(order).await;
    }
    assert!(found("degraded") >= degraded + 120, "none was answered");
    // What it was told before and does only now changes nothing.
    server.release();
    fleet.until_shared("again").await;
    for order in &orders {
        fleet.twice(order).await;
    }
    fleet.end().await;
}

#[tokio::test]
async fn a_slow_redis_is_no_worse_than_none() {
    let Some(_) = redis_url() else { return };
    let server = RedisServer::start();
    let fleet = Fleet::new(&server.url()).await;
    fleet.until_shared("up").await;
    let degraded = found("degraded");
    for number in 0..40 {
        // Below and beyond what a question may take.
        let held_ms = if number % 2 == 0 { "20" } else { "120" };
        ask(&server.url(), &["CLIENT", "PAUSE", held_ms, "ALL"]).expect("it is slow");
        fleet.twice(&order(&format!("k-{number}"))).await;
    }
    assert!(found("degraded") > degraded);
    fleet.until_shared("again").await;
    fleet.end().await;
}

#[tokio::test]
async fn nothing_that_redis_says_is_believed() {
    let Some(_) = redis_url() else { return };
    let server = RedisServer::start();
    let fleet = Fleet::new(&server.url()).await;
    fleet.until_shared("up").await;
    let elsewhere = Elsewhere::new(&server).await;
    let other = fleet.twice(&order("other")).await;
    let another_order = order_word(other["id"].as_u64().expect("an id"));
    let lies: [(&[&str], Vec<u8>); 12] = [
        (&["SET"], another_order.clone()),
        (&["SET"], order_word(0)),
        (&["SET"], order_word(1_000_000)),
        (&["SET"], order_word((5 << 43) + 1)),
        (&["SET"], order_word(u64::MAX)),
        (&["SET"], another_order[..9].to_vec()),
        (&["SET"], b"OK".to_vec()),
        (&["SET"], Vec::new()),
        (&["SET"], vec![b'x'; 1 << 20]),
        (&["SET"], claim()),
        (&["LPUSH"], another_order.clone()),
        (&["SADD"], another_order),
    ];
    for (number, (command, lie)) in lies.iter().enumerate() {
        let before = found("lie");
        // Of an order that nobody placed yet, and of one that is known.
        let fresh = order(&format!("fresh-{number}"));
        let name = elsewhere.name(&fleet, &server, &format!("fresh-{number}")).await;
        plant(&server, &[command[0], &name], lie);
        let first = fleet.twice(&fresh).await;
        assert_ne!(first["id"], other["id"], "lie {number}");

        let known = order(&format!("known-{number}"));
        let name = elsewhere.name(&fleet, &server, &format!("known-{number}")).await;
        let (_, first) = fleet.gateways[0].post(ORDERS, &known).await;
        until_told(&server, &name).await;
        plant(&server, &[command[0], &name], lie);
        let mut changed = known.clone();
        changed["price"] = json!("99");
        let (status, problem) = fleet.gateways[1].post(ORDERS, &changed).await;
        assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("key_reused")), "{number}");
        plant(&server, &[command[0], &name], lie);
        let (status, again) = fleet.gateways[1].post(ORDERS, &known).await;
        assert_eq!((status, again), (StatusCode::CREATED, first), "lie {number}");
        // As far as is known here: an order of long ago, one to come, and a gateway that is at it.
        let may_be_true = [order_word(0), order_word(1_000_000), claim()].contains(lie);
        assert!(may_be_true || found("lie") > before, "lie {number} was not seen");
    }
    fleet.until_shared("still").await;
    elsewhere.0.end().await;
    fleet.end().await;
}

/// Gateways on another log: what stands in Redis for a key of theirs tells what stands there for
/// the same key of others, before that is used.
struct Elsewhere(Fleet);

impl Elsewhere {
    async fn new(server: &RedisServer) -> Elsewhere {
        let fleet = Fleet::new(&server.url()).await;
        fleet.until_shared("up").await;
        Elsewhere(fleet)
    }

    /// The name under which a key of `fleet` stands in Redis.
    async fn name(&self, fleet: &Fleet, server: &RedisServer, client_order_id: &str) -> String {
        let prefix =
            |fleet: &Fleet| format!("tradespine:retry:{}:", fleet.gateways[0].identity.log_id);
        let all = format!("{}*", prefix(&self.0));
        let before = names(server, &all);
        self.0.gateways[0].post(ORDERS, &order(client_order_id)).await;
        let name = names(server, &all).into_iter().find(|name| !before.contains(name));
        name.expect("it was claimed").replace(&prefix(&self.0), &prefix(fleet))
    }
}

fn names(server: &RedisServer, all: &str) -> Vec<String> {
    let names = ask(&server.url(), &["KEYS", all]).expect("an answer");
    redis::from_redis_value(names).expect("names")
}

/// Puts something else under a name.
fn plant(server: &RedisServer, command: &[&str; 2], value: &[u8]) {
    ask(&server.url(), &["DEL", command[1]]).expect("an answer");
    let client = redis::Client::open(server.url()).expect("a good URL");
    let mut connection = client.get_connection().expect("it answers");
    let mut planting = redis::cmd(command[0]);
    planting.arg(command[1]).arg(value).query::<redis::Value>(&mut connection).expect("planted");
}

async fn until_told(server: &RedisServer, name: &str) {
    let told = async {
        while !is_order(&ask(&server.url(), &["GET", name]).expect("an answer")) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("it is told");
}

fn is_order(stands: &redis::Value) -> bool {
    matches!(stands, redis::Value::BulkString(bytes) if bytes.starts_with(b"o1"))
}

/// What stands for an order that used a key up.
fn order_word(id: u64) -> Vec<u8> {
    [&b"o1"[..], &id.to_be_bytes()].concat()
}

/// What stands for a gateway that nobody knows.
fn claim() -> Vec<u8> {
    [&b"c1"[..], &[7; 16]].concat()
}
