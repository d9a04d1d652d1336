//! The memory log on trial.

use std::sync::Arc;

use spine::{Log, log::memory::MemoryLog};

use crate::trial::{SHARDS, Trial};

pub(crate) struct InMemory(MemoryLog);

pub(crate) fn fresh() -> Option<InMemory> {
    Some(InMemory(MemoryLog::new(SHARDS)))
}

impl Trial for InMemory {
    fn open(&self) -> Arc<dyn Log> {
        Arc::new(self.0.clone())
    }
}
