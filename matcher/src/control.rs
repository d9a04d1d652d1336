//! What those who run the platform let accounts do: the states of accounts, and the kill switch.
//!
//! - **Reduce-only**: an account sells, cancels, amends to less and sends money out; it does not
//!   buy. In spot trading every sell is of what the account has, so a sell always reduces. A list
//!   with a buy in it is refused whole.
//! - **Suspended**: it cancels and amends to less. What comes in is credited all the same.
//! - A state is about what comes: what is open stays, wakes and is placed when it is due. Whoever
//!   wants it gone uses the switch.
//! - **The kill switch** stops an account, an instrument or all trading: no order is taken, and all
//!   that is open there is over at once: it trades no more, and ends in steps with this input and
//!   the next ticks, which come at once. Cancels are taken, and money is another matter. Released,
//!   orders are taken again; what has ended stays so.
//! - What waits for money from other shards is asked when it is decided.
//!
//! All this leaves the key of an order free: it was not the order's fault. An account with a state
//! or a switch stays in memory. They are kept by name, so they outlast everything else.

use std::collections::{BTreeMap, BTreeSet};

use model::{AccountHandle, AccountName, AccountState, InstrumentId, Side};
use proto::{
    command::KillScope,
    convert,
    draft::Draft,
    log::{self, RefusalReason, event},
};
use rustc_hash::FxHashMap;

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
    limits::{CONTROLLED_ACCOUNTS_MAX, ORDER_EXPIRIES_MAX},
    risk::LimitsTable,
};

/// What one account may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) state: AccountState,
    /// Whether its switch is engaged.
    pub(crate) is_killed: bool,
}

/// What there is of an account that is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    control: Control,
    /// Where its limits lie.
    limits: Option<usize>,
}

/// What everybody may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Controls {
    /// Of accounts of which it is not what all may.
    pub(crate) accounts: BTreeMap<AccountName, Control>,
    /// Of accounts of which there is a limit of what they may risk.
    pub(crate) limits: LimitsTable,
    /// Those of both that are open: no account that is needs a look at its name. Never iterated.
    pub(crate) open: FxHashMap<AccountHandle, Known>,
    /// The instruments in which nobody trades.
    pub(crate) killed_instruments: BTreeSet<InstrumentId>,
    /// Whether nobody trades at all.
    pub(crate) is_venue_killed: bool,
}

impl Controls {
    /// Whether an account must stay in memory.
    pub(crate) fn concerns(&self, account: AccountHandle) -> bool {
        self.open.contains_key(&account)
    }

    /// What is known of an account has changed, or it was opened.
    pub(crate) fn note(&mut self, name: &AccountName, account: Option<AccountHandle>) {
        let Some(account) = account else { return };
        let known = self.known_by_name(name);
        if known == Known::default() {
            self.open.remove(&account);
        } else {
            self.open.insert(account, known);
        }
    }

    fn known_by_name(&self, name: &AccountName) -> Known {
        let control = self.accounts.get(name).copied().unwrap_or_default();
        Known { control, limits: self.limits.place(name) }
    }

    /// What is known of an account of this name, open or not.
    fn known(&self, name: &AccountName, account: Option<AccountHandle>) -> Known {
        match account {
            _ if self.accounts.is_empty() && self.limits.is_empty() => Known::default(),
            Some(account) => self.open.get(&account).copied().unwrap_or_default(),
            None => self.known_by_name(name),
        }
    }
}

impl Exchange {
    /// What an account may do, whether or not it is open.
    fn control_of(&self, name: &AccountName) -> Control {
        self.controls.known(name, self.accounts.find(name)).control
    }

    /// Where the limits of an account lie, whether or not it is open.
    pub(crate) fn limits_place(&self, name: &AccountName) -> Option<usize> {
        if self.controls.limits.is_empty() {
            return None;
        }
        self.controls.known(name, self.accounts.find(name)).limits
    }

    /// Whether an account may place orders of these sides in an instrument now.
    pub(crate) fn check_controls(
        &self,
        name: &AccountName,
        instrument: InstrumentId,
        mut sides: impl Iterator<Item = Side>,
    ) -> Result<(), RefusalReason> {
        let Controls { is_venue_killed, killed_instruments, .. } = &self.controls;
        let Control { state, is_killed } = self.control_of(name);
        if *is_venue_killed || is_killed || killed_instruments.contains(&instrument) {
            return Err(RefusalReason::KillSwitch);
        }
        match state {
            AccountState::Suspended => Err(RefusalReason::AccountSuspended),
            AccountState::ReduceOnly if sides.any(|side| side == Side::Buy) => {
                Err(RefusalReason::ReduceOnly)
            }
            AccountState::ReduceOnly | AccountState::Active => Ok(()),
        }
    }

    /// Whether an account may send money out now.
    pub(crate) fn check_sends_out(&self, name: &AccountName) -> Result<(), RefusalReason> {
        match self.control_of(name).state {
            AccountState::Suspended => Err(RefusalReason::AccountSuspended),
            AccountState::ReduceOnly | AccountState::Active => Ok(()),
        }
    }

    pub(crate) fn set_account_state(
        &mut self,
        name: &AccountName,
        state: AccountState,
    ) -> Option<log::Outcome> {
        let control = self.control_of(name);
        if control.state == state {
            return duplicate(0);
        }
        match self.set_control(name, Control { state, ..control }) {
            Ok(()) => applied(),
            Err(reason) => refused(reason),
        }
    }

    /// Stops or releases. What rests there is over at once, and as much of it as fits this answer
    /// ends with it.
    pub(crate) fn set_kill_switch(
        &mut self,
        scope: &KillScope,
        is_engaged: bool,
        body: &mut Draft,
    ) {
        let changed = match self.turn(scope, is_engaged) {
            Ok(changed) => changed,
            Err(reason) => {
                body.outcome = refused(reason);
                return;
            }
        };
        body.outcome = if changed { applied() } else { duplicate(0) };
        if !changed {
            return;
        }
        self.write_turned(scope, is_engaged, body);
        if !is_engaged {
            return;
        }
        match scope {
            KillScope::Venue => self.books.kill(None, None, &mut self.matched),
            KillScope::Instrument(instrument) => {
                self.books.kill(None, Some(*instrument), &mut self.matched);
            }
            KillScope::Account(name) => {
                if let Some(account) = self.accounts.find(name) {
                    self.books.kill(Some(account), None, &mut self.matched);
                }
            }
        }
        let now = self.books.now();
        self.books.expire(now, ORDER_EXPIRIES_MAX, &mut self.matched);
        self.settle_ends();
        self.write_matched(body);
    }

    /// Turns a switch; whether it was not so before.
    fn turn(&mut self, scope: &KillScope, is_engaged: bool) -> Result<bool, RefusalReason> {
        match scope {
            KillScope::Venue => {
                let before = std::mem::replace(&mut self.controls.is_venue_killed, is_engaged);
                Ok(before != is_engaged)
            }
            KillScope::Instrument(instrument) => {
                if self.books.instrument(*instrument).is_none() {
                    return Err(RefusalReason::UnknownInstrument);
                }
                let killed = &mut self.controls.killed_instruments;
                Ok(if is_engaged { killed.insert(*instrument) } else { killed.remove(instrument) })
            }
            KillScope::Account(name) => {
                let control = self.control_of(name);
                let changed = control.is_killed != is_engaged;
                if changed {
                    self.set_control(name, Control { is_killed: is_engaged, ..control })?;
                }
                Ok(changed)
            }
        }
    }

    fn set_control(&mut self, name: &AccountName, control: Control) -> Result<(), RefusalReason> {
        let accounts = &mut self.controls.accounts;
        if control == Control::default() {
            accounts.remove(name);
        } else {
            if !accounts.contains_key(name) && accounts.len() >= CONTROLLED_ACCOUNTS_MAX {
                return Err(RefusalReason::TooManyControlled);
            }
            accounts.insert(name.clone(), control);
        }
        let account = self.accounts.find(name);
        self.controls.note(name, account);
        Ok(())
    }

    /// Tells what is in force of an account where a word about it has changed something.
    pub(crate) fn write_if_applied(&self, name: &AccountName, body: &mut Draft) {
        if body.outcome == applied() {
            self.write_controlled(name, body);
        }
    }

    /// Tells all that is in force of an account: whoever keeps it needs no word from before.
    pub(crate) fn write_controlled(&self, name: &AccountName, body: &mut Draft) {
        let account = body.account(name.as_str());
        let Control { state, is_killed } = self.control_of(name);
        let limits = self.controls.limits.of(name);
        let controlled = log::AccountControlled {
            account,
            state: convert::account_state_to_wire(state).into(),
            killed: is_killed,
            limits: limits.and_then(|limited| convert::risk_limits_to_wire(&limited.limits)),
            fee_tier: self.tier_of(name).number().into(),
        };
        body.event(&event::Kind::AccountControlled(controlled));
    }

    fn write_turned(&self, scope: &KillScope, is_engaged: bool, body: &mut Draft) {
        let instrument_id = match scope {
            KillScope::Account(name) => return self.write_controlled(name, body),
            KillScope::Instrument(instrument) => instrument.0,
            KillScope::Venue => 0,
        };
        let turned = log::KillSwitchTurned { instrument_id, engaged: is_engaged };
        body.event(&event::Kind::KillSwitchTurned(turned));
    }

    /// Those of the accounts with a state, a switch or limits that are open are known by their
    /// handles.
    pub(crate) fn check_controlled(&self) -> Result<(), String> {
        let Controls { accounts, open, limits, .. } = &self.controls;
        let names = accounts.keys().chain(limits.iter().map(|(name, _)| name));
        let of_name = |name| Some((self.accounts.find(name)?, self.controls.known_by_name(name)));
        let known: FxHashMap<AccountHandle, Known> = names.filter_map(of_name).collect();
        if known != *open || accounts.values().any(|control| *control == Control::default()) {
            return Err(format!("{} accounts are controlled, {} open", known.len(), open.len()));
        }
        Ok(())
    }
}
