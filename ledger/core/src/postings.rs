//! What every change of money is written as.
//!
//! A [`Postings`] is the caller's buffer for one command: cleared before it, read after it, and
//! never shrunk, so that in the long run nothing is allocated.

use alloc::vec::Vec;
use core::iter;

use hashbrown::HashSet;
use model::{AccountHandle, Amount, AssetId, InstrumentId, KeyText, OrderId, Partition, TradeId};
use rustc_hash::FxBuildHasher;

/// A place where an amount of an asset can be: the chart of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// What an account can use. Never negative.
    Available(AccountHandle),
    /// What an account's open orders hold. Never negative.
    Held(AccountHandle),
    /// The world outside: withdrawals minus deposits.
    External,
    /// What the sandbox's grants come from: minus what it has given.
    Faucet,
    /// What an account's shard has sent to others less what came from them: below zero where more
    /// came. Over all shards it is what is on its way between them.
    Link(AccountHandle),
    /// What the house has earned: fees less rebates. Never negative.
    Fees,
    /// What corrections have taken less what they have given.
    Adjustments,
}

impl Bucket {
    /// The account whose bucket this is, if it is anybody's.
    pub const fn account(self) -> Option<AccountHandle> {
        match self {
            Bucket::Available(account) | Bucket::Held(account) | Bucket::Link(account) => {
                Some(account)
            }
            Bucket::External | Bucket::Faucet | Bucket::Fees | Bucket::Adjustments => None,
        }
    }
}

/// Why money moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A sandbox account was opened, or assets were listed since: faucet to available.
    Grant,
    /// A sandbox account back at its grant was compacted: available to faucet.
    GrantReturned,
    /// Money came in: external to available.
    Deposit {
        /// The depositor's id for it.
        id: KeyText,
    },
    /// Money left: available to external.
    Withdrawal {
        /// The client's id for it.
        id: KeyText,
    },
    /// Money went to another account: available to the receiver's available, or to its link where
    /// it is at home elsewhere.
    Transfer {
        /// The sender's id for it.
        id: KeyText,
        /// The receiver's home, where that is another shard.
        to: Option<Partition>,
    },
    /// Money from an account on another shard: link to available.
    TransferTaken {
        /// The sender's id for it.
        id: KeyText,
        /// The sender's home.
        from: Partition,
    },
    /// A transfer has come back: the receiver's link to what the sender has available.
    TransferReturned {
        /// The sender's id for it.
        id: KeyText,
        /// The receiver's home.
        from: Partition,
    },
    /// A correction: adjustments to available, or the other way.
    Adjustment {
        /// The operator's id for it.
        id: KeyText,
    },
    /// An order entered: available to held.
    Hold {
        /// The order.
        order: OrderId,
    },
    /// A trade: the buyer's held quote to the seller, the seller's held base to the buyer, of both
    /// the fees to the house, and what the buyer's limit held beyond that back to the buyer.
    Trade {
        /// What was traded.
        instrument: InstrumentId,
        /// The trade's number within it.
        trade: TradeId,
    },
    /// An order ended with some of its hold unused: held to available.
    Release {
        /// The order.
        order: OrderId,
    },
    /// Money went to another shard: available to link.
    LinkSent {
        /// The other shard's partition.
        to: Partition,
    },
    /// Money came from another shard: link to available.
    LinkTaken {
        /// The other shard's partition.
        from: Partition,
    },
}

/// One line of a posting: what a bucket gains of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Where.
    pub bucket: Bucket,
    /// Of what.
    pub asset: AssetId,
    /// How many units it gains; negative where it loses.
    pub amount: Amount,
}

impl Leg {
    /// The two legs of `amount` going from one bucket to another.
    pub(crate) fn pair(from: Bucket, to: Bucket, asset: AssetId, amount: Amount) -> [Leg; 2] {
        [Leg { bucket: from, asset, amount: -amount }, Leg { bucket: to, asset, amount }]
    }
}

/// One balanced change: the legs of each asset sum to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting<'a> {
    /// Why.
    pub cause: &'a Cause,
    /// What moved.
    pub legs: &'a [Leg],
}

impl Posting<'_> {
    /// Whether the legs of each asset sum to zero.
    pub fn is_balanced(&self) -> bool {
        self.legs.iter().all(|leg| {
            let same_asset = self.legs.iter().filter(|other| other.asset == leg.asset);
            Amount::checked_sum(same_asset.map(|other| other.amount)) == Some(Amount::ZERO)
        })
    }
}

/// The postings of one command, in order, and the balances that they touched.
#[derive(Clone, Debug, Default)]
pub struct Postings {
    /// Each posting's cause and where its legs end.
    entries: Vec<(Cause, usize)>,
    /// The legs of all postings, one after the other.
    legs: Vec<Leg>,
    touched: Touched,
    /// The assets of which the house's income moved, each once: two for an instrument.
    earned: Vec<AssetId>,
}

impl Postings {
    /// An empty buffer.
    pub fn new() -> Postings {
        Postings::default()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.legs.clear();
        self.touched.clear();
        self.earned.clear();
    }

    /// Whether nothing has moved.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many postings there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The postings, in the order in which they happened.
    pub fn iter(&self) -> impl Iterator<Item = Posting<'_>> {
        let starts = iter::once(0).chain(self.entries.iter().map(|(_, end)| *end));
        self.entries
            .iter()
            .zip(starts)
            .map(|((cause, end), start)| Posting { cause, legs: &self.legs[start..*end] })
    }

    /// The accounts and assets whose balances moved, each once, in the order of first touch: what
    /// the caller publishes as absolute balances after the command.
    pub fn touched(&self) -> &[(AccountHandle, AssetId)] {
        &self.touched.pairs
    }

    /// The assets of which the house's income moved, each once, in the order of first touch.
    pub fn earned(&self) -> &[AssetId] {
        &self.earned
    }

    /// Begins a posting; legs that are pushed from here on are its own.
    pub(crate) fn begin(&mut self, cause: Cause) {
        self.entries.push((cause, self.legs.len()));
    }

    /// Adds a leg to the posting begun last.
    pub(crate) fn push(&mut self, leg: Leg) {
        self.legs.push(leg);
        if let Some(account) = leg.bucket.account() {
            self.touched.insert((account, leg.asset));
        }
        if leg.bucket == Bucket::Fees && !self.earned.contains(&leg.asset) {
            self.earned.push(leg.asset);
        }
        if let Some((_, end)) = self.entries.last_mut() {
            *end = self.legs.len();
        }
    }

    /// Whether the posting begun last is balanced.
    pub(crate) fn last_is_balanced(&self) -> bool {
        let [.., (cause, end)] = self.entries.as_slice() else { return true };
        let start = match self.entries.as_slice() {
            [.., (_, start), _] => *start,
            _ => 0,
        };
        Posting { cause, legs: &self.legs[start..*end] }.is_balanced()
    }
}

/// Up to so many pairs a scan beats a hash; nearly every command stays below.
const SCANNED_MAX: usize = 16;

/// A set of pairs that remembers the order in which they came.
#[derive(Clone, Debug, Default)]
struct Touched {
    pairs: Vec<(AccountHandle, AssetId)>,
    /// All of `pairs` once there are more than [`SCANNED_MAX`], else nothing. Never iterated.
    index: HashSet<(AccountHandle, AssetId), FxBuildHasher>,
}

impl Touched {
    fn insert(&mut self, pair: (AccountHandle, AssetId)) {
        let known = if self.index.is_empty() {
            self.pairs.contains(&pair)
        } else {
            !self.index.insert(pair)
        };
        if known {
            return;
        }
        self.pairs.push(pair);
        if self.index.is_empty() && self.pairs.len() > SCANNED_MAX {
            self.index.extend(self.pairs.iter().copied());
        }
    }

    fn clear(&mut self) {
        self.pairs.clear();
        self.index.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_remembered_once_in_first_touch_order_however_many_there_are() {
        let mut touched = Touched::default();
        for round in 0..3 {
            for number in (0..100).rev() {
                touched.insert((AccountHandle(number), AssetId(number % 3)));
            }
            let accounts: Vec<u32> = touched.pairs.iter().map(|(account, _)| account.0).collect();
            assert_eq!(accounts, (0..100).rev().collect::<Vec<u32>>(), "round {round}");
        }
        touched.clear();
        touched.insert((AccountHandle(7), AssetId(1)));
        assert_eq!(touched.pairs, [(AccountHandle(7), AssetId(1))]);
    }

    #[test]
    fn a_posting_is_balanced_for_each_asset_by_itself() {
        let leg = |asset, units| Leg {
            bucket: Bucket::External,
            asset: AssetId(asset),
            amount: Amount::from_units(units),
        };
        let balanced = |legs: &[Leg]| Posting { cause: &Cause::Grant, legs }.is_balanced();
        assert!(balanced(&[leg(1, 5), leg(2, 3), leg(1, -5), leg(2, -3)]));
        assert!(!balanced(&[leg(1, 5), leg(2, -5)]));
    }
}
