//! What those who run the platform ask of accounts and of trading.

use model::{
    AccountName, AccountState, Amount, AssetLimit, KeyText, OrderRate, Partition, RiskLimits,
};
use proto::{
    admin::{
        AssetRisk, ResetAccountRequest, SetAccountStateRequest, SetKillSwitchRequest,
        SetRiskLimitsRequest,
    },
    command::KillScope,
    convert,
};

use super::{client, instrument};
use crate::{
    problem::{Kind, Problem},
    reference::Catalogue,
};

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

/// Whose account is to begin anew, and by which id.
///
/// # Errors
/// [`Problem`] that names the field.
pub(crate) fn reset(asked: &ResetAccountRequest) -> Result<(AccountName, KeyText), Problem> {
    const FIELD: &str = "reset_id";
    let account = client(some(&asked.client_id))?;
    let text = some(&asked.reset_id).ok_or_else(|| Problem::missing(FIELD))?;
    if text.len() > convert::RESET_ID_BYTES_MAX {
        let advice = format!("is longer than {} bytes", convert::RESET_ID_BYTES_MAX);
        return Err(Problem::field(FIELD, "bad_key", advice));
    }
    let id = KeyText::new(text).map_err(|error| Problem::field(FIELD, "bad_key", error))?;
    Ok((account, id))
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

/// What an account may risk.
///
/// # Errors
/// [`Problem`] that names the field.
pub(crate) fn risk_limits(
    asked: &SetRiskLimitsRequest,
    catalogue: &Catalogue,
) -> Result<(AccountName, RiskLimits), Problem> {
    let account = client(some(&asked.client_id))?;
    let mut assets = Vec::new();
    for AssetRisk { asset: code, max_order_notional, max_position } in &asked.assets {
        let asset = catalogue.asset(code).ok_or_else(|| {
            Problem::field("asset", "unknown_asset", "is not a listed asset; write one as USDT")
        })?;
        let amount = |field, text: &str| match some(text) {
            None => Ok(Amount::ZERO),
            Some(text) => {
                asset.parse_amount(text).map_err(|error| Problem::field(field, "bad_number", error))
            }
        };
        assets.push(AssetLimit {
            asset: asset.id,
            max_order_notional: amount("max_order_notional", max_order_notional)?,
            max_position: amount("max_position", max_position)?,
        });
    }
    assets.sort_unstable_by_key(|limit| limit.asset);
    let (per_second, burst) = match (asked.orders_per_second, asked.order_burst) {
        (per_second, 0) => (per_second, per_second),
        both => both,
    };
    let limits = RiskLimits {
        assets,
        max_open_orders: asked.max_open_orders,
        rate: ((per_second, burst) != (0, 0)).then_some(OrderRate { per_second, burst }),
        price_collar_bps: asked.price_collar_bps,
    };
    let checked = limits.check();
    checked.map_err(|error| Problem::new(Kind::Malformed, "bad_limits", error.to_string()))?;
    Ok((account, limits))
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::tests::bodies;

    #[test]
    fn limits_are_read_in_the_decimals_of_their_asset_and_whole() {
        let catalogue = Catalogue::of(&bodies());
        let risk = |asset: &str, notional: &str, position: &str| AssetRisk {
            asset: asset.to_owned(),
            max_order_notional: notional.to_owned(),
            max_position: position.to_owned(),
        };
        let request = |assets, orders_per_second, order_burst| SetRiskLimitsRequest {
            client_id: "alice".to_owned(),
            assets,
            orders_per_second,
            order_burst,
            ..Default::default()
        };
        let both = vec![risk("USDT", "10", ""), risk("BTC", "", "0.5")];
        let (_, limits) = risk_limits(&request(both, 5, 0), &catalogue).expect("good limits");
        let units: Vec<_> = limits
            .assets
            .iter()
            .map(|of| (of.asset.0, of.max_order_notional.units(), of.max_position.units()))
            .collect();
        assert_eq!(units, [(1, 0, 50_000_000), (2, 1_000_000_000, 0)]);
        assert_eq!(limits.rate, Some(OrderRate { per_second: 5, burst: 5 }));
        let code = |request| risk_limits(&request, &catalogue).expect_err("it cannot be").code;
        assert_eq!(code(request(vec![risk("NO", "1", "")], 0, 0)), "unknown_asset");
        assert_eq!(code(request(vec![risk("BTC", "-1", "")], 0, 0)), "bad_number");
        assert_eq!(code(request(vec![risk("BTC", "1", ""); 2], 0, 0)), "bad_limits");
        assert_eq!(code(request(Vec::new(), 0, 7)), "bad_limits");
    }

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
        let again = |reset_id: String| {
            let client_id = "alice".to_owned();
            reset(&ResetAccountRequest { client_id, reset_id, ..Default::default() })
        };
        assert_eq!(again("x".repeat(40)).expect("an id").1.as_str(), "x".repeat(40));
        for bad in [String::new(), "x".repeat(41), "a b".to_owned()] {
            assert_eq!(again(bad).expect_err("none").field, Some("reset_id".into()));
        }
    }
}
