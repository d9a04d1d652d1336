//! The store's own journals, looked at before the store opens them.
//!
//! The store numbers its batches. On opening it replays those whose number is above all that its
//! tables have, cuts a journal where it cannot read on, and has tables written in the background.
//! Its checksums do not cover the number: with a flipped bit there everything opens, takes records
//! and acknowledges them, and what follows the batch in a later journal is gone at an opening after
//! that, when the batch lies in a table and its number hides the others (docs/adr/0003). So the
//! numbers are checked here, on files that nobody has changed yet: they rise over all journals, and
//! only the newest journal may end with half a batch.
//!
//! What will never live here: what a batch holds (the store checks that), and any change to a file.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::store::unopenable;
use crate::log::LogError;

/// No batch has a number from here on: at a million batches a second that takes 146,000 years. The
/// store itself panics at each write from 2^63 on.
const NUMBER_LIMIT: u64 = 1 << 62;

/// What each entry of a journal begins with.
const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;

/// How an item begins whose value is neither a removal nor compressed. Nothing else is written
/// here, and the store cuts where it finds what it does not know.
const PLAIN_ITEM: [u8; 3] = [ITEM, 0, 0];

/// What each batch ends with.
const TRAILER: &[u8; 4] = b"FJL\x03";

/// Checks the journals of the store in `directory`; returns how many bytes they have, which is what
/// is replayed when it is opened.
///
/// # Errors
/// [`LogError::Damaged`] where they are not as the store writes them; nothing was changed.
pub(super) fn check(directory: &Path) -> Result<u64, LogError> {
    let failed = |error| LogError::Failed(format!("{}: {error}", directory.display()));
    let paths = oldest_first(directory).map_err(failed)?;
    let (mut bytes, mut highest) = (0, None);
    for (at, path) in paths.iter().enumerate() {
        let name = path.file_name().unwrap_or_default().display();
        let mut journal = Journal::open(path).map_err(failed)?;
        while let Some(number) = journal.next_number().map_err(failed)? {
            if number >= NUMBER_LIMIT || highest.is_some_and(|highest| number <= highest) {
                let why = format!("in {name} a batch has the number {number}, out of order");
                return Err(unopenable(directory, &why));
            }
            highest = Some(number);
        }
        // The store synced it whole before it began the next.
        if at + 1 < paths.len() && !journal.is_empty_from_here().map_err(failed)? {
            let why = format!("{name} is damaged behind byte {}", journal.whole_bytes);
            return Err(unopenable(directory, &why));
        }
        bytes += path.metadata().map_err(failed)?.len();
    }
    Ok(bytes)
}

/// The store's own journals. Files with other names are left to the store, which refuses them.
fn oldest_first(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let Some(number) = number
            && path.extension().is_some_and(|extension| extension == "jnl")
        {
            journals.push((number, path));
        }
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// One journal, read batch by batch.
struct Journal {
    file: BufReader<File>,
    /// Where the last whole batch ends.
    whole_bytes: u64,
}

impl Journal {
    fn open(path: &Path) -> io::Result<Journal> {
        Ok(Journal { file: BufReader::new(File::open(path)?), whole_bytes: 0 })
    }

    /// The number of the next batch; `None` where no whole one follows.
    fn next_number(&mut self) -> io::Result<Option<u64>> {
        match self.read_batch() {
            Ok(Some(number)) => {
                self.whole_bytes = self.file.stream_position()?;
                Ok(Some(number))
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            other => other,
        }
    }

    fn read_batch(&mut self) -> io::Result<Option<u64>> {
        if self.take()? != [START] {
            return Ok(None);
        }
        let items = u32::from_le_bytes(self.take()?);
        let number = u64::from_le_bytes(self.take()?);
        for _ in 0..items {
            if self.take()? != PLAIN_ITEM {
                return Ok(None);
            }
            let _keyspace: [u8; 8] = self.take()?;
            let key_bytes = u16::from_le_bytes(self.take()?);
            let _before_compression: [u8; 4] = self.take()?;
            let value_bytes = u32::from_le_bytes(self.take()?);
            self.file.seek_relative(i64::from(key_bytes) + i64::from(value_bytes))?;
        }
        let is_ended = self.take()? == [END];
        let _checksum: [u8; 8] = self.take()?;
        Ok((is_ended && self.take()? == *TRAILER).then_some(number))
    }

    fn take<const BYTES: usize>(&mut self) -> io::Result<[u8; BYTES]> {
        let mut bytes = [0; BYTES];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether only zeros follow the last whole batch: what the store set aside and did not use.
    fn is_empty_from_here(&mut self) -> io::Result<bool> {
        self.file.seek(SeekFrom::Start(self.whole_bytes))?;
        loop {
            let bytes = self.file.fill_buf()?;
            if bytes.is_empty() {
                return Ok(true);
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            let read = bytes.len();
            self.file.consume(read);
        }
    }
}

#[cfg(test)]
mod tests;
