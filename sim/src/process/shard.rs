//! An owner of a partition, or a candidate for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use daemon::clock::Clock;
use model::Partition;
use spine::{
    Log,
    log::ReadLimit,
    replay::Begin,
    shard::{Shard, ShardError, ShardSettings},
    snapshot::SnapshotStore,
};

use super::Surroundings;
use crate::{
    broken::{Broken, Deaf},
    fault::Fault,
    planted::Planted,
};

/// A place for one process of a partition.
pub(crate) struct Seat {
    pub(crate) partition: Partition,
    pub(crate) shard: Option<Shard<Planted>>,
    owns: Arc<AtomicBool>,
}

impl Seat {
    pub(crate) fn new(partition: Partition) -> Seat {
        Seat { partition, shard: None, owns: Arc::default() }
    }

    /// Starts a process: it recovers, and stands for ownership.
    pub(crate) fn start(&mut self, around: &mut Surroundings) -> Result<(), Fault> {
        let incarnation = around.next_incarnation();
        let ahead_millis = around.random.within(0..1_600).cast_signed() - 800;
        let clock = around.timeline.clock(ahead_millis);
        let records = *around.random.pick(&[1, 3, 8, 64]);
        let settings = ShardSettings {
            incarnation,
            wall_clock: Arc::new(move || clock.now()),
            read_limit: ReadLimit { records, bytes: 1 << 20 },
        };
        let has_snapshot =
            around.snapshots.list(self.partition).is_ok_and(|numbers| !numbers.is_empty());
        if has_snapshot {
            around.tally.count("restart from a snapshot: shard");
        }
        let begin = Begin::Newest(Arc::clone(&around.snapshots) as _);
        let (now, identity) = (around.timeline.now(), &around.identity);
        self.owns = Arc::default();
        let log = self.log(around, incarnation);
        let recovered = Shard::recover(&log, identity, self.partition, &begin, settings, now);
        self.shard = Some(recovered.map_err(|error| self.fault(&error))?);
        Ok(())
    }

    fn log(&self, around: &Surroundings, incarnation: u64) -> Arc<dyn Log> {
        let log = Arc::clone(&around.log);
        if around.broken != Broken::DeafOwners {
            return log;
        }
        Arc::new(Deaf { log, incarnation, owns: Arc::clone(&self.owns) })
    }

    /// Does one step; the process is gone where it has ended itself for a good reason.
    pub(crate) fn step(&mut self, around: &Surroundings) -> Result<(), Fault> {
        let Some(shard) = &mut self.shard else { return Ok(()) };
        let Err(error) = shard.step(around.timeline.now(), Duration::ZERO) else {
            self.owns.store(shard.is_owner(), Ordering::Relaxed);
            return Ok(());
        };
        match &error {
            ShardError::Append(_) => {}
            ShardError::SteppedDown { .. } => around.tally.count("stepped down"),
            _ => return Err(self.fault(&error)),
        }
        self.shard = None;
        Ok(())
    }

    /// Whether the process here owns the partition, as far as it knows.
    pub(crate) fn owns(&self) -> bool {
        self.shard.as_ref().is_some_and(Shard::is_owner)
    }

    /// In short, for the history.
    pub(crate) fn state(&self) -> String {
        self.shard.as_ref().map_or_else(
            || "gone".to_owned(),
            |shard| {
                let word = if shard.is_owner() { "owns" } else { "stands" };
                let (computed, accepted) = (shard.replica().out_seq(), shard.accepted());
                format!("{word}, {computed} computed, {accepted} accepted")
            },
        )
    }

    fn fault(&self, error: &ShardError) -> Fault {
        Fault::OwnerEnded { partition: self.partition.number(), why: error.to_string() }
    }
}
