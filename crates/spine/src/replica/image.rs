//! A replica's state as plain data, for snapshots.

use model::{Partition, Timestamp};
use prost::Message;

use super::{BEHAVIOUR, Replica};
use crate::{acceptor::Position, chain::Chain, core::Core, genesis::Identity};

/// A replica's state as a snapshot holds it: all but what its log's genesis says.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReplicaImage {
    #[prost(uint64, tag = "1")]
    next_offset: u64,
    #[prost(uint64, tag = "2")]
    out_seq: u64,
    #[prost(bytes = "vec", tag = "3")]
    chain: Vec<u8>,
    #[prost(uint32, tag = "4")]
    epoch: u32,
    #[prost(uint32, tag = "5")]
    behaviour: u32,
    #[prost(fixed64, tag = "6")]
    now_unix_nanos: u64,
    #[prost(bytes = "vec", tag = "7")]
    core: Vec<u8>,
}

impl ReplicaImage {
    /// The position after its last answer, given the physical one.
    pub(crate) fn position(&self, next_offset: u64) -> Option<Position> {
        let chain = Chain::from_slice(&self.chain)?;
        Some(Position { out_seq: self.out_seq, chain, next_offset })
    }
}

impl<C: Core> Replica<C> {
    pub(crate) fn image(&self) -> ReplicaImage {
        ReplicaImage {
            next_offset: self.next_offset,
            out_seq: self.out_seq,
            chain: self.chain.0.to_vec(),
            epoch: self.epoch,
            behaviour: self.behaviour,
            now_unix_nanos: self.now.unix_nanos(),
            core: self.core.encode(),
        }
    }

    pub(crate) fn from_image(
        identity: &Identity,
        partition: Partition,
        image: ReplicaImage,
    ) -> Result<Replica<C>, String> {
        if image.behaviour > BEHAVIOUR {
            return Err(format!("it needs behaviour {}", image.behaviour));
        }
        Ok(Replica {
            log_id: identity.log_id,
            partition,
            genesis: identity.genesis.clone(),
            next_offset: image.next_offset,
            out_seq: image.out_seq,
            chain: Chain::from_slice(&image.chain).ok_or("its chain has another length")?,
            epoch: image.epoch,
            behaviour: image.behaviour,
            now: Timestamp::from_unix_nanos(image.now_unix_nanos),
            core: C::decode(&image.core)?,
        })
    }
}
