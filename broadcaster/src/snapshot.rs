//! A market and its positions in a file, so that a start need not read the whole log.
//!
//! A file is written aside, synced and renamed, and ends with a checksum of all before it. The
//! newest good one wins; a damaged one is passed over, down to reading the log from its beginning.
//! A *good* one that the log does not bear out is another matter: a log was lost or mixed up, and
//! people have to look before anybody is told other trades under the same numbers.

mod files;

use model::Partition;
use prost::Message;
use spine::{Chain, LogId, Position, genesis::Identity};
use thiserror::Error;

pub use self::files::{Directory, FilesError, KEPT};
use crate::market::{Market, MarketImage};

/// The first bytes of a snapshot: what it is, and the version of its layout.
const MAGIC: &[u8; 8] = b"TSMKT001";

/// The length of the checksum at its end.
const CHECKSUM_BYTES: usize = 32;

/// A market, and the accepted answers that it is the market after.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The log that it was read from.
    pub log_id: LogId,
    /// How far each partition was read, in order of partitions.
    pub positions: Vec<Position>,
    /// The market.
    pub market: Market,
}

/// Why bytes are not a snapshot that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// Too short, another kind of file, or another version of the layout.
    #[error("it is not a snapshot of this version")]
    NotASnapshot,
    /// The bytes were altered or cut.
    #[error("its checksum is wrong: it is damaged")]
    Damaged,
    /// The checksum is right and the content is not.
    #[error("its content is wrong: {0}")]
    Invalid(String),
}

/// Why a good snapshot does not belong to the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Foreign {
    /// It was taken of another log.
    #[error("it was taken of log {kept}, and this is log {found}")]
    OtherLog {
        /// The log in the snapshot.
        kept: LogId,
        /// The log that is read.
        found: LogId,
    },
    /// It was taken of a log with another number of partitions.
    #[error("it has {kept} partitions, and the log has {found}")]
    OtherPartitions {
        /// In the snapshot.
        kept: usize,
        /// In the log.
        found: u16,
    },
}

#[derive(Clone, PartialEq, Message)]
struct SnapshotImage {
    #[prost(bytes = "vec", tag = "1")]
    log_id: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    positions: Vec<PositionImage>,
    #[prost(message, optional, tag = "3")]
    market: Option<MarketImage>,
}

#[derive(Clone, PartialEq, Message)]
struct PositionImage {
    #[prost(uint64, tag = "1")]
    out_seq: u64,
    #[prost(bytes = "vec", tag = "2")]
    chain: Vec<u8>,
    #[prost(uint64, tag = "3")]
    next_offset: u64,
}

impl Snapshot {
    /// Before the first answer of every partition.
    pub fn start(identity: &Identity) -> Snapshot {
        let start = |partition| Position::start(identity.log_id, partition);
        Snapshot {
            log_id: identity.log_id,
            positions: identity.partitions().map(start).collect(),
            market: Market::default(),
        }
    }

    /// Whether it is of this log.
    ///
    /// # Errors
    /// [`Foreign`] where it is not.
    pub fn check_identity(&self, identity: &Identity) -> Result<(), Foreign> {
        if self.log_id != identity.log_id {
            return Err(Foreign::OtherLog { kept: self.log_id, found: identity.log_id });
        }
        let found = identity.partition_count;
        if self.positions.len() != usize::from(found) {
            return Err(Foreign::OtherPartitions { kept: self.positions.len(), found });
        }
        Ok(())
    }

    /// Every partition with how far it was read.
    pub fn places(&self) -> impl Iterator<Item = (Partition, Position)> {
        (0..).map_while(Partition::new).zip(self.positions.iter().copied())
    }

    /// Reads the bytes that [`encode`] wrote; everything in them is checked.
    ///
    /// # Errors
    /// [`SnapshotError`] for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::NotASnapshot)?;
        let (image, checksum) =
            rest.split_last_chunk::<CHECKSUM_BYTES>().ok_or(SnapshotError::Damaged)?;
        if checksum_of(&bytes[..bytes.len() - CHECKSUM_BYTES]) != *checksum {
            return Err(SnapshotError::Damaged);
        }
        let invalid = |what: &str| SnapshotError::Invalid(what.to_owned());
        let image = SnapshotImage::decode(image)
            .map_err(|error| SnapshotError::Invalid(error.to_string()))?;
        let log_id = image.log_id.as_slice().try_into().map_err(|_| invalid("no log id"))?;
        let market = image.market.as_ref().ok_or_else(|| invalid("no market"))?;
        Ok(Snapshot {
            log_id: LogId(log_id),
            positions: image.positions.iter().map(position).collect::<Result<_, _>>()?,
            market: Market::from_image(market)
                .map_err(|error| SnapshotError::Invalid(error.to_string()))?,
        })
    }
}

/// Writes a snapshot.
pub fn encode(log_id: LogId, positions: &[Position], market: MarketImage) -> Vec<u8> {
    let image = SnapshotImage {
        log_id: log_id.0.to_vec(),
        positions: positions.iter().map(position_image).collect(),
        market: Some(market),
    };
    let mut bytes = MAGIC.to_vec();
    image.encode(&mut bytes).expect("a vector grows as needed");
    let checksum = checksum_of(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

fn checksum_of(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    *blake3::hash(bytes).as_bytes()
}

fn position_image(position: &Position) -> PositionImage {
    PositionImage {
        out_seq: position.out_seq,
        chain: position.chain.0.to_vec(),
        next_offset: position.next_offset,
    }
}

fn position(image: &PositionImage) -> Result<Position, SnapshotError> {
    let no_chain = || SnapshotError::Invalid("a chain has another length".to_owned());
    Ok(Position {
        out_seq: image.out_seq,
        chain: Chain::from_slice(&image.chain).ok_or_else(no_chain)?,
        next_offset: image.next_offset,
    })
}

#[cfg(test)]
mod tests;
