//! The processes of a run: each is the platform's own code, and what surrounds it in a machine.

mod broadcaster;
mod gateway;
mod projector;
mod sender;
mod shard;

use std::{fmt, sync::Arc};

use model::Partition;
use spine::{Log, genesis::Identity, log::memory::MemoryLog, snapshot::MemorySnapshots};

pub(crate) use self::{
    broadcaster::Broadcaster, gateway::Gateway, projector::Projector, sender::Sender, shard::Seat,
};
use crate::{broken::Broken, random::Random, tally::Tally, timeline::Timeline};

/// Which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProcessId {
    /// A place for an owner or candidate of a partition: there are two for each.
    Shard(usize),
    /// A place for what sends the items of the shard in the place of the same number.
    Sender(usize),
    Gateway(usize),
    Projector(usize),
    Broadcaster(usize),
}

impl ProcessId {
    /// What kind of process it is.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            ProcessId::Shard(_) => "shard",
            ProcessId::Sender(_) => "link sender",
            ProcessId::Gateway(_) => "gateway",
            ProcessId::Projector(_) => "projector",
            ProcessId::Broadcaster(_) => "broadcaster",
        }
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ProcessId::Shard(number)
        | ProcessId::Sender(number)
        | ProcessId::Gateway(number)
        | ProcessId::Projector(number)
        | ProcessId::Broadcaster(number)) = self;
        write!(formatter, "{} {number}", self.kind())
    }
}

/// What every process finds around it.
pub(crate) struct Surroundings {
    pub(crate) memory: MemoryLog,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) identity: Identity,
    pub(crate) timeline: Timeline,
    pub(crate) snapshots: Arc<MemorySnapshots>,
    pub(crate) broken: Broken,
    pub(crate) tally: Tally,
    pub(crate) random: Random,
    /// How many processes were started.
    pub(crate) incarnations: u64,
}

impl Surroundings {
    pub(crate) fn next_incarnation(&mut self) -> u64 {
        self.incarnations += 1;
        self.incarnations
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = Partition> + use<> {
        self.identity.partitions()
    }
}
