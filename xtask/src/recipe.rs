//! A server that is prepared for somebody else to run, who may also kill it: its address and its
//! command, handed over in a file.

use std::{ffi::OsString, fs, os::unix::ffi::OsStrExt, path::Path};

use anyhow::{Context, Result, ensure};

use crate::{kafka, postgres, redis};

/// A prepared server.
pub(crate) struct Recipe {
    /// `host:port`.
    pub(crate) address: String,
    /// How its clients name it.
    pub(crate) url: String,
    /// What runs it, until it is killed.
    pub(crate) command: Vec<OsString>,
}

impl Recipe {
    /// Writes it into `directory` as `<name>.recipe`: address, URL, and each word of the command in
    /// a line of its own.
    ///
    /// # Errors
    /// Where a word has a line break in it, or the file cannot be written.
    pub(crate) fn write(&self, directory: &Path, name: &str) -> Result<()> {
        let mut text = format!("{}\n{}\n", self.address, self.url).into_bytes();
        for word in &self.command {
            ensure!(!word.as_bytes().contains(&b'\n'), "{} has a line break", word.display());
            text.extend(word.as_bytes());
            text.push(b'\n');
        }
        fs::write(directory.join(format!("{name}.recipe")), text)?;
        Ok(())
    }
}

/// Prepares a server, with its files in a directory.
type Prepare = fn(&Path) -> Result<Recipe>;

/// Prepares every server that a platform needs below `files`, with its recipe beside it.
///
/// # Errors
/// Where one of them cannot be installed or prepared.
pub(crate) fn prepare(files: &Path) -> Result<()> {
    let servers: [(&str, Prepare); 3] =
        [("kafka", kafka::recipe), ("postgres", postgres::recipe), ("redis", redis::recipe)];
    for (name, prepare) in servers {
        let own = files.join(name);
        fs::create_dir(&own)?;
        let recipe = prepare(&own).with_context(|| format!("{name} could not be prepared"))?;
        recipe.write(files, name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_lines() {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let command: Vec<OsString> = ["server", "--save", ""].map(OsString::from).into();
        let mut recipe = Recipe { address: "a:1".to_owned(), url: "x://a:1/".to_owned(), command };
        recipe.write(directory.path(), "it").expect("written");
        let text = fs::read_to_string(directory.path().join("it.recipe")).expect("a file");
        assert_eq!(text, "a:1\nx://a:1/\nserver\n--save\n\n");
        recipe.command.push("two\nlines".into());
        assert!(recipe.write(directory.path(), "it").is_err());
    }
}
