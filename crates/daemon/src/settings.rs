//! Settings: a flag wins over a `TRADESPINE_*` variable, that over `tradespine.toml`, that over the
//! default.
//!
//! Each part of the program owns its settings as a struct with `#[serde(default,
//! deny_unknown_fields)]`; the struct of a process nests them. The setting `gateway.rest_port` is
//! the variable `TRADESPINE_GATEWAY__REST_PORT`: two underscores go one level down, one is part of
//! a name. Settings are loaded before anything is bound or opened, and a process that cannot use
//! them ends with [`EXIT_BAD_SETTINGS`].

mod error;
mod secret;
mod source;

use std::path::{Path, PathBuf};

use figment::{
    Figment,
    providers::{Data, Format, Toml},
};
use serde::{Serialize, de::DeserializeOwned};

use self::source::{Environment, Flags};
pub use self::{
    error::{Problem, SettingsError},
    secret::Secret,
};

/// The exit status of a process whose settings cannot be used (`EX_USAGE` of sysexits).
pub const EXIT_BAD_SETTINGS: u8 = 64;

/// The file that is read from the working directory where no other is named.
pub const FILE_DEFAULT: &str = "tradespine.toml";

/// Begins the name of every environment variable that is a setting.
pub const VARIABLE_PREFIX: &str = "TRADESPINE_";

/// Where settings are looked for.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    variables: Vec<(String, String)>,
}

impl Sources {
    /// The environment of this process, and `file` where one is named: it must then exist. Without
    /// a name, [`FILE_DEFAULT`] is read where there is one.
    pub fn of_process(file: Option<&Path>) -> Sources {
        let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let default = || Path::new(FILE_DEFAULT).is_file().then(|| FILE_DEFAULT.into());
        Sources {
            file: file.map(Path::to_owned).or_else(default),
            variables: std::env::vars_os().filter_map(readable).collect(),
        }
    }

    /// Exactly these variables and this file, for tests.
    pub fn exactly(file: Option<&Path>, variables: &[(&str, &str)]) -> Sources {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Sources { file: file.map(Path::to_owned), variables: variables.iter().map(owned).collect() }
    }
}

/// Loads the settings `T` from `sources`, with `flags` over all of them.
///
/// `flags` is what the command line said, in the shape of `T`; what is `None` in it was not said.
///
/// # Errors
/// [`SettingsError`], which names each setting, where it came from, and what to do.
pub fn load<T: DeserializeOwned>(
    sources: &Sources,
    flags: &impl Serialize,
) -> Result<T, SettingsError> {
    let environment = Environment::new(VARIABLE_PREFIX, &sources.variables);
    Figment::new()
        .merge(file(sources.file.as_deref())?)
        .merge(environment)
        .merge(Flags::new(flags))
        .extract()
        .map_err(SettingsError::from)
}

fn file(path: Option<&Path>) -> Result<Data<Toml>, SettingsError> {
    match path {
        Some(path) if !path.is_file() => Err(SettingsError::no_file(path)),
        Some(path) => Ok(Toml::file_exact(path)),
        None => Ok(Toml::string("")),
    }
}

#[cfg(test)]
mod tests;
