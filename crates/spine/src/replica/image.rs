//! A replica's state as plain data, for snapshots.

use std::collections::BTreeMap;

use model::{Partition, Timestamp};
use prost::Message;
use proto::{draft::Draft, log};

use super::{BEHAVIOUR, Replica};
use crate::{
    acceptor::Position,
    chain::Chain,
    core::Core,
    genesis::Identity,
    link::{Link, Links},
};

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
    #[prost(message, repeated, tag = "8")]
    links: Vec<LinkImage>,
}

/// The link with one other shard. One on which nothing ever went is not written.
#[derive(Clone, PartialEq, Message)]
struct LinkImage {
    #[prost(uint32, tag = "1")]
    partition: u32,
    #[prost(uint64, tag = "2")]
    taken: u64,
    #[prost(uint64, tag = "3")]
    acknowledged: u64,
    #[prost(message, repeated, tag = "4")]
    unacknowledged: Vec<log::LinkItem>,
}

impl ReplicaImage {
    /// The position after its last answer, given the physical one.
    pub(crate) fn position(&self, next_offset: u64) -> Option<Position> {
        let chain = Chain::from_slice(&self.chain)?;
        Some(Position { out_seq: self.out_seq, chain, next_offset })
    }

    /// The links, without the rest of the state.
    pub(crate) fn links(&self) -> Result<Links, String> {
        let mut links = BTreeMap::new();
        for image in &self.links {
            let partition = u16::try_from(image.partition).ok().and_then(Partition::new);
            let partition = partition.ok_or("a link leads to no partition")?;
            if links.last_key_value().is_some_and(|(last, _)| *last >= partition) {
                return Err("its links are out of order".to_owned());
            }
            let link = Link {
                taken: image.taken,
                acknowledged: image.acknowledged,
                unacknowledged: image.unacknowledged.iter().cloned().collect(),
            };
            links.insert(partition, link);
        }
        Ok(Links::of(links))
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
            links: self.link_images(),
        }
    }

    fn link_images(&self) -> Vec<LinkImage> {
        let written = self.links.iter().filter(|(_, link)| **link != Link::default());
        written
            .map(|(partition, link)| LinkImage {
                partition: partition.number().into(),
                taken: link.taken,
                acknowledged: link.acknowledged,
                unacknowledged: link.unacknowledged.iter().cloned().collect(),
            })
            .collect()
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
            links: image.links()?,
            epoch: image.epoch,
            behaviour: image.behaviour,
            now: Timestamp::from_unix_nanos(image.now_unix_nanos),
            core: C::decode(&image.core)?,
            draft: Draft::default(),
        })
    }
}
