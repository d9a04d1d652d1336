//! The log that `verify` and `log dump` look into: the journal in a data directory, or that of
//! services apart on Kafka. Both only read.
//!
//! - [`still`]: a log held still, whoever appends meanwhile.
//!
//! What will never live here: what is made of what is read.

pub mod still;

use std::{path::Path, sync::Arc};

use anyhow::ensure;
use spine::{
    Log,
    log::{LogError, embedded::EmbeddedLog},
};

use crate::{
    services::opening::{Wanted, blocking, open_now},
    settings::{self, Part, Settings},
};

/// Whose log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// That of `tradespine up`, which must not run meanwhile.
    DataDirectory,
    /// That of services apart, which may.
    Apart,
}

impl Whose {
    /// Opens it for the command of this name, after the checks that the services make.
    ///
    /// # Errors
    /// Where it is not there, not as it has to be, or the settings are not enough.
    pub async fn open(self, command: &str, settings: &Settings) -> anyhow::Result<Arc<dyn Log>> {
        match self {
            Whose::DataDirectory => {
                let data_dir = settings.data_dir.clone();
                blocking(move || Ok(open_directory(&data_dir)? as Arc<dyn Log>)).await
            }
            Whose::Apart => {
                settings.check(Part::MakesNoTokens)?;
                let open = open_now(Wanted::by(command, settings)?).await?;
                Ok(open.log)
            }
        }
    }

    /// Where it is, in words.
    pub fn name(self, settings: &Settings) -> String {
        match self {
            Whose::DataDirectory => format!("the journal in {}", settings.data_dir.display()),
            Whose::Apart => {
                let (brokers, prefix) = (&settings.kafka.brokers, &settings.kafka.topic_prefix);
                format!("the topics {prefix}* of Kafka at {brokers}")
            }
        }
    }
}

/// Opens the journal in `data_dir`, which nobody else may have.
///
/// # Errors
/// Where there is none, a running platform has it, or it is damaged.
pub fn open_directory(data_dir: &Path) -> anyhow::Result<Arc<EmbeddedLog>> {
    let directory = settings::log_directory(data_dir);
    let here = data_dir.display();
    ensure!(
        directory.exists(),
        "there is no log in {here}; name its directory with --data-dir, or say --kafka where the \
         services run apart"
    );
    EmbeddedLog::open_existing(&directory).map_err(|error| match error {
        LogError::Failed(_) => anyhow::Error::new(error).context(format!(
            "the log in {here} could not be opened; where a platform runs on it, stop that first, \
             or stop it for as long as it takes to copy the directory, and look into the copy"
        )),
        error => error.into(),
    })
}

#[cfg(test)]
mod tests {
    use proto::topic::Topic;
    use spine::log::embedded::EmbeddedSettings;

    use super::*;

    #[test]
    fn a_log_that_is_not_there_or_in_use_is_told_as_such() {
        let data_dir = tempfile::tempdir().unwrap();
        let absent = open_directory(data_dir.path()).unwrap_err().to_string();
        assert!(absent.contains("there is no log") && absent.contains("--data-dir"), "{absent}");
        assert!(absent.contains("--kafka"), "{absent}");
        assert!(!settings::log_directory(data_dir.path()).exists());
        let directory = settings::log_directory(data_dir.path());
        let held = EmbeddedLog::open(&directory, EmbeddedSettings::new(3)).unwrap();
        let in_use = open_directory(data_dir.path()).unwrap_err().to_string();
        assert!(in_use.contains("stop that first"), "{in_use}");
        drop(held);
        assert_eq!(open_directory(data_dir.path()).unwrap().partition_count(Topic::Orders), Ok(3));
    }
}
