//! Where those who run the platform are heard, and what they must bear.

use std::{net::SocketAddr, path::PathBuf};

use daemon::settings::{Secret, SettingsError};
use gateway::AdminSettings;
use serde::Deserialize;

use super::{loopback, password, problem};

/// The shortest token of production: 32 hexadecimal digits are 128 bits of chance.
pub(super) const TOKEN_CHARS_MIN: usize = 32;

/// The gateway's admin listener. Without a token there is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// gRPC, apart from what clients reach.
    pub address: SocketAddr,
    /// What whoever calls must bear.
    pub token: Option<Secret>,
    /// A file with the token, instead.
    pub token_file: Option<PathBuf>,
}

impl Default for Admin {
    fn default() -> Admin {
        Admin { address: loopback(50054), token: None, token_file: None }
    }
}

impl Admin {
    /// The token; `None` where none is set. Reads the file that holds it.
    ///
    /// # Errors
    /// What contradicts something else, cannot be read, or is empty.
    pub fn token(&self) -> Result<Option<Secret>, SettingsError> {
        let refused = |problem| SettingsError { problems: vec![problem] };
        let setting = "gateway.admin.token";
        let token = password::read(setting, self.token.as_ref(), self.token_file.as_deref())
            .map_err(refused)?;
        if token.as_ref().is_some_and(|token| token.reveal().is_empty()) {
            let advice = "set one that nobody can guess, or leave it out";
            return Err(refused(problem(setting, "it is empty", advice)));
        }
        Ok(token)
    }

    /// The listener; `None` where there is none.
    ///
    /// # Errors
    /// As [`Admin::token`].
    pub fn settings(&self) -> Result<Option<AdminSettings>, SettingsError> {
        Ok(self.token()?.map(|token| AdminSettings { address: self.address, token }))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use daemon::settings::Sources;

    use super::*;
    use crate::settings::{Flags, Settings};

    fn set(variables: &[(&str, &str)]) -> Admin {
        let sources = Sources::exactly(None::<&Path>, variables);
        let settings: Settings =
            daemon::settings::load(&sources, &Flags::default()).expect("the settings are good");
        settings.gateway.admin
    }

    #[test]
    fn without_a_token_nobody_is_heard() {
        assert_eq!(set(&[]).settings().expect("good"), None);
        let elsewhere = set(&[("TRADESPINE_GATEWAY__ADMIN__ADDRESS", "127.0.0.1:7")]);
        assert_eq!(elsewhere.settings().expect("good"), None);
    }

    #[test]
    fn a_token_is_a_variable_or_a_file_and_is_not_told() {
        let said = set(&[("TRADESPINE_GATEWAY__ADMIN__TOKEN", "hush")]);
        assert!(!format!("{said:?}").contains("hush"));
        let settings = said.settings().expect("good").expect("it is set");
        assert_eq!((settings.token.reveal(), settings.address.port()), ("hush", 50054));
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        std::fs::write(&path, "hush\n").expect("it is written");
        let in_file = Admin { token_file: Some(path), ..Admin::default() };
        assert_eq!(in_file.token().expect("good"), Some(Secret::new("hush")));
        let both = Admin { token: Some(Secret::new("hush")), ..in_file };
        assert!(both.token().is_err());
        let empty = Admin { token: Some(Secret::new("")), ..Admin::default() };
        assert!(empty.settings().is_err());
    }
}
