//! A store in SQL, through SeaORM: the same statements for SQLite and for PostgreSQL, save that a
//! batch's rows go to SQLite as lists of values and to PostgreSQL as an array a column.
//!
//! **What is durable.** The log is the truth; the tables can be made again from it at any time. A
//! batch and the progress that it comes to are one transaction, so whatever a crash takes from the
//! tables it takes from the progress too, and it is projected again. That is why SQLite runs with
//! `synchronous = NORMAL` on a write-ahead log: a power loss may take the last transactions, never
//! a part of one. PostgreSQL keeps its own `synchronous_commit`: it can crash while this process
//! lives on, which has told its callers how far the tables are and must not be found wrong.
//!
//! **Several ledgers.** Where two write the same batch, PostgreSQL holds the second one at the
//! progress row until the first has committed, and then finds that the row has moved. A ledger that
//! vanished in the middle of a batch is cut off by the database after [`IDLE_MAX`].
//!
//! # Layout
//!
//! - `entity`: the tables. `column`, `values`: between the words of `model` and what columns hold.
//! - `write`: a batch in one transaction. `read`: the queries. `postings`, `sums`: what moved
//!   money, and what there is of each asset. `controls`: what accounts may do. `volumes`: how much
//!   they trade. `whole`: everything at once.

mod column;
mod controls;
mod entity;
mod postings;
mod read;
mod sums;
mod values;
mod volumes;
mod whole;
mod write;

use std::{collections::BTreeMap, time::Duration};

use ledger_migration::{Migrator, MigratorTrait};
use model::{AccountName, Amount, FeeTier, KeyText, OrderId, Partition};
use sea_orm::{
    ConnAcquireErr, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend,
    DbErr, RuntimeErr, SqlErr, TransactionTrait,
    sqlx::{
        self,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::{sync::Semaphore, time::timeout};
use tonic::async_trait;

use super::{Catalog, OrdersQuery, Postings, PostingsQuery, Store, StoreError, TradesQuery};
use crate::{
    control::{AccountControl, ControlKey, MarketControls},
    projection::Batch,
    row::{Balance, BalanceKey, IncomeKey, OrderRow, Progress, TradeRow},
    solvency::Cut,
    tables::Tables,
    volume::{Traded, VolumesQuery},
};

/// Connections kept open: a writer for each of a few partitions, and readers beside them. More
/// only wait for the same two or four cores of the database.
const CONNECTIONS_MAX: u32 = 8;

/// How long a statement may wait for a connection or for another's lock before it fails: longer
/// than any batch takes, shorter than a client waits.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How often a SQLite file that does not open in [`WAIT_MAX`] is tried: for two minutes, which a
/// machine that is busy with other things for a while may take.
const FILE_TRIES_MAX: u32 = 24;

/// How long a batch may take before its outcome is called unknown: many times what the largest one
/// takes, so that only a database that does not answer at all comes to it.
const BATCH_TIME_MAX: Duration = Duration::from_secs(30);

/// How long PostgreSQL waits for the next statement of a transaction. A batch is ready before its
/// transaction begins, so a ledger that says nothing for so long is gone, and must not hold its
/// partition's row against the others.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// What PostgreSQL is locked by while its tables are brought up to date; any number will do that
/// nobody else uses.
const MIGRATION_LOCK: i64 = 0x7472_6164_6573_7069;

/// How many statements a connection keeps prepared. Inserts come in few sizes (see `write`), so
/// that all of them fit; each costs memory, a large insert into SQLite about a megabyte.
const STATEMENTS_KEPT: usize = 64;

/// How many pages SQLite's write-ahead log grows by before it is folded back: 64 MiB. The default
/// of 4 MiB is folded back several times a second under load, each time with a sync.
const WAL_PAGES_MAX: u32 = 16_384;

/// SQLite's page cache for each connection, in KiB (negative says so): the newest pages of every
/// index that a batch touches.
const CACHE_KIB: i32 = -65_536;

/// How many batches PostgreSQL may be given at once: as many as a process has partitions, mostly.
const WRITERS_MAX: usize = 4;

/// What becomes of a SQLite file that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// It is made, empty.
    IsMade,
    /// It is an error.
    IsRefused,
}

/// A store in SQL.
#[derive(Debug)]
pub struct SqlStore {
    connection: DatabaseConnection,
    /// Batches that may be written at once: SQLite takes one, and waiting here is fairer and
    /// quicker than polling its lock.
    writers: Semaphore,
}

impl SqlStore {
    /// Opens the database at `url` (`sqlite://path?mode=rwc`, `sqlite::memory:`, or
    /// `postgres://...`) and brings its tables up to date; of several that do so at once, one does
    /// it and the others wait.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where it cannot be opened or migrated.
    pub async fn open(url: &str) -> Result<SqlStore, StoreError> {
        let store = SqlStore::connect(url, Missing::IsMade).await?;
        migrate(&store.connection).await.map_err(failed)?;
        Ok(store)
    }

    /// Opens the database at `url` and leaves its tables as they are: whoever calls this need not
    /// have the right to change them.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] where they are not up to date, [`StoreError::Failed`] where the
    /// database cannot be opened, or its tables are newer than this program.
    pub async fn open_unchanged(url: &str) -> Result<SqlStore, StoreError> {
        SqlStore::connect(url, Missing::IsMade).await?.checked().await
    }

    /// The same for somebody who only reads: a SQLite file that is not there is not made, and the
    /// user need have no right but to read.
    ///
    /// # Errors
    /// As [`SqlStore::open_unchanged`].
    pub async fn open_to_read(url: &str) -> Result<SqlStore, StoreError> {
        SqlStore::connect(url, Missing::IsRefused).await?.checked().await
    }

    /// Refuses tables that are not up to date.
    async fn checked(self) -> Result<SqlStore, StoreError> {
        let lacking = Migrator::get_pending_migrations_read_only(&self.connection).await;
        let lacking = lacking.map_err(failed)?;
        match lacking.first() {
            None => Ok(self),
            Some(first) => {
                Err(StoreError::Outdated { lacking: lacking.len(), first: first.name().to_owned() })
            }
        }
    }

    async fn connect(url: &str, missing: Missing) -> Result<SqlStore, StoreError> {
        let mut options = ConnectOptions::new(canonical(url));
        // A database in memory is one connection's own.
        let is_private = url.contains(":memory:");
        options
            .max_connections(if is_private { 1 } else { CONNECTIONS_MAX })
            .acquire_timeout(WAIT_MAX)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |options| tune_sqlite(options, missing))
            .map_sqlx_postgres_opts(tune_postgres);
        if is_private {
            options.idle_timeout(None).max_lifetime(None);
        }
        let connection = connect_patiently(options).await.map_err(failed)?;
        let writers = match connection.get_database_backend() {
            DbBackend::Sqlite => 1,
            _ => WRITERS_MAX,
        };
        Ok(SqlStore { connection, writers: Semaphore::new(writers) })
    }

    /// Closes the database after what is under way: SQLite folds its write-ahead log back.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where the database does not close.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.connection.close_by_ref().await.map_err(failed)
    }
}

/// Connects, to a SQLite file also where that takes long: it is opened by a thread that may run
/// only where no other wants to, and after a crash it folds back what was not. Whoever needs a
/// server waits for it as for brokers, and says meanwhile what for.
async fn connect_patiently(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let is_file = options.get_url().starts_with("sqlite:");
    let tries_max = if is_file { FILE_TRIES_MAX } else { 1 };
    let mut tries = 0;
    loop {
        tries += 1;
        match Database::connect(options.clone()).await {
            Err(error) if is_late(&error) && tries < tries_max => {
                tracing::warn!(%error, "the ledger's database is slow to open");
            }
            connected => return connected,
        }
    }
}

/// Whether there was no answer in [`WAIT_MAX`], good or bad.
fn is_late(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error)) => matches!(**error, sqlx::Error::PoolTimedOut),
        _ => false,
    }
}

/// Opens a SQLite file as a server's: readers beside the writer, patience with locks, few syncs.
fn tune_sqlite(options: SqliteConnectOptions, missing: Missing) -> SqliteConnectOptions {
    options
        .create_if_missing(missing == Missing::IsMade)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(WAIT_MAX)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .pragma("wal_autocheckpoint", WAL_PAGES_MAX.to_string())
        .pragma("cache_size", CACHE_KIB.to_string())
}

/// Opens a session of PostgreSQL as the writer and reader of batches that this store is.
fn tune_postgres(options: PgConnectOptions) -> PgConnectOptions {
    let millis = |time: Duration| time.as_millis().to_string();
    options.application_name("tradespine-ledger").statement_cache_capacity(STATEMENTS_KEPT).options(
        [
            // By which a batch that waited for another's sees the row as the other left it.
            ("default_transaction_isolation", "read committed".to_owned()),
            ("lock_timeout", millis(WAIT_MAX)),
            ("idle_in_transaction_session_timeout", millis(IDLE_MAX)),
        ],
    )
}

/// PostgreSQL's own name of its URLs is understood too.
fn canonical(url: &str) -> String {
    url.strip_prefix("postgresql://")
        .map_or_else(|| url.to_owned(), |rest| format!("postgres://{rest}"))
}

/// Brings the tables up to date. PostgreSQL may be shared: there it is one transaction under a
/// lock, so that one ledger makes the tables and the others find them. Whoever has a SQLite file
/// has it alone.
async fn migrate(connection: &DatabaseConnection) -> Result<(), DbErr> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Migrator::up(connection, None).await;
    }
    let transaction = connection.begin().await?;
    let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
    transaction.execute_unprepared(&lock).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}

/// A row that is there twice will be so the next time too; anything else may pass.
#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn failed(error: DbErr) -> StoreError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(row)) => StoreError::Damaged(row),
        _ => StoreError::Failed(error.to_string()),
    }
}

#[async_trait]
impl Store for SqlStore {
    fn system(&self) -> &'static str {
        match self.connection.get_database_backend() {
            DbBackend::Sqlite => "sqlite",
            DbBackend::Postgres => "postgresql",
            _ => "other_sql",
        }
    }

    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let _turn = self
            .writers
            .acquire()
            .await
            .map_err(|_| StoreError::Failed("the store is closed".to_owned()))?;
        let written = timeout(BATCH_TIME_MAX, write::batch(&self.connection, batch)).await;
        written.unwrap_or_else(|_| {
            let seconds = BATCH_TIME_MAX.as_secs();
            Err(StoreError::Failed(format!("a batch was not written within {seconds} s")))
        })
    }

    async fn progress(&self) -> Result<BTreeMap<Partition, Progress>, StoreError> {
        read::progress(&self.connection).await
    }

    async fn order(&self, id: OrderId) -> Result<Option<OrderRow>, StoreError> {
        read::order(&self.connection, id).await
    }

    async fn order_by_client_id(
        &self,
        account: &AccountName,
        client_order_id: &KeyText,
    ) -> Result<Option<OrderRow>, StoreError> {
        read::order_by_client_id(&self.connection, account, client_order_id).await
    }

    async fn orders(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, StoreError> {
        read::orders(&self.connection, query).await
    }

    async fn trades(&self, query: &TradesQuery) -> Result<Vec<TradeRow>, StoreError> {
        read::trades(&self.connection, query).await
    }

    async fn balances(
        &self,
        account: &AccountName,
    ) -> Result<BTreeMap<BalanceKey, Balance>, StoreError> {
        read::balances(&self.connection, account).await
    }

    async fn fee_income(&self) -> Result<BTreeMap<IncomeKey, Amount>, StoreError> {
        read::fee_income(&self.connection).await
    }

    async fn postings(&self, query: &PostingsQuery) -> Result<Postings, StoreError> {
        postings::postings(&self.connection, query).await
    }

    async fn cut(&self) -> Result<Cut, StoreError> {
        sums::cut(&self.connection).await
    }

    async fn controls(
        &self,
        account: &AccountName,
    ) -> Result<BTreeMap<Partition, AccountControl>, StoreError> {
        controls::of_account(&self.connection, account).await
    }

    async fn tiers(&self) -> Result<BTreeMap<ControlKey, FeeTier>, StoreError> {
        controls::tiers(&self.connection).await
    }

    async fn market_controls(&self) -> Result<MarketControls, StoreError> {
        controls::markets(&self.connection).await
    }

    async fn traded(&self, query: &VolumesQuery) -> Result<Traded, StoreError> {
        volumes::traded(&self.connection, query).await
    }

    async fn catalog(&self) -> Result<Catalog, StoreError> {
        let (assets, instruments) = read::listed(&self.connection).await?;
        Catalog::of(assets.values(), instruments.values())
    }

    async fn tables(&self) -> Result<Tables, StoreError> {
        whole::tables(&self.connection).await
    }
}
