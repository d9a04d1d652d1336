//! The entries of all keys, found by key, by order and by alias.
//!
//! Clients choose the texts, so these are hashed with a seed (see [`Keys::seeded`](super::Keys));
//! ids come from the log and need none. No table is ever iterated for output.

use core::hash::{BuildHasher, Hash, Hasher};
use std::hash::DefaultHasher;

use hashbrown::HashTable;
use model::{AccountName, OrderId, Timestamp};
use rustc_hash::FxBuildHasher;

use super::{
    ALIASES_PER_KEY_MAX, ContentHash, Entry, KEYS_MAX, KEYS_PER_ACCOUNT_MAX, KeyRefused, OrderKey,
};
use crate::slab::Slab;

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub(super) seed: u128,
    entries: Slab<Option<Entry>>,
    by_key: HashTable<u32>,
    by_order: HashTable<u32>,
    aliases: HashTable<Alias>,
    accounts: Slab<Option<Account>>,
    by_name: HashTable<u32>,
}

/// An account that has keys.
#[derive(Clone, Debug)]
struct Account {
    name: AccountName,
    keys: u32,
}

#[derive(Clone, Copy, Debug)]
struct Alias {
    duplicate: OrderId,
    original: OrderId,
}

const IN_USE: &str = "a place that is linked to is in use";

fn hash_of_id(id: OrderId) -> u64 {
    FxBuildHasher.hash_one(id.number())
}

impl Index {
    pub(super) fn new(seed: u128) -> Index {
        Index { seed, ..Index::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn find(&self, key: &OrderKey) -> Option<u32> {
        self.find_in(self.account(&key.account)?, key)
    }

    pub(super) fn entry(&self, place: u32) -> &Entry {
        self.entries[place].as_ref().expect(IN_USE)
    }

    pub(super) fn entry_mut(&mut self, place: u32) -> &mut Entry {
        self.entries[place].as_mut().expect(IN_USE)
    }

    pub(super) fn account_name(&self, entry: &Entry) -> &AccountName {
        &self.accounts[entry.account].as_ref().expect(IN_USE).name
    }

    /// The places of all entries, in no particular order.
    pub(super) fn places(&self) -> impl Iterator<Item = u32> {
        self.by_order.iter().copied()
    }

    pub(super) fn insert(
        &mut self,
        key: OrderKey,
        content: ContentHash,
        order: OrderId,
        keep_until: Timestamp,
    ) -> Result<u32, KeyRefused> {
        let known = self.account(&key.account);
        if self.find_order(order).is_some()
            || known.is_some_and(|account| self.find_in(account, &key).is_some())
        {
            return Err(KeyRefused::Taken);
        }
        let keys_of = |place| self.accounts[place].as_ref().expect(IN_USE).keys;
        if known.is_some_and(|account| keys_of(account) >= KEYS_PER_ACCOUNT_MAX) {
            return Err(KeyRefused::TooManyOfAccount);
        }
        if self.len() >= KEYS_MAX {
            return Err(KeyRefused::TooMany);
        }
        let OrderKey { account, instrument, space, text } = key;
        let account = known.unwrap_or_else(|| self.open_account(account));
        self.accounts[account].as_mut().expect(IN_USE).keys += 1;
        let aliases = Vec::new();
        let entry = Entry { text, content, order, keep_until, aliases, account, instrument, space };
        let hash = self.hash_of_entry(&entry);
        let place = self.entries.insert(Some(entry));
        let Index { entries, by_key, by_order, seed, .. } = self;
        let entry_at = |place: &u32| entries[*place].as_ref().expect(IN_USE);
        by_key.insert_unique(hash, place, |place| hash_entry(*seed, entry_at(place)));
        by_order.insert_unique(hash_of_id(order), place, |place| hash_of_id(entry_at(place).order));
        Ok(place)
    }

    pub(super) fn alias(&mut self, original: OrderId, duplicate: OrderId) -> bool {
        let Some(place) = self.find_order(original) else { return false };
        let is_known = self.resolve(duplicate) != duplicate || self.find_order(duplicate).is_some();
        if is_known || self.entry(place).aliases.len() >= ALIASES_PER_KEY_MAX {
            return false;
        }
        self.entry_mut(place).aliases.push(duplicate);
        let hash = hash_of_id(duplicate);
        let alias = Alias { duplicate, original };
        self.aliases.insert_unique(hash, alias, |alias| hash_of_id(alias.duplicate));
        true
    }

    pub(super) fn resolve(&self, id: OrderId) -> OrderId {
        let found = self.aliases.find(hash_of_id(id), |alias| alias.duplicate == id);
        found.map_or(id, |alias| alias.original)
    }

    pub(super) fn remove(&mut self, place: u32) {
        let entry = self.entries[place].take().expect(IN_USE);
        let hash = self.hash_of_entry(&entry);
        forget(&mut self.by_key, hash, place);
        forget(&mut self.by_order, hash_of_id(entry.order), place);
        self.entries.free(place);
        for duplicate in entry.aliases {
            let same = |alias: &Alias| alias.duplicate == duplicate;
            if let Ok(found) = self.aliases.find_entry(hash_of_id(duplicate), same) {
                found.remove();
            }
        }
        self.close_if_unused(entry.account);
    }

    fn find_order(&self, order: OrderId) -> Option<u32> {
        let same = |place: &u32| self.entry(*place).order == order;
        self.by_order.find(hash_of_id(order), same).copied()
    }

    fn find_in(&self, account: u32, key: &OrderKey) -> Option<u32> {
        let hash = hash_parts(self.seed, account, key.instrument.0, key.space as u8, &key.text);
        let same = |place: &u32| {
            let entry = self.entry(*place);
            entry.account == account
                && entry.instrument == key.instrument
                && entry.space == key.space
                && entry.text == key.text
        };
        self.by_key.find(hash, same).copied()
    }

    fn account(&self, name: &AccountName) -> Option<u32> {
        let same = |place: &u32| self.accounts[*place].as_ref().is_some_and(|a| a.name == *name);
        self.by_name.find(hash_name(self.seed, name), same).copied()
    }

    fn open_account(&mut self, name: AccountName) -> u32 {
        let Index { seed, accounts, by_name, .. } = self;
        let hash = hash_name(*seed, &name);
        let place = accounts.insert(Some(Account { name, keys: 0 }));
        by_name.insert_unique(hash, place, |place| {
            hash_name(*seed, &accounts[*place].as_ref().expect(IN_USE).name)
        });
        place
    }

    fn close_if_unused(&mut self, place: u32) {
        let account = self.accounts[place].as_mut().expect(IN_USE);
        account.keys -= 1;
        if account.keys == 0 {
            forget(&mut self.by_name, hash_name(self.seed, &account.name), place);
            self.accounts[place] = None;
            self.accounts.free(place);
        }
    }

    fn hash_of_entry(&self, entry: &Entry) -> u64 {
        hash_entry(self.seed, entry)
    }
}

fn forget(table: &mut HashTable<u32>, hash: u64, place: u32) {
    if let Ok(found) = table.find_entry(hash, |other| *other == place) {
        found.remove();
    }
}

fn hash_entry(seed: u128, entry: &Entry) -> u64 {
    hash_parts(seed, entry.account, entry.instrument.0, entry.space as u8, &entry.text)
}

fn hash_parts(seed: u128, account: u32, instrument: u32, space: u8, text: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u128(seed);
    hasher.write_u64(u64::from(account) << 32 | u64::from(instrument));
    hasher.write_u8(space);
    text.hash(&mut hasher);
    hasher.finish()
}

fn hash_name(seed: u128, name: &AccountName) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u128(seed);
    name.hash(&mut hasher);
    hasher.finish()
}
