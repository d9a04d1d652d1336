//! What a journal's owner decides.

use std::{
    fmt, process,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use model::Timestamp;

/// Tells the time of the log.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Called once when the journal has failed, with the reason.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// How much is kept in memory before the store writes a table and begins a new journal. The store
/// makes each journal 64 MiB long: with this much, and framing, one ends before its file has to
/// grow, so that syncs never wait for the file system to note a new length.
const MEMTABLE_BYTES: u64 = 44 * 1024 * 1024;

/// How an [`super::EmbeddedLog`] is opened.
#[derive(Clone)]
pub struct EmbeddedSettings {
    /// How many partitions topics with one a shard have; for ever the same for one directory.
    pub partitions: u16,
    /// Whence append times come. They never run backwards, whatever it says.
    pub clock: Clock,
    /// What is done when a write or a sync has failed; it is meant not to return. After a failed
    /// sync nobody knows what is on the disk, the system's cache shows records that may not be
    /// there, and a second sync may succeed without having written them: the only safe thing is
    /// to end at once, without unwinding, and to read again what the disk really has.
    pub on_fatal: OnFatal,
    /// How many bytes the store keeps in memory before it writes a table.
    pub memtable_bytes: u64,
}

impl EmbeddedSettings {
    /// The settings of a journal by the wall clock that aborts the process when it fails.
    pub fn new(partitions: u16) -> EmbeddedSettings {
        EmbeddedSettings {
            partitions,
            clock: Arc::new(wall_clock),
            on_fatal: Arc::new(|_| process::abort()),
            memtable_bytes: MEMTABLE_BYTES,
        }
    }
}

impl fmt::Debug for EmbeddedSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EmbeddedSettings")
            .field("partitions", &self.partitions)
            .field("memtable_bytes", &self.memtable_bytes)
            .finish_non_exhaustive()
    }
}

/// A log's clock is the one place where the time of a record is read.
#[expect(clippy::disallowed_methods, reason = "this stamps appends")]
fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
