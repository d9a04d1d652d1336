//! How a state is kept, so that recovery need not begin at the first input.
//!
//! A snapshot is written by a replaying copy of the state, never by the owner that publishes, and
//! only of a state whose last answer was accepted from the log. It is checked before it is kept:
//! the bytes, decoded again, must make the same bytes. It carries the log's id, its position and a
//! checksum; the newest valid one wins, and some older ones stay in case it is damaged.

mod store;

use model::Partition;
use prost::Message;
use thiserror::Error;

pub use store::{MemorySnapshots, ObjectSnapshots, SnapshotStore, StoreError};

use crate::{
    acceptor::Position,
    core::Core,
    genesis::Identity,
    link::Links,
    replica::{Replica, ReplicaImage},
};

/// The first bytes of a snapshot: what it is, and the version of its layout.
const MAGIC: &[u8; 8] = b"TSSNAP01";

/// The length of the checksum at its end.
const CHECKSUM_BYTES: usize = 32;

/// How many snapshots of a partition are kept: the newest, and two in case it is damaged.
pub const KEPT: usize = 3;

/// Why bytes are not a snapshot that can be used. Whoever meets this tries the next older one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// Too short, another kind of file, or another version of the layout.
    #[error("it is not a snapshot of this version")]
    NotASnapshot,
    /// The bytes were altered or cut.
    #[error("its checksum is wrong: it is damaged")]
    Damaged,
    /// The checksum is right and the content is not: a bug, or somebody's own making.
    #[error("its content is wrong: {0}")]
    Invalid(String),
}

/// Why a snapshot was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TakeError {
    /// Its bytes decode to something else than was encoded.
    #[error("the state does not survive its own encoding: {0}")]
    NotFaithful(String),
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A state and the position of the accepted answers that it is the state after.
pub(crate) struct Snapshot<C> {
    pub(crate) replica: Replica<C>,
    pub(crate) position: Position,
}

#[derive(Clone, PartialEq, Message)]
struct SnapshotImage {
    #[prost(bytes = "vec", tag = "1")]
    log_id: Vec<u8>,
    #[prost(uint32, tag = "2")]
    partition: u32,
    #[prost(uint64, tag = "3")]
    events_next_offset: u64,
    #[prost(message, optional, tag = "4")]
    replica: Option<ReplicaImage>,
}

/// What decoding a snapshot found.
pub(crate) enum Decoded<C> {
    /// A snapshot of this log and partition.
    Ours(Box<Snapshot<C>>),
    /// A good snapshot of another log or partition: people have mixed something up.
    Foreign,
}

/// Encodes the state and checks that it survives.
pub(crate) fn encode<C: Core>(
    identity: &Identity,
    replica: &Replica<C>,
    position: Position,
) -> Result<Vec<u8>, TakeError> {
    let bytes = seal(identity, replica, position);
    let again = match decode::<C>(identity, replica.partition(), &bytes) {
        Ok(Decoded::Ours(snapshot)) => seal(identity, &snapshot.replica, snapshot.position),
        Ok(Decoded::Foreign) => return Err(TakeError::NotFaithful("it names another log".into())),
        Err(error) => return Err(TakeError::NotFaithful(error.to_string())),
    };
    if again != bytes {
        return Err(TakeError::NotFaithful("encoding it twice gives other bytes".into()));
    }
    Ok(bytes)
}

fn seal<C: Core>(identity: &Identity, replica: &Replica<C>, position: Position) -> Vec<u8> {
    let image = SnapshotImage {
        log_id: identity.log_id.0.to_vec(),
        partition: replica.partition().number().into(),
        events_next_offset: position.next_offset,
        replica: Some(replica.image()),
    };
    let mut bytes = MAGIC.to_vec();
    image.encode(&mut bytes).expect("a vector grows as needed");
    let checksum = blake3::hash(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    bytes
}

/// Decodes a snapshot, whatever its bytes.
pub(crate) fn decode<C: Core>(
    identity: &Identity,
    partition: Partition,
    bytes: &[u8],
) -> Result<Decoded<C>, SnapshotError> {
    let image = open(bytes)?;
    if !image.is_of(identity, partition) {
        return Ok(Decoded::Foreign);
    }
    let events_next_offset = image.events_next_offset;
    let image = image.replica.ok_or_else(|| SnapshotError::Invalid("it has no state".into()))?;
    let replica =
        Replica::from_image(identity, partition, image).map_err(SnapshotError::Invalid)?;
    let position = Position {
        out_seq: replica.out_seq(),
        chain: replica.chain(),
        next_offset: events_next_offset,
    };
    Ok(Decoded::Ours(Box::new(Snapshot { replica, position })))
}

fn open(bytes: &[u8]) -> Result<SnapshotImage, SnapshotError> {
    let (sealed, checksum) =
        bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(SnapshotError::NotASnapshot)?;
    let body = sealed.strip_prefix(MAGIC).ok_or(SnapshotError::NotASnapshot)?;
    if blake3::hash(sealed) != *checksum {
        return Err(SnapshotError::Damaged);
    }
    SnapshotImage::decode(body).map_err(|error| SnapshotError::Invalid(error.to_string()))
}

impl SnapshotImage {
    fn is_of(&self, identity: &Identity, partition: Partition) -> bool {
        self.log_id == identity.log_id.0 && self.partition == u32::from(partition.number())
    }
}

/// How far the newest readable snapshot of this log goes, without its state: where somebody who
/// needs only the end of the accepted answers can begin to look for it. `None` says: at the first
/// answer.
///
/// # Errors
/// [`StoreError`] where the store does not answer.
pub fn newest_position(
    store: &dyn SnapshotStore,
    identity: &Identity,
    partition: Partition,
) -> Result<Option<Position>, StoreError> {
    newest_part(store, identity, partition, |image, next_offset| image.position(next_offset))
}

/// The same with the links of that state.
///
/// # Errors
/// [`StoreError`] where the store does not answer.
pub(crate) fn newest_links(
    store: &dyn SnapshotStore,
    identity: &Identity,
    partition: Partition,
) -> Result<Option<(Position, Links)>, StoreError> {
    newest_part(store, identity, partition, |image, next_offset| {
        Some((image.position(next_offset)?, image.links().ok()?))
    })
}

/// What `part` finds in the newest readable snapshot in which it finds anything.
fn newest_part<T>(
    store: &dyn SnapshotStore,
    identity: &Identity,
    partition: Partition,
    part: impl Fn(&ReplicaImage, u64) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    for out_seq in store.list(partition)?.into_iter().rev() {
        let Ok(image) = open(&store.get(partition, out_seq)?) else { continue };
        if !image.is_of(identity, partition) {
            continue;
        }
        let next_offset = image.events_next_offset;
        let found = image.replica.as_ref().and_then(|replica| part(replica, next_offset));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Stores a snapshot of `replica` at `position` and drops those that are too old to keep.
///
/// # Errors
/// [`TakeError`] where it cannot be trusted or stored; older ones then stay as they are.
pub fn take<C: Core>(
    store: &dyn SnapshotStore,
    identity: &Identity,
    replica: &Replica<C>,
    position: Position,
) -> Result<(), TakeError> {
    debug_assert_eq!(position.chain, replica.chain(), "only an accepted state is kept");
    let bytes = encode(identity, replica, position)?;
    let partition = replica.partition();
    store.put(partition, position.out_seq, bytes)?;
    let numbers = store.list(partition)?;
    for old in numbers.iter().rev().skip(KEPT) {
        store.delete(partition, *old)?;
    }
    Ok(())
}
