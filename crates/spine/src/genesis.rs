//! How a log begins, and how everybody learns which log it is.
//!
//! Offset 0 of partition 0 of `orders` is `Genesis`; whoever comes first writes it, and later ones
//! are stale. Its body is copied to offset 0 of every other partition. Nobody appends anything else
//! before having read it, and everything that outlives a process carries the log's id.

use model::Partition;
use proto::log;
use thiserror::Error;

use crate::{chain::LogId, log::LogError};

/// What a log is, as its first record says.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Its random id.
    pub log_id: LogId,
    /// How many shards it has.
    pub partition_count: u16,
    /// The record itself.
    pub genesis: log::Genesis,
}

impl Identity {
    /// Every partition of the log.
    pub fn partitions(&self) -> impl Iterator<Item = Partition> + use<> {
        (0..self.partition_count).filter_map(Partition::new)
    }
}

/// Why a log's identity is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GenesisError {
    /// Nobody has founded the log yet.
    #[error("the log is empty: nobody has founded it yet")]
    NotFounded,
    /// The first record is not a genesis.
    #[error("the first record of partition {0} is not a genesis; this is not a log of tradespine")]
    NotAGenesis(Partition),
    /// A partition begins with another log's genesis.
    #[error("partition {0} begins with the genesis of another log")]
    OtherLog(Partition),
    /// The number of partitions is not the one that the log was founded with.
    #[error("the log was founded with {founded} partitions but has {found}")]
    PartitionCount {
        /// As the genesis says.
        founded: u32,
        /// As the log says.
        found: u16,
    },
    /// The log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
}
