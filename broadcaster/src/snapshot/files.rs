//! The directory in which snapshots are kept. Its calls block the thread.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::Snapshot;

/// How many snapshots are kept: the newest, and one in case it is damaged.
pub const KEPT: usize = 2;

/// What the name of a snapshot ends with.
const SUFFIX: &str = ".market";
/// What the name of one that is being written ends with.
const SUFFIX_ASIDE: &str = ".market.new";

/// A directory could not be used.
#[derive(Debug, Error)]
#[error("snapshots in {}: {source}", .directory.display())]
pub struct FilesError {
    directory: PathBuf,
    source: io::Error,
}

/// A directory of snapshots, which belongs to one broadcaster.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The directory at `path`, made where it is missing.
    ///
    /// # Errors
    /// [`FilesError`] where it cannot be made.
    pub fn open(path: &Path) -> Result<Directory, FilesError> {
        let directory = Directory(path.to_owned());
        fs::create_dir_all(path).map_err(|source| directory.error(source))?;
        Ok(directory)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Keeps a snapshot that is the `number`th answer's, and drops those that are no longer needed.
    ///
    /// # Errors
    /// [`FilesError`] where it is not kept; the older ones then still are.
    pub fn put(&self, number: u64, bytes: &[u8]) -> Result<(), FilesError> {
        self.write(number, bytes).and_then(|()| self.drop_old()).map_err(|error| self.error(error))
    }

    /// The newest snapshot that is good, and the name of its file. Those passed over are logged.
    ///
    /// # Errors
    /// [`FilesError`] where the directory or a file cannot be read.
    pub fn newest(&self) -> Result<Option<(PathBuf, Snapshot)>, FilesError> {
        for path in self.list().map_err(|error| self.error(error))?.into_iter().rev() {
            let bytes = fs::read(&path).map_err(|error| self.error(error))?;
            match Snapshot::decode(&bytes) {
                Ok(snapshot) => return Ok(Some((path, snapshot))),
                Err(error) => {
                    metrics::counter!("tradespine_broadcaster_snapshots_bad_total").increment(1);
                    tracing::error!(path = %path.display(), %error, "passed over a snapshot");
                }
            }
        }
        Ok(None)
    }

    fn write(&self, number: u64, bytes: &[u8]) -> io::Result<()> {
        // Twenty digits, so that the order of names is the order of numbers.
        let aside = self.0.join(format!("{number:020}{SUFFIX_ASIDE}"));
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, self.0.join(format!("{number:020}{SUFFIX}")))?;
        // The name is durable only once the directory is.
        File::open(&self.0)?.sync_all()
    }

    fn drop_old(&self) -> io::Result<()> {
        let kept = self.list()?;
        for path in kept.iter().rev().skip(KEPT) {
            fs::remove_file(path)?;
        }
        // What a process that died while writing has left.
        for path in self.files(SUFFIX_ASIDE)? {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// The snapshots, oldest first.
    fn list(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = self.files(SUFFIX)?;
        paths.sort_unstable();
        Ok(paths)
    }

    fn files(&self, suffix: &str) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(suffix) {
                paths.push(entry.path());
            }
        }
        Ok(paths)
    }

    fn error(&self, source: io::Error) -> FilesError {
        FilesError { directory: self.0.clone(), source }
    }
}
