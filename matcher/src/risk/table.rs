//! The limits of all accounts, by name; and where each lies, for those that know.

use std::collections::BTreeMap;

use model::AccountName;

use super::Limited;

/// Limits, each at a place that it keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitsTable {
    places: BTreeMap<AccountName, usize>,
    all: Vec<Option<Limited>>,
    /// Places to use again, last in first out.
    free: Vec<usize>,
}

impl LimitsTable {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where the limits of an account lie, where it has any.
    pub(crate) fn place(&self, name: &AccountName) -> Option<usize> {
        self.places.get(name).copied()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Limited> {
        self.all.get(place)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut Limited> {
        self.all.get_mut(place)?.as_mut()
    }

    pub(crate) fn of(&self, name: &AccountName) -> Option<&Limited> {
        self.get(self.place(name)?)
    }

    pub(crate) fn insert(&mut self, name: AccountName, limited: Limited) {
        let place = self.place(&name).or_else(|| self.free.pop()).unwrap_or(self.all.len());
        if place == self.all.len() {
            self.all.push(None);
        }
        self.all[place] = Some(limited);
        self.places.insert(name, place);
    }

    pub(crate) fn remove(&mut self, name: &AccountName) {
        if let Some(place) = self.places.remove(name) {
            self.all[place] = None;
            self.free.push(place);
        }
    }

    /// All of them in the order of names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&AccountName, &Limited)> {
        let at = |place: &usize| self.all[*place].as_ref().expect("a name's place is in use");
        self.places.iter().map(move |(name, place)| (name, at(place)))
    }

    /// The last in the order of names.
    pub(crate) fn last_name(&self) -> Option<&AccountName> {
        self.places.last_key_value().map(|(name, _)| name)
    }
}
