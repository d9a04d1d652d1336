//! The log on Kafka, for a service that runs apart: waited for, and checked before anything is
//! read from it or written to it.

use std::{fmt, sync::Arc};

use anyhow::{Context, anyhow};
use daemon::{health::Part, settings::SettingsError};
use spine::{
    genesis::{self, GenesisError, Identity},
    log::{
        AppendError, LogError,
        kafka::{
            KafkaLog, KafkaSettings,
            admin::{self, TopicsError},
        },
    },
};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::{
    OpenLog, Service,
    patience::{Refusal, Wait, until_it_works},
};
use crate::settings::{Profile, Settings};

/// What somebody who waits for a log that is not there should do.
const ADVICE: &str = "`tradespine topics create` makes a log";

/// A log that was founded for something else than this process runs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the log was founded for {founded}, and this process has the profile {ours}; set profile to \
     {founded}, or name another log"
)]
pub struct OtherProfile {
    founded: Profile,
    ours: Profile,
}

/// Opens the log that is `wanted`; `None` where `stop` comes first. What it waits for it says
/// in `part`.
///
/// # Errors
/// Where the log does not come in time, or is not as it has to be.
pub async fn open(
    wanted: &Wanted,
    stop: &CancellationToken,
    part: &Part,
) -> anyhow::Result<Option<OpenLog>> {
    let wait = Wait { what: "the log", stop, part: Some(part) };
    let opened = until_it_works(wait, || wanted.clone().open()).await;
    if let Ok(Some(OpenLog { identity, .. })) = &opened {
        let (log, shards) = (identity.log_id, identity.partition_count);
        tracing::info!(%log, shards, "opened the log");
    }
    opened
}

/// Opens the log that is `wanted` for somebody who waits for the answer: where it is not there
/// this is told at once.
///
/// # Errors
/// Where the log does not answer, or is not as it has to be.
pub async fn open_now(wanted: Wanted) -> anyhow::Result<OpenLog> {
    wanted.open().await.map_err(Refusal::reason)
}

/// What a process asks of a log.
#[derive(Clone)]
pub struct Wanted {
    kafka: KafkaSettings,
    profile: Profile,
    replication: u16,
}

impl Wanted {
    /// What `service` asks under these settings.
    ///
    /// # Errors
    /// Where they contradict each other, or name files that cannot be read.
    pub fn of(service: Service, settings: &Settings) -> Result<Wanted, SettingsError> {
        Wanted::by(service.name(), settings)
    }

    /// The same of any process that brokers are to know by this name.
    ///
    /// # Errors
    /// As [`Wanted::of`].
    pub fn by(name: &str, settings: &Settings) -> Result<Wanted, SettingsError> {
        let kafka = settings.kafka.client(name)?;
        Ok(Wanted { kafka, profile: settings.profile, replication: settings.replication() })
    }

    async fn open(self) -> Result<OpenLog, Refusal> {
        let opening = tokio::task::spawn_blocking(move || self.open_blocking());
        opening.await.unwrap_or_else(|error| Err(Refusal::last(error)))
    }

    fn open_blocking(&self) -> Result<OpenLog, Refusal> {
        let log = KafkaLog::open(self.kafka.clone()).map_err(of_log)?;
        let identity = genesis::identify(&log).map_err(of_genesis)?;
        admin::check(&self.kafka, identity.partition_count, self.replication.into())
            .map_err(of_topics)?;
        check_profile(&identity, self.profile).map_err(Refusal::last)?;
        Ok(OpenLog { log: Arc::new(log), identity })
    }
}

/// Whether the log was founded for what this process runs for.
///
/// # Errors
/// [`OtherProfile`] where it was not.
pub fn check_profile(identity: &Identity, ours: Profile) -> Result<(), OtherProfile> {
    let is_sandbox = identity.genesis.sandbox;
    let founded = if is_sandbox { Profile::Sandbox } else { Profile::Production };
    if founded == ours { Ok(()) } else { Err(OtherProfile { founded, ours }) }
}

/// What fails may be a broker that is still starting; what is wrong with the log stays so.
pub fn of_log(error: LogError) -> Refusal {
    match error {
        LogError::Failed(_) => Refusal::not_yet(error),
        LogError::NoSuchPlace(_) => Refusal::not_yet(advised(&error)),
        _ => Refusal::last(error),
    }
}

/// The same of the topics.
pub fn of_topics(error: TopicsError) -> Refusal {
    match error {
        TopicsError::Log(error) => of_log(error),
        TopicsError::Missing { .. } => Refusal::not_yet(advised(&error)),
        _ => Refusal::last(error),
    }
}

/// The same of the log's beginning. Founding can be tried again at any time.
pub fn of_genesis(error: GenesisError) -> Refusal {
    match error {
        GenesisError::Log(error) => of_log(error),
        GenesisError::Append(AppendError::Unknown | AppendError::Full) => Refusal::not_yet(error),
        GenesisError::NotFounded(_) => Refusal::not_yet(advised(&error)),
        _ => Refusal::last(error),
    }
}

fn advised(error: &impl fmt::Display) -> anyhow::Error {
    anyhow!("{error}; {ADVICE}")
}

/// Runs `work`, which blocks, where it holds nobody up.
///
/// # Errors
/// As `work`, or where it panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("work aside ended badly")?
}
