//! The part of a snapshot that says which fee tier accounts have.

use ledger_core::Accounts;
use model::{AccountName, FeeTier};
use prost::Message;
use proto::convert;

use crate::{limits::TIERED_ACCOUNTS_MAX, tier::Tiers};

/// The tier of an account.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TierWire {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(uint32, tag = "2")]
    tier: u32,
}

pub(super) fn to_wire(tiers: &Tiers) -> Vec<TierWire> {
    let one = |(name, tier): (&AccountName, &FeeTier)| TierWire {
        account: name.as_str().to_owned(),
        tier: tier.number().into(),
    };
    tiers.accounts.iter().map(one).collect()
}

pub(super) fn restore(wires: &[TierWire], accounts: &Accounts) -> Result<Tiers, String> {
    let mut tiers = Tiers::default();
    for TierWire { account, tier } in wires {
        let name = AccountName::new(account).map_err(|error| error.to_string())?;
        let tier = convert::fee_tier(*tier).map_err(|error| error.to_string())?;
        let is_next = tiers.accounts.last_key_value().is_none_or(|(last, _)| *last < name);
        let is_full = tiers.accounts.len() >= TIERED_ACCOUNTS_MAX;
        if !is_next || is_full || tier == FeeTier::STANDARD {
            return Err(format!("the fee tier of {account} is out of order, or none"));
        }
        tiers.accounts.insert(name.clone(), tier);
        tiers.note(&name, accounts.find(&name));
    }
    Ok(tiers)
}
