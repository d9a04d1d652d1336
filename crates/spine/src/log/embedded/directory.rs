//! The journal's directory: its lock, its format, and what stands in it.
//!
//! `lock` is held while the journal is open. `format` says which format the rest has and for how
//! many partitions. `synced` is the watermark. `store` is the storage crate's own.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{store::Store, watermark::Watermark};
use crate::log::LogError;

/// The format that this program writes. A change that an older program would misread raises it.
const FORMAT: u32 = 1;

/// The first line of the format file.
const TITLE: &str = "tradespine journal";

/// A locked directory.
pub(super) struct Directory {
    path: PathBuf,
    /// Held until the last handle of the store is gone.
    lock: File,
}

impl Drop for Directory {
    /// Unlocks in so many words. Closing the file would not do: a process that is being started by
    /// another thread has a copy of it for a moment, until it runs its own program, and an opening
    /// within that moment would find the directory locked by nobody.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl Directory {
    /// Locks the directory, made where it is missing.
    ///
    /// # Errors
    /// [`LogError::Failed`] where another process has it, or it cannot be made.
    pub(super) fn lock(path: &Path) -> Result<Directory, LogError> {
        fs::create_dir_all(path).map_err(|error| failed(path, &error))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|error| failed(&lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Directory { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(LogError::Failed(format!(
                "another process has the journal in {}; one process at a time can",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(failed(&lock_path, &error)),
        }
    }

    /// Checks format and partitions; a new directory gets them.
    ///
    /// # Errors
    /// [`LogError`] where they differ, or files are missing.
    pub(super) fn check_format(&self, partitions: u16) -> Result<(), LogError> {
        let path = self.path.join("format");
        match fs::read_to_string(&path) {
            Ok(text) => self.compare(&text, partitions),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.store_path().exists() || self.watermark_path().exists() {
                    return Err(self.incomplete("format"));
                }
                let text = format!("{TITLE}\nformat {FORMAT}\npartitions {partitions}\n");
                self.write_whole("format", text.as_bytes()).map_err(|error| failed(&path, &error))
            }
            Err(error) => Err(failed(&path, &error)),
        }
    }

    fn compare(&self, text: &str, partitions: u16) -> Result<(), LogError> {
        let here = self.path.display();
        let (Some(TITLE), Some(format), Some(stored)) =
            (text.lines().next(), number(text, "format "), number(text, "partitions "))
        else {
            let file = self.path.join("format");
            return Err(LogError::Damaged(format!("{} is not readable", file.display())));
        };
        if format != FORMAT {
            let hint = if format > FORMAT {
                "a newer program wrote it: start that one, or a newer one still"
            } else {
                "an older program wrote it: the notes of the releases between say how to upgrade it"
            };
            return Err(LogError::Failed(format!(
                "the journal in {here} has format {format}, this program knows {FORMAT}; {hint}"
            )));
        }
        if stored != u32::from(partitions) {
            return Err(LogError::Failed(format!(
                "the journal in {here} has {stored} partitions, the settings say {partitions}; \
                 a journal keeps the number it was made with"
            )));
        }
        Ok(())
    }

    /// Opens the watermark; a new directory gets one.
    ///
    /// # Errors
    /// [`LogError`] where it is missing beside a store, or damaged.
    pub(super) fn open_watermark(&self) -> Result<Watermark, LogError> {
        let path = self.watermark_path();
        let failed = |error: io::Error| failed(&path, &error);
        if path.exists() {
            return Watermark::open(&path).map_err(failed)?.ok_or_else(|| {
                LogError::Damaged(format!(
                    "{} is not readable, so nobody can tell whether the journal is whole; restore \
                     the whole directory from a copy",
                    path.display()
                ))
            });
        }
        if self.store_path().exists() {
            return Err(self.incomplete("synced"));
        }
        let aside = self.path.join("synced.new");
        remove_file(&aside).map_err(failed)?;
        let watermark = Watermark::create(&aside).map_err(failed)?;
        fs::rename(&aside, &path).map_err(failed)?;
        self.sync().map_err(failed)?;
        Ok(watermark)
    }

    /// Makes the store where the directory is new: aside and renamed, so that it is whole or not
    /// there. Returns where it is.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be made, or should have been there.
    pub(super) fn ensure_store(
        &self,
        watermark: &Watermark,
        memtable_bytes: u64,
    ) -> Result<PathBuf, LogError> {
        let path = self.store_path();
        if path.exists() {
            return Ok(path);
        }
        if watermark.sequence() > 0 {
            return Err(self.incomplete("store"));
        }
        let aside = self.path.join("store.new");
        let failed = |error: io::Error| failed(&path, &error);
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(failed)?;
        }
        Store::create(&aside, memtable_bytes)
            .map_err(|error| LogError::Failed(format!("{}: {error}", aside.display())))?;
        fs::rename(&aside, &path).map_err(failed)?;
        self.sync().map_err(failed)?;
        Ok(path)
    }

    /// Where the storage crate's files are.
    pub(super) fn store_path(&self) -> PathBuf {
        self.path.join("store")
    }

    fn watermark_path(&self) -> PathBuf {
        self.path.join("synced")
    }

    fn incomplete(&self, missing: &str) -> LogError {
        LogError::Damaged(format!(
            "{} holds parts of a journal, but its `{missing}` is gone; restore the whole directory \
             from a copy",
            self.path.display()
        ))
    }

    fn write_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let aside = self.path.join(format!("{name}.new"));
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, self.path.join(name))?;
        self.sync()
    }

    /// Makes renames in the directory durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// How many partitions the journal in a directory was made with, by its format file; `None` where
/// there is none.
///
/// # Errors
/// [`LogError`] where the file cannot be read.
pub(super) fn partitions_of(path: &Path) -> Result<Option<u16>, LogError> {
    let path = path.join("format");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&path, &error)),
    };
    let partitions = number(&text, "partitions ").and_then(|count| u16::try_from(count).ok());
    let unreadable = || LogError::Damaged(format!("{} is not readable", path.display()));
    partitions.map(Some).ok_or_else(unreadable)
}

/// The number after `name` on a line of its own.
fn number(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: &io::Error) -> LogError {
    LogError::Failed(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The handle stands for the copy that a process has which is just being started.
    #[test]
    fn a_directory_is_free_once_it_is_dropped_whoever_has_a_copy_of_the_handle() {
        let path = tempfile::tempdir().expect("a directory");
        let directory = Directory::lock(path.path()).expect("free");
        let _copy = directory.lock.try_clone().expect("a copy");
        drop(directory);
        drop(Directory::lock(path.path()).expect("free again"));
    }
}
