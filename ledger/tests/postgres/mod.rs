//! A PostgreSQL for tests: an empty database for each, on the server that xtask started.

#![allow(dead_code, reason = "every test uses its own part of it")]
#![allow(unreachable_pub, reason = "shared by tests")]

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection};

/// Names the server, and a database on it from which others can be made.
const VARIABLE: &str = "TRADESPINE_TEST_POSTGRES";

static MADE: AtomicU32 = AtomicU32::new(0);

/// The URL of the server; `None`, which is told, where there is none.
pub fn server() -> Option<String> {
    let url = env::var(VARIABLE).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        assert!(env::var_os("TRADESPINE_XTASK").is_none(), "{VARIABLE} is not set");
        println!("skipped: no {VARIABLE}");
    }
    url
}

/// An empty database.
pub struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    /// A new one; `None` where there is no server.
    pub async fn fresh() -> Option<Database> {
        Some(Database::on(server()?).await)
    }

    /// A new one on the server at this URL.
    pub async fn on(server: String) -> Database {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("ledger_{}_{number}", process::id());
        run(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let (address, _) = server.rsplit_once('/').expect("a URL that names a database");
        let url = format!("{address}/{name}");
        Database { server, name, url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// A session beside the stores'.
    pub async fn session(&self) -> DatabaseConnection {
        session(&self.url).await
    }

    /// Whatever is still connected to it.
    pub async fn remove(self) {
        run(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn run(url: &str, statement: &str) {
    let session = session(url).await;
    session.execute_unprepared(statement).await.expect("the server does it");
    session.close().await.expect("it closes");
}

async fn session(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.expect("the server answers")
}
