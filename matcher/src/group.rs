//! Groups of accounts that are one to self-trade prevention.
//!
//! They are kept by name, so that a group outlasts an account that goes out of memory and comes
//! again; the books are told of those that are open.

use ledger_core::MoneyError;
use model::{AccountHandle, AccountName};
use proto::{
    draft::Draft,
    log::{self, RefusalReason, event},
};
use spine::ClientInput;

use crate::{
    answer::{applied, refused},
    exchange::Exchange,
    limits::GROUPED_ACCOUNTS_MAX,
};

impl Exchange {
    /// Puts the account of the command into a group, or takes it out of its own. It need not be
    /// open, and is not opened by it.
    pub(crate) fn set_trade_group(
        &mut self,
        input: &ClientInput<'_>,
        group: Option<u64>,
        is_late: bool,
        body: &mut Draft,
    ) {
        let name = &input.command.account;
        if let Err(reason) = self.check_trade_group(input, group, is_late) {
            body.outcome = refused(reason);
            return;
        }
        match group {
            Some(group) => self.groups.insert(name.clone(), group),
            None => self.groups.remove(name),
        };
        if let Some(handle) = self.accounts.find(name) {
            self.books.set_group(handle, group);
        }
        let account = body.account(name.as_str());
        let set = log::TradeGroupSet { account, group: group.unwrap_or(0) };
        body.event(&event::Kind::TradeGroupSet(set));
        body.outcome = applied();
    }

    fn check_trade_group(
        &self,
        input: &ClientInput<'_>,
        group: Option<u64>,
        is_late: bool,
    ) -> Result<(), RefusalReason> {
        if is_late {
            return Err(RefusalReason::Late);
        }
        if input.command.command.behaviour() > input.behaviour {
            return Err(RefusalReason::NotInForce);
        }
        let is_known = self.groups.contains_key(&input.command.account);
        let is_full = self.groups.len() >= GROUPED_ACCOUNTS_MAX;
        if group.is_some() && !is_known && is_full {
            return Err(RefusalReason::TooManyGrouped);
        }
        Ok(())
    }

    /// The one way in which an account is opened: the books know its group from then on, and what
    /// it may do is found by its handle.
    ///
    /// # Errors
    /// [`MoneyError`] where it cannot be opened.
    pub(crate) fn open_with_group(
        &mut self,
        name: &AccountName,
    ) -> Result<AccountHandle, MoneyError> {
        let is_known = self.accounts.find(name).is_some();
        let handle = self.accounts.open(name, &mut self.postings)?;
        if !is_known {
            self.tell_group(handle);
            self.controls.note(name, Some(handle));
            self.tiers.note(name, Some(handle));
        }
        Ok(handle)
    }

    fn tell_group(&mut self, handle: AccountHandle) {
        if self.groups.is_empty() {
            return;
        }
        let group = self.groups.get(self.accounts.name(handle)).copied();
        if group.is_some() {
            self.books.set_group(handle, group);
        }
    }

    /// The groups of the accounts that are open, as the books know them.
    pub(crate) fn check_groups(&self) -> Result<(), String> {
        let open = of_open(self.groups.iter(), |name| self.accounts.find(name));
        let known = self.books.image().groups;
        if open == known { Ok(()) } else { Err(format!("groups are {open:?}, known {known:?}")) }
    }
}

/// The groups of those of these accounts that are open, as an image of the books has them.
pub(crate) fn of_open<'a>(
    groups: impl Iterator<Item = (&'a AccountName, &'a u64)>,
    find: impl Fn(&AccountName) -> Option<AccountHandle>,
) -> Vec<(AccountHandle, u64)> {
    let open = groups.filter_map(|(name, group)| find(name).map(|handle| (handle, *group)));
    let mut open: Vec<_> = open.collect();
    open.sort_unstable();
    open
}
