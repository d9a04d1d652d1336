//! The sandbox: what the faucet gives to a new account, and how it gets it back.

use core::hash::BuildHasher;

use model::{AccountHandle, AccountName, Amount, Asset, AssetId};

use crate::{Accounts, Bucket, Cause, Leg, Postings, assets::ListedAsset};

/// The largest grant of one asset, in units: 2^80, which is 10^6 of an asset with 18 decimals.
/// With [`ACCOUNTS_MAX`](crate::ACCOUNTS_MAX) accounts all grants together stay at 2^100.
pub const GRANT_MAX: Amount = Amount::from_units(1 << 80);

/// What a sandbox gives to an account at its first record, in whole coins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Of each asset that prices are quoted in.
    pub quote_coins: u32,
    /// Of each other asset.
    pub base_coins: u32,
}

impl Grant {
    /// The contract's grant: 1,000,000 of each quote asset and 1,000 of each base asset.
    pub const STANDARD: Grant = Grant { quote_coins: 1_000_000, base_coins: 1_000 };

    /// The grant of `asset` where it is a quote asset, in its smallest units.
    pub fn of_quote(self, asset: &Asset) -> Amount {
        coins(self.quote_coins, asset)
    }

    /// The grant of `asset` where it is a base asset only, in its smallest units.
    pub fn of_base(self, asset: &Asset) -> Amount {
        coins(self.base_coins, asset)
    }
}

/// At most [`GRANT_MAX`], so that any grant of any asset can be listed.
fn coins(count: u32, asset: &Asset) -> Amount {
    let unit = 10_i128.checked_pow(u32::from(asset.decimals)).unwrap_or(i128::MAX);
    let units = i128::from(count).saturating_mul(unit);
    Amount::from_units(units).min(GRANT_MAX)
}

impl Accounts {
    /// What a new account of this name has here of each listed asset.
    pub fn grants_to(&self, name: &AccountName) -> impl Iterator<Item = (AssetId, Amount)> + '_ {
        let is_home = self.is_home(name);
        let grant = move |asset: &ListedAsset| if is_home { asset.grant } else { Amount::ZERO };
        self.assets.iter().map(move |(_, asset)| (asset.id, grant(asset)))
    }

    /// Gives `handle` the grants that it has not had, as one posting.
    pub(crate) fn give_grants(&mut self, handle: AccountHandle, out: &mut Postings) {
        let granted = self.slot(handle).granted;
        if granted == self.assets.count() {
            return;
        }
        self.slot_mut(handle).granted = self.assets.count();
        self.move_grants(handle, granted, Cause::Grant, out);
    }

    /// Removes an account that nobody would miss: no open orders, nothing held, no deposit or
    /// withdrawal ever, nothing sent to other shards or come from them, and just its grant in it,
    /// which goes back to the faucet. Tells whether it was removed. Outside a sandbox only accounts
    /// away from their home are, which have nothing then.
    ///
    /// The caller does this last in a command: [`Accounts::name`] of the handle stays readable
    /// until the next account reuses it.
    pub fn compact(
        &mut self,
        handle: AccountHandle,
        open_orders: usize,
        out: &mut Postings,
    ) -> bool {
        if open_orders > 0 || !self.may_compact(handle) {
            return false;
        }
        self.move_grants(handle, 0, Cause::GrantReturned, out);
        let slot = self.slot_mut(handle);
        slot.is_open = false;
        slot.granted = 0;
        slot.balances.clear();
        let name_hash = self.keyed.hash_one(self.name(handle));
        if let Ok(entry) = self.by_name.find_entry(name_hash, |found| *found == handle) {
            entry.remove();
        }
        self.free.push(handle);
        self.expect_nobody();
        true
    }

    /// Whether [`Accounts::compact`] would remove it, had it no open orders.
    pub fn may_compact(&self, handle: AccountHandle) -> bool {
        self.is_at_its_grant(handle) && (self.grant.is_some() || !self.slot(handle).is_home)
    }

    /// Whether the account is open and has just what it was granted, which away from its home is
    /// nothing: nothing held, no deposit or withdrawal ever, and as much sent to other shards as
    /// came from them.
    pub fn is_at_its_grant(&self, handle: AccountHandle) -> bool {
        if !self.is_open(handle) {
            return false;
        }
        let slot = self.slot(handle);
        slot.apart().movements.is_empty()
            && slot.apart().links.is_empty()
            && self.assets.iter().all(|(index, asset)| {
                let is_granted = index.position() < slot.granted as usize;
                let expected = if is_granted { asset.grant } else { Amount::ZERO };
                let balance = slot.balance(index);
                balance.held.is_zero() && balance.available == expected
            })
    }

    /// Moves the grants of the assets after the first `skipped` up to the last granted, from the
    /// faucet or, where they are returned, to it. Posts nothing where there is nothing to move.
    fn move_grants(
        &mut self,
        handle: AccountHandle,
        skipped: u32,
        cause: Cause,
        out: &mut Postings,
    ) {
        let account = Bucket::Available(handle);
        let is_return = cause == Cause::GrantReturned;
        let granted = self.slot(handle).granted;
        let mut cause = Some(cause);
        for position in skipped..granted {
            let Some((asset, grant)) = self.assets.grant_at(position) else { break };
            if grant.is_zero() {
                continue;
            }
            if let Some(cause) = cause.take() {
                out.begin(cause);
            }
            let (from, to) =
                if is_return { (account, Bucket::Faucet) } else { (Bucket::Faucet, account) };
            for leg in Leg::pair(from, to, asset, grant) {
                self.move_leg(leg, out);
            }
        }
        debug_assert!(out.last_is_balanced(), "a grant that does not balance");
    }
}
