//! What those who run the platform ask of accounts and of trading.

use model::{AccountName, AccountState, Partition};
use proto::{
    admin::{SetAccountStateRequest, SetKillSwitchRequest},
    command::KillScope,
    convert,
};

use super::{client, instrument};
use crate::{problem::Problem, reference::Catalogue};

/// Whose state is to be which.
///
/// # Errors
/// [`Problem`] that names the field.
pub(crate) fn account_state(
    asked: &SetAccountStateRequest,
) -> Result<(AccountName, AccountState), Problem> {
    let account = client(some(&asked.client_id))?;
    let state = convert::account_state(asked.state).map_err(|_| {
        Problem::field("state", "unknown_word", "must be active, reduce_only or suspended")
    })?;
    Ok((account, state))
}

/// What is to be stopped or released, and on which shard if on one.
///
/// # Errors
/// [`Problem`] where it is not one thing, or that names the field.
pub(crate) fn kill_scope(
    asked: &SetKillSwitchRequest,
    catalogue: &Catalogue,
) -> Result<(KillScope, Option<Partition>), Problem> {
    match (some(&asked.client_id), some(&asked.instrument), asked.venue) {
        (Some(name), None, false) => Ok((KillScope::Account(client(Some(name))?), None)),
        (None, Some(symbol), false) => {
            let listed = instrument(Some(symbol), catalogue)?;
            Ok((KillScope::Instrument(listed.instrument.id), Some(listed.partition)))
        }
        (None, None, true) => Ok((KillScope::Venue, None)),
        _ => {
            let advice = "must be given, or instrument, or venue: just one of the three";
            Err(Problem::field("client_id", "bad_scope", advice))
        }
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::tests::bodies;

    #[test]
    fn a_switch_is_of_one_thing() {
        let catalogue = Catalogue::of(&bodies());
        let asked = |client: &str, instrument: &str, venue| {
            let request = SetKillSwitchRequest {
                client_id: client.to_owned(),
                instrument: instrument.to_owned(),
                venue,
                ..Default::default()
            };
            kill_scope(&request, &catalogue).map_err(|problem| problem.field.unwrap_or_default())
        };
        let (scope, shard) = asked("", "ETH-USDT", false).expect("it is listed");
        assert_eq!(scope, KillScope::Instrument(model::InstrumentId(2)));
        assert_eq!(shard.map(Partition::number), Some(1), "told where it is traded");
        assert_eq!(asked("", "", true).expect("all").0, KillScope::Venue);
        assert!(matches!(asked("alice", "", false), Ok((KillScope::Account(_), None))));
        for none in [("", "", false), ("alice", "", true), ("alice", "ETH-USDT", false)] {
            assert_eq!(asked(none.0, none.1, none.2), Err("client_id".into()));
        }
        assert_eq!(asked("", "NO-PE", false), Err("instrument".into()));
        let state = |state| {
            let client_id = "alice".to_owned();
            account_state(&SetAccountStateRequest { client_id, state, ..Default::default() })
        };
        assert_eq!(state(2).expect("one").1, AccountState::ReduceOnly);
        assert!(state(0).is_err() && state(7).is_err());
    }
}
