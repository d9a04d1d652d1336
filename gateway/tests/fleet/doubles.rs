//! Every order is sent to both gateways at once, while Redis is flushed and killed: one order each.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use proto::log::{event, outcome};
use reqwest::StatusCode;
use serde_json::{Value, json};
use spine::{
    Place, Visibility,
    answer::{self, Answer},
    log::ReadLimit,
};

use super::{Fleet, ORDERS, RedisServer, found, order, redis_url};

/// How many orders are sent twice where nobody says.
const DOUBLES: usize = 2_000;

/// How many are on their way at once.
const CLIENTS: usize = 32;

/// How often Redis dies at least in the course of it.
const KILLS_MIN: usize = 2;

/// Flushes, kills and restarts a Redis until it is told to stop; tells how often it did each.
struct Trouble {
    stop: Arc<AtomicBool>,
    kills: Arc<AtomicUsize>,
    running: thread::JoinHandle<usize>,
}

impl Trouble {
    fn begin(mut server: RedisServer) -> Trouble {
        let (stop, kills) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (told, killed) = (Arc::clone(&stop), Arc::clone(&kills));
        let running = thread::spawn(move || {
            let mut flushes = 0;
            while !told.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    thread::sleep(Duration::from_millis(60));
                    super::ask(&server.url(), &["FLUSHALL"]).expect("it is up");
                    flushes += 1;
                }
                server.kill();
                killed.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(100));
                server.restart();
            }
            flushes
        });
        Trouble { stop, kills, running }
    }

    fn kills(&self) -> usize {
        self.kills.load(Ordering::Relaxed)
    }

    fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.running.join().expect("it did not panic")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_sent_to_both_gateways_at_once_are_one_order_each() {
    let Some(_) = redis_url() else { return };
    let count = env::var("TRADESPINE_TEST_DOUBLES").ok().and_then(|text| text.parse().ok());
    let count = count.unwrap_or(DOUBLES);
    let server = RedisServer::start();
    let fleet = Arc::new(Fleet::new(&server.url()).await);
    fleet.until_shared("up").await;
    let words = ["hit", "miss", "held", "degraded", "unconfirmed", "lie", "own"];
    let before = words.map(found);
    let trouble = Arc::new(Trouble::begin(server));
    let next = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (fleet, next, trouble) =
                (Arc::clone(&fleet), Arc::clone(&next), Arc::clone(&trouble));
            tokio::spawn(async move {
                let mut told = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count && trouble.kills() >= KILLS_MIN {
                        return told;
                    }
                    told.push(double(&fleet, number).await);
                }
            })
        })
        .collect();
    let mut told = BTreeMap::new();
    for client in clients {
        told.extend(client.await.expect("no panic"));
    }
    let kills = trouble.kills();
    let flushes = Arc::into_inner(trouble).expect("the clients are gone").end();
    let after = words.map(found);
    let tally: Vec<String> =
        (0..words.len()).map(|i| format!("{} {}", after[i] - before[i], words[i])).collect();
    let records = fleet.written();
    println!(
        "{} orders sent twice, {kills} kills, {flushes} flushes, {records} records; {}",
        told.len(),
        tally.join(", ")
    );
    assert!(told.len() >= count && flushes > 0);
    assert!(after[0] > before[0], "Redis told some");
    assert!(after[3] > before[3], "Redis was missed");
    check(&fleet, &told);
    Arc::into_inner(fleet).expect("the clients are gone").end().await;
}

/// Sends an order to both gateways at once; they tell the same. Tells its key and its id.
async fn double(fleet: &Fleet, number: usize) -> (String, u64) {
    let key = format!("d-{number}");
    let order = order(&key);
    let [one, other] = &fleet.gateways;
    let (first, second): ((StatusCode, Value), (StatusCode, Value)) =
        tokio::join!(one.post(ORDERS, &order), other.post(ORDERS, &order));
    assert_eq!(first, second, "{key}");
    assert_eq!((first.0, &first.1["status"]), (StatusCode::CREATED, &json!("open")), "{key}");
    assert_eq!(first.1["client_order_id"], json!(key));
    (key, first.1["id"].as_u64().expect("an id"))
}

/// The log itself: every key was applied exactly once, as the order that was told; everything else
/// under it is its duplicate.
fn check(fleet: &Fleet, told: &BTreeMap<String, u64>) {
    let mut placed: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut duplicates: BTreeMap<u64, u64> = BTreeMap::new();
    for answer in answers(fleet) {
        match answer.body.outcome.and_then(|outcome| outcome.kind) {
            Some(outcome::Kind::Applied(_)) => {}
            Some(outcome::Kind::Duplicate(duplicate)) => {
                *duplicates.entry(duplicate.original_order_id).or_default() += 1;
            }
            other => panic!("{other:?}"),
        }
        for event in answer.body.events {
            if let Some(event::Kind::OrderPlaced(order)) = event.kind {
                let key = order.terms.expect("an order has terms").key;
                placed.entry(key).or_default().push(answer.in_offset);
            }
        }
    }
    for (key, id) in told {
        assert_eq!(placed.get(key), Some(&vec![*id]), "{key}");
        assert!(duplicates.get(id).is_none_or(|count| *count == 1), "{key}");
    }
    let doubles = placed.keys().filter(|key| key.starts_with("d-")).count();
    assert_eq!(doubles, told.len(), "nothing stands in the log that nobody was told of");
}

fn answers(fleet: &Fleet) -> Vec<Answer> {
    let log = &fleet.gateways[0].log;
    let place = Place::events(model::Partition::FIRST);
    let end = log.end(place, Visibility::Synced).expect("it is there");
    let mut reader = log.reader(place, 0, Visibility::Synced).expect("a reader");
    let mut stored = Vec::new();
    while (stored.len() as u64) < end {
        let limit = ReadLimit { records: 10_000, bytes: 1 << 24 };
        reader.poll(limit, Duration::from_millis(20), &mut stored).expect("it reads");
    }
    stored.iter().map(|stored| answer::read(&stored.record.value).expect("an answer")).collect()
}
