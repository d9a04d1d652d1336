//! The table of accounts: finding, opening, reading balances, applying a posting.
//!
//! Accounts live in a slab that an [`AccountHandle`] indexes; each has a dense row of balances by
//! the place of the asset. Only an account's first record looks its name up and allocates.

use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::HashTable;
use model::{
    AccountHandle, AccountName, Amount, AssetId, Partition,
    home::home,
    keyed::{Keyed, NameHash},
};

use crate::{
    Balance, Bucket, Cause, Grant, Leg, MoneyError, Postings, SUPPLY_MAX,
    account::Account,
    assets::{Assets, ListAssetError},
};

/// The most accounts on one shard: 2^20. With a dozen assets that is about half a gigabyte, and it
/// keeps all grants together (see [`GRANT_MAX`](crate::GRANT_MAX)) below 2^100 units.
pub const ACCOUNTS_MAX: usize = 1 << 20;

/// All accounts of a shard, with the assets that they are counted in.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(crate) grant: Option<Grant>,
    /// Which of how many shards this is: whose home it is follows from it.
    pub(crate) partition: Partition,
    pub(crate) partition_count: u16,
    pub(crate) assets: Assets,
    pub(crate) slots: Vec<Account>,
    /// Slots to reuse, last in first out.
    pub(crate) free: Vec<AccountHandle>,
    /// The open accounts by name. Never iterated.
    pub(crate) by_name: HashTable<AccountHandle>,
    /// What names are hashed with in `by_name`.
    pub(crate) keyed: Keyed,
    /// Whose command it is, and that account where it is open: found without a look at the table.
    pub(crate) expected: Option<(AccountName, Option<AccountHandle>)>,
}

impl Accounts {
    /// No accounts and no assets. With a `grant` this is a sandbox: accounts are given something
    /// when they open, and are compacted when they are back at it. Anybody can foresee the places
    /// of names in the table: for tests and tools.
    pub fn new(grant: Option<Grant>) -> Accounts {
        Accounts::seeded(grant, 0)
    }

    /// The same, with a table in which the places of names depend on `seed`: with one that clients
    /// cannot know, such as the log's id, none can choose names that all fall into one place. The
    /// seed never changes an answer.
    pub fn seeded(grant: Option<Grant>, seed: u128) -> Accounts {
        Accounts {
            grant,
            partition: Partition::FIRST,
            partition_count: 1,
            assets: Assets::default(),
            slots: Vec::new(),
            free: Vec::new(),
            by_name: HashTable::new(),
            keyed: Keyed::new(seed),
            expected: None,
        }
    }

    /// The same as the shard of `partition`, one of `partition_count`: only accounts that are at
    /// home there are given anything. Before the first account is opened.
    #[must_use]
    pub fn on(self, partition: Partition, partition_count: u16) -> Accounts {
        debug_assert_eq!(self.count(), 0, "accounts do not move");
        Accounts { partition, partition_count: partition_count.max(1), ..self }
    }

    /// Whether this shard is the home of the account of this name, open or not.
    pub fn is_home(&self, name: &AccountName) -> bool {
        self.partition_count == 1 || home(name, self.partition_count) == self.partition
    }

    /// How many shards there are.
    pub fn partition_count(&self) -> u16 {
        self.partition_count
    }

    /// The most of an asset that may have come in through this shard.
    pub(crate) fn supply_max(&self) -> Amount {
        Amount::from_units(SUPPLY_MAX.units().div_euclid(i128::from(self.partition_count)))
    }

    /// What makes this a sandbox, if it is one.
    pub fn grant(&self) -> Option<Grant> {
        self.grant
    }

    /// Lists `asset`, of which every account is given `grant` from the faucet: [`Amount::ZERO`]
    /// outside a sandbox. An account that is open already is given it by its next
    /// [`Accounts::open`]. Listing an asset again with the same grant changes nothing.
    ///
    /// # Errors
    /// [`ListAssetError`] where a number is out of range, or where it is listed with another grant.
    pub fn list_asset(&mut self, asset: AssetId, grant: Amount) -> Result<(), ListAssetError> {
        if self.grant.is_none() && !grant.is_zero() {
            return Err(ListAssetError::GrantOutsideSandbox);
        }
        self.assets.list(asset, grant)
    }

    /// Whether `asset` is listed.
    pub fn is_listed(&self, asset: AssetId) -> bool {
        self.assets.index(asset).is_some()
    }

    /// The hash of a name in this table and all others under its seed.
    pub fn hash(&self, name: &AccountName) -> NameHash {
        self.keyed.of(name)
    }

    /// A command of the account of this name begins: whoever looks it up from here on finds it at
    /// once. Changes no answer.
    pub fn expect(&mut self, name: &AccountName, hash: NameHash) {
        let handle = self.look_up(name, self.keyed.known(hash, name));
        self.expected = Some((name.clone(), handle));
    }

    /// The open account of this name.
    pub fn find(&self, name: &AccountName) -> Option<AccountHandle> {
        match &self.expected {
            Some((expected, handle)) if expected == name => *handle,
            _ => self.look_up(name, self.keyed.hash_one(name)),
        }
    }

    pub(crate) fn look_up(&self, name: &AccountName, hash: u64) -> Option<AccountHandle> {
        let is_it = |handle: &AccountHandle| self.slot(*handle).name.as_ref() == Some(name);
        self.by_name.find(hash, is_it).copied()
    }

    /// The account that is expected is another's from now on, or nobody's: it is looked up again.
    pub(crate) fn expect_nobody(&mut self) {
        self.expected = None;
    }

    /// How many accounts are open.
    pub fn count(&self) -> usize {
        self.by_name.len()
    }

    /// Whether `handle` is an open account, and not one that was compacted or never was.
    pub fn is_open(&self, handle: AccountHandle) -> bool {
        self.slots.get(handle.0 as usize).is_some_and(|slot| slot.is_open)
    }

    /// The name of an account. It stays readable after the account was compacted, until its handle
    /// is reused: within the command that compacted it.
    ///
    /// # Panics
    /// For a handle that [`Accounts::open`] or [`Accounts::find`] never gave.
    pub fn name(&self, handle: AccountHandle) -> &AccountName {
        self.slot(handle).name.as_ref().expect("handles come from open and find")
    }

    /// Finds the account of this name, or opens it. In a sandbox this posts the grant of every
    /// listed asset that the account was not granted before, where it is at home.
    ///
    /// # Errors
    /// [`MoneyError::TooManyAccounts`].
    pub fn open(
        &mut self,
        name: &AccountName,
        out: &mut Postings,
    ) -> Result<AccountHandle, MoneyError> {
        let handle = match self.find(name) {
            Some(handle) => handle,
            None => self.insert(name)?,
        };
        if self.grant.is_some() && self.slot(handle).is_home {
            self.give_grants(handle, out);
        }
        Ok(handle)
    }

    /// Whether [`Accounts::open`] would find or open an account of this name.
    ///
    /// # Errors
    /// [`MoneyError::TooManyAccounts`].
    pub fn check_open(&self, name: &AccountName) -> Result<(), MoneyError> {
        if self.count() < ACCOUNTS_MAX || self.find(name).is_some() {
            Ok(())
        } else {
            Err(MoneyError::TooManyAccounts)
        }
    }

    fn insert(&mut self, name: &AccountName) -> Result<AccountHandle, MoneyError> {
        if self.count() >= ACCOUNTS_MAX {
            return Err(MoneyError::TooManyAccounts);
        }
        let handle = self.free.pop().unwrap_or_else(|| {
            let next = u32::try_from(self.slots.len()).expect("at most ACCOUNTS_MAX slots");
            self.slots.push(Account::free());
            AccountHandle(next)
        });
        let is_home = self.is_home(name);
        let slot = self.slot_mut(handle);
        slot.name = Some(name.clone());
        slot.is_open = true;
        slot.is_home = is_home;
        self.index(handle, name);
        self.expected = Some((name.clone(), Some(handle)));
        Ok(handle)
    }

    pub(crate) fn index(&mut self, handle: AccountHandle, name: &AccountName) {
        let Accounts { by_name, slots, keyed, .. } = self;
        let rehash = |handle: &AccountHandle| {
            slots[handle.0 as usize].name.as_ref().map_or(0, |name| keyed.hash_one(name))
        };
        by_name.insert_unique(keyed.hash_one(name), handle, rehash);
    }

    /// What `handle` can use of `asset`; nothing of an asset that is not listed.
    pub fn available(&self, handle: AccountHandle, asset: AssetId) -> Amount {
        self.balance(handle, asset).available
    }

    /// What the account of this name could use of `asset` on this shard once it is opened: an
    /// account that does not exist is at its grant where it is at home, and else has nothing.
    pub fn available_to(&self, name: &AccountName, asset: AssetId) -> Amount {
        let Some(index) = self.assets.index(asset) else { return Amount::ZERO };
        let grant = self.assets.get(index).grant;
        let Some(handle) = self.find(name) else {
            return if self.is_home(name) { grant } else { Amount::ZERO };
        };
        let slot = self.slot(handle);
        let available = slot.balance(index).available;
        let is_granted = !slot.is_home || index.position() < slot.granted as usize;
        if is_granted { available } else { sum(available, grant) }
    }

    /// What `handle` has of `asset`.
    pub fn balance(&self, handle: AccountHandle, asset: AssetId) -> Balance {
        let index = self.assets.index(asset);
        index.map(|index| self.slot(handle).balance(index)).unwrap_or_default()
    }

    /// Everything that `handle` has, without the assets of which it has nothing, in the order of
    /// their listing.
    pub fn balances(&self, handle: AccountHandle) -> impl Iterator<Item = (AssetId, Balance)> {
        let slot = self.slot(handle);
        let rows = self.assets.iter().map(|(index, asset)| (asset.id, slot.balance(index)));
        rows.filter(|(_, balance)| !balance.is_zero())
    }

    /// The end of the handles that were ever given: every account has one below it.
    pub fn handles_end(&self) -> u32 {
        u32::try_from(self.slots.len()).expect("at most ACCOUNTS_MAX slots")
    }

    /// How many assets the account was granted, which is how many it gives back when it is
    /// compacted; nothing for one that was.
    pub fn grants_of(&self, handle: AccountHandle) -> usize {
        self.slot(handle).granted as usize
    }

    pub(crate) fn slot(&self, handle: AccountHandle) -> &Account {
        &self.slots[handle.0 as usize]
    }

    pub(crate) fn slot_mut(&mut self, handle: AccountHandle) -> &mut Account {
        &mut self.slots[handle.0 as usize]
    }

    /// The one way in which money moves: every leg is applied and recorded.
    pub(crate) fn post(
        &mut self,
        cause: Cause,
        legs: impl IntoIterator<Item = Leg>,
        out: &mut Postings,
    ) {
        out.begin(cause);
        for leg in legs {
            self.move_leg(leg, out);
        }
        debug_assert!(out.last_is_balanced(), "a posting that does not balance");
    }

    /// Applies one leg and records it in the posting begun last.
    ///
    /// # Panics
    /// Where a client's bucket or the house's income would go below zero: callers have checked or
    /// hold an invariant.
    pub(crate) fn move_leg(&mut self, leg: Leg, out: &mut Postings) {
        let index = self.assets.index(leg.asset).expect("only listed assets move");
        let bucket = match leg.bucket {
            Bucket::Available(account) => {
                &mut self.slots[account.0 as usize].balance_mut(index).available
            }
            Bucket::Held(account) => &mut self.slots[account.0 as usize].balance_mut(index).held,
            Bucket::External => &mut self.assets.get_mut(index).external,
            Bucket::Faucet => &mut self.assets.get_mut(index).faucet,
            Bucket::Fees => &mut self.assets.get_mut(index).fees,
            Bucket::Adjustments => &mut self.assets.get_mut(index).adjustments,
            Bucket::Link(account) => return self.move_link(account, index, leg, out),
        };
        let after = sum(*bucket, leg.amount);
        let may_owe = matches!(leg.bucket, Bucket::External | Bucket::Faucet | Bucket::Adjustments);
        assert!(may_owe || !after.is_negative(), "an account would go below zero: {leg:?}");
        *bucket = after;
        out.push(leg);
    }
}

/// A sum that cannot overflow: see the crate's documentation.
pub(crate) fn sum(first: Amount, second: Amount) -> Amount {
    first.checked_add(second).expect("bounded by SUPPLY_MAX and GRANT_MAX")
}
