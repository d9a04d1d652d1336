//! The embedded log on trial, in a directory of its own for each case.

use std::sync::Arc;

use spine::{
    Log,
    log::embedded::{EmbeddedLog, EmbeddedSettings},
};
use tempfile::TempDir;

use crate::trial::{SHARDS, Trial};

pub(crate) struct InADirectory(TempDir);

pub(crate) fn fresh() -> Option<InADirectory> {
    Some(InADirectory(tempfile::tempdir().expect("a directory")))
}

impl Trial for InADirectory {
    fn open(&self) -> Arc<dyn Log> {
        let settings = EmbeddedSettings::new(SHARDS);
        EmbeddedLog::open(self.0.path(), settings).expect("the journal opens")
    }
}
