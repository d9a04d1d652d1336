//! How fast batches are written: `cargo xtask with-servers --only postgres -- cargo test --release
//! -p tradespine-ledger --test throughput -- --ignored --nocapture --test-threads 1`. It measures
//! and prints, also what time of a core it took of this process and, of a server on this machine,
//! of its processes (Linux counts both); it judges only that every row is there.

mod answers;
mod postgres;

use std::{fs, time::Instant};

use answers::{Scribe, flow::Flow, one_batch};
use ledger::{
    projection::Projector,
    store::{SqlStore, Store},
};
use model::Partition;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

/// How many answers one batch has, and how many batches there are: as the projecting task makes
/// them where it has fallen behind, and at a few thousand orders a second.
const SHAPES: [(usize, usize); 2] = [(4_096, 60), (256, 400)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, for a release build"]
async fn orders_a_second_into_sqlite() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (number, shape) in SHAPES.into_iter().enumerate() {
        let file = directory.path().join(format!("ledger-{number}.db"));
        let url = format!("sqlite://{}?mode=rwc", file.display());
        measure(&SqlStore::open(&url).await.expect("it opens"), shape, None).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, for a release build"]
async fn orders_a_second_into_postgresql() {
    for shape in SHAPES {
        let Some(database) = postgres::Database::fresh().await else { return };
        let store = SqlStore::open(database.url()).await.expect("it opens");
        let session = database.session().await;
        measure(&store, shape, Some(&session)).await;
        session.close().await.expect("it closes");
        store.close().await.expect("it closes");
        database.remove().await;
    }
}

async fn measure(
    store: &SqlStore,
    (batch_answers, batches): (usize, usize),
    server: Option<&DatabaseConnection>,
) {
    let mut flow = Flow::new(Scribe::new(Partition::FIRST), 1, 10_000, 12);
    let mut projector = Projector::new(answers::LOG, Partition::FIRST, None);
    let (mut orders, mut rows, mut folding, mut writing, mut cpu) = (0, 0, 0.0, 0.0, 0.0);
    let server_before = server_cpu(server).await;
    for _ in 0..batches {
        let before = flow.orders();
        let answers = flow.answers(batch_answers);
        let (started, cpu_before) = (Instant::now(), process_cpu("self"));
        let batch = one_batch(&mut projector, &answers);
        folding += started.elapsed().as_secs_f64();
        rows += batch.changes.rows();
        let started = Instant::now();
        store.apply(&batch).await.expect("it is written");
        writing += started.elapsed().as_secs_f64();
        cpu += process_cpu("self") - cpu_before;
        orders += flow.orders() - before;
    }
    let server_cpu = server_cpu(server).await - server_before;
    let total = folding + writing;
    println!("{batches} batches of {batch_answers} answers, {rows} rows");
    println!("{orders} orders in {total:.1} s ({folding:.2} s of it folding)");
    #[expect(clippy::cast_precision_loss, reason = "printed rates")]
    let (orders, rows) = (orders as f64, rows as f64);
    println!("{:.0} orders/s, {:.0} rows/s", orders / total, rows / total);
    let [here, there] = [cpu, server_cpu].map(|seconds| seconds / orders * 1e6);
    println!("us of a core an order: {here:.1} here, {there:.1} in the server");
    let progress = store.progress().await.expect("it is there");
    assert_eq!(progress[&Partition::FIRST].out_seq, flow.scribe.out_seq());
}

/// The time of a core, in seconds, that the server's processes have taken so far: of those that are
/// still there, and are on this machine.
async fn server_cpu(server: Option<&DatabaseConnection>) -> f64 {
    let Some(session) = server else { return 0.0 };
    let text = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                OR datname IS NULL";
    let asked = Statement::from_string(session.get_database_backend(), text);
    let found = session.query_all_raw(asked).await.expect("it answers");
    let process = |row: &sea_orm::QueryResult| row.try_get::<i32>("", "pid").expect("a number");
    found.iter().map(|row| process_cpu(&process(row).to_string())).sum()
}

/// The time of a core, in seconds, that a process has taken so far.
fn process_cpu(process: &str) -> f64 {
    /// Linux counts it for programs in hundredths of a second, whatever its own clock is.
    const TICKS_A_SECOND: f64 = 100.0;
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Its name, which may hold anything, ends with the last parenthesis.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
}
