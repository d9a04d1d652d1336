//! What those who run the platform let accounts do, between the log's wire form and the domain.

use model::{AccountName, AccountState, InstrumentId};

use super::Malformed;
use crate::{
    command::{KillScope, OperatorWord},
    log, trading,
};

/// A state from the wire.
///
/// # Errors
/// [`Malformed`] for none and for one that is not known.
pub fn account_state(wire: i32) -> Result<AccountState, Malformed> {
    match trading::AccountState::try_from(wire) {
        Ok(trading::AccountState::Active) => Ok(AccountState::Active),
        Ok(trading::AccountState::ReduceOnly) => Ok(AccountState::ReduceOnly),
        Ok(trading::AccountState::Suspended) => Ok(AccountState::Suspended),
        _ => Err(Malformed("state")),
    }
}

/// A state on the wire.
pub const fn account_state_to_wire(state: AccountState) -> trading::AccountState {
    match state {
        AccountState::Active => trading::AccountState::Active,
        AccountState::ReduceOnly => trading::AccountState::ReduceOnly,
        AccountState::Suspended => trading::AccountState::Suspended,
    }
}

pub(super) fn set_state(wire: &log::SetAccountState) -> Result<OperatorWord, Malformed> {
    Ok(OperatorWord::SetAccountState {
        account: AccountName::new(&wire.account).map_err(|_| Malformed("account"))?,
        state: account_state(wire.state)?,
    })
}

pub(super) fn set_state_to_wire(
    account: &AccountName,
    state: AccountState,
) -> log::SetAccountState {
    let state = account_state_to_wire(state).into();
    log::SetAccountState { account: account.as_str().to_owned(), state }
}

pub(super) fn set_switch(wire: &log::SetKillSwitch) -> Result<OperatorWord, Malformed> {
    let scope = match (wire.account.as_str(), wire.instrument_id) {
        ("", 0) => KillScope::Venue,
        ("", instrument) => KillScope::Instrument(InstrumentId(instrument)),
        (name, 0) => KillScope::Account(AccountName::new(name).map_err(|_| Malformed("account"))?),
        _ => return Err(Malformed("instrument_id")),
    };
    Ok(OperatorWord::SetKillSwitch { scope, is_engaged: wire.engaged })
}

pub(super) fn set_switch_to_wire(scope: &KillScope, is_engaged: bool) -> log::SetKillSwitch {
    let (account, instrument_id) = match scope {
        KillScope::Venue => (String::new(), 0),
        KillScope::Instrument(instrument) => (String::new(), instrument.0),
        KillScope::Account(name) => (name.as_str().to_owned(), 0),
    };
    log::SetKillSwitch { account, instrument_id, engaged: is_engaged }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_survive_the_log() {
        let name = AccountName::new("alice").expect("a good name");
        for state in [AccountState::Active, AccountState::ReduceOnly, AccountState::Suspended] {
            let word = OperatorWord::SetAccountState { account: name.clone(), state };
            assert_eq!(set_state(&set_state_to_wire(&name, state)), Ok(word));
        }
        let scopes =
            [KillScope::Venue, KillScope::Instrument(InstrumentId(4)), KillScope::Account(name)];
        for (scope, is_engaged) in scopes.into_iter().zip([true, false, true]) {
            let wire = set_switch_to_wire(&scope, is_engaged);
            assert_eq!(set_switch(&wire), Ok(OperatorWord::SetKillSwitch { scope, is_engaged }));
        }
    }

    #[test]
    fn what_is_no_control_names_its_field() {
        let good = log::SetAccountState { account: "alice".to_owned(), state: 2 };
        for (field, bad) in [
            ("account", log::SetAccountState { account: String::new(), ..good.clone() }),
            ("state", log::SetAccountState { state: 0, ..good.clone() }),
            ("state", log::SetAccountState { state: 9, ..good }),
        ] {
            assert_eq!(set_state(&bad), Err(Malformed(field)));
        }
        let both = log::SetKillSwitch { account: "a".to_owned(), instrument_id: 1, engaged: true };
        assert_eq!(set_switch(&both), Err(Malformed("instrument_id")));
        let long = log::SetKillSwitch { account: "a".repeat(999), instrument_id: 0, engaged: true };
        assert_eq!(set_switch(&long), Err(Malformed("account")));
    }
}
