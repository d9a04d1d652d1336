//! Where the shards' snapshots are.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use spine::snapshot::{MemorySnapshots, ObjectSnapshots, SnapshotStore};
use tokio::runtime::Handle;

/// Those in `directory`, which is made where it is missing.
///
/// # Errors
/// Where it cannot be used.
pub fn keep(directory: &Path) -> anyhow::Result<Arc<dyn SnapshotStore>> {
    let kept = ObjectSnapshots::in_directory(directory, Handle::current());
    Ok(Arc::new(kept.with_context(|| format!("the snapshots in {}", directory.display()))?))
}

/// The same for somebody who only reads them, and begins at the log's beginning without.
///
/// # Errors
/// Where there is such a directory and it cannot be used.
pub fn read(directory: &Path) -> anyhow::Result<Arc<dyn SnapshotStore>> {
    if directory.is_dir() { keep(directory) } else { Ok(Arc::new(MemorySnapshots::default())) }
}
