//! Fee tiers, between the log's wire form and the domain.

use std::collections::BTreeSet;

use model::{AccountName, AssetId, FeeRate, FeeTier, Role, TierFees, TierVolumes, TiersError};

use super::{Malformed, fee_asset, number};
use crate::{
    command::OperatorWord,
    log,
    reference::{FeeTierTable, FeeTierVolume, InstrumentListing, ListingTier},
};

/// The most accounts that one command gives a tier: some 60 KB of log, and as much of its answer.
pub const TIERS_ASSIGNED_MAX: usize = 1_000;

/// A tier from the wire.
///
/// # Errors
/// [`Malformed`] above the highest.
pub fn fee_tier(wire: u32) -> Result<FeeTier, Malformed> {
    u8::try_from(wire).ok().and_then(FeeTier::new).ok_or(Malformed("tier"))
}

pub(super) fn assigned(wire: &log::AssignFeeTiers) -> Result<OperatorWord, Malformed> {
    if wire.accounts.is_empty() || wire.accounts.len() > TIERS_ASSIGNED_MAX {
        return Err(Malformed("accounts"));
    }
    let (mut named, mut tiers) = (BTreeSet::new(), Vec::with_capacity(wire.accounts.len()));
    for log::AssignedTier { account, tier } in &wire.accounts {
        let account = AccountName::new(account).map_err(|_| Malformed("account"))?;
        if !named.insert(account.clone()) {
            return Err(Malformed("account"));
        }
        tiers.push((account, fee_tier(*tier)?));
    }
    Ok(OperatorWord::AssignFeeTiers(tiers))
}

pub(super) fn assigned_to_wire(tiers: &[(AccountName, FeeTier)]) -> log::AssignFeeTiers {
    let one = |(account, tier): &(AccountName, FeeTier)| log::AssignedTier {
        account: account.as_str().to_owned(),
        tier: tier.number().into(),
    };
    log::AssignFeeTiers { accounts: tiers.iter().map(one).collect() }
}

/// What a listing charges accounts that have a tier.
///
/// # Errors
/// [`TiersError`] where it is none.
pub fn tier_fees(wire: &InstrumentListing) -> Result<TierFees, TiersError> {
    let charged_in = fee_asset(wire.fee_asset)?;
    let one = |wire: &ListingTier| {
        let tier = fee_tier(wire.tier).map_err(|_| TiersError::OutOfRange)?;
        let maker = FeeRate::from_millionths(wire.maker_fee_millionths)?;
        Ok((tier, maker, FeeRate::from_millionths(wire.taker_fee_millionths)?))
    };
    let tiers: Vec<_> = wire.fee_tiers.iter().map(one).collect::<Result<_, TiersError>>()?;
    TierFees::new(tiers, charged_in)
}

/// The same as a listing has it.
pub fn tier_fees_to_wire(fees: &TierFees) -> Vec<ListingTier> {
    let one = |(tier, fees): (FeeTier, model::Fees)| ListingTier {
        tier: tier.number().into(),
        maker_fee_millionths: fees.rate(Role::Maker).millionths(),
        taker_fee_millionths: fees.rate(Role::Taker).millionths(),
    };
    fees.listed().map(one).collect()
}

/// By what volume each tier is reached.
///
/// # Errors
/// [`TiersError`] where that is no table.
pub fn tier_volumes(wire: &FeeTierTable) -> Result<TierVolumes, TiersError> {
    let one = |wire: &FeeTierVolume| {
        let tier = fee_tier(wire.tier).map_err(|_| TiersError::OutOfRange)?;
        let volume = number::amount(wire.volume.as_ref()).map_err(|_| TiersError::NotPositive)?;
        Ok((tier, AssetId(wire.asset_id), volume))
    };
    let rows: Vec<_> = wire.volumes.iter().map(one).collect::<Result<_, TiersError>>()?;
    TierVolumes::new(rows)
}

/// The same on the wire.
pub fn tier_volumes_to_wire(table: &TierVolumes) -> FeeTierTable {
    let one = |(tier, asset, volume): (FeeTier, AssetId, model::Amount)| FeeTierVolume {
        tier: tier.number().into(),
        asset_id: asset.0,
        volume: Some(number::to_amount(volume)),
    };
    FeeTierTable { volumes: table.thresholds().map(one).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigning(accounts: &[(&str, u32)]) -> log::AssignFeeTiers {
        let one = |&(account, tier): &(&str, u32)| log::AssignedTier {
            account: account.to_owned(),
            tier,
        };
        log::AssignFeeTiers { accounts: accounts.iter().map(one).collect() }
    }

    #[test]
    fn tiers_survive_the_log() {
        let wire = assigning(&[("alice", 10), ("bob", 0)]);
        let word = assigned(&wire).expect("tiers");
        let OperatorWord::AssignFeeTiers(tiers) = &word else { panic!("{word:?}") };
        assert_eq!(assigned_to_wire(tiers), wire);
        let listed = vec![
            ListingTier { tier: 1, maker_fee_millionths: -5, taker_fee_millionths: 5 },
            ListingTier { tier: 10, maker_fee_millionths: 0, taker_fee_millionths: 1 },
        ];
        let listing = InstrumentListing { fee_tiers: listed.clone(), ..Default::default() };
        let fees = tier_fees(&listing).expect("tiers");
        assert_eq!(tier_fees_to_wire(&fees), listed);
        let volume = Some(log::Amount { units: 7, units_high: 0 });
        let table = FeeTierTable { volumes: vec![FeeTierVolume { tier: 2, asset_id: 3, volume }] };
        assert_eq!(tier_volumes_to_wire(&tier_volumes(&table).expect("a table")), table);
    }

    #[test]
    fn what_is_no_tier_names_its_field() {
        for (field, bad) in [
            ("accounts", assigning(&[])),
            ("tier", assigning(&[("alice", 11)])),
            ("account", assigning(&[("", 1)])),
            ("account", assigning(&[("alice", 1), ("alice", 2)])),
        ] {
            assert_eq!(assigned(&bad), Err(Malformed(field)));
        }
        let names: Vec<_> = (0..=TIERS_ASSIGNED_MAX).map(|number| number.to_string()).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        assert_eq!(assigned(&assigning(&many)), Err(Malformed("accounts")));
        assert!(assigned(&assigning(&many[1..])).is_ok());
        let none =
            FeeTierTable { volumes: vec![FeeTierVolume { tier: 1, asset_id: 1, volume: None }] };
        assert_eq!(tier_volumes(&none), Err(TiersError::NotPositive));
    }
}
