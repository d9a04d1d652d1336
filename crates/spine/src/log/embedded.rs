//! A log in one directory of one process: durable, and small enough for `tradespine up`.
//!
//! **One journal for all topics.** One thread takes whatever is queued, gives it offsets, append
//! times and numbers in one sequence over all topics, writes it as one atomic batch and syncs it.
//! So a crash cuts one suffix of the sequence, across all topics at once: an answer is never there
//! without its input. A record is shown to [`Visibility::Written`] readers once it is written, to
//! all others, and acknowledged, once it is synced.
//!
//! What a crash leaves is checked when the journal is opened (`journals` before the store opens its
//! own, `check` after), what is read is checked when it is read (`store`), and that the end is not
//! lost is checked against a watermark. Whatever is not as it was written is refused with a reason:
//! recovered or refused, never wrong. Why this storage crate, and what it must not be trusted with:
//! docs/adr/0003.
//!
//! - `directory`: lock, format, files. `store`: the storage crate. `record`: how records lie in it.
//! - `journals`, `check`: what is looked at on opening. `watermark`: how far it was synced.
//! - `queue`, `writer`: from a producer's call to its acknowledgement. `patience`: edges give up.
//!   `ahead`: the blocks that the journal is written over. `fuzzed`: what fuzzing reads.
//! - `recent`, `reader`: from memory to those who follow, from the store to those behind.
//!
//! What will never live here: what a record means, and a second journal.

mod ahead;
mod check;
mod directory;
#[cfg(fuzzing)]
pub mod fuzzed;
mod journals;
mod patience;
mod queue;
mod reader;
mod recent;
mod record;
mod settings;
mod store;
mod watermark;
mod writer;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use model::Partition;
use proto::topic::{Partitions, RECORD_BYTES_MAX, Topic};

pub use self::settings::{Clock, EmbeddedSettings, OnFatal};
use self::{
    ahead::Ahead,
    check::Ends,
    directory::Directory,
    patience::Patience,
    queue::{InFlight, Queue, Waiting},
    reader::EmbeddedReader,
    recent::Recent,
    store::Store,
    writer::Writer,
};
use super::{
    Acknowledge, AppendError, Log, LogError, Place, Producer, Reader, Record, Visibility,
    WriterRole,
};

/// How much of the newest records is kept in memory, over all partitions: seconds of a busy log,
/// so that only somebody who starts or stalls reads the store.
const RECENT_BYTES_TOTAL: usize = 64 * 1024 * 1024;

/// How much of it each partition has at least, however many there are.
const RECENT_BYTES_MIN: usize = 256 * 1024;

/// A log in a directory.
pub struct EmbeddedLog {
    partitions: u16,
    shared: Arc<Shared>,
    locked: Arc<Locked>,
    writer: Option<JoinHandle<()>>,
    _patience: Patience,
}

/// The store, and the lock that is released after it.
struct Locked {
    store: Store,
    directory: Directory,
}

/// What producers, readers and the writer share.
struct Shared {
    places: BTreeMap<Place, Shown>,
    queue: Queue,
    in_flight: InFlight,
    on_fatal: OnFatal,
    failed: AtomicBool,
}

/// A partition, as producers and readers see it.
struct Shown {
    /// Its number among the places, by which the writer knows it.
    lane: usize,
    recent: Arc<Recent>,
}

impl EmbeddedLog {
    /// Opens the journal in `directory`, which is made where it is missing, and locks it.
    ///
    /// # Errors
    /// [`LogError::Failed`] where another process has it, the settings do not fit it, or the disk
    /// fails; [`LogError::Damaged`] where it is not as it was written, or its end is gone. Nothing
    /// should be done with a damaged journal before people have looked at it.
    pub fn open(
        directory: &Path,
        settings: EmbeddedSettings,
    ) -> Result<Arc<EmbeddedLog>, LogError> {
        if settings.partitions == 0 || settings.partitions > Partition::COUNT_MAX {
            let (asked, most) = (settings.partitions, Partition::COUNT_MAX);
            return Err(LogError::Failed(format!("a log has 1 to {most} partitions, not {asked}")));
        }
        let path = directory;
        let directory = Directory::lock(path)?;
        directory.check_format(settings.partitions)?;
        let mut watermark = directory.open_watermark()?;
        let store_path = directory.ensure_store(&watermark, settings.memtable_bytes)?;
        let replayed_bytes = journals::check(&store_path)?;
        let store = Store::open(&store_path, settings.memtable_bytes)?;
        let ends = check::ends(&store, places(settings.partitions), replayed_bytes)?;
        if ends.sequence < watermark.sequence() {
            return Err(lost(path, ends.sequence, watermark.sequence()));
        }
        // The store synced what it recovered.
        watermark
            .note(ends.sequence)
            .and_then(|()| watermark.sync())
            .map_err(|error| LogError::Failed(format!("{}: {error}", path.display())))?;
        let locked = Arc::new(Locked { store, directory });
        EmbeddedLog::start(settings, locked, watermark, &ends)
    }

    /// Opens the journal that is in `directory`, with as many partitions as it was made with: for
    /// tools, which make none.
    ///
    /// # Errors
    /// [`LogError::Failed`] where there is none; else as [`EmbeddedLog::open`].
    pub fn open_existing(directory: &Path) -> Result<Arc<EmbeddedLog>, LogError> {
        let absent = || LogError::Failed(format!("there is no journal in {}", directory.display()));
        let partitions = directory::partitions_of(directory)?.ok_or_else(absent)?;
        EmbeddedLog::open(directory, EmbeddedSettings::new(partitions))
    }

    fn start(
        settings: EmbeddedSettings,
        locked: Arc<Locked>,
        watermark: watermark::Watermark,
        ends: &Ends,
    ) -> Result<Arc<EmbeddedLog>, LogError> {
        let bytes_max = (RECENT_BYTES_TOTAL / ends.offsets.len()).max(RECENT_BYTES_MIN);
        let shown = |(lane, (place, end)): (usize, (&Place, &u64))| {
            (*place, Shown { lane, recent: Arc::new(Recent::at(*end, bytes_max)) })
        };
        let shared = Arc::new(Shared {
            places: ends.offsets.iter().enumerate().map(shown).collect(),
            queue: Queue::default(),
            in_flight: InFlight::default(),
            on_fatal: settings.on_fatal,
            failed: AtomicBool::new(false),
        });
        let patience = Patience::start(&shared)?;
        let (for_writer, store) = (Arc::clone(&shared), Arc::clone(&locked));
        let ahead = Ahead::of(&locked.directory.store_path());
        let writer = Writer::new(for_writer, store, watermark, ahead, settings.clock, ends);
        let writer = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| LogError::Failed(error.to_string()))?;
        Ok(Arc::new(EmbeddedLog {
            partitions: settings.partitions,
            shared,
            locked,
            writer: Some(writer),
            _patience: patience,
        }))
    }

    fn recent(&self, place: Place) -> Result<&Arc<Recent>, LogError> {
        let shown = self.shared.places.get(&place).ok_or(LogError::NoSuchPlace(place))?;
        Ok(&shown.recent)
    }
}

impl Log for EmbeddedLog {
    fn partition_count(&self, topic: Topic) -> Result<u16, LogError> {
        Ok(partition_count(topic, self.partitions))
    }

    fn producer(&self, role: WriterRole) -> Result<Arc<dyn Producer>, LogError> {
        Ok(Arc::new(EmbeddedProducer { role, shared: Arc::clone(&self.shared) }))
    }

    fn reader(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
    ) -> Result<Box<dyn Reader>, LogError> {
        let recent = self.recent(place)?;
        let end = recent.end(visibility)?;
        if from > end {
            return Err(LogError::BeyondEnd { place, asked: from, end });
        }
        Ok(Box::new(EmbeddedReader {
            place,
            visibility,
            next: from,
            last_sequence: None,
            recent: Arc::clone(recent),
            store: Arc::downgrade(&self.locked),
        }))
    }

    fn end(&self, place: Place, visibility: Visibility) -> Result<u64, LogError> {
        self.recent(place)?.end(visibility)
    }

    fn is_exclusive(&self) -> bool {
        true
    }
}

impl Drop for EmbeddedLog {
    /// Writes and syncs what is queued, and waits for that; the directory is free afterwards.
    fn drop(&mut self) {
        self.shared.queue.close("the log was closed");
        if let Some(writer) = self.writer.take() {
            // The last handle may be dropped in an acknowledgement, which is the writer's thread.
            if writer.thread().id() != thread::current().id() {
                let _ = writer.join();
            }
        }
        self.shared.finish(&closed());
    }
}

impl fmt::Debug for EmbeddedLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EmbeddedLog")
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Nothing is read or written any more: the disk may not have what was shown.
    fn fail(&self, reason: &str) {
        if self.failed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.queue.close(reason);
        self.finish(&LogError::Failed(reason.to_owned()));
        tracing::error!(reason, "the journal has failed: this process ends, and reads it again");
        (self.on_fatal)(reason);
        for awaited in self.in_flight.take() {
            if let Some(acknowledge) = awaited.acknowledge {
                acknowledge(Err(AppendError::Unknown));
            }
        }
        for waiting in self.queue.clear() {
            if let Some(acknowledge) = waiting.acknowledge {
                acknowledge(Err(AppendError::Fatal(reason.to_owned())));
            }
        }
    }

    fn finish(&self, why: &LogError) {
        for shown in self.places.values() {
            shown.recent.finish(why.clone());
        }
    }
}

struct EmbeddedProducer {
    role: WriterRole,
    shared: Arc<Shared>,
}

impl Producer for EmbeddedProducer {
    fn append(&self, place: Place, record: Record, acknowledge: Acknowledge) {
        let Some(&Shown { lane, .. }) = self.shared.places.get(&place) else {
            let error = LogError::NoSuchPlace(place);
            return acknowledge(Err(AppendError::Fatal(error.to_string())));
        };
        let bytes = record.bytes();
        if bytes > RECORD_BYTES_MAX || record.headers.iter().count() > record::HEADERS_MAX {
            return acknowledge(Err(AppendError::TooLarge { bytes }));
        }
        let give_up_at = match self.role {
            WriterRole::Shard => None,
            WriterRole::Edge { give_up_after } => Instant::now().checked_add(give_up_after),
        };
        let waiting = Waiting { lane, record, give_up_at, acknowledge: Some(acknowledge) };
        let waits = self.role == WriterRole::Shard;
        if let Err((acknowledge, error)) = self.shared.queue.push(waiting, waits) {
            acknowledge(Err(error));
        }
    }
}

fn places(partitions: u16) -> impl Iterator<Item = Place> {
    Topic::ALL.into_iter().flat_map(move |topic| {
        (0..partition_count(topic, partitions))
            .filter_map(Partition::new)
            .map(move |partition| Place { topic, partition })
    })
}

fn partition_count(topic: Topic, partitions: u16) -> u16 {
    match topic.partitions() {
        Partitions::OneAShard => partitions,
        Partitions::One => 1,
    }
}

fn closed() -> LogError {
    LogError::Failed("the log was closed".to_owned())
}

fn lost(directory: &Path, end: u64, watermark: u64) -> LogError {
    LogError::Damaged(format!(
        "the journal in {} lost records that were acknowledged: it ends at {end}, but everything \
         before {watermark} was synced. Do not go on with it: restore the whole directory from a \
         copy that has them, and look for the disk or the hand that lost them",
        directory.display()
    ))
}

#[cfg(test)]
mod tests;
