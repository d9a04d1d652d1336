//! The whole state as plain data, and back with everything checked.
//!
//! An image is canonical: equal states have equal images, whatever their history. The caller gives
//! it a wire format.

use alloc::{string::String, vec, vec::Vec};

use model::{AccountHandle, AccountName, Amount, AssetId, KeyText, Partition};
use thiserror::Error;

use crate::{
    ACCOUNTS_MAX, Accounts, Balance, Grant, ListAssetError, MovementKind, account::Account,
    assets::ListedAsset, movements::Content,
};

/// All accounts and assets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountsImage {
    /// What makes it a sandbox.
    pub grant: Option<Grant>,
    /// The seed of the table of names: see [`Accounts::seeded`].
    pub seed: u128,
    /// Which shard it is of,
    pub partition: Partition,
    /// and of how many.
    pub partition_count: u16,
    /// In the order of their listing.
    pub assets: Vec<AssetImage>,
    /// The open accounts, by handle.
    pub accounts: Vec<AccountImage>,
    /// The handles to reuse; the last is the next.
    pub free: Vec<AccountHandle>,
}

/// One listed asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetImage {
    /// Its number.
    pub id: AssetId,
    /// What a new account is given.
    pub grant: Amount,
    /// What is in [`Bucket::Faucet`](crate::Bucket::Faucet).
    pub faucet: Amount,
    /// What is in [`Bucket::External`](crate::Bucket::External).
    pub external: Amount,
    /// What is in [`Bucket::Fees`](crate::Bucket::Fees).
    pub fees: Amount,
    /// What is in [`Bucket::Adjustments`](crate::Bucket::Adjustments).
    pub adjustments: Amount,
}

/// One open account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountImage {
    /// Its handle.
    pub handle: AccountHandle,
    /// Its name.
    pub name: AccountName,
    /// How many assets, in the order of their listing, it was granted.
    pub granted: u32,
    /// What it has, in the order of the assets' listing, without what is zero.
    pub balances: Vec<(AssetId, Balance)>,
    /// Everything that has moved by an id from outside, by kind and id.
    pub movements: Vec<MovementImage>,
    /// What went to other shards less what came from them, in the order of the assets' listing,
    /// without what is zero.
    pub links: Vec<(AssetId, Amount)>,
}

/// One movement that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovementImage {
    /// Of what kind.
    pub kind: MovementKind,
    /// Its external id.
    pub id: KeyText,
    /// Of what.
    pub asset: AssetId,
    /// How much, in units; below zero for an adjustment that took something.
    pub amount: Amount,
    /// Who was sent it, if and only if it is a transfer.
    pub to: Option<AccountName>,
}

/// Why an image is not a state.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// An asset that cannot be listed.
    #[error("asset {}: {reason}", asset.0)]
    Asset {
        /// Which.
        asset: AssetId,
        /// Why not.
        reason: ListAssetError,
    },
    /// An asset listed twice.
    #[error("asset {} is listed twice", .0.0)]
    AssetTwice(AssetId),
    /// Open and free handles are not just the numbers from 0, each once, in order.
    #[error("the handles of open and free accounts are not those of a table")]
    Handles,
    /// More than [`ACCOUNTS_MAX`] slots.
    #[error("there are more than {ACCOUNTS_MAX} accounts")]
    TooManyAccounts,
    /// Two accounts of one name.
    #[error("account {0} is there twice")]
    NameTwice(AccountName),
    /// More assets granted than listed, or some granted outside a sandbox.
    #[error("account {0} was granted assets that it cannot have been")]
    Granted(AccountName),
    /// A balance of an unlisted asset, out of order, negative, zero or beyond all bounds.
    #[error("account {0} has a balance that no account can have")]
    Balance(AccountName),
    /// A movement of an unlisted asset, out of order, or of an impossible amount.
    #[error("account {0} has a movement that none can have")]
    Movement(AccountName),
    /// A link of an unlisted asset, out of order, or of nothing.
    #[error("account {0} has a link that no account can have")]
    Link(AccountName),
    /// The parts do not fit each other.
    #[error("the state contradicts itself: {0}")]
    Invariant(String),
}

impl Accounts {
    /// The whole state.
    pub fn image(&self) -> AccountsImage {
        let asset_image = |asset: &ListedAsset| AssetImage {
            id: asset.id,
            grant: asset.grant,
            faucet: asset.faucet,
            external: asset.external,
            fees: asset.fees,
            adjustments: asset.adjustments,
        };
        let handles = (0..).map(AccountHandle).zip(&self.slots);
        AccountsImage {
            grant: self.grant,
            seed: self.keyed.seed(),
            partition: self.partition,
            partition_count: self.partition_count,
            assets: self.assets.iter().map(|(_, asset)| asset_image(asset)).collect(),
            accounts: handles
                .filter(|(_, slot)| slot.is_open)
                .map(|(handle, slot)| self.account_image(handle, slot))
                .collect(),
            free: self.free.clone(),
        }
    }

    fn account_image(&self, handle: AccountHandle, slot: &Account) -> AccountImage {
        AccountImage {
            handle,
            name: self.name(handle).clone(),
            granted: slot.granted,
            balances: self.balances(handle).collect(),
            movements: slot.apart().movements.iter().map(movement_image).collect(),
            links: slot
                .apart()
                .links
                .iter()
                .map(|(index, link)| (self.assets.get(*index).id, *link))
                .collect(),
        }
    }

    /// The state that `image` is of.
    ///
    /// # Errors
    /// [`RestoreError`] where it is of none: nothing in it is believed unchecked.
    pub fn restore(image: AccountsImage) -> Result<Accounts, RestoreError> {
        let AccountsImage { grant, seed, assets, accounts: open, free, .. } = image;
        let mut accounts = Accounts::seeded(grant, seed).on(image.partition, image.partition_count);
        for asset in &assets {
            accounts.restore_asset(asset)?;
        }
        accounts.make_slots(&open, free)?;
        for account in open {
            accounts.restore_account(account)?;
        }
        accounts.check_invariants().map_err(RestoreError::Invariant)?;
        Ok(accounts)
    }

    fn restore_asset(&mut self, image: &AssetImage) -> Result<(), RestoreError> {
        let AssetImage { id, grant, faucet, external, fees, adjustments } = *image;
        if self.is_listed(id) {
            return Err(RestoreError::AssetTwice(id));
        }
        let refused = |reason| RestoreError::Asset { asset: id, reason };
        self.list_asset(id, grant).map_err(refused)?;
        if let Some(index) = self.assets.index(id) {
            let listed = self.assets.get_mut(index);
            (listed.faucet, listed.external) = (faucet, external);
            (listed.fees, listed.adjustments) = (fees, adjustments);
        }
        Ok(())
    }

    /// Makes the table's slots, all of them free, and proves that every handle is there once.
    fn make_slots(
        &mut self,
        open: &[AccountImage],
        free: Vec<AccountHandle>,
    ) -> Result<(), RestoreError> {
        let count = open.len().saturating_add(free.len());
        if count > ACCOUNTS_MAX {
            return Err(RestoreError::TooManyAccounts);
        }
        let mut is_there = vec![false; count];
        for handle in open.iter().map(|account| account.handle).chain(free.iter().copied()) {
            match is_there.get_mut(handle.0 as usize) {
                Some(seen @ false) => *seen = true,
                _ => return Err(RestoreError::Handles),
            }
        }
        if !open.is_sorted_by_key(|account| account.handle) {
            return Err(RestoreError::Handles);
        }
        self.slots = core::iter::repeat_with(Account::free).take(count).collect();
        self.free = free;
        Ok(())
    }

    fn restore_account(&mut self, image: AccountImage) -> Result<(), RestoreError> {
        let AccountImage { handle, name, granted, balances, movements, links } = image;
        if self.find(&name).is_some() {
            return Err(RestoreError::NameTwice(name));
        }
        let is_home = self.is_home(&name);
        let is_granted_any = granted > 0 && (self.grant.is_none() || !is_home);
        if granted > self.assets.count() || is_granted_any {
            return Err(RestoreError::Granted(name));
        }
        let mut account = Account { is_open: true, is_home, granted, ..Account::free() };
        if !self.restore_balances(&mut account, &balances) {
            return Err(RestoreError::Balance(name));
        }
        if !self.restore_movements(&mut account, movements) {
            return Err(RestoreError::Movement(name));
        }
        if !self.restore_links(&mut account, &links) {
            return Err(RestoreError::Link(name));
        }
        account.name = Some(name.clone());
        *self.slot_mut(handle) = account;
        self.index(handle, &name);
        Ok(())
    }

    /// Whether the balances are canonical and possible.
    fn restore_balances(&self, account: &mut Account, rows: &[(AssetId, Balance)]) -> bool {
        let mut previous = None;
        rows.iter().all(|(asset, balance)| {
            let Some(index) = self.assets.index(*asset) else { return false };
            let is_next = previous < Some(index);
            previous = Some(index);
            *account.balance_mut(index) = *balance;
            let is_possible = !balance.available.is_negative() && !balance.held.is_negative();
            is_next && is_possible && !balance.is_zero()
        })
    }

    /// Whether the links are canonical and possible; their sum is that of the asset.
    fn restore_links(&mut self, account: &mut Account, links: &[(AssetId, Amount)]) -> bool {
        links.iter().all(|(asset, link)| {
            let Some(index) = self.assets.index(*asset) else { return false };
            let is_next =
                account.apart().links.last_key_value().is_none_or(|(last, _)| *last < index);
            account.apart_mut().links.insert(index, *link);
            account.has_links = true;
            let total = &mut self.assets.get_mut(index).link;
            let Some(sum) = total.checked_add(*link) else { return false };
            *total = sum;
            is_next && !link.is_zero()
        })
    }

    /// Whether the movements are canonical and possible.
    fn restore_movements(&self, account: &mut Account, movements: Vec<MovementImage>) -> bool {
        movements.into_iter().all(|movement| {
            let MovementImage { kind, id, asset, amount, to } = movement;
            let key = (kind, id);
            let is_next =
                account.apart().movements.last_key_value().is_none_or(|(last, _)| *last < key);
            let least = if kind == MovementKind::Adjustment { -MOVEMENT_MAX } else { Amount::ZERO };
            let in_range = !amount.is_zero() && (least..=MOVEMENT_MAX).contains(&amount);
            let is_addressed = to.is_some() == (kind == MovementKind::Transfer);
            account.apart_mut().movements.insert(key, Content { asset, amount, to });
            is_next && in_range && is_addressed && self.is_listed(asset)
        })
    }
}

/// The most that one movement can be of: [`SUPPLY_MAX`](crate::SUPPLY_MAX) that came in, as much
/// that was corrected, and on top of it grants, which are far less.
const MOVEMENT_MAX: Amount = Amount::from_units(1 << 122);

fn movement_image(((kind, id), content): (&(MovementKind, KeyText), &Content)) -> MovementImage {
    let Content { asset, amount, to } = content.clone();
    MovementImage { kind: *kind, id: id.clone(), asset, amount, to }
}
