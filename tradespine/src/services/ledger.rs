//! The ledger: its tables opened, its parts wired together, and as a process.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use daemon::{
    health::Readiness,
    settings::{Secret, SettingsError},
};
use ledger::store::{SqlStore, Store, StoreError};
use reqwest::Url;
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
/// A setting that is refused for several reasons.
const PASSWORD_FILE: &str = "ledger.database_password_file";
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
    let pages = (settings.ledger.http_address, "ledger.http_address");
    let opened = waiting::with_pages(pages, async |part| {
        let opened = opening::open(wanted, stop, part).await?;
        let Some(open) = opened else { return Ok(None) };
        let wait = Wait { what: "the database", stop, part: Some(part) };
        let store = until_it_works(wait, || try_open(settings, settings.ledger_migrates())).await?;
        Ok(store.map(|store| (open, store)))
    });
    let Some((open, store)) = opened.await? else { return Ok(()) };
    let ledger = Ledger::bind(settings, &open, store, Readiness::default()).await?;
    ledger.serve(stop.clone()).await
}

/// Opens the tables; brings them up to date where a ledger does that itself.
///
/// # Errors
/// Where there is no such database, it does not answer, or its tables are not up to date.
pub async fn open_store(settings: &Settings) -> anyhow::Result<Arc<SqlStore>> {
    open_tables(settings, settings.ledger_migrates()).await
}

/// Opens the tables for somebody who only reads them, perhaps beside a ledger that writes.
///
/// # Errors
/// Where there is no such database, it does not answer, or its tables are not up to date.
pub async fn open_to_read(settings: &Settings) -> anyhow::Result<SqlStore> {
    let url = database_url(settings)?;
    check_url(&url)?;
    let opened = SqlStore::open_to_read(url.reveal()).await;
    opened.map_err(|error| told(&url, &error)).context("the ledger's tables")
}

async fn open_tables(settings: &Settings, migrates: bool) -> anyhow::Result<Arc<SqlStore>> {
    let url = database_url(settings)?;
    if settings.ledger.database_url.is_none() {
        make(&settings.data_dir)?;
    }
    let opened = if migrates {
        SqlStore::open(url.reveal()).await
    } else {
        SqlStore::open_unchanged(url.reveal()).await
    };
    opened.map(Arc::new).map_err(|error| told(&url, &error)).context("the ledger's tables")
}

/// Whoever connects may quote the whole of what it was told.
fn told(url: &Secret, error: &StoreError) -> anyhow::Error {
    match error {
        StoreError::Outdated { .. } => {
            anyhow!("{error}; `tradespine migrate` brings them up to date")
        }
        _ => anyhow!("{}", url.hidden_in(&error.to_string())),
    }
}

/// A database that is a server's may be starting; a file is there or not.
async fn try_open(settings: &Settings, migrates: bool) -> Result<Arc<SqlStore>, Refusal> {
    let url = database_url(settings).map_err(Refusal::last)?;
    let is_file = url.reveal().starts_with(SQLITE);
    let refusal = if is_file { Refusal::Final } else { Refusal::NotYet };
    open_tables(settings, migrates).await.map_err(refusal)
}

/// Brings the tables up to date, once the database answers; `false` where `stop` comes first.
///
/// # Errors
/// Where it does not come, or its tables cannot be changed.
pub async fn migrate(settings: &Settings, stop: &CancellationToken) -> anyhow::Result<bool> {
    let wait = Wait { what: "the database", stop, part: None };
    let migrated = until_it_works(wait, || try_open(settings, true)).await?;
    let Some(store) = migrated else { return Ok(false) };
    store.close().await.context("the ledger's tables")?;
    Ok(true)
}

fn make(directory: &Path) -> anyhow::Result<()> {
    let name = directory.display();
    fs::create_dir_all(directory).with_context(|| format!("the directory {name} cannot be made"))
}

fn database_url(settings: &Settings) -> Result<Secret, SettingsError> {
    let (url, file) = (&settings.ledger.database_url, &settings.ledger.database_password_file);
    match (url, file) {
        (Some(url), None) => Ok(url.clone()),
        (Some(url), Some(file)) => with_password(url, file),
        (None, Some(_)) => {
            Err(refuse(PASSWORD_FILE, "there is no ledger.database_url that it is for", "set both"))
        }
        (None, None) => {
            let path = settings.data_dir.join("ledger.sqlite");
            let path = path.to_str().ok_or_else(|| {
                refuse("data_dir", "its name is not text", "name another directory")
            })?;
            Ok(Secret::new(format!("{SQLITE}//{path}?mode=rwc")))
        }
    }
}

/// The URL with the password that is in a file.
fn with_password(url: &Secret, file: &Path) -> Result<Secret, SettingsError> {
    let password = fs::read_to_string(file).map_err(|error| {
        let fault = format!("{} cannot be read: {error}", file.display());
        refuse(PASSWORD_FILE, fault, "name a file that can be read")
    })?;
    let user = Url::parse(url.reveal()).ok().filter(|url| !url.username().is_empty());
    let mut url = user.ok_or_else(|| {
        let fault = "ledger.database_url names no user whose password it could be";
        refuse(PASSWORD_FILE, fault, "write the URL like postgres://user@host/name")
    })?;
    if url.password().is_some() {
        let fault = "there is a password in ledger.database_url too";
        return Err(refuse(PASSWORD_FILE, fault, "leave one of them out"));
    }
    // Editors end a file with a new line, and no password does.
    let set = url.set_password(Some(password.trim_end_matches(['\r', '\n'])));
    set.map_err(|()| refuse(PASSWORD_FILE, "the URL takes no password", "leave it out"))?;
    Ok(Secret::new(url))
}

/// What is wrong with where the tables are is told at once.
///
/// # Errors
/// What it is.
pub fn check(settings: &Settings) -> Result<(), SettingsError> {
    check_url(&database_url(settings)?)
}

/// A misspelt one is told without what stands behind its beginning.
fn check_url(url: &Secret) -> Result<(), SettingsError> {
    if SCHEMES.iter().any(|scheme| url.reveal().starts_with(scheme)) {
        return Ok(());
    }
    let fault = "it is not the address of a database that the ledger knows";
    Err(refuse("ledger.database_url", fault, "it begins with sqlite:// or postgres://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Profile;

    #[test]
    fn the_tables_are_in_the_data_directory_unless_somebody_says_where() {
        let mut settings = Settings { data_dir: "/var/lib".into(), ..Settings::default() };
        let url = database_url(&settings).expect("it is text");
        assert_eq!(url.reveal(), "sqlite:///var/lib/ledger.sqlite?mode=rwc");
        settings.ledger.database_url = Some(Secret::new("postgres://db/ledger"));
        let url = database_url(&settings).expect("it is set");
        assert_eq!(url.reveal(), "postgres://db/ledger");
        assert!(check(&settings).is_ok());
    }

    #[test]
    fn an_unknown_database_is_refused_without_its_password() {
        let url = Secret::new("mysql://ann:hush@db");
        let error = check_url(&url).expect_err("unknown").to_string();
        assert!(error.contains("postgres://") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn a_password_in_a_file_becomes_the_urls() {
        let file = tempfile::NamedTempFile::new().expect("a file for the test");
        fs::write(file.path(), "p@ss/word:1\n").expect("it can be written");
        let mut settings = Settings::default();
        settings.ledger.database_password_file = Some(file.path().to_owned());
        let mut url_of = |url: Option<&str>| {
            settings.ledger.database_url = url.map(Secret::new);
            database_url(&settings).map(|url| url.reveal().to_owned())
        };
        let url = url_of(Some("postgres://ledger@db:5432/tables"));
        assert_eq!(url.as_deref(), Ok("postgres://ledger:p%40ss%2Fword%3A1@db:5432/tables"));
        for bad in [None, Some("postgres://db/tables"), Some("postgres://ann:hush@db/tables")] {
            let error = url_of(bad).expect_err("refused").to_string();
            assert!(error.contains(PASSWORD_FILE) && !error.contains("hush"), "{error}");
        }
        settings.ledger.database_password_file = Some("/no/such/file".into());
        settings.ledger.database_url = Some(Secret::new("postgres://ledger@db/tables"));
        let error = database_url(&settings).expect_err("no file").to_string();
        assert!(error.contains("/no/such/file"), "{error}");
    }

    #[tokio::test]
    async fn tables_that_somebody_else_migrates_are_only_checked() {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let mut settings = Settings { data_dir: directory.path().into(), ..Settings::default() };
        settings.profile = Profile::Production;
        let refused = open_store(&settings).await.expect_err("there are no tables");
        let text = format!("{refused:#}");
        assert!(
            text.contains("m0001_progress; `tradespine") && text.contains("migrate`"),
            "{text}"
        );
        assert!(migrate(&settings, &CancellationToken::new()).await.expect("it can"));
        let store = open_store(&settings).await.expect("the tables are up to date");
        store.close().await.expect("it closes");
    }

    #[tokio::test]
    async fn whoever_only_reads_makes_no_tables() {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let settings = Settings { data_dir: directory.path().into(), ..Settings::default() };
        let refused = open_to_read(&settings).await.expect_err("there are no tables");
        assert!(format!("{refused:#}").contains("the ledger's tables"), "{refused:#}");
        let left = fs::read_dir(directory.path()).expect("it is there").count();
        assert_eq!(left, 0, "nothing was made");
        assert!(migrate(&settings, &CancellationToken::new()).await.expect("it can"));
        let store = open_to_read(&settings).await.expect("they are there now");
        store.close().await.expect("it closes");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_not_waited_for() {
        let mut settings = Settings::default();
        settings.ledger.database_url = Some(Secret::new("sqlite:///no/such/directory/l.sqlite"));
        let refused = try_open(&settings, true).await.expect_err("there is no such directory");
        assert!(matches!(refused, Refusal::Final(_)), "{refused:?}");
    }
}
