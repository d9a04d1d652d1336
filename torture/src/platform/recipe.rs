//! How a server is run: written by `cargo xtask torture`, which knows how to install and prepare
//! it. A file of lines: its address, its URL, and then its command, word by word.

use std::{ffi::OsString, fs, path::Path};

use anyhow::{Context, Result, ensure};

/// A server that was prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) url: String,
    pub(crate) command: Vec<OsString>,
}

impl Recipe {
    /// Reads the recipe called `name` in `directory`.
    pub(crate) fn read(directory: &Path, name: &str) -> Result<Recipe> {
        let path = directory.join(format!("{name}.recipe"));
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{}: is this run by cargo xtask torture?", path.display()))?;
        let mut lines = text.lines().map(str::to_owned);
        let mut next = || lines.next().with_context(|| format!("{name}.recipe is cut short"));
        let (address, url) = (next()?, next()?);
        let command: Vec<OsString> = lines.map(OsString::from).collect();
        ensure!(!command.is_empty(), "{name}.recipe has no command");
        Ok(Recipe { address, url, command })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("redis.recipe");
        fs::write(&path, "127.0.0.1:7\nredis://127.0.0.1:7/\nredis-server\n--save\n\n")
            .expect("written");
        let recipe = Recipe::read(directory.path(), "redis").expect("it is whole");
        assert_eq!(
            (recipe.address.as_str(), recipe.url.as_str()),
            ("127.0.0.1:7", "redis://127.0.0.1:7/")
        );
        assert_eq!(recipe.command, ["redis-server", "--save", ""]);
        assert!(Recipe::read(directory.path(), "kafka").is_err());
    }
}
