//! A store in SQL, through SeaORM: the same statements for SQLite and for PostgreSQL.
//!
//! **What is durable.** The log is the truth; the tables can be made again from it at any time. A
//! batch and the progress that it comes to are one transaction, so whatever a crash takes from the
//! tables it takes from the progress too, and it is projected again. That is why SQLite runs with
//! `synchronous = NORMAL` on a write-ahead log: a power loss may take the last transactions, never
//! a part of one.
//!
//! # Layout
//!
//! - `entity`: the tables. `column`, `values`: between the words of `model` and what columns hold.
//! - `write`: a batch in one transaction. `read`: the queries.

mod column;
mod entity;
mod read;
mod values;
mod write;

use std::{collections::BTreeMap, time::Duration};

use ledger_migration::{Migrator, MigratorTrait};
use model::{AccountName, KeyText, OrderId, Partition};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr, SqlErr,
    sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Semaphore;
use tonic::async_trait;

use super::{Catalog, OrdersQuery, Store, StoreError, TradesQuery};
use crate::{
    projection::Batch,
    row::{Balance, BalanceKey, OrderRow, Progress, TradeRow},
    tables::Tables,
};

/// Connections kept open: a writer for each of a few partitions, and readers beside them. More
/// only wait for the same two or four cores of the database.
const CONNECTIONS_MAX: u32 = 8;

/// How long a statement may wait for a connection or for another's lock before it fails: longer
/// than any batch takes, shorter than a client waits.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How many statements a connection keeps prepared. Inserts come in few sizes (see `write`), so
/// that all of them fit; each costs memory, a large insert about a megabyte.
const STATEMENTS_KEPT: usize = 64;

/// How many pages SQLite's write-ahead log grows by before it is folded back: 64 MiB. The default
/// of 4 MiB is folded back several times a second under load, each time with a sync.
const WAL_PAGES_MAX: u32 = 16_384;

/// SQLite's page cache for each connection, in KiB (negative says so): the newest pages of every
/// index that a batch touches.
const CACHE_KIB: i32 = -65_536;

/// How many batches PostgreSQL may be given at once: as many as a process has partitions, mostly.
const WRITERS_MAX: usize = 4;

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
    /// `postgres://...`) and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where it cannot be opened or migrated.
    pub async fn open(url: &str) -> Result<SqlStore, StoreError> {
        let mut options = ConnectOptions::new(url);
        // A database in memory is one connection's own.
        let is_private = url.contains(":memory:");
        options
            .max_connections(if is_private { 1 } else { CONNECTIONS_MAX })
            .acquire_timeout(WAIT_MAX)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(tune_sqlite);
        if is_private {
            options.idle_timeout(None).max_lifetime(None);
        }
        let connection = Database::connect(options).await.map_err(failed)?;
        Migrator::up(&connection, None).await.map_err(failed)?;
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

/// Opens a SQLite file as a server's: readers beside the writer, patience with locks, few syncs.
fn tune_sqlite(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(WAIT_MAX)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .pragma("wal_autocheckpoint", WAL_PAGES_MAX.to_string())
        .pragma("cache_size", CACHE_KIB.to_string())
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
    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let _turn = self
            .writers
            .acquire()
            .await
            .map_err(|_| StoreError::Failed("the store is closed".to_owned()))?;
        write::batch(&self.connection, batch).await
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

    async fn catalog(&self) -> Result<Catalog, StoreError> {
        let (assets, instruments) = read::listed(&self.connection).await?;
        Catalog::of(assets.values(), instruments.values())
    }

    async fn tables(&self) -> Result<Tables, StoreError> {
        read::tables(&self.connection).await
    }
}
