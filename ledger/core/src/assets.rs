//! Listed assets, and what the world outside and the faucet have given of each.

use alloc::vec::Vec;

use model::{Amount, AssetId};
use thiserror::Error;

use crate::sandbox::GRANT_MAX;

/// The most assets on one shard. Every account has a row of 32 bytes for each, so this bounds an
/// account at 32 KiB.
pub const ASSETS_MAX: usize = 1 << 10;

/// The largest number of an asset. Numbers index a table of 8 bytes each, so this bounds it at
/// half a megabyte; numbers are given in sequence and never reused.
pub const ASSET_NUMBER_MAX: u32 = (1 << 16) - 1;

/// The most of an asset that may have come in from outside, less what has left: 2^120 units. Far
/// above any supply, and low enough that no sum of balances comes near 2^127. It is shared out
/// among the shards, so that all of it may gather on one.
pub const SUPPLY_MAX: Amount = Amount::from_units(1 << 120);

/// Why an asset cannot be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ListAssetError {
    /// There are [`ASSETS_MAX`] of them.
    #[error("there are {ASSETS_MAX} assets already")]
    TooManyAssets,
    /// A number above [`ASSET_NUMBER_MAX`].
    #[error("an asset's number is at most {ASSET_NUMBER_MAX}")]
    NumberTooLarge,
    /// A grant below zero or above [`GRANT_MAX`].
    #[error("a grant is from 0 to 2^80 units")]
    GrantOutOfRange,
    /// A grant where there is no sandbox.
    #[error("grants are given in a sandbox only")]
    GrantOutsideSandbox,
    /// Listed before with another grant.
    #[error("the asset is listed with another grant")]
    GrantDiffers,
}

/// Where an asset's row is in every account: assets are numbered in the order of their listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AssetIndex(u32);

impl AssetIndex {
    pub(crate) const fn position(self) -> usize {
        self.0 as usize
    }
}

/// One listed asset with the buckets that are nobody's.
#[derive(Clone, Debug)]
pub(crate) struct ListedAsset {
    pub(crate) id: AssetId,
    /// What a new account is given; zero outside a sandbox.
    pub(crate) grant: Amount,
    /// Minus what grants have given and not got back.
    pub(crate) faucet: Amount,
    /// Withdrawals minus deposits.
    pub(crate) external: Amount,
    /// What went to other shards less what came from them, of all accounts.
    pub(crate) link: Amount,
    /// What the house has earned.
    pub(crate) fees: Amount,
    /// What corrections have taken less what they have given.
    pub(crate) adjustments: Amount,
}

/// All listed assets, in the order of their listing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assets {
    listed: Vec<ListedAsset>,
    by_number: Vec<Option<AssetIndex>>,
}

impl Assets {
    /// Lists `id`; listing it again with the same grant changes nothing.
    pub(crate) fn list(&mut self, id: AssetId, grant: Amount) -> Result<(), ListAssetError> {
        if grant.is_negative() || grant > GRANT_MAX {
            return Err(ListAssetError::GrantOutOfRange);
        }
        if let Some(index) = self.index(id) {
            let same = self.get(index).grant == grant;
            return if same { Ok(()) } else { Err(ListAssetError::GrantDiffers) };
        }
        if id.0 > ASSET_NUMBER_MAX {
            return Err(ListAssetError::NumberTooLarge);
        }
        if self.listed.len() >= ASSETS_MAX {
            return Err(ListAssetError::TooManyAssets);
        }
        let number = id.0 as usize;
        if self.by_number.len() <= number {
            self.by_number.resize(number.saturating_add(1), None);
        }
        self.by_number[number] = Some(AssetIndex(self.count()));
        let [faucet, external, link, fees, adjustments] = [Amount::ZERO; 5];
        self.listed.push(ListedAsset { id, grant, faucet, external, link, fees, adjustments });
        Ok(())
    }

    pub(crate) fn index(&self, id: AssetId) -> Option<AssetIndex> {
        self.by_number.get(id.0 as usize).copied().flatten()
    }

    pub(crate) fn get(&self, index: AssetIndex) -> &ListedAsset {
        &self.listed[index.position()]
    }

    pub(crate) fn get_mut(&mut self, index: AssetIndex) -> &mut ListedAsset {
        &mut self.listed[index.position()]
    }

    /// How many assets are listed.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.listed.len()).expect("at most ASSETS_MAX are listed")
    }

    /// The asset listed after the first `position`, and its grant.
    pub(crate) fn grant_at(&self, position: u32) -> Option<(AssetId, Amount)> {
        self.listed.get(position as usize).map(|asset| (asset.id, asset.grant))
    }

    /// The assets in the order of their listing, with their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (AssetIndex, &ListedAsset)> {
        (0..self.count()).map(AssetIndex).zip(&self.listed)
    }
}
