//! Which fee tier accounts have: an operator's word, recorded, and so the same in every replay.
//!
//! By what volume a tier is reached, and who has traded as much, is not the shard's affair: it is
//! told who has which. A tier is asked when an order is accepted and says under which schedule
//! that is; the order keeps it (docs/adr/0018). Tiers are kept by name, so they outlast an account
//! that goes out of memory; one that has a tier does not.

use std::collections::BTreeMap;

use model::{AccountHandle, AccountName, FeeTier};
use proto::{draft::Draft, log::RefusalReason};
use rustc_hash::FxHashMap;

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
    limits::TIERED_ACCOUNTS_MAX,
};

/// Every account that has a tier above the standard one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tiers {
    pub(crate) accounts: BTreeMap<AccountName, FeeTier>,
    /// The same of those that are open: an order looks no further. Never iterated.
    open: FxHashMap<AccountHandle, FeeTier>,
}

impl Tiers {
    /// Whether an account must stay in memory.
    pub(crate) fn concerns(&self, account: AccountHandle) -> bool {
        self.open.contains_key(&account)
    }

    /// An account is open from now on, or its tier may have changed.
    pub(crate) fn note(&mut self, name: &AccountName, account: Option<AccountHandle>) {
        let Some(account) = account else { return };
        match self.accounts.get(name) {
            Some(tier) => self.open.insert(account, *tier),
            None => self.open.remove(&account),
        };
    }

    fn set(&mut self, name: &AccountName, tier: FeeTier) {
        if tier == FeeTier::STANDARD {
            self.accounts.remove(name);
        } else {
            self.accounts.insert(name.clone(), tier);
        }
    }
}

impl Exchange {
    /// The tier of an account, whether or not it is open.
    pub(crate) fn tier_of(&self, name: &AccountName) -> FeeTier {
        let Tiers { accounts, open } = &self.tiers;
        if accounts.is_empty() {
            return FeeTier::STANDARD;
        }
        let tier = match self.accounts.find(name) {
            Some(account) => open.get(&account),
            None => accounts.get(name),
        };
        tier.copied().unwrap_or_default()
    }

    /// Gives each of these accounts its tier, or none of them.
    pub(crate) fn assign_fee_tiers(
        &mut self,
        assigned: &[(AccountName, FeeTier)],
        body: &mut Draft,
    ) {
        let is_new = |(name, tier): &&(AccountName, FeeTier)| {
            *tier != FeeTier::STANDARD && !self.tiers.accounts.contains_key(name)
        };
        let is_gone = |(name, tier): &&(AccountName, FeeTier)| {
            *tier == FeeTier::STANDARD && self.tiers.accounts.contains_key(name)
        };
        let count = self.tiers.accounts.len() + assigned.iter().filter(is_new).count();
        if count - assigned.iter().filter(is_gone).count() > TIERED_ACCOUNTS_MAX {
            body.outcome = refused(RefusalReason::TooManyTiered);
            return;
        }
        body.outcome = duplicate(0);
        for (name, tier) in assigned {
            if self.tier_of(name) == *tier {
                continue;
            }
            self.tiers.set(name, *tier);
            self.tiers.note(name, self.accounts.find(name));
            self.write_controlled(name, body);
            body.outcome = applied();
        }
    }

    /// Those of the accounts with a tier that are open are known by their handles.
    pub(crate) fn check_tiers(&self) -> Result<(), String> {
        let Tiers { accounts, open } = &self.tiers;
        let by_handle = accounts.iter().filter_map(|(name, tier)| {
            let account = self.accounts.find(name)?;
            Some((account, *tier))
        });
        let expected: FxHashMap<AccountHandle, FeeTier> = by_handle.collect();
        if expected == *open && accounts.values().all(|tier| *tier != FeeTier::STANDARD) {
            return Ok(());
        }
        Err(format!("{} open accounts have a tier, {} are known", expected.len(), open.len()))
    }
}
