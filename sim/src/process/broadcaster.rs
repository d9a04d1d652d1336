//! A broadcaster: the hub and what feeds it, with a directory of its own for snapshots.

use std::sync::Arc;

use broadcaster::{
    following::{FollowError, Following, begin},
    hub::{Hub, QueueLimit},
    snapshot::Directory,
};
use spine::{Place, Position};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use crate::{
    broken::{self, Broken},
    fault::Fault,
    running::Running,
};

/// A place for one broadcaster, and its disk.
pub(crate) struct Broadcaster {
    disk: TempDir,
    running: Option<Inside>,
}

struct Inside {
    hub: Arc<Hub>,
    following: Running<Result<(), FollowError>>,
    stop: CancellationToken,
}

impl Broadcaster {
    pub(crate) fn new() -> Broadcaster {
        let disk = TempDir::new().expect("there is room for a directory");
        Broadcaster { disk, running: None }
    }

    /// What listeners listen to, where a process runs.
    pub(crate) fn hub(&self) -> Option<&Arc<Hub>> {
        self.running.as_ref().map(|inside| &inside.hub)
    }

    /// It is told to stop, and has a moment to keep a last snapshot; or it is not.
    pub(crate) fn end(&mut self, around: &Surroundings, is_told: bool) {
        let Some(mut inside) = self.running.take() else { return };
        if !is_told {
            return;
        }
        inside.stop.cancel();
        for _ in 0..4 {
            let ended = inside.following.go_on(&around.timeline);
            around.timeline.settle();
            if ended.is_some() {
                return;
            }
        }
    }

    pub(crate) fn start(&mut self, around: &Surroundings) -> Result<(), Fault> {
        let ended = |error: &dyn std::fmt::Display| Fault::BroadcasterEnded(error.to_string());
        let directory = Directory::open(self.disk.path()).map_err(|error| ended(&error))?;
        let identity = &around.identity;
        let snapshot = begin(around.log.as_ref(), identity, Some(&directory));
        let snapshot = snapshot.map_err(|error| ended(&error))?;
        if snapshot.positions.iter().any(|position| position.out_seq > 0) {
            around.tally.count("restart from a snapshot: broadcaster");
        }
        let limit = QueueLimit { frames: 4_096, lines: 1 << 20 };
        let hub = Hub::new(snapshot.market, limit);
        let following = Following {
            hub: Arc::clone(&hub),
            identity: identity.clone(),
            positions: positions(around, snapshot.positions),
            directory: Some(directory),
            ready: watch::channel(false).0,
        };
        let stop = CancellationToken::new();
        let following = {
            let run = following.run(Arc::clone(&around.log), stop.clone());
            Running::new(run)
        };
        self.running = Some(Inside { hub, following, stop });
        Ok(())
    }

    pub(crate) fn step(&mut self, around: &Surroundings) -> Result<(), Fault> {
        let Some(inside) = &mut self.running else { return Ok(()) };
        if !inside.following.is_due() {
            return Ok(());
        }
        let ended = inside.following.go_on(&around.timeline);
        around.timeline.settle();
        match ended {
            None => Ok(()),
            Some(Ok(())) => Err(Fault::BroadcasterEnded("by itself".to_owned())),
            Some(Err(error)) => Err(Fault::BroadcasterEnded(error.to_string())),
        }
    }
}

fn positions(around: &Surroundings, positions: Vec<Position>) -> Vec<Position> {
    if around.broken != Broken::SkippedAnswer {
        return positions;
    }
    let places = around.partitions().map(Place::events);
    let log = around.log.as_ref();
    let resumed = positions.into_iter().zip(places);
    resumed
        .map(|(position, place)| match position.out_seq {
            0 => position,
            _ => broken::one_later(log, place, position),
        })
        .collect()
}
