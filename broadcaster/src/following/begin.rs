//! Where a start begins: at the newest good snapshot that the log bears out, or at the beginning.

use std::{path::PathBuf, time::Duration};

use model::Partition;
use spine::{
    Log, Place, Position, Visibility, answer,
    genesis::Identity,
    log::{LogError, ReachedEnd, ReadLimit},
};
use thiserror::Error;

use crate::snapshot::{Directory, FilesError, Foreign, Snapshot};

/// One poll for the last answer of a snapshot.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// How many polls its record may take: ten seconds.
const POLLS_MAX: usize = 100;

/// Why a start has nowhere to begin.
#[derive(Debug, Error)]
pub enum BeginError {
    /// The directory of snapshots could not be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A good snapshot is of another log.
    #[error(
        "snapshot {}: {error}; if this log is the right one, move the snapshot away",
        .path.display()
    )]
    Foreign {
        /// Its file.
        path: PathBuf,
        /// What is foreign.
        error: Foreign,
    },
    /// A good snapshot is further than the log.
    #[error(
        "snapshot {} has {} answers of partition {partition}, read up to offset {}, and the log \
         ends at {end}: a log was lost; restore it, or move the snapshot away",
        .path.display(), .kept.out_seq, .kept.next_offset
    )]
    Beyond {
        /// Its file.
        path: PathBuf,
        /// The partition.
        partition: Partition,
        /// How far the snapshot is.
        kept: Position,
        /// How far the log is.
        end: u64,
    },
    /// A good snapshot was taken after another answer than the log has in that place.
    #[error(
        "snapshot {} was taken after answer {} of partition {partition} with chain {}, and the log \
         has another record there: a log was lost; restore it, or move the snapshot away",
        .path.display(), .kept.out_seq, .kept.chain
    )]
    Contradicted {
        /// Its file.
        path: PathBuf,
        /// The partition.
        partition: Partition,
        /// How far the snapshot is.
        kept: Position,
    },
}

/// Finds where to begin. Blocks the thread.
///
/// # Errors
/// [`BeginError`] where the newest good snapshot and the log contradict each other, or one of them
/// cannot be read.
pub fn begin(
    log: &dyn Log,
    identity: &Identity,
    directory: Option<&Directory>,
) -> Result<Snapshot, BeginError> {
    let newest = directory.map(Directory::newest).transpose()?.flatten();
    let Some((path, snapshot)) = newest else {
        return Ok(Snapshot::start(identity));
    };
    if let Err(error) = snapshot.check_identity(identity) {
        return Err(BeginError::Foreign { path, error });
    }
    for (partition, kept) in snapshot.places() {
        let end = log.end(Place::events(partition), Visibility::Synced)?;
        if kept.next_offset > end {
            return Err(BeginError::Beyond { path, partition, kept, end });
        }
        if !is_borne_out(log, identity, partition, kept)? {
            return Err(BeginError::Contradicted { path, partition, kept });
        }
    }
    tracing::info!(path = %path.display(), "begins at a snapshot");
    Ok(snapshot)
}

/// Whether the record before the position is the answer that the position says it is.
fn is_borne_out(
    log: &dyn Log,
    identity: &Identity,
    partition: Partition,
    kept: Position,
) -> Result<bool, LogError> {
    let Some(last) = kept.next_offset.checked_sub(1) else {
        return Ok(kept == Position::start(identity.log_id, partition));
    };
    let mut reader = log.reader(Place::events(partition), last, Visibility::Synced)?;
    let mut stored = Vec::new();
    for _ in 0..POLLS_MAX {
        let limit = ReadLimit { records: 1, bytes: 1 };
        let reached = reader.poll(limit, POLL_WAIT, &mut stored)?;
        if let Some(record) = stored.first() {
            let answer = answer::read(&record.record.value);
            return Ok(record.offset == last
                && answer.is_ok_and(|answer| {
                    (answer.out_seq, answer.chain) == (kept.out_seq, kept.chain)
                }));
        }
        if reached == ReachedEnd::Yes {
            return Ok(false);
        }
    }
    Err(LogError::Failed(format!("record {last} of events partition {partition} did not come")))
}
