//! The ledger: its tables opened, its parts wired together, and as a process.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use daemon::{
    health::Readiness,
    settings::{Secret, SettingsError},
};
use ledger::store::{SqlStore, Store};
use tokio_util::sync::CancellationToken;

use super::{
    OpenLog,
    opening::{self, Wanted},
    patience::{Refusal, Wait, until_it_works},
    waiting,
};
use crate::settings::{Settings, refuse};

/// What the name of a database begins with, where this program knows what it is.
const SQLITE: &str = "sqlite:";
const SCHEMES: [&str; 3] = [SQLITE, "postgres:", "postgresql:"];

/// A ledger that is bound to its ports and its tables.
pub struct Ledger {
    service: ledger::Service,
    store: Arc<SqlStore>,
}

impl Ledger {
    /// Binds the ports and finds what the log is.
    ///
    /// # Errors
    /// Where a port is taken.
    pub async fn bind(
        settings: &Settings,
        open: &OpenLog,
        store: Arc<SqlStore>,
        readiness: Readiness,
    ) -> anyhow::Result<Ledger> {
        let service = ledger::bind(
            ledger::Settings {
                grpc_address: settings.ledger.grpc_address,
                health_address: settings.ledger.http_address,
            },
            ledger::Dependencies {
                log: Arc::clone(&open.log),
                store: Arc::clone(&store) as Arc<dyn Store>,
                readiness,
                metrics: telemetry::metrics::render,
            },
        );
        Ok(Ledger { service: service.await.context("the ledger")?, store })
    }

    /// Serves until `stop`, then closes the tables.
    ///
    /// # Errors
    /// Where a part of it fails.
    pub async fn serve(self, stop: CancellationToken) -> anyhow::Result<()> {
        let served = self.service.serve(stop).await.context("the ledger");
        let closed = self.store.close().await.context("the ledger's tables");
        served.and(closed)
    }
}

/// Runs a ledger until `stop`, or until it fails.
///
/// # Errors
/// Where the log or the database do not come, or it fails.
pub async fn run(
    settings: &Settings,
    wanted: &Wanted,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    check(&database_url(settings)?)?;
    let pages = (settings.ledger.http_address, "ledger.http_address");
    let opened = waiting::with_pages(pages, async |part| {
        let opened = opening::open(wanted, stop, part).await?;
        let Some(open) = opened else { return Ok(None) };
        let wait = Wait { what: "the database", stop, part: Some(part) };
        let store = until_it_works(wait, || try_open(settings)).await?;
        Ok(store.map(|store| (open, store)))
    });
    let Some((open, store)) = opened.await? else { return Ok(()) };
    let ledger = Ledger::bind(settings, &open, store, Readiness::default()).await?;
    ledger.serve(stop.clone()).await
}

/// Opens the tables, and brings them up to date.
///
/// # Errors
/// Where there is no such database, or it does not answer.
pub async fn open_store(settings: &Settings) -> anyhow::Result<Arc<SqlStore>> {
    let url = database_url(settings)?;
    if settings.ledger.database_url.is_none() {
        make(&settings.data_dir)?;
    }
    let opened = SqlStore::open(url.reveal()).await.map_err(|error| {
        // Whoever connects may quote the whole of what it was told.
        anyhow!("{}", url.hidden_in(&error.to_string()))
    });
    opened.map(Arc::new).context("the ledger's tables")
}

/// A database that is a server's may be starting; a file is there or not.
async fn try_open(settings: &Settings) -> Result<Arc<SqlStore>, Refusal> {
    let url = database_url(settings).map_err(Refusal::Final)?;
    let is_file = url.reveal().starts_with(SQLITE);
    let refusal = if is_file { Refusal::Final } else { Refusal::NotYet };
    open_store(settings).await.map_err(refusal)
}

fn make(directory: &Path) -> anyhow::Result<()> {
    let name = directory.display();
    fs::create_dir_all(directory).with_context(|| format!("the directory {name} cannot be made"))
}

fn database_url(settings: &Settings) -> anyhow::Result<Secret> {
    if let Some(url) = &settings.ledger.database_url {
        return Ok(url.clone());
    }
    let path = settings.data_dir.join("ledger.sqlite");
    let path = path.to_str().context("the data directory's name is not text")?;
    Ok(Secret::new(format!("{SQLITE}//{path}?mode=rwc")))
}

/// A misspelt one is told at once, and without what stands behind its beginning.
fn check(url: &Secret) -> Result<(), SettingsError> {
    if SCHEMES.iter().any(|scheme| url.reveal().starts_with(scheme)) {
        return Ok(());
    }
    let fault = "it is not the address of a database that the ledger knows";
    Err(refuse("ledger.database_url", fault, "it begins with sqlite:// or postgres://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_the_data_directory_unless_somebody_says_where() {
        let mut settings = Settings { data_dir: "/var/lib".into(), ..Settings::default() };
        let url = database_url(&settings).expect("it is text");
        assert_eq!(url.reveal(), "sqlite:///var/lib/ledger.sqlite?mode=rwc");
        settings.ledger.database_url = Some(Secret::new("postgres://db/ledger"));
        let url = database_url(&settings).expect("it is set");
        assert_eq!(url.reveal(), "postgres://db/ledger");
        assert!(check(&url).is_ok());
    }

    #[test]
    fn an_unknown_database_is_refused_without_its_password() {
        let error = check(&Secret::new("mysql://ann:hush@db")).expect_err("unknown").to_string();
        assert!(error.contains("postgres://") && !error.contains("hush"), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_not_waited_for() {
        let mut settings = Settings::default();
        settings.ledger.database_url = Some(Secret::new("sqlite:///no/such/directory/l.sqlite"));
        let refused = try_open(&settings).await.expect_err("there is no such directory");
        assert!(matches!(refused, Refusal::Final(_)), "{refused:?}");
    }
}
