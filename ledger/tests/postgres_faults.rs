//! What a ledger makes of a PostgreSQL that fails: sessions that are cut in the middle of a batch,
//! a server that is killed or held still, a network that swallows everything, several ledgers that
//! make the tables at once, and one that may not make any.

#![allow(unreachable_pub, reason = "modules of one test program")]

mod answers;
mod postgres;
#[path = "postgres/server.rs"]
mod server;

use std::{sync::Arc, time::Duration};

use answers::{LOG, Scribe, batches, flow::Flow, listings};
use daemon::health::Readiness;
use ledger::{
    Dependencies, Settings,
    solvency::AssetSum,
    store::{MemoryStore, SqlStore, Store, StoreError},
};
use model::Partition;
use postgres::Database;
use proto::log;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};
use server::Server;
use spine::{
    Answer, Log, Place, Record,
    log::{Producer, WriterRole, append_blocking, memory::MemoryLog},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

/// How long anything here may take before it is called stuck: no measure of speed.
const STUCK: Duration = Duration::from_secs(120);

fn some_answers(count: usize) -> Vec<Answer> {
    Flow::new(Scribe::new(Partition::FIRST), 42, 20, 3).answers(count)
}

async fn folded(answers: &[Answer]) -> ledger::tables::Tables {
    let store = MemoryStore::new();
    for batch in batches(Partition::FIRST, answers, 1_000) {
        store.apply(&batch).await.expect("it follows");
    }
    store.into_tables()
}

async fn open(url: &str) -> SqlStore {
    SqlStore::open(url).await.expect("it opens")
}

/// How many sessions of the ledger in this database wait for somebody's lock.
async fn waiting(session: &DatabaseConnection, database: &str) -> i64 {
    sessions(session, database, "wait_event_type = 'Lock'").await
}

/// How many sessions of the ledger there are in this database of which that holds.
async fn sessions(session: &DatabaseConnection, database: &str, that: &str) -> i64 {
    let text = format!(
        "SELECT count(*) AS found FROM pg_stat_activity WHERE datname = '{database}' \
         AND application_name = 'tradespine-ledger' AND {that}"
    );
    number(session, &text).await
}

/// The number that a query calls `found`.
async fn number(session: &DatabaseConnection, text: &str) -> i64 {
    let statement = Statement::from_string(session.get_database_backend(), text);
    let row = session.query_one_raw(statement).await.expect("it answers").expect("a number");
    row.try_get("", "found").expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_ledgers_make_the_tables_of_an_empty_database_at_once() {
    let Some(database) = Database::fresh().await else { return };
    let opening = (0..6).map(|_| {
        let url = database.url().to_owned();
        tokio::spawn(async move { SqlStore::open(&url).await })
    });
    for opened in opening.collect::<Vec<_>>() {
        let store = opened.await.expect("no panic").expect("each finds the tables");
        assert!(store.progress().await.expect("it reads").is_empty());
        store.close().await.expect("it closes");
    }
    // Both names of the scheme are understood.
    let other_name = database.url().replacen("postgres://", "postgresql://", 1);
    open(&other_name).await.close().await.expect("it closes");
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_without_the_right_to_make_tables_waits_for_them() {
    let Some(database) = Database::fresh().await else { return };
    match SqlStore::open_unchanged(database.url()).await {
        Err(StoreError::Outdated { first, .. }) => assert_eq!(first, "m0001_progress"),
        other => panic!("there are no tables: {other:?}"),
    }
    open(database.url()).await.close().await.expect("it closes");
    let session = database.session().await;
    let name = database.name();
    let nobody_writes = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    session.execute_unprepared(&nobody_writes).await.expect("the server does it");
    session.close().await.expect("it closes");
    let refused = SqlStore::open(database.url()).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "nobody may migrate: {refused:?}");
    let store = SqlStore::open_unchanged(database.url()).await.expect("it only looks");
    assert!(store.progress().await.expect("it reads").is_empty());
    store.close().await.expect("it closes");
    database.remove().await;
}

/// How often this table was read from end to end, and how many of its rows were changed.
async fn scanned(database: &Database, table: &str) -> (i64, i64) {
    let session = database.session().await;
    // What a session did is told once it is over.
    let deadline = tokio::time::Instant::now() + STUCK;
    while sessions(&session, database.name(), "true").await > 0 {
        assert!(tokio::time::Instant::now() < deadline, "the store's sessions stay");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = |column| {
        format!("SELECT {column} AS found FROM pg_stat_user_tables WHERE relname = '{table}'")
    };
    let found =
        (number(&session, &told("seq_scan")).await, number(&session, &told("n_tup_upd")).await);
    session.close().await.expect("it closes");
    found
}

/// The plan of a statement is made when its table is small and kept while it grows, so that one
/// that reads the whole table then would do so ever after, and take longer with each batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_finds_its_rows_by_their_keys_however_small_the_tables_are() {
    let Some(database) = Database::fresh().await else { return };
    open(database.url()).await.close().await.expect("it closes");
    let mut before = Vec::new();
    for table in ["orders", "balances"] {
        before.push((table, scanned(&database, table).await));
    }
    let store = open(database.url()).await;
    for batch in batches(Partition::FIRST, &some_answers(2_000), 50) {
        store.apply(&batch).await.expect("it follows");
    }
    store.close().await.expect("it closes");
    for (table, (scans, changes)) in before {
        let (scans_after, changes_after) = scanned(&database, table).await;
        assert!(changes_after > changes, "no row of {table} was changed");
        assert_eq!(scans_after, scans, "{table} was read from end to end");
    }
    database.remove().await;
}

/// A batch stands in its middle, because somebody else holds a table; there its session is cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_cut_within_a_batch_leaves_nothing_of_it() {
    let Some(database) = Database::fresh().await else { return };
    let store = Arc::new(open(database.url()).await);
    let answers = some_answers(200);
    let batches = batches(Partition::FIRST, &answers, 100);
    store.apply(&batches[0]).await.expect("it follows");
    let before = store.tables().await.expect("it reads");

    let (holder, watcher) = (database.session().await, database.session().await);
    let held = holder.begin().await.expect("it begins");
    held.execute_unprepared("LOCK TABLE posting_legs IN EXCLUSIVE MODE").await.expect("locked");
    let (applying, batch) = (Arc::clone(&store), batches[1].clone());
    let applied = tokio::spawn(async move { applying.apply(&batch).await });
    while waiting(&watcher, database.name()).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let cut = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' \
         AND application_name = 'tradespine-ledger'",
        database.name()
    );
    watcher.execute_unprepared(&cut).await.expect("cut");
    let failed = applied.await.expect("no panic");
    assert!(matches!(failed, Err(StoreError::Failed(_))), "{failed:?}");
    held.rollback().await.expect("it ends");

    assert_eq!(store.tables().await.expect("it connects again"), before);
    store.apply(&batches[1]).await.expect("it follows");
    let tables = store.tables().await.expect("it reads");
    assert_eq!(tables.differences(&folded(&answers).await), []);
    holder.close().await.expect("it closes");
    watcher.close().await.expect("it closes");
    database.remove().await;
}

/// A ledger behind a broken network: the server hears no more of it, nor that it is gone. It must
/// not hold its partition for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_vanished_within_a_batch_is_cut_off() {
    let Some(database) = Database::fresh().await else { return };
    let answers = some_answers(200);
    let batches = batches(Partition::FIRST, &answers, 100);
    let wire = Wire::to(database.url()).await;
    let (far, near) = (Arc::new(open(wire.url()).await), open(database.url()).await);
    far.apply(&batches[0]).await.expect("it follows");

    let (holder, watcher) = (database.session().await, database.session().await);
    let held = holder.begin().await.expect("it begins");
    held.execute_unprepared("LOCK TABLE posting_legs IN EXCLUSIVE MODE").await.expect("locked");
    let (applying, batch) = (Arc::clone(&far), batches[1].clone());
    let vanished = tokio::spawn(async move { applying.apply(&batch).await });
    while waiting(&watcher, database.name()).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    wire.break_silently();
    held.rollback().await.expect("it ends");

    let other = async {
        loop {
            match near.apply(&batches[1]).await {
                Err(StoreError::Failed(_)) => {}
                done => return done,
            }
        }
    };
    let done = tokio::time::timeout(STUCK, other).await.expect("the row is free in the end");
    assert_eq!(done, Ok(()), "nothing of the other's batch was kept");
    let tables = near.tables().await.expect("it reads");
    assert_eq!(tables.differences(&folded(&answers).await), []);
    vanished.abort();
    holder.close().await.expect("it closes");
    watcher.close().await.expect("it closes");
    database.remove().await;
}

/// A network between a store and its server that can break without a word to either.
struct Wire {
    url: String,
    is_broken: tokio::sync::watch::Sender<bool>,
}

impl Wire {
    async fn to(url: &str) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (before, rest) = url.rsplit_once(':').expect("a URL with a port");
        let (server_port, database) = rest.split_once('/').expect("a URL with a database");
        let server = format!("127.0.0.1:{server_port}");
        let (is_broken, broken) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = TcpStream::connect(&server).await.expect("the server is there");
                let mut broken = broken.clone();
                tokio::spawn(async move {
                    let is_over = tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => true,
                        _ = broken.changed() => false,
                    };
                    if !is_over {
                        // Both ends stay open, and nothing comes through.
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Wire { url: format!("{before}:{port}/{database}"), is_broken }
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn break_silently(&self) {
        self.is_broken.send_replace(true);
    }
}

/// A log of one partition whose answers a test writes.
struct Rig {
    log: Arc<dyn Log>,
    producer: Arc<dyn Producer>,
    flow: Flow,
    written: Vec<Answer>,
}

impl Rig {
    fn new() -> Rig {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new(1));
        let genesis = log::Genesis {
            log_id: LOG.0.to_vec(),
            partition_count: 1,
            sandbox: true,
            key_retention_nanos: 1,
            behaviour: 0,
        };
        spine::genesis::found(log.as_ref(), &genesis).expect("an empty log");
        let role = WriterRole::Edge { give_up_after: Duration::from_secs(1) };
        let producer = log.producer(role).expect("a memory log has producers");
        let flow = Flow::new(Scribe::new(Partition::FIRST), 7, 20, 2);
        let mut rig = Rig { log, producer, flow, written: Vec::new() };
        for body in listings() {
            rig.write(body);
        }
        rig
    }

    fn write(&mut self, body: log::AnswerBody) {
        let (bytes, answer) = self.flow.scribe.write(body);
        let place = Place::events(Partition::FIRST);
        append_blocking(self.producer.as_ref(), place, Record::of(bytes)).expect("it appends");
        self.written.push(answer);
    }

    fn trade(&mut self, count: usize) {
        for _ in 0..count {
            let body = self.flow.body();
            self.write(body);
        }
    }
}

/// A ledger service on its own pool of sessions.
struct Ledger {
    store: Arc<SqlStore>,
    stop: CancellationToken,
    served: JoinHandle<Result<(), ledger::ServeError>>,
}

impl Ledger {
    async fn start(log: &Arc<dyn Log>, url: &str) -> Ledger {
        let store = Arc::new(open(url).await);
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let dependencies = Dependencies {
            log: Arc::clone(log),
            store: store.clone(),
            readiness: Readiness::default(),
            metrics: String::new,
        };
        let settings = Settings { grpc_address: any, health_address: any };
        let service = ledger::bind(settings, dependencies).await.expect("free ports");
        let stop = CancellationToken::new();
        let served = tokio::spawn(service.serve(stop.clone()));
        Ledger { store, stop, served }
    }

    /// Waits until its tables stand at `out_seq`.
    async fn reaches(&self, out_seq: u64) {
        let reached = async {
            loop {
                // While the server is away nothing can be read.
                let progress = self.store.progress().await.unwrap_or_default();
                if progress.get(&Partition::FIRST).is_some_and(|row| row.out_seq == out_seq) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(STUCK, reached).await.expect("the ledger goes on");
    }

    async fn end(self) {
        self.stop.cancel();
        self.served.await.expect("no panic").expect("it drains");
        self.store.close().await.expect("it closes");
    }
}

/// Two ledgers project one partition into a server that is killed, held still and started again,
/// each time under load: in the end its tables are the fold of the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_or_held_still_loses_and_repeats_nothing() {
    if postgres::server().is_none() {
        return;
    }
    let mut server = spawn_blocking(Server::start).await.expect("it starts");
    let database = Database::on(server.url()).await;
    let mut rig = Rig::new();
    let ledgers = [
        Ledger::start(&rig.log, database.url()).await,
        Ledger::start(&rig.log, database.url()).await,
    ];
    for round in 0..4 {
        rig.trade(100);
        ledgers[0].reaches(rig.flow.scribe.out_seq()).await;
        // The next ones are on their way into the tables when it happens.
        rig.trade(2_000);
        tokio::time::sleep(Duration::from_millis(10 * (round + 1))).await;
        server = spawn_blocking(move || {
            if round % 2 == 0 {
                server.kill();
                server.resume();
            } else {
                server.signal("STOP");
                std::thread::sleep(Duration::from_millis(500));
                server.signal("CONT");
            }
            server
        })
        .await
        .expect("no panic");
    }
    rig.trade(100);
    for ledger in &ledgers {
        ledger.reaches(rig.flow.scribe.out_seq()).await;
    }
    let tables = ledgers[0].store.tables().await.expect("it reads");
    // The service wrote its own progress; its rows are the fold of what stands in the log.
    let mut expected = folded(&rig.written).await;
    expected.progress.clone_from(&tables.progress);
    assert_eq!(tables.differences(&expected), []);
    let sums = tables.asset_sums().expect("small sums");
    assert!(sums.values().all(AssetSum::is_sound));
    for ledger in ledgers {
        ledger.end().await;
    }
    spawn_blocking(move || drop(server)).await.expect("it ends");
}
