//! The part of a snapshot that says what accounts may do.

use ledger_core::Accounts;
use model::{AccountName, InstrumentId, RiskLimits, Timestamp};
use prost::Message;
use proto::{convert, log};

use crate::{
    control::{Control, Controls},
    limits::CONTROLLED_ACCOUNTS_MAX,
    risk::{Limited, LimitsTable},
};

#[derive(Clone, PartialEq, Message)]
pub(super) struct ControlsWire {
    #[prost(message, repeated, tag = "1")]
    accounts: Vec<ControlWire>,
    #[prost(uint32, repeated, tag = "2")]
    killed_instruments: Vec<u32>,
    #[prost(bool, tag = "3")]
    is_venue_killed: bool,
    #[prost(message, repeated, tag = "4")]
    limits: Vec<LimitedWire>,
}

#[derive(Clone, PartialEq, Message)]
struct ControlWire {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(int32, tag = "2")]
    state: i32,
    #[prost(bool, tag = "3")]
    is_killed: bool,
}

/// The limits of an account, and its bucket.
#[derive(Clone, PartialEq, Message)]
struct LimitedWire {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(message, optional, tag = "2")]
    limits: Option<log::RiskLimits>,
    #[prost(fixed64, tag = "3")]
    full_at_unix_nanos: u64,
}

/// Nothing where everybody may do everything, so that such a shard is as it was.
pub(super) fn to_wire(controls: &Controls) -> Option<ControlsWire> {
    let accounts = controls.accounts.iter().map(|(name, control)| ControlWire {
        account: name.as_str().to_owned(),
        state: convert::account_state_to_wire(control.state).into(),
        is_killed: control.is_killed,
    });
    let wire = ControlsWire {
        accounts: accounts.collect(),
        killed_instruments: controls.killed_instruments.iter().map(|id| id.0).collect(),
        is_venue_killed: controls.is_venue_killed,
        limits: controls.limits.iter().map(limited_to_wire).collect(),
    };
    (wire != ControlsWire::default()).then_some(wire)
}

fn limited_to_wire((name, limited): (&AccountName, &Limited)) -> LimitedWire {
    LimitedWire {
        account: name.as_str().to_owned(),
        limits: convert::risk_limits_to_wire(&limited.limits),
        full_at_unix_nanos: limited.full_at.unix_nanos(),
    }
}

fn restore_limits(wires: Vec<LimitedWire>) -> Result<LimitsTable, String> {
    let mut all = LimitsTable::default();
    for LimitedWire { account, limits, full_at_unix_nanos } in wires {
        let name = AccountName::new(&account).map_err(|error| error.to_string())?;
        let limits = convert::risk_limits(limits.as_ref()).map_err(|error| error.to_string())?;
        let is_next = all.last_name().is_none_or(|last| *last < name);
        if !is_next || all.len() >= CONTROLLED_ACCOUNTS_MAX || limits == RiskLimits::default() {
            return Err(format!("the limits of {account} are out of order, or none"));
        }
        let full_at = Timestamp::from_unix_nanos(full_at_unix_nanos);
        all.insert(name, Limited { limits, full_at });
    }
    Ok(all)
}

pub(super) fn restore(wire: Option<ControlsWire>, accounts: &Accounts) -> Result<Controls, String> {
    let wire = wire.unwrap_or_default();
    let mut controls = Controls { is_venue_killed: wire.is_venue_killed, ..Controls::default() };
    for ControlWire { account, state, is_killed } in wire.accounts {
        let name = AccountName::new(&account).map_err(|error| error.to_string())?;
        let state = convert::account_state(state).map_err(|error| error.to_string())?;
        let control = Control { state, is_killed };
        let is_next = controls.accounts.last_key_value().is_none_or(|(last, _)| *last < name);
        let is_full = controls.accounts.len() >= CONTROLLED_ACCOUNTS_MAX;
        if !is_next || is_full || control == Control::default() {
            return Err(format!("what {account} may do is out of order, or nothing of its own"));
        }
        controls.accounts.insert(name.clone(), control);
        if let Some(handle) = accounts.find(&name) {
            controls.note(&name, Some(handle));
        }
    }
    controls.limits = restore_limits(wire.limits)?;
    let limited: Vec<AccountName> = controls.limits.iter().map(|(name, _)| name.clone()).collect();
    for name in limited {
        controls.note(&name, accounts.find(&name));
    }
    for id in wire.killed_instruments.into_iter().map(InstrumentId) {
        if controls.killed_instruments.last().is_some_and(|last| *last >= id) {
            return Err(format!("instrument {} is stopped out of order", id.0));
        }
        controls.killed_instruments.insert(id);
    }
    Ok(controls)
}
