//! The storage crate behind the journal: one keyspace of pieces, written in atomic batches.
//!
//! One keyspace, never two: keyspaces share the store's journal but are flushed to tables one by
//! one, so that damage could cut them apart. Nothing read from here is believed: offsets must be
//! dense, sequence numbers must rise, checksums must match.

use std::{
    panic::{self, AssertUnwindSafe},
    path::Path,
};

use bytes::{Bytes, BytesMut};
use fjall::{Database, Guard, Keyspace, KeyspaceCreateOptions, PersistMode, config::FilterPolicy};

use super::record::{self, KEY_BYTES, Sequenced};
use crate::log::{LogError, Place, ReadLimit};

/// The only keyspace. Its name stands in the store.
const KEYSPACE: &str = "journal";

/// An open store.
pub(super) struct Store {
    database: Database,
    pieces: Keyspace,
    #[cfg(test)]
    pub(super) faults: Faults,
}

/// Failures for tests.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Faults {
    pub(super) write: std::sync::atomic::AtomicBool,
    pub(super) sync: std::sync::atomic::AtomicBool,
    /// Held by a test, a sync waits.
    pub(super) slow_disk: std::sync::Mutex<()>,
}

impl Store {
    /// Makes an empty store in a directory that does not exist yet.
    pub(super) fn create(directory: &Path, memtable_bytes: u64) -> Result<(), fjall::Error> {
        let store = Store::open_or_create(directory, memtable_bytes)?;
        store.database.persist(PersistMode::SyncAll)
    }

    /// Opens a store. The store replays its own journal here, cuts an unfinished batch at the end
    /// of it, and refuses damage that it notices; some damage it notices by a panic.
    ///
    /// # Errors
    /// [`LogError::Damaged`] with the store's own words.
    pub(super) fn open(directory: &Path, memtable_bytes: u64) -> Result<Store, LogError> {
        let open = || {
            let store = Store::open_or_create(directory, memtable_bytes)?;
            // What was recovered may stand in the system's cache only: after this it is synced.
            store.database.persist(PersistMode::SyncAll)?;
            Ok(store)
        };
        match panic::catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(store)) => Ok(store),
            Ok(Err(fjall::Error::Io(error))) if error.kind() != std::io::ErrorKind::InvalidData => {
                Err(LogError::Failed(format!("{} cannot be opened: {error}", directory.display())))
            }
            Ok(Err(error)) => Err(unopenable(directory, &error.to_string())),
            Err(_) => Err(unopenable(directory, "the store panicked; its words are above")),
        }
    }

    fn open_or_create(directory: &Path, memtable_bytes: u64) -> Result<Store, fjall::Error> {
        let database = Database::builder(directory).manual_journal_persist(true).open()?;
        let options = || {
            KeyspaceCreateOptions::default()
                .manual_journal_persist(true)
                .max_memtable_size(memtable_bytes)
                // Filters help look-ups of single keys; here are only ranges.
                .filter_policy(FilterPolicy::disabled())
        };
        let pieces = database.keyspace(KEYSPACE, options)?;
        Ok(Store {
            database,
            pieces,
            #[cfg(test)]
            faults: Faults::default(),
        })
    }

    /// A batch to be written.
    pub(super) fn batch(&self, pieces: usize) -> Batch {
        Batch {
            writes: fjall::OwnedWriteBatch::with_capacity(self.database.clone(), pieces),
            pieces: self.pieces.clone(),
        }
    }

    /// Makes everything written durable. After an error nothing may be read or written any more:
    /// what the system's cache shows may not be on the disk.
    pub(super) fn sync(&self) -> Result<(), fjall::Error> {
        #[cfg(test)]
        drop(self.faults.slow_disk.lock());
        #[cfg(test)]
        fail_if(&self.faults.sync)?;
        self.database.persist(PersistMode::SyncData)
    }

    /// Writes a batch, all of it or nothing.
    pub(super) fn write(&self, batch: Batch) -> Result<(), fjall::Error> {
        #[cfg(test)]
        fail_if(&self.faults.write)?;
        batch.writes.commit()
    }

    /// The records of `place`, last to first.
    pub(super) fn backwards(&self, place: Place) -> Backwards {
        let all = record::key(place, 0, 0)..=record::key(place, u64::MAX, u16::MAX);
        Backwards { place, pieces: self.pieces.range(all), expected: None, ended: false }
    }

    /// Appends to `into` records of `place` from offset `from` on, below `end`, up to `limit`. All
    /// of them are there, in order, above sequence number `after`; returns the last one's.
    ///
    /// # Errors
    /// [`LogError::Damaged`] where one is missing or is not as it was written.
    pub(super) fn scan(
        &self,
        place: Place,
        from: u64,
        end: u64,
        limit: ReadLimit,
        after: Option<u64>,
        into: &mut Vec<crate::log::Stored>,
    ) -> Result<Option<u64>, LogError> {
        let range = record::key(place, from, 0)..record::key(place, end, 0);
        let mut pieces = self.pieces.range(range);
        let (mut offset, mut brought, mut bytes, mut last) = (from, 0, 0, after);
        while offset < end && brought < limit.records && bytes < limit.bytes {
            let read = forwards(place, offset, &mut pieces)?;
            if last.is_some_and(|last| read.sequence <= last) {
                return Err(damaged(place, offset, "stands out of the journal's order"));
            }
            last = Some(read.sequence);
            bytes += read.stored.record.value.len();
            brought += 1;
            offset += 1;
            into.push(read.stored);
        }
        Ok(last)
    }
}

/// Records that are written together.
pub(super) struct Batch {
    writes: fjall::OwnedWriteBatch,
    pieces: Keyspace,
}

impl Batch {
    /// Adds a record in its stored form.
    pub(super) fn push(&mut self, place: Place, offset: u64, stored: &Bytes) {
        for (piece, bytes) in record::pieces(stored) {
            self.writes.insert(&self.pieces, record::key(place, offset, piece), bytes);
        }
    }
}

/// The record of `place` at `offset`, whose first piece comes next.
fn forwards(
    place: Place,
    offset: u64,
    pieces: &mut impl Iterator<Item = Guard>,
) -> Result<Sequenced, LogError> {
    let missing = || damaged(place, offset, "is missing");
    let (key, first) = read(pieces.next().ok_or_else(missing)?)?;
    if key != record::key(place, offset, 0) {
        return Err(missing());
    }
    let broken = || damaged(place, offset, "is not as it was written");
    let count = record::piece_count(&first).ok_or_else(broken)?;
    if count == 1 {
        return record::decode(place, offset, Bytes::copy_from_slice(&first)).ok_or_else(broken);
    }
    let mut whole = BytesMut::from(&*first);
    for piece in (1..).take(count - 1) {
        let (key, bytes) = read(pieces.next().ok_or_else(broken)?)?;
        if key != record::key(place, offset, piece) {
            return Err(broken());
        }
        whole.extend_from_slice(&bytes);
    }
    record::decode(place, offset, whole.freeze()).ok_or_else(broken)
}

/// Walks records from the last to the first.
pub(super) struct Backwards {
    place: Place,
    pieces: fjall::Iter,
    expected: Option<u64>,
    ended: bool,
}

impl Iterator for Backwards {
    type Item = Result<Sequenced, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.step();
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl Backwards {
    fn step(&mut self) -> Result<Option<Sequenced>, LogError> {
        let Some(last) = self.pieces.next_back() else {
            return match self.expected {
                None | Some(0) => Ok(None),
                Some(above) => Err(damaged(self.place, above - 1, "is missing")),
            };
        };
        let (mut key, bytes) = read(last)?;
        let (_, offset, mut piece) = record::parse_key(&key)
            .ok_or_else(|| LogError::Damaged("the journal has a key that is none".to_owned()))?;
        if self.expected.is_some_and(|above| above != offset.saturating_add(1)) {
            return Err(damaged(self.place, offset.saturating_add(1), "is missing"));
        }
        let broken = || damaged(self.place, offset, "is not as it was written");
        let mut pieces = vec![bytes];
        while piece > 0 {
            let before = self.pieces.next_back().ok_or_else(broken)?;
            let (next_key, bytes) = read(before)?;
            piece -= 1;
            key = record::key(self.place, offset, piece);
            if next_key != key {
                return Err(broken());
            }
            pieces.push(bytes);
        }
        let whole: Vec<u8> = pieces.iter().rev().flat_map(|piece| piece.iter().copied()).collect();
        self.expected = Some(offset);
        record::decode(self.place, offset, Bytes::from(whole)).ok_or_else(broken).map(Some)
    }
}

type Pair = ([u8; KEY_BYTES], fjall::UserValue);

fn read(guard: Guard) -> Result<Pair, LogError> {
    let (key, value) = guard.into_inner().map_err(|error| match error {
        fjall::Error::Io(error) => LogError::Failed(format!("the journal: {error}")),
        error => LogError::Damaged(format!("the journal's store says {error}")),
    })?;
    let key = (&*key)
        .try_into()
        .map_err(|_| LogError::Damaged("the journal has a key that is none".to_owned()))?;
    Ok((key, value))
}

fn damaged(place: Place, offset: u64, what: &str) -> LogError {
    let (topic, partition) = (place.topic.name(), place.partition);
    LogError::Damaged(format!("the record at offset {offset} of {topic} {partition} {what}"))
}

/// The store in `directory` is not to be opened again before people have looked at it.
pub(super) fn unopenable(directory: &Path, why: &str) -> LogError {
    LogError::Damaged(format!(
        "the journal in {} cannot be read ({why}). Do not start again with it: copy the directory \
         as it is, then restore it from a copy that opens",
        directory.display()
    ))
}

#[cfg(test)]
fn fail_if(fault: &std::sync::atomic::AtomicBool) -> Result<(), fjall::Error> {
    if fault.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(std::io::Error::other("a failure for a test").into());
    }
    Ok(())
}
