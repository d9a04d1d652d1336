//! `tradespine topics create`: a log on Kafka, from nothing to where orders can come.
//!
//! It makes the topics, founds the log, and lists what is traded first. Each step finds what an
//! earlier run has done and goes on after it, so that a job can be repeated at any time, and
//! beside another one.

use std::sync::Arc;

use anyhow::bail;
use daemon::{settings::SettingsError, shutdown};
use spine::{
    genesis,
    log::kafka::{KafkaLog, KafkaSettings, admin},
};

use super::{
    OpenLog, founding, listing,
    listings::{self, Grants},
    opening::{check_profile, of_genesis, of_log, of_topics},
    patience::{Refusal, Wait, until_it_works},
};
use crate::settings::{Part, Profile, Settings};

/// Makes the topics and the log, and prints what they are.
///
/// # Errors
/// Where the settings are not enough, the brokers do not answer, or what is there already is
/// something else.
pub async fn create(settings: &Settings, grants: Grants) -> anyhow::Result<()> {
    let making = Making::of(settings)?;
    let stop = shutdown::stop_on_signal()?;
    let wait = Wait { what: "the brokers", stop: &stop, part: None };
    let made = until_it_works(wait, || making.clone().make()).await?;
    // Who waits for a job that was stopped must not take it for done.
    let Some(open) = made else { bail!("stopped before there was a log") };
    let listed = listing::found(&open, listings::first_listings(settings.shards, grants)).await?;
    let OpenLog { identity, .. } = open;
    println!(
        "log {}: {} shard(s), {}; {listed} listing(s) added",
        identity.log_id, identity.partition_count, settings.profile,
    );
    Ok(())
}

/// Checks the settings, and prints what would be made.
///
/// # Errors
/// What is wrong with them.
pub fn tell(settings: &Settings) -> anyhow::Result<()> {
    let Making { shards, replication, profile, .. } = Making::of(settings)?;
    println!("shards = {shards}\nkafka.replication = {replication}\nprofile = {profile}");
    Ok(())
}

/// What is made.
#[derive(Clone)]
struct Making {
    kafka: KafkaSettings,
    shards: u16,
    replication: u16,
    profile: Profile,
}

impl Making {
    fn of(settings: &Settings) -> Result<Making, SettingsError> {
        settings.check(Part::MakesNoTokens)?;
        Ok(Making {
            kafka: settings.kafka.client("topics")?,
            shards: settings.shards,
            replication: settings.replication(),
            profile: settings.profile,
        })
    }

    async fn make(self) -> Result<OpenLog, Refusal> {
        let making = tokio::task::spawn_blocking(move || self.make_blocking());
        making.await.unwrap_or_else(|error| Err(Refusal::last(error)))
    }

    /// Brokers that have just started, or just heard of a topic, may refuse any of it for a while.
    fn make_blocking(&self) -> Result<OpenLog, Refusal> {
        // Connecting says more about why nobody answers than asking for topics does.
        let log = KafkaLog::open(self.kafka.clone()).map_err(of_log)?;
        admin::create_topics(&self.kafka, self.shards, self.replication.into())
            .map_err(of_topics)?;
        let proposal = founding::proposal(self.shards, self.profile.is_sandbox());
        let identity = genesis::found(&log, &proposal).map_err(of_genesis)?;
        check_profile(&identity, self.profile).map_err(Refusal::last)?;
        Ok(OpenLog { log: Arc::new(log), identity })
    }
}
