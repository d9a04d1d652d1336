//! How fast batches are written: `cargo xtask with-servers --only postgres -- cargo test --release
//! -p tradespine-ledger --test throughput -- --ignored --nocapture --test-threads 1`. It measures
//! and prints; it judges only that every row is there.

mod answers;
mod postgres;

use std::time::Instant;

use answers::{Scribe, flow::Flow, one_batch};
use ledger::{
    projection::Projector,
    store::{SqlStore, Store},
};
use model::Partition;

/// How many answers one batch has, as the projecting task makes them under load.
const BATCH_ANSWERS: usize = 4_096;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, for a release build"]
async fn orders_a_second_into_sqlite() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("ledger.db").display());
    measure(&SqlStore::open(&url).await.expect("it opens")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, for a release build"]
async fn orders_a_second_into_postgresql() {
    let Some(database) = postgres::Database::fresh().await else { return };
    measure(&SqlStore::open(database.url()).await.expect("it opens")).await;
    database.remove().await;
}

async fn measure(store: &SqlStore) {
    let mut flow = Flow::new(Scribe::new(Partition::FIRST), 1, 10_000, 12);
    let mut projector = Projector::new(answers::LOG, Partition::FIRST, None);
    let (mut orders, mut rows, mut folding, mut writing) = (0, 0, 0.0, 0.0);
    for round in 0..60 {
        let before = flow.orders();
        let answers = flow.answers(BATCH_ANSWERS);
        let started = Instant::now();
        let batch = one_batch(&mut projector, &answers);
        folding += started.elapsed().as_secs_f64();
        rows += batch.changes.rows();
        let started = Instant::now();
        store.apply(&batch).await.expect("it is written");
        let took = started.elapsed().as_secs_f64();
        writing += took;
        orders += flow.orders() - before;
        if round % 10 == 9 {
            println!("batch {round}: {:.0} ms for {} rows", took * 1e3, batch.changes.rows());
        }
    }
    let rate = |count: f64| count / (folding + writing);
    println!("{orders} orders in {:.1} s ({folding:.2} s of it folding)", folding + writing);
    #[expect(clippy::cast_precision_loss, reason = "a printed rate")]
    let (orders_rate, rows_rate) = (rate(orders as f64), rate(rows as f64));
    println!("{orders_rate:.0} orders/s, {rows_rate:.0} rows/s");
    let progress = store.progress().await.expect("it is there");
    assert_eq!(progress[&Partition::FIRST].out_seq, flow.scribe.out_seq());
}
