//! Where rows are kept: each home can be opened by several stores at once, as several ledgers
//! would.

use std::sync::Arc;

use ledger::store::{MemoryStore, SqlStore, Store};

use crate::postgres::Database;

pub trait Home: Sized {
    /// An empty one; `None` where this machine has none.
    async fn fresh() -> Option<Self>;

    /// A store on these rows.
    async fn open(&self) -> Arc<dyn Store>;

    /// Clears away what would stay behind.
    async fn leave(self) {}
}

/// In memory there is one ledger.
pub struct Memory(Arc<MemoryStore>);

impl Home for Memory {
    async fn fresh() -> Option<Memory> {
        Some(Memory(Arc::default()))
    }

    async fn open(&self) -> Arc<dyn Store> {
        self.0.clone()
    }
}

pub struct Sqlite(tempfile::TempDir);

impl Home for Sqlite {
    async fn fresh() -> Option<Sqlite> {
        Some(Sqlite(tempfile::tempdir().expect("a temporary directory")))
    }

    async fn open(&self) -> Arc<dyn Store> {
        let url = format!("sqlite://{}?mode=rwc", self.0.path().join("ledger.db").display());
        Arc::new(SqlStore::open(&url).await.expect("it opens"))
    }
}

pub struct Postgres(Database);

impl Home for Postgres {
    async fn fresh() -> Option<Postgres> {
        Database::fresh().await.map(Postgres)
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqlStore::open(self.0.url()).await.expect("it opens"))
    }

    async fn leave(self) {
        self.0.remove().await;
    }
}
