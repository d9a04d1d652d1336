//! Groups of accounts: for self-trade prevention the orders of one group are as those of one
//! account.
//!
//! A group is a number that means nothing here. An account is in one at most.

use alloc::vec::Vec;

use model::AccountHandle;

use crate::{ACCOUNTS_END, Books, RestoreError};

/// The group of each account, by its number; 0 for none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    of: Vec<u64>,
}

impl Groups {
    pub(crate) const fn new() -> Groups {
        Groups { of: Vec::new() }
    }

    fn of(&self, account: u32) -> u64 {
        self.of.get(account as usize).copied().unwrap_or(0)
    }

    /// Whether two accounts are one to self-trade prevention.
    pub(crate) fn are_one(&self, one: u32, other: u32) -> bool {
        one == other || (self.of(one) != 0 && self.of(one) == self.of(other))
    }
}

impl Books {
    /// Puts an account into a group, from its next meeting on; `None` takes it out of its own.
    ///
    /// # Panics
    /// For an account number at or beyond [`ACCOUNTS_END`], or group 0.
    pub fn set_group(&mut self, account: AccountHandle, group: Option<u64>) {
        assert!(account.0 < ACCOUNTS_END && group != Some(0), "not an account, or not a group");
        let (at, of) = (account.0 as usize, &mut self.groups.of);
        if group.is_some() && at >= of.len() {
            of.resize(at + 1, 0);
        }
        if let Some(own) = of.get_mut(at) {
            *own = group.unwrap_or(0);
        }
    }

    /// The group that an account is in.
    pub fn group(&self, account: AccountHandle) -> Option<u64> {
        Some(self.groups.of(account.0)).filter(|group| *group != 0)
    }

    /// Every account that is in a group, ascending.
    pub(crate) fn grouped(&self) -> Vec<(AccountHandle, u64)> {
        let all = (0..).map(AccountHandle).zip(self.groups.of.iter().copied());
        all.filter(|(_, group)| *group != 0).collect()
    }

    pub(crate) fn restore_groups(
        &mut self,
        groups: &[(AccountHandle, u64)],
    ) -> Result<(), RestoreError> {
        let mut first_free = 0;
        for (account, group) in groups {
            if !(first_free..ACCOUNTS_END).contains(&account.0) || *group == 0 {
                return Err(RestoreError::Group(*account));
            }
            first_free = account.0 + 1;
            self.set_group(*account, Some(*group));
        }
        Ok(())
    }
}
