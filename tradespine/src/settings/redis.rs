//! Where gateways tell each other of retries, and how to prove there who this is.

use std::path::PathBuf;

use daemon::settings::{Secret, SettingsError};
use gateway::idempotency::redis::RedisSettings;
use serde::Deserialize;

use super::{password, problem};

/// A Redis that gateways share. Without one each knows what the log tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `redis://user@host:6379/0`; nothing is shared where there is none.
    pub url: Option<Secret>,
    /// The password, where the URL has none.
    pub password: Option<Secret>,
    /// A file with the password, instead.
    pub password_file: Option<PathBuf>,
}

impl Redis {
    /// The Redis to use; `None` where none is set. Reads the file that holds the password.
    ///
    /// # Errors
    /// What contradicts something else, is no address, or cannot be read.
    pub fn settings(&self) -> Result<Option<RedisSettings>, SettingsError> {
        let refused = |problem| SettingsError { problems: vec![problem] };
        let setting = "gateway.redis.password";
        let password =
            password::read(setting, self.password.as_ref(), self.password_file.as_deref())
                .map_err(refused)?;
        let Some(url) = self.url.clone() else {
            return match password {
                None => Ok(None),
                Some(_) => {
                    let fault = format!("it is not set, and {setting} is");
                    Err(refused(problem("gateway.redis.url", fault, "set both, or neither")))
                }
            };
        };
        let settings = RedisSettings { url, password };
        settings.check().map_err(|bad| {
            let (fault, advice) = bad.parts();
            refused(problem("gateway.redis.url", fault, advice))
        })?;
        Ok(Some(settings))
    }

    /// Whether a password goes to another machine for everybody to read. What is no address is
    /// refused elsewhere.
    pub(super) fn sends_password(&self) -> bool {
        let has_password = self.password.is_some() || self.password_file.is_some();
        let Some(url) = self.url.clone() else { return false };
        let password = has_password.then(|| Secret::new("some"));
        RedisSettings { url, password }.sends_password().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use daemon::settings::Sources;

    use super::*;
    use crate::settings::{Flags, Settings};

    fn set(variables: &[(&str, &str)]) -> Redis {
        let sources = Sources::exactly(None::<&Path>, variables);
        let settings: Settings =
            daemon::settings::load(&sources, &Flags::default()).expect("the settings are good");
        settings.gateway.redis
    }

    fn fault(redis: &Redis) -> String {
        let error = redis.settings().expect_err("the settings are bad");
        assert!(!format!("{error} {redis:?}").contains("hush"), "{error}");
        error.problems[0].key.clone()
    }

    #[test]
    fn nothing_set_is_no_redis() {
        assert_eq!(set(&[]).settings().expect("good"), None);
    }

    #[test]
    fn a_url_and_a_password_are_variables_or_a_file() {
        let url = ("TRADESPINE_GATEWAY__REDIS__URL", "redis://ann@cache:6380/2");
        let redis = set(&[url, ("TRADESPINE_GATEWAY__REDIS__PASSWORD", "0123")]);
        let settings = redis.settings().expect("good").expect("it is set");
        assert_eq!(settings.url.reveal(), url.1);
        assert_eq!(settings.password, Some(Secret::new("0123")), "text, as it stands");

        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("password");
        fs::write(&path, "hush\n").expect("it is written");
        let mut redis = set(&[url]);
        redis.password_file = Some(path);
        let settings = redis.settings().expect("good").expect("it is set");
        assert_eq!(settings.password, Some(Secret::new("hush")));
        redis.password = Some(Secret::new("hush"));
        assert_eq!(fault(&redis), "gateway.redis.password_file");
        redis = Redis { password_file: Some("/no/such/file".into()), ..set(&[url]) };
        assert_eq!(fault(&redis), "gateway.redis.password_file");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        let password = Some(Secret::new("hush"));
        assert_eq!(fault(&Redis { password, ..Redis::default() }), "gateway.redis.url");
        for url in ["cache:6379", "http://cache", "rediss://:hush@cache"] {
            let url = Some(Secret::new(url));
            assert_eq!(fault(&Redis { url, ..Redis::default() }), "gateway.redis.url");
        }
    }
}
