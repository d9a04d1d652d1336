//! The services as processes of their own, on a real Kafka with three partitions: trades of every
//! shard arrive everywhere, and what dies comes back as it was.

#[path = "apart/auctions.rs"]
mod auctions;
#[path = "apart/audit.rs"]
mod audit;
#[path = "apart/client.rs"]
mod client;
#[path = "apart/cluster.rs"]
mod cluster;
#[path = "apart/doubles.rs"]
mod doubles;
#[path = "orders/kinds.rs"]
mod kinds;
#[path = "apart/orders.rs"]
mod orders;
#[path = "apart/redis.rs"]
mod redis;

use client::{Client, Order, Tape, id};
use cluster::{Cluster, Process, brokers, free_address, guarded, ready, refusal, said, until};
use ledger::{
    solvency::AssetSum,
    store::{SqlStore, Store},
    tables::Tables,
};
use proto::log::PostingCause;
use serde_json::{Value, json};

/// One instrument of each of three partitions.
const INSTRUMENTS: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];

/// What a maker offers first in each of them, and what is left of it after [`take_some`].
const OFFERED: &str = "0.5";
const LEFT: &str = "0.3";

fn offer(instrument: &'static str) -> Order {
    Order { client: "maker", instrument, side: "sell", price: "100", quantity: OFFERED }
}

fn bid(instrument: &'static str) -> Order {
    Order { side: "buy", price: "90", quantity: "1", ..offer(instrument) }
}

fn take(instrument: &'static str) -> Order {
    Order { client: "taker", instrument, side: "buy", price: "100", quantity: "0.2" }
}

/// Two matchers: the first runs partition 0, the second the others.
struct Matchers {
    pages: [String; 2],
    first: Process,
    second: Process,
}

impl Matchers {
    fn start(cluster: &Cluster) -> Matchers {
        let pages = [free_address(), free_address()];
        let first = cluster.start(&format!("matcher --partitions 0 --http-address {}", pages[0]));
        Matchers { first, second: Matchers::second(cluster, &pages[1]), pages }
    }

    fn second(cluster: &Cluster, address: &str) -> Process {
        cluster.start(&format!("matcher --partitions 1-2 --http-address {address}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_apart_trade_on_every_shard_and_come_back_as_they_were() {
    let Some(brokers) = brokers() else { return };
    let cluster = Cluster::new(brokers);
    // Before there is anything to work on, and in no good order.
    let gateway = cluster.start("gateway");
    let mut matchers = Matchers::start(&cluster);
    let (broadcaster, ledger) = (cluster.start("broadcaster"), cluster.start("ledger"));
    found_twice(&cluster).await;
    for pages in [&cluster.rest, &cluster.websocket, &cluster.ledger_pages] {
        ready(pages).await;
    }
    for pages in &matchers.pages {
        ready(pages).await;
    }
    for service in ["gateway", "ledger", "broadcaster"] {
        assert!(said(&cluster.run(&format!("probe {service}")).await).starts_with("ready"));
    }

    let client = Client::new(&cluster.rest);
    let mut tape = Tape::follow(&cluster.websocket).await;
    let mut offers = Vec::new();
    for (instrument, partition) in INSTRUMENTS.into_iter().zip(0..) {
        offers.push(trade(&client, &mut tape, instrument, partition).await);
    }
    matchers = kill_and_restart_the_second(&cluster, &client, &mut tape, matchers).await;
    for (instrument, offer) in INSTRUMENTS.into_iter().zip(&offers) {
        take_the_rest(&client, &mut tape, instrument, *offer).await;
    }
    move_money(&client).await;
    let gateway = kill_and_restart_the_gateway(&cluster, gateway, &client, &offers).await;

    for process in [gateway, broadcaster, ledger, matchers.first, matchers.second] {
        process.stop().await;
    }
    let tables = tables(&cluster).await;
    assert_eq!(tables.trades.len(), 7, "two of each instrument, and one while a matcher was dead");
    let orders = "an offer, a bid, two takers and a cancelled one each, and three more";
    assert_eq!(tables.orders.len(), 18, "{orders}");
    let sums = tables.asset_sums().expect("small amounts");
    assert!(sums.values().all(AssetSum::is_sound));
    assert!(sums.values().all(|sum| sum.link.is_zero()), "nothing is on its way: {sums:?}");
    let moved = |cause| tables.postings.values().filter(|posting| posting.cause == cause).count();
    let [sent, taken] = [PostingCause::LinkSent, PostingCause::LinkTaken].map(moved);
    assert!(sent == taken && sent >= 6, "{sent} transfers were sent and {taken} taken");
}

/// Two at once make the log, a third finds it, and one that wants another is refused.
async fn found_twice(cluster: &Cluster) {
    let create = "topics create --shards 3";
    let (one, other) = tokio::join!(cluster.run(create), cluster.run(create));
    let log = |output: &_| said(output).split(':').next().map(str::to_owned).expect("a log");
    assert_eq!(log(&one), log(&other));
    let again = cluster.run(create).await;
    assert_eq!(log(&again), log(&one));
    assert!(said(&again).contains("3 shard(s), sandbox; 0 listing(s) added"), "{}", said(&again));
    let (sentence, status) = refusal(&cluster.run("topics create --shards 2").await);
    assert!(sentence.contains("has 3 partitions and should have 2"), "{sentence}");
    assert_eq!(status, Some(1));
}

/// Rests an offer and a bid, takes some of the offer, and sees it everywhere. Returns the offer.
async fn trade(client: &Client, tape: &mut Tape, instrument: &'static str, partition: u32) -> u64 {
    let offered = client.place(&offer(instrument)).await;
    assert_eq!(offered["status"], "open", "{offered}");
    assert_eq!(offered["receipt"]["partition"], partition, "{offered}");
    assert_eq!(client.place(&bid(instrument)).await["status"], "open");
    let taken = client.place(&take(instrument)).await;
    assert_eq!(taken["status"], "filled", "{taken}");

    let told = tape.next().await;
    assert_eq!(told["id"], format!("{instrument}-1"));
    assert_eq!((&told["price"], &told["quantity"]), (&json!("100"), &json!("0.2")));
    assert_eq!(told["sell_order_id"], offered["id"]);
    let path = format!("trades?instrument={instrument}");
    let kept = until("a trade at the ledger", async || {
        let trades = client.get(&path).await;
        trades.as_array().filter(|trades| !trades.is_empty()).cloned()
    });
    assert_eq!(kept.await[0]["id"], told["id"]);
    client.becomes(id(&offered), "partially_filled").await;
    assert_eq!(client.book(instrument).await, left());
    id(&offered)
}

/// The book after [`trade`].
fn left() -> Value {
    json!({ "bids": [["90", "1"]], "asks": [["100", LEFT]] })
}

/// kill -9 of the matcher of two partitions: the third trades on, what comes meanwhile waits in
/// the log, and what rested rests.
async fn kill_and_restart_the_second(
    cluster: &Cluster,
    client: &Client,
    tape: &mut Tape,
    matchers: Matchers,
) -> Matchers {
    let Matchers { pages, first, second } = matchers;
    second.kill().await;
    let unaffected = Order { quantity: "0.1", ..take("BTC-USD") };
    assert_eq!(client.place(&unaffected).await["status"], "filled");
    assert_eq!(tape.next().await["instrument"], "BTC-USD");
    let waiting = client.leave(&Order { price: "80", ..bid("SOL-USD") }).await;
    assert_eq!(waiting["status"], "pending");

    let second = Matchers::second(cluster, &pages[1]);
    ready(&pages[1]).await;
    client.becomes(id(&waiting), "open").await;
    assert_eq!(client.book("ETH-USD").await, left());
    let with_what_waited = json!({ "bids": [["90", "1"], ["80", "1"]], "asks": [["100", LEFT]] });
    assert_eq!(client.book("SOL-USD").await, with_what_waited);
    Matchers { pages, first, second }
}

/// What is left of the offer trades with the order that was there before: the shard's own book,
/// and not only what the broadcaster remembers of it.
async fn take_the_rest(client: &Client, tape: &mut Tape, instrument: &'static str, offer: u64) {
    let taken = client.place(&Order { quantity: OFFERED, ..take(instrument) }).await;
    assert_eq!(taken["status"], "partially_filled", "{taken}");
    assert_eq!(taken["fills"][0]["maker_order_id"], offer, "{taken}");
    let told = tape.next().await;
    assert_eq!((&told["instrument"], &told["sell_order_id"]), (&json!(instrument), &json!(offer)));
    client.becomes(offer, "filled").await;
}

/// The taker was granted money at its home alone, and has traded on all shards with it. What it has
/// is one balance: an order for all of it finds all of it, wherever it is.
async fn move_money(client: &Client) {
    // Of 1,000,000 it paid 150 for half a coin each, and its last bids hold 70.
    becomes(client, "999780", "70").await;
    for (instrument, partition) in INSTRUMENTS.into_iter().zip(0..) {
        let client_name = "taker";
        let everything =
            Order { client: client_name, instrument, side: "buy", price: "10", quantity: "99978" };
        let placed = client.place(&everything).await;
        assert_eq!(placed["status"], "open", "{placed}");
        assert_eq!(placed["receipt"]["partition"], partition, "{placed}");
        becomes(client, "0", "999850").await;
        client.cancel(client_name, id(&placed)).await;
        becomes(client, "999780", "70").await;
    }
    let one_more = Order {
        client: "taker",
        instrument: INSTRUMENTS[0],
        side: "buy",
        price: "10",
        quantity: "99978.00001",
    };
    let refused = client.place(&one_more).await;
    assert_eq!(refused["status"], "rejected", "{refused}");
    assert_eq!(refused["reject_reason"], "insufficient_funds", "{refused}");
}

/// Waits until the taker is told that it has so many USD, and that nothing is on its way.
async fn becomes(client: &Client, available: &str, held: &str) {
    let what = format!("{available} available and {held} held");
    until(&what, async || {
        let found = client.get("accounts/taker").await;
        let balances = found["balances"].as_array().cloned().unwrap_or_default();
        let usd = balances.into_iter().find(|balance| balance["asset"] == "USD")?;
        let is_it = usd["available"] == available && usd["held"] == held;
        (is_it && usd["in_flight"].is_null()).then_some(())
    })
    .await;
}

/// kill -9 of the gateway: what it acknowledged is found through the next one.
async fn kill_and_restart_the_gateway(
    cluster: &Cluster,
    gateway: Process,
    client: &Client,
    offers: &[u64],
) -> Process {
    gateway.kill().await;
    let (sentence, status) = refusal(&cluster.run("probe gateway").await);
    assert!(sentence.contains("does not answer"), "{sentence}");
    assert_eq!(status, Some(1));
    let gateway = cluster.start("gateway");
    ready(&cluster.rest).await;
    for offer in offers {
        assert_eq!(client.get(&format!("orders/{offer}")).await["status"], "filled");
    }
    gateway
}

/// The ledger's tables, after it has closed them.
async fn tables(cluster: &Cluster) -> Tables {
    let url = format!("sqlite://{}?mode=rw", cluster.tables().display());
    let sql = SqlStore::open(&url).await.expect("the ledger's tables");
    let tables = sql.tables().await.expect("the ledger's tables");
    sql.close().await.expect("closed");
    tables
}

/// No broker is asked anything: each of these is refused before.
#[tokio::test]
async fn settings_that_cannot_be_used_are_refused_by_name() {
    let no_brokers = "127.0.0.1:1";
    let refused = async |name: &'static str, value: &str, line: &str| {
        let mut cluster = Cluster::new(no_brokers.to_owned());
        cluster.set(name, value);
        let (sentence, status) = refusal(&cluster.run(line).await);
        assert_eq!(status, Some(64), "{sentence}");
        sentence
    };
    for line in ["gateway", "ledger"] {
        let sentence = refused("TRADESPINE_PROFILE", "production", line).await;
        assert!(sentence.contains("`kafka.sasl.mechanism`"), "{sentence}");
        let makes_tokens = sentence.contains("`gateway.admin.token`");
        assert_eq!(makes_tokens, line == "gateway", "{sentence}");
    }
    // To look is enough to be refused.
    let sentence = refused("TRADESPINE_PROFILE", "production", "gateway --check").await;
    assert!(sentence.contains("tradespine admin token create"), "{sentence}");
    for line in ["matcher", "broadcaster", "topics create --replication 2"] {
        let sentence = refused("TRADESPINE_PROFILE", "production", line).await;
        assert!(sentence.contains("`kafka.sasl.mechanism`"), "{sentence}");
        assert_eq!(sentence.contains("2 replicas are too few"), line.starts_with("topics"));
    }
    let sentence = refused("TRADESPINE_PROFILE", "production", "up").await;
    assert!(sentence.contains("`profile`"), "{sentence}");
    let sentence = refused("TRADESPINE_KAFKA__BROKER", "one:9092", "gateway").await;
    assert!(sentence.contains("`kafka.broker`") || sentence.contains("brokers"), "{sentence}");
    let sentence = refused("TRADESPINE_KAFKA__TLS__CA_FILE", "/no/such.pem", "matcher").await;
    assert!(sentence.contains("kafka.tls.enabled"), "{sentence}");
    let url = "mysql://ann:hush@db/ledger";
    let sentence = refused("TRADESPINE_LEDGER__DATABASE_URL", url, "ledger").await;
    assert!(sentence.contains("postgres://") && !sentence.contains("hush"), "{sentence}");
    let url = "rediss://ann:hush@cache";
    let sentence = refused("TRADESPINE_GATEWAY__REDIS__URL", url, "gateway").await;
    assert!(sentence.contains("`gateway.redis.url`") && sentence.contains("TLS"), "{sentence}");
    assert!(!sentence.contains("hush"), "{sentence}");
}

/// A broker as production has it: encrypted, and only for whom it knows.
#[tokio::test(flavor = "multi_thread")]
async fn brokers_are_spoken_to_in_private_and_under_a_name() {
    let Some(door) = guarded() else { return };
    let mut cluster = Cluster::new(door.address.clone());
    let password = cluster.file("password", &format!("{}\n", door.password));
    cluster.set("TRADESPINE_KAFKA__TLS__ENABLED", "true");
    cluster.set("TRADESPINE_KAFKA__TLS__CA_FILE", &door.certificate);
    cluster.set("TRADESPINE_KAFKA__SASL__MECHANISM", "scram-sha-512");
    cluster.set("TRADESPINE_KAFKA__SASL__USER", &door.user);
    cluster.set("TRADESPINE_KAFKA__SASL__PASSWORD_FILE", password);

    assert!(said(&cluster.run("topics create").await).contains("1 shard(s), sandbox"));
    let pages = free_address();
    let matcher = cluster.start(&format!("matcher --http-address {pages}"));
    ready(&pages).await;
    matcher.stop().await;

    // The same log is not good enough for real money, and says why.
    let (sentence, status) = refusal(&cluster.run("matcher --profile production").await);
    assert!(sentence.contains("with 1 replicas and should have 3"), "{sentence}");
    assert_eq!(status, Some(1));

    // Whoever is not let in says what the broker says, and not what it was told.
    cluster.unset("TRADESPINE_KAFKA__SASL__PASSWORD_FILE");
    cluster.set("TRADESPINE_KAFKA__SASL__PASSWORD", "00712");
    let mut waiting = cluster.listen_to("matcher --partitions 0");
    let said = waiting.hears("waiting for the log").await;
    assert!(said.contains("Authentication failed"), "{said}");
    assert!(!said.contains("00712"), "{said}");
    waiting.process.stop().await;
}
