//! One account: what trading looks at, in one line of memory, and what is kept apart from it.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use model::{AccountName, Amount, KeyText};

use crate::{MovementKind, assets::AssetIndex, movements::Content};

/// What one account has of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What it can use.
    pub available: Amount,
    /// What its open orders hold.
    pub held: Amount,
}

impl Balance {
    /// Whether it is nothing at all.
    pub const fn is_zero(&self) -> bool {
        self.available.is_zero() && self.held.is_zero()
    }
}

/// One slot of the slab. One line of memory, since of many accounts nearly each is a wait for it.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Account {
    /// Its name. A slot that is free keeps the last one until it is reused, so that the postings of
    /// the command that compacted it can still be read; a restored free slot has none.
    pub(crate) name: Option<AccountName>,
    pub(crate) is_open: bool,
    /// Whether this shard is its home.
    pub(crate) is_home: bool,
    /// Whether there is a link among what is kept apart.
    pub(crate) has_links: bool,
    /// By place of the asset; rows beyond the end are zero.
    pub(crate) balances: Vec<Balance>,
    /// How many assets, in the order of their listing, the account was granted.
    pub(crate) granted: u32,
    /// What trading does not look at.
    pub(crate) apart: Option<Box<Apart>>,
}

const _: () = assert!(size_of::<Account>() == 64, "an account is one line of memory");

/// What is kept of an account beside what trading looks at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apart {
    /// Everything ever applied that has an id from outside. Never evicted.
    pub(crate) movements: BTreeMap<(MovementKind, KeyText), Content>,
    /// What went to other shards less what came from them, without zeros. Most have none.
    pub(crate) links: BTreeMap<AssetIndex, Amount>,
}

static NOTHING_APART: Apart = Apart { movements: BTreeMap::new(), links: BTreeMap::new() };

impl Account {
    pub(crate) fn free() -> Account {
        Account {
            name: None,
            is_open: false,
            is_home: false,
            has_links: false,
            balances: Vec::new(),
            granted: 0,
            apart: None,
        }
    }

    pub(crate) fn apart(&self) -> &Apart {
        self.apart.as_deref().unwrap_or(&NOTHING_APART)
    }

    pub(crate) fn apart_mut(&mut self) -> &mut Apart {
        self.apart.get_or_insert_default()
    }

    pub(crate) fn balance(&self, index: AssetIndex) -> Balance {
        self.balances.get(index.position()).copied().unwrap_or_default()
    }

    pub(crate) fn balance_mut(&mut self, index: AssetIndex) -> &mut Balance {
        let position = index.position();
        if self.balances.len() <= position {
            self.balances.resize(position.saturating_add(1), Balance::default());
        }
        &mut self.balances[position]
    }
}
