//! What is on its way between shards, from the items themselves and from the accounts' links.

use std::collections::{BTreeMap, BTreeSet};

use matcher::Exchange;
use model::{AccountName, Amount, AssetId, Partition};
use proto::{link::LinkItem, log};
use spine::Replica;

/// The links of all shards after their whole logs.
#[derive(Default)]
pub struct Links {
    /// What each shard keeps of what it sent: destination, number and item.
    sent: BTreeMap<(Partition, Partition), Vec<(u64, log::LinkItem)>>,
    /// The number of the last item that the source knows to be taken, by source and destination.
    acknowledged: BTreeMap<(Partition, Partition), u64>,
    /// The number of the last item taken, by source and destination.
    taken: BTreeMap<(Partition, Partition), u64>,
    /// What every account's links add up to.
    sums: BTreeMap<(AccountName, AssetId), i128>,
}

/// An item on its way.
#[derive(Debug)]
pub struct InFlight {
    /// Where it comes from.
    pub from: Partition,
    /// Where it goes.
    pub to: Partition,
    /// Its number.
    pub link_seq: u64,
    /// The item.
    pub item: LinkItem,
}

impl Links {
    /// Takes the links of one shard.
    pub fn note(&mut self, replica: &Replica<Exchange>) {
        let at = replica.partition();
        for (to, link_seq, item) in replica.links().unacknowledged() {
            self.sent.entry((at, to)).or_default().push((link_seq, item.clone()));
        }
        for progress in replica.links().all_progress() {
            let peer = u16::try_from(progress.partition).ok().and_then(Partition::new);
            self.taken.extend(peer.map(|peer| ((peer, at), progress.taken)));
            self.acknowledged.extend(peer.map(|peer| ((at, peer), progress.acknowledged)));
        }
        for account in replica.core().accounts().image().accounts {
            for (asset, link) in account.links {
                *self.sums.entry((account.name.clone(), asset)).or_insert(0) += link.units();
            }
        }
    }

    /// Every item that was sent and not taken.
    pub fn in_flight(&self) -> impl Iterator<Item = InFlight> {
        self.sent.iter().flat_map(|((from, to), items)| {
            let taken = self.taken.get(&(*from, *to)).copied().unwrap_or(0);
            let on_its_way = items.iter().filter(move |(link_seq, _)| *link_seq > taken);
            on_its_way.filter_map(move |(link_seq, item)| {
                let item = LinkItem::try_from(item).ok()?;
                Some(InFlight { from: *from, to: *to, link_seq: *link_seq, item })
            })
        })
    }

    /// The links, by source and destination, whose two shards tell of different moments: what the
    /// one has taken the other has not sent yet, or knows to be taken what is not yet. Shards of a
    /// running platform are not looked at in one instant; shards that stand still never do so.
    pub fn torn(&self) -> Vec<(Partition, Partition)> {
        let pairs: BTreeSet<_> = self.acknowledged.keys().chain(self.taken.keys()).collect();
        let is_torn = |pair: &&(Partition, Partition)| {
            let acknowledged = self.acknowledged.get(*pair).copied().unwrap_or(0);
            let sent = acknowledged + self.sent.get(*pair).map_or(0, Vec::len) as u64;
            let taken = self.taken.get(*pair).copied().unwrap_or(0);
            taken < acknowledged || taken > sent
        };
        pairs.into_iter().filter(is_torn).copied().collect()
    }

    /// The accounts whose links are not what is on its way, with both.
    pub fn contradictions(&self) -> Vec<(AccountName, AssetId, i128, i128)> {
        let mut on_its_way: BTreeMap<(AccountName, AssetId), i128> = BTreeMap::new();
        for InFlight { item, .. } in self.in_flight() {
            let amount = item.kind.amount().units();
            *on_its_way.entry((item.account, item.asset)).or_insert(0) += amount;
        }
        let keys: BTreeSet<_> = self.sums.keys().chain(on_its_way.keys()).collect();
        let both = keys.into_iter().map(|key| {
            let links = self.sums.get(key).copied().unwrap_or(0);
            let moving = on_its_way.get(key).copied().unwrap_or(0);
            (key.0.clone(), key.1, links, moving)
        });
        both.filter(|(_, _, links, moving)| links != moving).collect()
    }
}

/// An amount that moves, in words.
pub fn moving(amount: Amount) -> String {
    if amount.is_zero() { "no money".to_owned() } else { format!("{} units", amount.units()) }
}
