//! Totals and invariants: what proves that no money was made or lost.

use alloc::{borrow::ToOwned, format, string::String};
use core::hash::BuildHasher;

use model::{AccountHandle, Amount, AssetId};

use crate::{
    Accounts, MovementKind,
    assets::{AssetIndex, ListedAsset},
};

impl Accounts {
    /// For each listed asset the sum over *all* buckets, those of nobody included. Always zero.
    /// Reads every account: for audits, not for the order's way.
    ///
    /// # Panics
    /// On overflow, which [`SUPPLY_MAX`](crate::SUPPLY_MAX) makes impossible.
    pub fn totals(&self) -> impl Iterator<Item = (AssetId, Amount)> {
        self.assets.iter().map(|(index, asset)| {
            let total = self.total(index, asset).expect("bounded by SUPPLY_MAX and GRANT_MAX");
            (asset.id, total)
        })
    }

    fn total(&self, index: AssetIndex, asset: &ListedAsset) -> Option<Amount> {
        let of_clients = self.slots.iter().flat_map(|slot| {
            let balance = slot.balance(index);
            [balance.available, balance.held]
        });
        let of_nobody = [asset.faucet, asset.external, asset.link, asset.fees, asset.adjustments];
        Amount::checked_sum(of_nobody.into_iter().chain(of_clients))
    }

    /// Checks everything that is always true.
    ///
    /// # Errors
    /// A sentence about the first thing that is not.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.check_slots()?;
        self.assets.iter().try_for_each(|(index, asset)| self.check_asset(index, asset))
    }

    fn check_slots(&self) -> Result<(), String> {
        let open = self.slots.iter().filter(|slot| slot.is_open).count();
        if open != self.by_name.len() || open.checked_add(self.free.len()) != Some(self.slots.len())
        {
            return Err("the slots are not the open accounts and the free ones".to_owned());
        }
        let handles = (0..).map(AccountHandle).zip(&self.slots);
        for (handle, slot) in handles.filter(|(_, slot)| slot.is_open) {
            let Some(name) = &slot.name else { return Err("an account has no name".to_owned()) };
            let found = [self.find(name), self.look_up(name, self.keyed.hash_one(name))];
            if found != [Some(handle); 2] {
                return Err(format!("account {name} is not found by its name"));
            }
            if slot.has_links == slot.apart().links.is_empty() {
                return Err(format!("account {name} says that it has links, or that it has none"));
            }
        }
        for handle in &self.free {
            let slot = self.slot(*handle);
            let is_empty = slot.balances.is_empty()
                && slot.apart().movements.is_empty()
                && slot.apart().links.is_empty();
            if slot.is_open || !is_empty || slot.granted != 0 {
                return Err(format!("the free slot {} is not empty", handle.0));
            }
        }
        Ok(())
    }

    fn check_asset(&self, index: AssetIndex, asset: &ListedAsset) -> Result<(), String> {
        let number = asset.id.0;
        for slot in &self.slots {
            let balance = slot.balance(index);
            if balance.available.is_negative() || balance.held.is_negative() {
                return Err(format!("{:?} has less than nothing of asset {number}", slot.name));
            }
        }
        if asset.fees.is_negative() {
            return Err(format!("the house has earned less than nothing of asset {number}"));
        }
        if -asset.external > self.supply_max() {
            return Err(format!("more of asset {number} came in than its supply"));
        }
        if asset.faucet != -self.granted(index, asset) {
            return Err(format!("the faucet of asset {number} is not what accounts were granted"));
        }
        let links = self.slots.iter().filter_map(|slot| slot.apart().links.get(&index).copied());
        if Amount::checked_sum(links) != Some(asset.link) {
            return Err(format!("the link of asset {number} is not the sum of the accounts' own"));
        }
        let most = self.supply_max();
        if !(-most..=most).contains(&asset.adjustments) {
            return Err(format!("more of asset {number} was corrected than its supply"));
        }
        if asset.external.units() != self.moved_out(asset.id) {
            return Err(format!("the outside of asset {number} is not the sum of movements"));
        }
        if asset.adjustments.units() != self.corrected(asset.id) {
            return Err(format!("the adjustments of asset {number} are not their sum"));
        }
        match self.total(index, asset) {
            Some(total) if total.is_zero() => Ok(()),
            Some(total) => Err(format!("asset {number} sums to {}, not to zero", total.units())),
            None => Err(format!("the sum of asset {number} overflows")),
        }
    }

    /// What the accounts that are open were granted of this asset. Cannot overflow: see
    /// [`GRANT_MAX`](crate::GRANT_MAX).
    fn granted(&self, index: AssetIndex, asset: &ListedAsset) -> Amount {
        let was_granted = |granted: u32| index.position() < granted as usize;
        let count = self.slots.iter().filter(|slot| was_granted(slot.granted)).count();
        let count = i128::try_from(count).unwrap_or(i128::MAX);
        Amount::from_units(asset.grant.units().saturating_mul(count))
    }

    /// Withdrawals minus deposits, by the ids that are remembered for good. The sum is taken modulo
    /// 2^128: on the way it may leave the range that its end is known to be in.
    fn moved_out(&self, asset: AssetId) -> i128 {
        self.movements_of(asset).fold(0, |out, (kind, amount)| match kind {
            MovementKind::Deposit => out.wrapping_sub(amount.units()),
            MovementKind::Withdrawal => out.wrapping_add(amount.units()),
            MovementKind::Transfer | MovementKind::Adjustment => out,
        })
    }

    /// What corrections have taken less what they have given, likewise.
    fn corrected(&self, asset: AssetId) -> i128 {
        let of_all = self.movements_of(asset);
        let adjustments = of_all.filter(|(kind, _)| *kind == MovementKind::Adjustment);
        adjustments.fold(0, |taken, (_, amount)| taken.wrapping_sub(amount.units()))
    }

    fn movements_of(&self, asset: AssetId) -> impl Iterator<Item = (MovementKind, Amount)> {
        let movements = self.slots.iter().flat_map(|slot| &slot.apart().movements);
        let of_asset = movements.filter(move |(_, content)| content.asset == asset);
        of_asset.map(|((kind, _), content)| (*kind, content.amount))
    }
}
