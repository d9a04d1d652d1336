//! Two gateways as processes of their own, on a real Kafka with three partitions and real shards:
//! every order is sent to both at once, while the Redis that they share is flushed and killed. Each
//! is one order, and both tell the same of it, also where it waited for money from another shard.
//!
//! `TRADESPINE_TEST_DOUBLES` says how many orders are sent twice.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ledger::tables::Tables;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    INSTRUMENTS,
    cluster::{Cluster, brokers, free_address, ready, said, until},
    redis::Redis,
    tables,
};

/// How many orders are sent twice where nobody says.
const DOUBLES: usize = 600;

/// How many are on their way at once.
const CLIENTS: usize = 16;

/// How often Redis dies at least in the course of it.
const KILLS_MIN: usize = 2;

/// Accounts enough that none has as many open orders as it may.
const ACCOUNTS: usize = 200;

/// Flushes, kills and restarts a Redis until it is told to stop.
struct Trouble {
    stop: Arc<AtomicBool>,
    kills: Arc<AtomicUsize>,
    running: thread::JoinHandle<()>,
}

impl Trouble {
    fn begin(mut redis: Redis) -> Trouble {
        let (stop, kills) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (told, killed) = (Arc::clone(&stop), Arc::clone(&kills));
        let running = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                for _ in 0..25 {
                    thread::sleep(Duration::from_millis(50));
                    redis.flush();
                }
                redis.kill();
                killed.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(200));
                redis.restart();
            }
        });
        Trouble { stop, kills, running }
    }

    fn kills(&self) -> usize {
        self.kills.load(Ordering::Relaxed)
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.running.join().expect("it did not panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_sent_to_two_gateways_at_once_are_one_order_each() {
    let (Some(brokers), Some(redis)) = (brokers(), Redis::start()) else { return };
    let count = env::var("TRADESPINE_TEST_DOUBLES").ok().and_then(|text| text.parse().ok());
    let count = count.unwrap_or(DOUBLES);
    let mut cluster = Cluster::new(brokers);
    cluster.set("TRADESPINE_GATEWAY__REDIS__URL", redis.url());
    said(&cluster.run("topics create --shards 3").await);
    let [pages, rest, grpc] = [0; 3].map(|_| free_address());
    let processes = [
        cluster.start(&format!("matcher --http-address {pages}")),
        cluster.start("ledger"),
        cluster.start("gateway"),
        cluster.start(&format!("gateway --rest-address {rest} --grpc-address {grpc}")),
    ];
    for pages in [&pages, &cluster.ledger_pages, &cluster.rest, &rest] {
        ready(pages).await;
    }
    let gateways = Arc::new([cluster.rest.clone(), rest]);
    let told = send(&gateways, redis, count).await;
    for gateway in gateways.iter() {
        println!("{gateway}: {}", lookups(gateway).await);
        has_read_everything(gateway).await;
    }
    for process in processes {
        process.stop().await;
    }
    check(&tables(&cluster).await, &told);
}

/// Sends every order to both gateways at once; tells the keys with the ids that both told.
async fn send(gateways: &Arc<[String; 2]>, redis: Redis, count: usize) -> BTreeMap<String, u64> {
    let trouble = Arc::new(Trouble::begin(redis));
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let clients = (0..CLIENTS).map(|_| {
        let (gateways, next, trouble) =
            (Arc::clone(gateways), Arc::clone(&next), Arc::clone(&trouble));
        tokio::spawn(async move {
            let (http, mut told) = (reqwest::Client::new(), Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count && trouble.kills() >= KILLS_MIN {
                    return told;
                }
                told.push(double(&http, &gateways, number).await);
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut told = BTreeMap::new();
    for client in clients {
        told.extend(client.await.expect("no panic"));
    }
    let kills = trouble.kills();
    println!("{} orders sent twice in {:?}, {kills} kills", told.len(), begun.elapsed());
    Arc::into_inner(trouble).expect("the clients are gone").end();
    told
}

async fn double(http: &reqwest::Client, gateways: &[String; 2], number: usize) -> (String, u64) {
    let key = format!("d-{number}");
    let order = json!({
        "client_id": format!("client-{}", number % ACCOUNTS),
        "client_order_id": key,
        "instrument": INSTRUMENTS[number % INSTRUMENTS.len()],
        "side": if number.is_multiple_of(2) { "buy" } else { "sell" },
        "type": "limit",
        "price": "100",
        "quantity": "0.001",
    });
    let [one, other] = gateways;
    let (first, second) = tokio::join!(post(http, one, &order), post(http, other, &order));
    assert_eq!(first, second, "{key}");
    assert_eq!(first["client_order_id"], key);
    let status = first["status"].as_str().expect("a status");
    assert!(["open", "filled", "partially_filled"].contains(&status), "{first}");
    (key, first["id"].as_u64().expect("an id"))
}

async fn post(http: &reqwest::Client, gateway: &str, order: &Value) -> Value {
    let url = format!("http://{gateway}/api/v1/orders?wait=result");
    loop {
        let response = http.post(&url).json(order).send().await.expect("the gateway answers");
        let status = response.status();
        let answer: Value = response.json().await.expect("an order");
        // It waits for money from another shard, on a busy machine longer than the gateway waits.
        if status == StatusCode::ACCEPTED {
            continue;
        }
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        return answer;
    }
}

/// How the look-ups of a gateway ended.
async fn lookups(gateway: &str) -> String {
    let page = reqwest::get(format!("http://{gateway}/metrics")).await.expect("its metrics");
    let page = page.text().await.expect("text");
    let lines = page.lines().filter(|line| line.starts_with("tradespine_gateway_retry"));
    lines.collect::<Vec<_>>().join(" ")
}

/// Waits until the ledger has read all that was acknowledged by a gateway: it answers no list from
/// less.
async fn has_read_everything(gateway: &str) {
    let url = format!("http://{gateway}/api/v1/orders?client_id=client-0&limit=1");
    until("the ledger's answer", async || {
        let listed = reqwest::get(&url).await.ok()?;
        listed.status().is_success().then_some(())
    })
    .await;
}

/// Every key is exactly one order, that which both gateways told; and there are no others.
fn check(tables: &Tables, told: &BTreeMap<String, u64>) {
    let mut kept: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for order in tables.orders.values() {
        let key = order.client_order_id.as_ref().expect("every order has one");
        kept.entry(key.as_str()).or_default().push(order.id.number());
    }
    println!("{} orders, {} duplicates", tables.orders.len(), tables.aliases.len());
    for (key, id) in told {
        assert_eq!(kept.get(key.as_str()), Some(&vec![*id]), "{key}");
    }
    assert_eq!(tables.orders.len(), told.len());
}
