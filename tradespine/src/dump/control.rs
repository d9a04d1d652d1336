//! What those who run the platform let accounts do and charge them, in words.

use model::{AccountName, FeeTier};
use proto::{
    convert,
    log::{AccountControlled, KillSwitchTurned, RiskLimits},
    reference::{FeeTierTable, InstrumentListing},
};

use super::word;

/// Accounts that are given a tier.
pub(super) fn assigned(tiers: &[(AccountName, FeeTier)]) -> String {
    let one = |(account, tier): &(AccountName, FeeTier)| format!("{account} {}", tier.number());
    format!("fee tiers: {}", tiers.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// What is in force of an account.
pub(super) fn controlled(account: &str, said: &AccountControlled) -> String {
    let state = convert::account_state(said.state).map_or("?", word::account_state);
    let killed = if said.killed { ", stopped" } else { "" };
    let tier = match said.fee_tier {
        0 => String::new(),
        tier => format!(", fee tier {tier}"),
    };
    format!("{account} is {state}{killed}{tier}{}", limits(said.limits.as_ref()))
}

fn limits(limits: Option<&RiskLimits>) -> String {
    match convert::risk_limits(limits) {
        Ok(none) if none == model::RiskLimits::default() => String::new(),
        Ok(limits) => format!(", may risk {limits:?}"),
        Err(malformed) => format!(", malformed limits: {malformed}"),
    }
}

/// A switch that was turned.
pub(super) fn turned(switch: &KillSwitchTurned) -> String {
    let what = match switch.instrument_id {
        0 => "all trading".to_owned(),
        instrument => format!("instrument {instrument}"),
    };
    format!("{what} is {}", if switch.engaged { "stopped" } else { "released" })
}

/// What a listing charges accounts that have a tier.
pub(super) fn tier_fees(listing: &InstrumentListing) -> String {
    match convert::tier_fees(listing) {
        Ok(fees) if fees == model::TierFees::NONE => String::new(),
        Ok(fees) => format!(", fee tiers {}", fees.to_text()),
        Err(error) => format!(", fee tiers that are none: {error}"),
    }
}

/// By what volume each tier is reached.
pub(super) fn tier_table(table: &FeeTierTable) -> String {
    match convert::tier_volumes(table) {
        Ok(volumes) => {
            let rows = volumes.thresholds().map(|(tier, asset, volume)| {
                format!("{} by {} units of asset {}", tier.number(), volume.units(), asset.0)
            });
            format!("fee tiers {}", rows.collect::<Vec<_>>().join(", "))
        }
        Err(error) => format!("fee tiers that are none: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_and_controls_are_told_in_words() {
        let name = |text| AccountName::new(text).expect("a good name");
        let tier = |number| FeeTier::new(number).expect("a tier");
        let tiers = [(name("alice"), tier(3)), (name("bob"), tier(0))];
        assert_eq!(assigned(&tiers), "fee tiers: alice 3, bob 0");
        let said = AccountControlled { state: 2, killed: true, fee_tier: 4, ..Default::default() };
        assert_eq!(controlled("alice", &said), "alice is reduce-only, stopped, fee tier 4");
        let limits = Some(RiskLimits { max_open_orders: 7, ..Default::default() });
        let said = AccountControlled { state: 1, limits, ..Default::default() };
        assert!(controlled("alice", &said).starts_with("alice is active, may risk "));
        let of = |instrument_id, engaged| turned(&KillSwitchTurned { instrument_id, engaged });
        assert_eq!(
            [of(0, true), of(3, false)],
            ["all trading is stopped", "instrument 3 is released"]
        );
        let volume = proto::reference::FeeTierVolume {
            tier: 2,
            asset_id: 7,
            volume: Some(proto::log::Amount { units: 50, units_high: 0 }),
        };
        let table = FeeTierTable { volumes: vec![volume] };
        assert_eq!(tier_table(&table), "fee tiers 2 by 50 units of asset 7");
    }
}
