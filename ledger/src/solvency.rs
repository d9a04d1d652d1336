//! What there is of an asset, by where it came from and where it is: two sides that must be equal.
//!
//! What clients own, what their orders hold, what is on its way between shards and what the house
//! has earned are the sums of the balances. What came in and went out are the sums of the postings,
//! which nobody reads when a balance is written. So the one is proof of the other.

use std::collections::BTreeMap;

use model::{Amount, AssetId, Partition};
use proto::log::Bucket;

use crate::row::Progress;

/// The sums of one asset, over all shards. None of them is below zero, but adjustments may be; and
/// what is on its way, where one partition is projected further than another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssetSum {
    /// What came in from outside.
    pub deposited: Amount,
    /// What went out.
    pub withdrawn: Amount,
    /// What the sandbox has given and not got back.
    pub granted: Amount,
    /// What corrections have given less what they have taken.
    pub adjusted: Amount,
    /// What accounts can use.
    pub available: Amount,
    /// What open orders hold.
    pub held: Amount,
    /// What is on its way between shards.
    pub link: Amount,
    /// What the house has earned.
    pub fees: Amount,
}

/// The sums of every asset.
pub type AssetSums = BTreeMap<AssetId, AssetSum>;

/// The sums of every asset at one moment, and what they are the sums of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Up to which answer of each partition.
    pub as_of: BTreeMap<Partition, Progress>,
    /// What these answers come to.
    pub sums: AssetSums,
}

impl AssetSum {
    /// What there should be: what came in, was given and was corrected, less what went out. `None`
    /// where that is beyond what an amount holds, here and below.
    pub fn owed(&self) -> Option<Amount> {
        let AssetSum { deposited, withdrawn, granted, adjusted, .. } = *self;
        Amount::checked_sum([deposited, -withdrawn, granted, adjusted])
    }

    /// What there is: of clients, on its way, and the house's.
    pub fn there(&self) -> Option<Amount> {
        let AssetSum { available, held, link, fees, .. } = *self;
        Amount::checked_sum([available, held, link, fees])
    }

    /// What there is less what there should be: nothing, or somebody has made or lost money.
    pub fn difference(&self) -> Option<Amount> {
        self.there()?.checked_sub(self.owed()?)
    }

    /// Counts what a bucket that is nobody's has gained: what came from there, or went out. The
    /// house's own is counted by what it has, as clients' are.
    pub(crate) fn count_outside(&mut self, bucket: Bucket, gained: Amount) -> Option<()> {
        let came = -gained;
        match bucket {
            Bucket::External if came.is_negative() => {
                self.withdrawn = self.withdrawn.checked_add(gained)?;
            }
            Bucket::External => self.deposited = self.deposited.checked_add(came)?,
            Bucket::Faucet => self.granted = self.granted.checked_add(came)?,
            Bucket::Adjustments => self.adjusted = self.adjusted.checked_add(came)?,
            Bucket::Available
            | Bucket::Held
            | Bucket::Link
            | Bucket::Fees
            | Bucket::Unspecified => {}
        }
        Some(())
    }

    /// Whether there is just what there should be.
    pub fn is_sound(&self) -> bool {
        self.difference() == Some(Amount::ZERO) && !self.fees.is_negative()
    }
}
