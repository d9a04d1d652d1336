//! Money that goes to other shards and comes from them.
//!
//! What is sent leaves what is available and is in the account's link until as much has come back.
//! A link below zero says that more has come than went. Nothing here can be refused: whoever sends
//! has looked at what is available, and what comes was sent.

use model::{AccountHandle, Amount, AssetId, Partition};

use crate::{
    Accounts, Bucket, Cause, Leg, Postings,
    accounts::sum,
    assets::{AssetIndex, ListedAsset},
};

impl Accounts {
    /// Sends `amount` of what is available to the shard of partition `to`. Nothing is posted where
    /// it is nothing.
    ///
    /// # Panics
    /// Where `amount` is negative or more than is available.
    pub fn send(
        &mut self,
        handle: AccountHandle,
        asset: AssetId,
        amount: Amount,
        to: Partition,
        out: &mut Postings,
    ) {
        assert!(!amount.is_negative(), "less than nothing is sent");
        if amount.is_zero() {
            return;
        }
        let legs = Leg::pair(Bucket::Available(handle), Bucket::Link(handle), asset, amount);
        self.post(Cause::LinkSent { to }, legs, out);
    }

    /// Credits `amount` that came from the shard of partition `from`. Nothing is posted where it is
    /// nothing.
    ///
    /// # Panics
    /// Where `amount` is negative, or the asset is not listed.
    pub fn receive(
        &mut self,
        handle: AccountHandle,
        asset: AssetId,
        amount: Amount,
        from: Partition,
        out: &mut Postings,
    ) {
        assert!(!amount.is_negative(), "less than nothing comes");
        if amount.is_zero() {
            return;
        }
        let legs = Leg::pair(Bucket::Link(handle), Bucket::Available(handle), asset, amount);
        self.post(Cause::LinkTaken { from }, legs, out);
    }

    /// What of `asset` went from this account to other shards less what came from them.
    pub fn link(&self, handle: AccountHandle, asset: AssetId) -> Amount {
        let slot = self.slot(handle);
        if !slot.has_links {
            return Amount::ZERO;
        }
        let links = &slot.apart().links;
        let index = self.assets.index(asset);
        index.and_then(|index| links.get(&index).copied()).unwrap_or_default()
    }

    /// Applies a leg of a link and records it in the posting begun last.
    pub(crate) fn move_link(
        &mut self,
        handle: AccountHandle,
        index: AssetIndex,
        leg: Leg,
        out: &mut Postings,
    ) {
        let ListedAsset { link: total, .. } = self.assets.get_mut(index);
        *total = sum(*total, leg.amount);
        let slot = self.slot_mut(handle);
        let links = &mut slot.apart_mut().links;
        let after = sum(links.get(&index).copied().unwrap_or_default(), leg.amount);
        if after.is_zero() {
            links.remove(&index);
        } else {
            links.insert(index, after);
        }
        slot.has_links = !links.is_empty();
        out.push(leg);
    }
}
