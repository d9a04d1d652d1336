//! Links between shards: what one has sent to another and what it has taken, by number. Pure.
//!
//! An item exists from the answer that sends it. Its number counts the items of one source and one
//! destination from 1 without gaps and is part of the source's state, so that whoever computes the
//! answer again numbers it the same. Items travel in runs (`log::LinkRun`), which may come twice,
//! late or not at all:
//!
//! - the destination takes the next number, drops a lower one, and answers `Gap` to a higher one;
//! - the source keeps an item until it hears that the destination has taken it. That is told in the
//!   destination's own runs, so nothing but runs goes between two shards.
//!
//! [`sender`] copies items from accepted answers into runs. What the items mean is the core's.

pub mod sender;

use std::collections::{BTreeMap, VecDeque};

use model::Partition;
use proto::log;
use thiserror::Error;

/// Why a record of a link cannot be applied: the shard stops, for somebody else wrote it or a log
/// was lost.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    /// A run from a partition that there is not, or from the shard itself.
    #[error("no link leads here from partition {0}")]
    NoSuchSource(u32),
    /// An item that was never sent is said to have been taken.
    #[error(
        "partition {peer} has taken item {through}, and {sent} were sent to it: a log was lost"
    )]
    NeverSent {
        /// Who says so.
        peer: Partition,
        /// The number that it says.
        through: u64,
        /// The number of the last item sent.
        sent: u64,
    },
    /// An item that the core cannot apply.
    #[error("item {link_seq} from partition {from} cannot be applied: {reason}")]
    Item {
        /// Who sent it.
        from: Partition,
        /// Its number.
        link_seq: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// What the number of an item says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// The next one: it counts as taken from here on.
    Next,
    /// It was taken before.
    Known,
    /// Others are missing before it.
    Beyond {
        /// The number that is due.
        expected: u64,
    },
}

/// The links of one shard, by the partition of the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    peers: BTreeMap<Partition, Link>,
}

/// The link with one other shard, in both directions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Link {
    /// The number of the last item taken.
    pub(crate) taken: u64,
    /// The number of the last item that the other shard is known to have taken.
    pub(crate) acknowledged: u64,
    /// The items after that one, in order. The core bounds them: see [`Core`](crate::Core).
    pub(crate) unacknowledged: VecDeque<log::LinkItem>,
}

impl Link {
    /// The number of the last item sent.
    pub(crate) fn sent(&self) -> u64 {
        self.acknowledged + self.unacknowledged.len() as u64
    }

    /// Forgets the items up to this number; a lower one than before changes nothing.
    pub(crate) fn forget_through(&mut self, through: u64) {
        while self.acknowledged < through && self.unacknowledged.pop_front().is_some() {
            self.acknowledged += 1;
        }
    }
}

impl Links {
    /// The links as an image has them.
    pub(crate) fn of(peers: BTreeMap<Partition, Link>) -> Links {
        Links { peers }
    }

    /// Sends `item` to the shard of partition `to`; its number.
    pub fn send(&mut self, to: Partition, item: log::LinkItem) -> u64 {
        let link = self.peers.entry(to).or_default();
        link.unacknowledged.push_back(item);
        link.sent()
    }

    /// Whether the item of this number from partition `from` is to be taken; the next one is taken
    /// with this.
    pub fn take(&mut self, from: Partition, link_seq: u64) -> Take {
        let taken = &mut self.peers.entry(from).or_default().taken;
        let expected = *taken + 1;
        if link_seq == expected {
            *taken = expected;
            return Take::Next;
        }
        if link_seq < expected { Take::Known } else { Take::Beyond { expected } }
    }

    /// The shard of partition `peer` has taken the items up to this number.
    ///
    /// # Errors
    /// [`LinkError::NeverSent`].
    pub fn acknowledge(&mut self, peer: Partition, through: u64) -> Result<(), LinkError> {
        let link = self.peers.entry(peer).or_default();
        let sent = link.sent();
        if through > sent {
            return Err(LinkError::NeverSent { peer, through, sent });
        }
        link.forget_through(through);
        Ok(())
    }

    /// How far the link with `peer` has come.
    pub fn progress(&self, peer: Partition) -> log::LinkProgress {
        let link = self.peers.get(&peer);
        log::LinkProgress {
            partition: peer.number().into(),
            taken: link.map_or(0, |link| link.taken),
            acknowledged: link.map_or(0, |link| link.acknowledged),
            repeated: 0,
        }
    }

    /// How far the link with every other shard has come.
    pub fn all_progress(&self) -> impl Iterator<Item = log::LinkProgress> {
        self.peers.keys().map(|peer| self.progress(*peer))
    }

    /// The items that this shard has sent to another and, as far as it knows, are not taken there,
    /// in the order of their numbers.
    pub fn unacknowledged(&self) -> impl Iterator<Item = (Partition, u64, &log::LinkItem)> {
        self.peers.iter().flat_map(|(to, link)| {
            let numbered = (link.acknowledged + 1..).zip(&link.unacknowledged);
            numbered.map(|(link_seq, item)| (*to, link_seq, item))
        })
    }

    /// The number of the last item taken from `peer`.
    pub fn taken(&self, peer: Partition) -> u64 {
        self.peers.get(&peer).map_or(0, |link| link.taken)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Partition, &Link)> {
        self.peers.iter().map(|(peer, link)| (*peer, link))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Partition = Partition::FIRST;

    fn item(account: &str) -> log::LinkItem {
        log::LinkItem { account: account.to_owned(), ..Default::default() }
    }

    #[test]
    fn the_next_is_taken_a_lower_dropped_and_a_higher_waits() {
        let mut links = Links::default();
        let cases = [
            (2, Take::Beyond { expected: 1 }),
            (1, Take::Next),
            (1, Take::Known),
            (3, Take::Beyond { expected: 2 }),
            (2, Take::Next),
            (3, Take::Next),
            (2, Take::Known),
            (0, Take::Known),
        ];
        for (link_seq, take) in cases {
            assert_eq!(links.take(PEER, link_seq), take, "item {link_seq}");
        }
        assert_eq!(links.taken(PEER), 3);
    }

    #[test]
    fn an_item_is_kept_until_it_is_taken_and_its_number_is_never_given_again() {
        let mut links = Links::default();
        let sent: Vec<u64> = ["a", "b", "c"].map(|name| links.send(PEER, item(name))).to_vec();
        assert_eq!(sent, [1, 2, 3]);
        links.acknowledge(PEER, 2).expect("it was sent");
        links.acknowledge(PEER, 1).expect("an old word changes nothing");
        let left: Vec<_> = links.unacknowledged().map(|(_, seq, item)| (seq, item)).collect();
        assert_eq!(left, [(3, &item("c"))]);
        links.acknowledge(PEER, 3).expect("it was sent");
        assert_eq!(links.send(PEER, item("d")), 4);
    }

    #[test]
    fn nobody_takes_what_was_never_sent() {
        let mut links = Links::default();
        links.send(PEER, item("a"));
        let before = links.clone();
        let never = LinkError::NeverSent { peer: PEER, through: 2, sent: 1 };
        assert_eq!(links.acknowledge(PEER, 2), Err(never));
        assert_eq!(links, before);
    }
}
