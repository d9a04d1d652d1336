//! Money: every posting is balanced, and balances are what the postings come to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Fold, Now};
use crate::check::{
    finding::Check,
    wire::{Broken, Message},
};

/// What an account has of one asset on one shard, in smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::check) struct Balance {
    pub(in crate::check) available: i128,
    pub(in crate::check) held: i128,
    /// What went to other shards less what came from them.
    pub(in crate::check) link: i128,
}

/// A deposit, a withdrawal or a transfer that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check) struct Movement {
    pub(in crate::check) account: Arc<str>,
    pub(in crate::check) asset: u32,
    /// What the account gained.
    pub(in crate::check) units: i128,
    /// Who was sent it, of a transfer.
    pub(in crate::check) receiver: Option<Arc<str>>,
}

/// Causes of postings that move money over the border, and to another account.
const BORDER: [u64; 2] = [3, 4];
const TRANSFER: u64 = 10;

/// What there is of an asset: deposited, withdrawn, granted, adjusted, available, held, on its way
/// and earned. Of one partition, or of all.
pub(in crate::check) type Figures = [i128; 8];

/// Buckets that are an account's.
pub(super) const AVAILABLE: u32 = 1;
pub(super) const HELD: u32 = 2;
pub(super) const LINK: u32 = 5;

/// Buckets that are nobody's, and the house's.
const EXTERNAL: u32 = 3;
const FAUCET: u32 = 4;
const FEES: u32 = 6;
const ADJUSTMENTS: u32 = 7;

/// An amount from its two halves.
pub(super) fn amount(wire: Option<Message<'_>>) -> i128 {
    wire.map_or(0, |wire| i128::from(wire.signed(1)) + (i128::from(wire.signed(2)) << 63))
}

/// The two halves of an amount, of one sign, as columns hold them.
pub(super) const fn halves(amount: i128) -> (i128, i128) {
    (amount % (1 << 63), amount / (1 << 63))
}

impl Fold {
    /// Moves what an answer's postings move, and holds the balances that it tells against that.
    pub(super) fn money(
        &mut self,
        now: &Now<'_>,
        postings: &[Message<'_>],
        body: &Message<'_>,
    ) -> Result<(), Broken> {
        let mut touched = BTreeSet::new();
        for posting in postings {
            let mut sums: BTreeMap<u32, i128> = BTreeMap::new();
            for leg in posting.messages(6)? {
                let gained = amount(leg.message(4)?);
                *sums.entry(leg.small(3)?).or_default() += gained;
                touched.extend(self.gain(now, &leg, gained)?);
            }
            self.moved(now, posting)?;
            let is_balanced = !sums.is_empty() && sums.values().all(|sum| *sum == 0);
            self.findings.hold(Check::Postings, is_balanced, || {
                format!("answer {} of partition {}: {sums:?}", now.out_seq, now.partition)
            });
        }
        for told in body.messages(4)? {
            let account = now.account(told.small(1)?)?;
            let asset = told.small(2)?;
            let told = Balance {
                available: amount(told.message(3)?),
                held: amount(told.message(4)?),
                link: amount(told.message(5)?),
            };
            let key = (account, asset, now.partition);
            touched.remove(&key);
            let folded = *self.balances.entry(key.clone()).or_default();
            let is_good = folded == told && told.available >= 0 && told.held >= 0;
            self.findings.hold(Check::Balances, is_good, || {
                format!("answer {}: {key:?} is told as {told:?}, and is {folded:?}", now.out_seq)
            });
        }
        for (account, asset, partition) in touched {
            let what = format!(
                "answer {} of partition {partition} moved asset {asset} of {account} and does \
                 not tell the balance",
                now.out_seq
            );
            self.findings.fault(Check::Balances, what);
        }
        Ok(())
    }

    /// A deposit, a withdrawal or a transfer has an id from outside.
    fn moved(&mut self, now: &Now<'_>, posting: &Message<'_>) -> Result<(), Broken> {
        let is_transfer = posting.number(1) == TRANSFER;
        if !BORDER.contains(&posting.number(1)) && !is_transfer {
            return Ok(());
        }
        let mut moved: Option<Movement> = None;
        for leg in posting.messages(6)? {
            let units = amount(leg.message(4)?);
            if ![AVAILABLE, LINK].contains(&leg.small(1)?) {
                continue;
            }
            let account = now.account(leg.small(2)?)?;
            match &mut moved {
                Some(moved) => moved.receiver = Some(account),
                None => {
                    let asset = leg.small(3)?;
                    moved = Some(Movement { account, asset, units, receiver: None });
                }
            }
        }
        let moved = moved.ok_or(Broken("a movement of nobody's money"))?;
        self.movements.entry(posting.text(5)?.to_owned()).or_default().push(moved);
        Ok(())
    }

    /// Counts a leg among what there is of its asset.
    fn count(&mut self, now: &Now<'_>, bucket: u32, asset: u32, gained: i128) {
        let figures = self.figures.entry((now.partition, asset)).or_default();
        let [deposited, withdrawn, granted, adjusted, available, held, link, fees] = figures;
        match bucket {
            AVAILABLE => *available += gained,
            HELD => *held += gained,
            LINK => *link += gained,
            FEES => *fees += gained,
            EXTERNAL if gained > 0 => *withdrawn += gained,
            EXTERNAL => *deposited -= gained,
            FAUCET => *granted -= gained,
            ADJUSTMENTS => *adjusted -= gained,
            _ => {}
        }
    }

    /// Keeps what there is of everything after this answer, where somebody was told of it.
    pub(super) fn cut(&mut self, partition: u16, out_seq: u64) {
        let is_wanted = self.wanted.get(&partition).is_some_and(|all| all.contains(&out_seq));
        if is_wanted {
            let here = self.figures.range((partition, 0)..=(partition, u32::MAX));
            let here = here.map(|((_, asset), figures)| (*asset, *figures)).collect();
            self.cuts.insert((partition, out_seq), here);
        }
    }

    /// What one leg moves; returns the balance that it touched, where it is somebody's.
    fn gain(
        &mut self,
        now: &Now<'_>,
        leg: &Message<'_>,
        gained: i128,
    ) -> Result<Option<(Arc<str>, u32, u16)>, Broken> {
        let (bucket, asset) = (leg.small(1)?, leg.small(3)?);
        self.count(now, bucket, asset, gained);
        if ![AVAILABLE, HELD, LINK].contains(&bucket) {
            *self.nobodys.entry((bucket, asset)).or_default() += gained;
            return Ok(None);
        }
        let key = (now.account(leg.small(2)?)?, asset, now.partition);
        let balance = self.balances.entry(key.clone()).or_default();
        *match bucket {
            AVAILABLE => &mut balance.available,
            HELD => &mut balance.held,
            _ => &mut balance.link,
        } += gained;
        Ok(Some(key))
    }

    /// An account went out of memory: nothing of it may be left here.
    pub(super) fn compacted(&mut self, now: &Now<'_>, event: &Message<'_>) -> Result<(), Broken> {
        let account = now.account(event.small(1)?)?;
        let first = (Arc::clone(&account), 0, 0);
        let of_account =
            self.balances.range(first..).take_while(|((name, ..), _)| *name == account);
        let here: Vec<_> = of_account
            .filter(|((_, _, partition), _)| *partition == now.partition)
            .map(|(key, balance)| (key.clone(), *balance))
            .collect();
        for (key, balance) in here {
            self.findings.hold(Check::Balances, balance == Balance::default(), || {
                format!("{key:?} was compacted away with {balance:?}")
            });
            self.balances.remove(&key);
        }
        Ok(())
    }

    /// Over all accounts and buckets there is nothing of any asset.
    pub(in crate::check) fn sums(&mut self) {
        let mut sums: BTreeMap<u32, i128> = BTreeMap::new();
        for ((_, asset), held) in &self.nobodys {
            *sums.entry(*asset).or_default() += held;
        }
        for ((_, asset, _), balance) in &self.balances {
            *sums.entry(*asset).or_default() += balance.available + balance.held + balance.link;
        }
        for (asset, sum) in sums {
            self.findings.hold(Check::Postings, sum == 0, || {
                format!("over everything there is {sum} of asset {asset}")
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_halves_of_one_sign() {
        for (whole, both) in
            [(7, (7, 0)), (-7, (-7, 0)), ((1 << 63) + 2, (2, 1)), (-(1 << 64) - 3, (-3, -2))]
        {
            assert_eq!(halves(whole), both);
            assert_eq!(both.0 + both.1 * (1 << 63), whole);
        }
    }
}
