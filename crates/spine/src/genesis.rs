//! How a log begins, and how everybody learns which log it is.
//!
//! Offset 0 of partition 0 of `orders` is `Genesis`; whoever comes first writes it, and later ones
//! are stale. Its body is copied to offset 0 of every other partition. Nobody appends anything else
//! before having read it, and everything that outlives a process carries the log's id.

use std::time::Duration;

use model::Partition;
use prost::Message;
use proto::{
    log::{self, input},
    topic::Topic,
};
use thiserror::Error;

use crate::{
    chain::LogId,
    log::{
        AppendError, Log, LogError, Place, ReachedEnd, ReadLimit, Record, Stored, Visibility,
        WriterRole, append_blocking,
    },
};

/// How long one look at a partition's first record may take.
const READ_WAIT: Duration = Duration::from_secs(10);

/// One poll of it.
const POLL_WAIT: Duration = Duration::from_millis(100);

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
    /// Nobody has founded the log, or not all of its partitions.
    #[error("partition {0} of the log is empty: nobody has founded it yet")]
    NotFounded(Partition),
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
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The genesis could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Founds the log with `proposal` unless somebody has, completes the copies in its partitions, and
/// tells what the log is. Safe to run again and by several at once: the first genesis in partition
/// 0 counts.
///
/// # Errors
/// [`GenesisError`] where the log is another's, has other partitions, or does not answer.
pub fn found(log: &dyn Log, proposal: &log::Genesis) -> Result<Identity, GenesisError> {
    let count = log.partition_count(Topic::Orders)?;
    if u32::from(count) != proposal.partition_count {
        let founded = proposal.partition_count;
        return Err(GenesisError::PartitionCount { founded, found: count });
    }
    let genesis = match first_genesis(log, Partition::FIRST)? {
        Some(genesis) => genesis,
        None => {
            write(log, Partition::FIRST, proposal)?;
            first_genesis(log, Partition::FIRST)?
                .ok_or(GenesisError::NotFounded(Partition::FIRST))?
        }
    };
    for partition in (1..count).filter_map(Partition::new) {
        if first_genesis(log, partition)?.is_none() {
            write(log, partition, &genesis)?;
        }
    }
    identify(log)
}

/// Reads what the log is.
///
/// # Errors
/// [`GenesisError`] where it is not founded, not whole, or does not answer.
pub fn identify(log: &dyn Log) -> Result<Identity, GenesisError> {
    let found = log.partition_count(Topic::Orders)?;
    let genesis =
        first_genesis(log, Partition::FIRST)?.ok_or(GenesisError::NotFounded(Partition::FIRST))?;
    if genesis.partition_count != u32::from(found) {
        return Err(GenesisError::PartitionCount { founded: genesis.partition_count, found });
    }
    for partition in (1..found).filter_map(Partition::new) {
        match first_genesis(log, partition)? {
            None => return Err(GenesisError::NotFounded(partition)),
            Some(copy) if copy != genesis => return Err(GenesisError::OtherLog(partition)),
            Some(_) => {}
        }
    }
    let log_id = log_id_of(&genesis).ok_or(GenesisError::NotAGenesis(Partition::FIRST))?;
    Ok(Identity { log_id, partition_count: found, genesis })
}

/// The log id in a genesis, where it has one.
pub(crate) fn log_id_of(genesis: &log::Genesis) -> Option<LogId> {
    genesis.log_id.as_slice().try_into().ok().map(LogId)
}

fn write(log: &dyn Log, partition: Partition, genesis: &log::Genesis) -> Result<(), GenesisError> {
    let input = log::Input { kind: Some(input::Kind::Genesis(genesis.clone())) };
    let producer = log.producer(WriterRole::Edge { give_up_after: READ_WAIT })?;
    let record = Record::of(input.encode_to_vec());
    append_blocking(producer.as_ref(), Place::orders(partition), record)?;
    Ok(())
}

fn first_genesis(
    log: &dyn Log,
    partition: Partition,
) -> Result<Option<log::Genesis>, GenesisError> {
    let Some(first) = first_record(log, Place::orders(partition))? else { return Ok(None) };
    let input = log::Input::decode(first.record.value).ok();
    match input.and_then(|input| input.kind) {
        Some(input::Kind::Genesis(genesis)) if log_id_of(&genesis).is_some() => Ok(Some(genesis)),
        _ => Err(GenesisError::NotAGenesis(partition)),
    }
}

fn first_record(log: &dyn Log, place: Place) -> Result<Option<Stored>, LogError> {
    if log.end(place, Visibility::Synced)? == 0 {
        return Ok(None);
    }
    let mut reader = log.reader(place, 0, Visibility::Synced)?;
    let mut stored = Vec::new();
    let polls = READ_WAIT.as_millis() / POLL_WAIT.as_millis();
    for _ in 0..polls {
        let reached = reader.poll(ReadLimit { records: 1, bytes: 1 }, POLL_WAIT, &mut stored)?;
        if !stored.is_empty() || reached == ReachedEnd::Yes {
            return Ok(stored.pop());
        }
    }
    Err(LogError::Failed(format!("the first record of {} did not come", place.topic.name())))
}
