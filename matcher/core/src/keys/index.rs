//! The entries of all keys, found by key and by alias.
//!
//! Clients choose the texts, so these are hashed with a seed (see [`Keys::seeded`](super::Keys));
//! ids come from the log and need none. No table is ever iterated for output.

use alloc::{format, string::String, vec::Vec};
use core::hash::{BuildHasher, Hash, Hasher};

use hashbrown::{HashMap, HashTable};
use model::{
    AccountName, OrderId,
    keyed::{Keyed, NameHash},
};
use rustc_hash::FxBuildHasher;

use super::{
    ALIASES_PER_KEY_MAX, ContentHash, Entry, Holder, KeyLimits, KeyRefused, OrderKey, share::Shares,
};
use crate::slab::Slab;

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    keyed: Keyed,
    entries: Slab<Option<Entry>>,
    by_key: HashTable<u32>,
    aliases: HashTable<Alias>,
    /// The aliases of the keys that have any, by place. Never iterated.
    aliases_of: HashMap<u32, Vec<OrderId>, FxBuildHasher>,
    names: Slab<Option<Named>>,
    by_name: HashTable<u32>,
    /// The name whose command it is, and its place where it has keys: found without a look at the
    /// table.
    expected: Option<(AccountName, Option<u32>)>,
    shares: Shares,
}

/// A name that has keys.
#[derive(Clone, Debug)]
struct Named {
    name: AccountName,
    holder: Holder,
    /// Of keys and aliases.
    places: u32,
}

#[derive(Clone, Copy, Debug)]
struct Alias {
    duplicate: OrderId,
    original: OrderId,
}

const IN_USE: &str = "a place that is linked to is in use";

/// The hash of a key, as much of it as an entry has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyHash(u32);

impl KeyHash {
    /// For a table, which looks at both ends.
    fn of_table(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}

fn hash_of_id(id: OrderId) -> u64 {
    FxBuildHasher.hash_one(id.number())
}

impl Index {
    pub(super) fn new(seed: u128, limits: KeyLimits) -> Index {
        Index { keyed: Keyed::new(seed), shares: Shares::new(limits), ..Index::default() }
    }

    pub(super) fn seed(&self) -> u128 {
        self.keyed.seed()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn expect(&mut self, name: &AccountName, hash: NameHash) {
        let place = self.look_up(name, self.keyed.known(hash, name));
        self.expected = Some((name.clone(), place));
    }

    pub(super) fn find(&self, key: &OrderKey) -> Option<u32> {
        let account = self.find_name(&key.account)?;
        self.find_in(account, key, self.hash_of(account, key))
    }

    pub(super) fn aliases_of(&self, place: u32) -> &[OrderId] {
        self.aliases_of.get(&place).map_or(&[], Vec::as_slice)
    }

    pub(super) fn entry(&self, place: u32) -> &Entry {
        self.entries[place].as_ref().expect(IN_USE)
    }

    pub(super) fn account_name(&self, entry: &Entry) -> &AccountName {
        &self.named(entry.account).name
    }

    fn named(&self, place: u32) -> &Named {
        self.names[place].as_ref().expect(IN_USE)
    }

    fn named_mut(&mut self, place: u32) -> &mut Named {
        self.names[place].as_mut().expect(IN_USE)
    }

    /// The places of all entries, in no particular order.
    fn places(&self) -> impl Iterator<Item = u32> {
        self.by_key.iter().copied()
    }

    pub(super) fn insert(
        &mut self,
        key: OrderKey,
        content: ContentHash,
        order: OrderId,
        holder: Holder,
    ) -> Result<u32, KeyRefused> {
        let known = self.find_name(&key.account);
        let hashed = known.map(|account| (account, self.hash_of(account, &key)));
        if hashed.is_some_and(|(account, hash)| self.find_in(account, &key, hash).is_some()) {
            return Err(KeyRefused::Taken);
        }
        let (was, places) =
            known.map_or((holder, 0), |known| (self.named(known).holder, self.named(known).places));
        // An account stays one until it is closed.
        let holder = if was == Holder::Account { was } else { holder };
        self.shares.check(holder, places)?;
        let OrderKey { account, instrument, space, text } = key;
        let account = match known {
            Some(known) => known,
            None => self.insert_name(account, holder),
        };
        if holder == Holder::Account {
            self.move_in(account);
        }
        self.take_place(account);
        let hash = match hashed {
            Some((_, hash)) => hash,
            None => hash_parts(&self.keyed, account, instrument.0, space as u8, &text),
        };
        let entry = Entry { text, content, hash, order, account, instrument, space };
        let place = self.entries.insert(Some(entry));
        let Index { entries, by_key, .. } = self;
        let hash_at = |place: &u32| entries[*place].as_ref().expect(IN_USE).hash.of_table();
        by_key.insert_unique(hash.of_table(), place, hash_at);
        Ok(place)
    }

    pub(super) fn alias(&mut self, key: &OrderKey, duplicate: OrderId) -> bool {
        let Some(place) = self.find(key) else { return false };
        let Entry { order: original, account, .. } = *self.entry(place);
        let is_known = duplicate == original || self.resolve(duplicate) != duplicate;
        if is_known || self.aliases_of(place).len() >= ALIASES_PER_KEY_MAX {
            return false;
        }
        let Named { holder, places, .. } = *self.named(account);
        if self.shares.check(holder, places).is_err() {
            return false;
        }
        self.take_place(account);
        self.aliases_of.entry(place).or_default().push(duplicate);
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
        forget(&mut self.by_key, entry.hash.of_table(), place);
        self.entries.free(place);
        let aliases = self.aliases_of.remove(&place).unwrap_or_default();
        let given = aliases.len() + 1;
        for duplicate in aliases {
            let same = |alias: &Alias| alias.duplicate == duplicate;
            if let Ok(found) = self.aliases.find_entry(hash_of_id(duplicate), same) {
                found.remove();
            }
        }
        self.give_places(entry.account, u32::try_from(given).expect("bounded by its maximum"));
    }

    pub(super) fn open_account(&mut self, name: &AccountName) {
        if let Some(place) = self.find_name(name) {
            self.move_in(place);
        }
    }

    pub(super) fn close_account(&mut self, name: &AccountName) -> bool {
        let Some(place) = self.find_name(name) else { return true };
        let has_room = self.shares.move_out(self.named(place).places);
        if has_room {
            self.named_mut(place).holder = Holder::Stranger;
        }
        has_room
    }

    pub(super) fn check_invariants(
        &self,
        has_account: impl Fn(&AccountName) -> bool,
    ) -> Result<(), String> {
        let mut counted = Index::new(self.seed(), self.shares.limits);
        for place in self.places() {
            let entry = self.entry(place);
            let Named { name, holder, .. } = self.named(entry.account);
            if has_account(name) != (*holder == Holder::Account) {
                return Err(format!("{name} is held to be {holder:?} by its keys"));
            }
            let known = counted.find_name(name);
            let account = known.unwrap_or_else(|| counted.insert_name(name.clone(), *holder));
            (0..=self.aliases_of(place).len()).for_each(|_| counted.take_place(account));
        }
        let taken = |index: &Index| (index.shares.pooled, index.shares.strangers);
        if taken(&counted) != taken(self) || counted.names.len() != self.names.len() {
            return Err(format!(
                "{:?} of the keys are taken, not {:?}",
                counted.shares, self.shares
            ));
        }
        Ok(())
    }

    fn move_in(&mut self, place: u32) {
        let Named { holder, places, .. } = *self.named(place);
        if holder == Holder::Stranger {
            self.shares.move_in(places);
            self.named_mut(place).holder = Holder::Account;
        }
    }

    fn take_place(&mut self, place: u32) {
        let Index { shares, names, .. } = self;
        let Named { holder, places, .. } = names[place].as_mut().expect(IN_USE);
        shares.take(*holder, *places);
        *places += 1;
    }

    fn give_places(&mut self, place: u32, given: u32) {
        let Index { shares, names, .. } = self;
        let Named { holder, places, .. } = names[place].as_mut().expect(IN_USE);
        shares.give(*holder, *places, given);
        *places -= given;
        if *places == 0 {
            self.remove_name(place);
        }
    }

    fn hash_of(&self, account: u32, key: &OrderKey) -> KeyHash {
        hash_parts(&self.keyed, account, key.instrument.0, key.space as u8, &key.text)
    }

    fn find_in(&self, account: u32, key: &OrderKey, hash: KeyHash) -> Option<u32> {
        let same = |place: &u32| {
            let entry = self.entry(*place);
            entry.hash == hash
                && entry.account == account
                && entry.instrument == key.instrument
                && entry.space == key.space
                && entry.text == key.text
        };
        self.by_key.find(hash.of_table(), same).copied()
    }

    fn find_name(&self, name: &AccountName) -> Option<u32> {
        match &self.expected {
            Some((expected, place)) if expected == name => *place,
            _ => self.look_up(name, self.keyed.hash_one(name)),
        }
    }

    fn look_up(&self, name: &AccountName, hash: u64) -> Option<u32> {
        let is_it =
            |place: &u32| self.names[*place].as_ref().is_some_and(|named| named.name == *name);
        self.by_name.find(hash, is_it).copied()
    }

    fn insert_name(&mut self, name: AccountName, holder: Holder) -> u32 {
        let Index { keyed, names, by_name, .. } = self;
        let hash = keyed.hash_one(&name);
        let expected = name.clone();
        let place = names.insert(Some(Named { name, holder, places: 0 }));
        by_name.insert_unique(hash, place, |place| {
            keyed.hash_one(&names[*place].as_ref().expect(IN_USE).name)
        });
        self.expected = Some((expected, Some(place)));
        place
    }

    fn remove_name(&mut self, place: u32) {
        let named = self.names[place].take().expect(IN_USE);
        forget(&mut self.by_name, self.keyed.hash_one(&named.name), place);
        self.names.free(place);
        // Who was expected may be this one.
        self.expected = None;
    }
}

fn forget(table: &mut HashTable<u32>, hash: u64, place: u32) {
    if let Ok(found) = table.find_entry(hash, |other| *other == place) {
        found.remove();
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are folded into one")]
fn hash_parts(keyed: &Keyed, account: u32, instrument: u32, space: u8, text: impl Hash) -> KeyHash {
    let mut hasher = keyed.build_hasher();
    hasher.write_u64(u64::from(account) << 32 | u64::from(instrument));
    hasher.write_u8(space);
    text.hash(&mut hasher);
    let hash = hasher.finish();
    KeyHash((hash >> 32 ^ hash) as u32)
}
