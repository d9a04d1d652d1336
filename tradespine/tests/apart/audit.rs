//! `tradespine verify` and `tradespine log dump` of services apart, on Kafka and PostgreSQL: beside
//! them while they trade, and after them.

use std::{
    env,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rand::RngExt as _;

use crate::{
    INSTRUMENTS, Matchers,
    client::{Client, Order, Tape},
    cluster::{Cluster, Process, brokers, ready, refusal, said},
    offer, take, trade,
};

/// A database of the test's own, on the server that the tests have.
struct Database {
    server: String,
    name: String,
}

impl Database {
    /// An empty one; `None` where there is no server and the test is skipped.
    fn fresh() -> Option<Database> {
        let Ok(server) = env::var("TRADESPINE_TEST_POSTGRES") else {
            assert!(
                env::var_os("TRADESPINE_XTASK").is_none(),
                "TRADESPINE_TEST_POSTGRES is not set"
            );
            println!("skipped: TRADESPINE_TEST_POSTGRES names no server");
            return None;
        };
        let name = format!("audit_{:016x}", rand::rng().random::<u64>());
        psql(&server, &format!("CREATE DATABASE {name}"));
        Some(Database { server, name })
    }

    fn url(&self) -> String {
        let (address, _) = self.server.rsplit_once('/').expect("a URL that names a database");
        format!("{address}/{}", self.name)
    }

    /// The URL of a user who can read what is there now, and do nothing else.
    fn reader(&self) -> String {
        let reader = format!("reader_of_{}", self.name);
        self.run(&format!(
            "CREATE ROLE {reader} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}"
        ));
        let url = self.url();
        let (_, address) = url.split_once('@').expect("a URL that names a user");
        format!("postgres://{reader}@{address}")
    }

    fn run(&self, statement: &str) -> String {
        psql(&self.url(), statement)
    }
}

fn psql(url: &str, statement: &str) -> String {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, url]);
    said(&psql.output().expect("psql runs")).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_services_apart_keep_is_verified_beside_them_and_after_them() {
    let (Some(brokers), Some(database)) = (brokers(), Database::fresh()) else { return };
    let mut cluster = Cluster::new(brokers);
    cluster.set("TRADESPINE_LEDGER__DATABASE_URL", database.url());
    said(&cluster.run("topics create --shards 3").await);
    let services = start(&cluster).await;

    let client = Client::new(&cluster.rest);
    let mut tape = Tape::follow(&cluster.websocket).await;
    let mut offers = Vec::new();
    for (instrument, partition) in INSTRUMENTS.into_iter().zip(0..) {
        offers.push(trade(&client, &mut tape, instrument, partition).await);
    }
    dump_shows_the_order(&cluster, &client).await;
    verify_beside_orders(&cluster, &database).await;

    for service in services {
        service.stop().await;
    }
    let after = said(&verify(&cluster).await);
    for partition in 0..3 {
        let all = format!("partition {partition}: ");
        let line = after.lines().find(|line| line.contains(&all)).expect("a line of it");
        assert!(line.contains(" 0 of "), "every input is answered: {line}");
        assert!(line.ends_with("the tables are 0 answers behind"), "{line}");
    }
    assert!(after.contains("3 trades"), "{after}");
    what_sql_changed_is_named(&cluster, &database, offers[1]).await;
}

/// Everything that trades, ready.
async fn start(cluster: &Cluster) -> Vec<Process> {
    let Matchers { pages, first, second } = Matchers::start(cluster);
    let mut services = vec![first, second];
    for service in ["gateway", "ledger", "broadcaster"] {
        services.push(cluster.start(service));
    }
    for pages in [&cluster.rest, &cluster.websocket, &cluster.ledger_pages, &pages[0], &pages[1]] {
        ready(pages).await;
    }
    services
}

async fn verify(cluster: &Cluster) -> Output {
    cluster.run("verify --kafka").await
}

/// An order of the second shard in the log, as it was asked and as it was answered.
async fn dump_shows_the_order(cluster: &Cluster, client: &Client) {
    let instrument = INSTRUMENTS[1];
    let placed = client.place(&offer(instrument)).await;
    let (partition, offset) = (&placed["receipt"]["partition"], &placed["receipt"]["offset"]);
    let line = format!("log dump --kafka --topic orders --partition {partition} --from {offset}");
    let asked = said(&cluster.run(&format!("{line} --limit 1")).await);
    assert_eq!(asked.lines().count(), 1, "{asked}");
    assert!(asked.starts_with(&format!("{offset}  ")), "{asked}");
    assert!(asked.contains("  place maker instrument "), "{asked}");
    assert!(asked.contains(" sell limit gtc "), "{asked}");
    // Without a limit it ends where the log does, though the log goes on.
    let line = format!("log dump --kafka --partition {partition}");
    let answers = said(&cluster.run(&line).await);
    let answered = format!(" to offset {offset} ");
    let answer = answers.lines().find(|line| line.contains(&answered)).expect("it is answered");
    assert!(answer.contains(": applied; placed maker instrument "), "{answer}");
    let line = "log dump --kafka --topic orders --partition 3";
    let (sentence, status) = refusal(&cluster.run(line).await);
    assert!(sentence.contains("there is no partition 3 of tradespine.orders"), "{sentence}");
    assert_eq!(status, Some(1));
}

/// Verifies again and again while orders come, as a user who can only read.
async fn verify_beside_orders(cluster: &Cluster, database: &Database) {
    let done = Arc::new(AtomicBool::new(false));
    let trading = tokio::spawn({
        let (client, done) = (Client::new(&cluster.rest), Arc::clone(&done));
        async move {
            let mut placed = 0;
            while !done.load(Ordering::Relaxed) {
                for instrument in INSTRUMENTS {
                    client.leave(&take_little(instrument)).await;
                    placed += 1;
                }
            }
            placed
        }
    });
    let reader = database.reader();
    let mut answers = 0;
    for _ in 0..3 {
        let line = format!("verify --kafka --database-url {reader}");
        let report = said(&cluster.run(&line).await);
        assert!(report.ends_with("sound\n"), "{report}");
        assert!(report.contains("looked at log: the topics apart-"), "{report}");
        assert!(report.contains("of the ledger in postgresql"), "{report}");
        assert!(report.contains("partition 2: there is no snapshot to check"), "{report}");
        let replayed = report.lines().filter_map(|line| {
            let (before, _) = line.split_once(" answers replayed")?;
            before.rsplit(' ').next()?.parse::<u64>().ok()
        });
        let replayed: u64 = replayed.sum();
        assert!(replayed > answers, "the log grew beyond {answers}: {report}");
        answers = replayed;
    }
    done.store(true, Ordering::Relaxed);
    let placed: u64 = trading.await.expect("they were taken");
    assert!(placed > 0, "orders came");
}

/// A bid below every offer, so that it rests.
fn take_little(instrument: &'static str) -> Order {
    Order { price: "1", quantity: "0.01", ..take(instrument) }
}

/// Rows that somebody else changed, each with the words that name it.
async fn what_sql_changed_is_named(cluster: &Cluster, database: &Database, order: u64) {
    let changes = [
        (
            format!("UPDATE orders SET remaining_lots = remaining_lots + 1 WHERE id = {order}"),
            format!("UPDATE orders SET remaining_lots = remaining_lots - 1 WHERE id = {order}"),
            vec!["PROBLEM table orders: OrderId("],
        ),
        (
            "UPDATE balances SET available_units = available_units + 1 \
             WHERE account = 'taker' AND asset_id = 1"
                .to_owned(),
            "UPDATE balances SET available_units = available_units - 1 \
             WHERE account = 'taker' AND asset_id = 1"
                .to_owned(),
            vec![
                "PROBLEM table balances: BalanceKey { account: AccountName(\"taker\")",
                "PROBLEM the balances are not the fold of the postings",
                "USD: there is Some(",
            ],
        ),
        (
            "UPDATE progress SET out_seq = out_seq + 1000000 WHERE partition = 0".to_owned(),
            "UPDATE progress SET out_seq = out_seq - 1000000 WHERE partition = 0".to_owned(),
            vec!["PROBLEM partition 0: the tables are at answer 100", "beyond the log"],
        ),
    ];
    for (change, undo, named) in changes {
        database.run(&change);
        let found = verify(cluster).await;
        let report = String::from_utf8_lossy(&found.stdout);
        let (sentence, status) = refusal(&found);
        assert_eq!(status, Some(1), "{report}");
        assert!(sentence.contains("were found"), "{sentence}");
        assert!(report.ends_with("NOT sound\n"), "{report}");
        for words in named {
            assert!(report.contains(words), "no {words:?} after {change:?} in {report}");
        }
        database.run(&undo);
    }
    said(&verify(cluster).await);
}
