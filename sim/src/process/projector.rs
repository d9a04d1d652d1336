//! A ledger: a task for each partition, on a store that it may share with another ledger.

use std::sync::Arc;

use daemon::health::Readiness;
use ledger::projecting::{ProjectingError, Task};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use crate::{fault::Fault, running::Running, store::FarStore};

/// A place for one ledger.
#[derive(Default)]
pub(crate) struct Projector {
    tasks: Vec<Running<Result<(), ProjectingError>>>,
}

impl Projector {
    pub(crate) fn is_running(&self) -> bool {
        !self.tasks.is_empty()
    }

    pub(crate) fn end(&mut self) {
        self.tasks.clear();
    }

    pub(crate) fn start(&mut self, around: &Surroundings, store: &Arc<FarStore>) {
        let readiness = Readiness::default();
        let task = |partition| {
            let task = Task {
                log: Arc::clone(&around.log),
                store: Arc::clone(store) as _,
                log_id: around.identity.log_id,
                partition,
                reached: watch::channel(None).0,
                readiness: readiness.register("ledger"),
                stop: CancellationToken::new(),
            };
            Running::new(task.run())
        };
        self.tasks = around.partitions().map(task).collect();
    }

    pub(crate) fn step(&mut self, around: &Surroundings) -> Result<(), Fault> {
        for task in self.tasks.iter_mut().filter(|task| task.is_due()) {
            let ended = task.go_on(&around.timeline);
            around.timeline.settle();
            if let Some(ended) = ended {
                let why = ended.map_or_else(|error| error.to_string(), |()| "by itself".to_owned());
                return Err(Fault::ProjectorEnded(why));
            }
        }
        Ok(())
    }
}
