//! Where snapshots are: a directory or a bucket, or the memory of a test.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::TryStreamExt;
use model::Partition;
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path};
use thiserror::Error;

/// The store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the snapshot store failed: {0}")]
pub struct StoreError(pub String);

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        StoreError(error.to_string())
    }
}

/// Keeps the snapshots of every partition by the number of their last answer. A snapshot that was
/// put is there whole or not at all, whatever happens.
pub trait SnapshotStore: Send + Sync {
    /// Keeps a snapshot.
    ///
    /// # Errors
    /// [`StoreError`] where it is not kept.
    fn put(&self, partition: Partition, out_seq: u64, bytes: Vec<u8>) -> Result<(), StoreError>;

    /// The numbers of what is kept, ascending.
    ///
    /// # Errors
    /// [`StoreError`] where that cannot be told.
    fn list(&self, partition: Partition) -> Result<Vec<u64>, StoreError>;

    /// One snapshot.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    fn get(&self, partition: Partition, out_seq: u64) -> Result<Vec<u8>, StoreError>;

    /// Drops one.
    ///
    /// # Errors
    /// [`StoreError`] where it may still be there.
    fn delete(&self, partition: Partition, out_seq: u64) -> Result<(), StoreError>;
}

/// Snapshots in an object store: a directory today, a bucket where there are many machines.
///
/// Its calls block the thread and must not be made from async code.
pub struct ObjectSnapshots {
    objects: Arc<dyn ObjectStore>,
    runtime: tokio::runtime::Handle,
}

impl ObjectSnapshots {
    /// Snapshots in `directory`, which is made where it is missing. Every one is written aside,
    /// synced and renamed.
    ///
    /// # Errors
    /// [`StoreError`] where the directory cannot be used.
    pub fn in_directory(
        directory: &std::path::Path,
        runtime: tokio::runtime::Handle,
    ) -> Result<ObjectSnapshots, StoreError> {
        std::fs::create_dir_all(directory).map_err(|error| StoreError(error.to_string()))?;
        let objects = LocalFileSystem::new_with_prefix(directory)?.with_fsync(true);
        Ok(ObjectSnapshots { objects: Arc::new(objects), runtime })
    }

    fn folder(partition: Partition) -> Path {
        Path::from(format!("partition-{partition}"))
    }

    /// Twenty digits, so that the order of names is the order of numbers.
    fn path(partition: Partition, out_seq: u64) -> Path {
        Self::folder(partition).join(format!("{out_seq:020}.snapshot"))
    }
}

impl SnapshotStore for ObjectSnapshots {
    fn put(&self, partition: Partition, out_seq: u64, bytes: Vec<u8>) -> Result<(), StoreError> {
        let path = Self::path(partition, out_seq);
        self.runtime.block_on(self.objects.put(&path, bytes.into()))?;
        Ok(())
    }

    fn list(&self, partition: Partition) -> Result<Vec<u64>, StoreError> {
        let folder = Self::folder(partition);
        let listing = self.objects.list(Some(&folder)).try_collect::<Vec<_>>();
        let mut numbers: Vec<u64> = self
            .runtime
            .block_on(listing)?
            .iter()
            .filter_map(|object| object.location.filename())
            .filter_map(|name| name.strip_suffix(".snapshot")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn get(&self, partition: Partition, out_seq: u64) -> Result<Vec<u8>, StoreError> {
        let path = Self::path(partition, out_seq);
        let bytes =
            self.runtime.block_on(async { self.objects.get(&path).await?.bytes().await })?;
        Ok(bytes.into())
    }

    fn delete(&self, partition: Partition, out_seq: u64) -> Result<(), StoreError> {
        let path = Self::path(partition, out_seq);
        Ok(self.runtime.block_on(self.objects.delete(&path))?)
    }
}

/// Snapshots in memory, for tests and simulation.
#[derive(Debug, Default)]
pub struct MemorySnapshots(Mutex<BTreeMap<(Partition, u64), Vec<u8>>>);

impl MemorySnapshots {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<(Partition, u64), Vec<u8>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SnapshotStore for MemorySnapshots {
    fn put(&self, partition: Partition, out_seq: u64, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.with(|kept| kept.insert((partition, out_seq), bytes));
        Ok(())
    }

    fn list(&self, partition: Partition) -> Result<Vec<u64>, StoreError> {
        let range = (partition, 0)..=(partition, u64::MAX);
        Ok(self.with(|kept| kept.range(range).map(|((_, out_seq), _)| *out_seq).collect()))
    }

    fn get(&self, partition: Partition, out_seq: u64) -> Result<Vec<u8>, StoreError> {
        self.with(|kept| kept.get(&(partition, out_seq)).cloned())
            .ok_or_else(|| StoreError("there is no such snapshot".to_owned()))
    }

    fn delete(&self, partition: Partition, out_seq: u64) -> Result<(), StoreError> {
        self.with(|kept| kept.remove(&(partition, out_seq)));
        Ok(())
    }
}
