//! What moves money by an id from outside, between the log's wire form and the domain.

use model::{AccountName, Amount, AssetId, KeyText};

use super::{Malformed, amount, to_amount};
use crate::{
    command::{Movement, OperatorWord, Transfer},
    log,
};

fn movement(asset: u32, wire: Option<&log::Amount>, id: &str) -> Result<Movement, Malformed> {
    let moved = amount(wire)?;
    if moved <= Amount::ZERO {
        return Err(Malformed("amount"));
    }
    let id = KeyText::new(id).map_err(|_| Malformed("id"))?;
    Ok(Movement { asset: AssetId(asset), amount: moved, id })
}

fn account(field: &'static str, name: &str) -> Result<AccountName, Malformed> {
    AccountName::new(name).map_err(|_| Malformed(field))
}

impl TryFrom<log::Deposit> for Movement {
    type Error = Malformed;

    fn try_from(wire: log::Deposit) -> Result<Self, Malformed> {
        movement(wire.asset_id, wire.amount.as_ref(), &wire.deposit_id)
    }
}

impl TryFrom<log::Withdrawal> for Movement {
    type Error = Malformed;

    fn try_from(wire: log::Withdrawal) -> Result<Self, Malformed> {
        movement(wire.asset_id, wire.amount.as_ref(), &wire.withdrawal_id)
    }
}

impl TryFrom<log::Transfer> for Transfer {
    type Error = Malformed;

    fn try_from(wire: log::Transfer) -> Result<Self, Malformed> {
        let movement = movement(wire.asset_id, wire.amount.as_ref(), &wire.transfer_id)?;
        Ok(Transfer { movement, receiver: account("receiver", &wire.receiver)? })
    }
}

impl From<&Movement> for log::Deposit {
    fn from(movement: &Movement) -> Self {
        log::Deposit {
            asset_id: movement.asset.0,
            amount: Some(to_amount(movement.amount)),
            deposit_id: movement.id.as_str().to_owned(),
        }
    }
}

impl From<&Movement> for log::Withdrawal {
    fn from(movement: &Movement) -> Self {
        log::Withdrawal {
            asset_id: movement.asset.0,
            amount: Some(to_amount(movement.amount)),
            withdrawal_id: movement.id.as_str().to_owned(),
        }
    }
}

impl From<&Transfer> for log::Transfer {
    fn from(transfer: &Transfer) -> Self {
        let Transfer { movement, receiver } = transfer;
        log::Transfer {
            asset_id: movement.asset.0,
            amount: Some(to_amount(movement.amount)),
            transfer_id: movement.id.as_str().to_owned(),
            receiver: receiver.as_str().to_owned(),
        }
    }
}

/// A correction: its amount may be below zero, but is not nothing.
pub(super) fn adjustment(wire: &log::Adjustment) -> Result<OperatorWord, Malformed> {
    let amount = amount(wire.amount.as_ref())?;
    if amount.is_zero() {
        return Err(Malformed("amount"));
    }
    let id = KeyText::new(&wire.adjustment_id).map_err(|_| Malformed("id"))?;
    Ok(OperatorWord::Adjust {
        account: account("account", &wire.account)?,
        movement: Movement { asset: AssetId(wire.asset_id), amount, id },
    })
}

pub(super) fn adjustment_to_wire(account: &AccountName, movement: &Movement) -> log::Adjustment {
    log::Adjustment {
        account: account.as_str().to_owned(),
        asset_id: movement.asset.0,
        amount: Some(to_amount(movement.amount)),
        adjustment_id: movement.id.as_str().to_owned(),
    }
}

/// The longest id of a reset: with the asset it makes the id of each correction.
pub const RESET_ID_BYTES_MAX: usize = 40;

pub(super) fn reset(wire: &log::ResetAccount) -> Result<OperatorWord, Malformed> {
    if wire.reset_id.len() > RESET_ID_BYTES_MAX {
        return Err(Malformed("reset_id"));
    }
    Ok(OperatorWord::Reset {
        account: account("account", &wire.account)?,
        id: KeyText::new(&wire.reset_id).map_err(|_| Malformed("reset_id"))?,
    })
}

pub(super) fn reset_to_wire(account: &AccountName, id: &KeyText) -> log::ResetAccount {
    log::ResetAccount { account: account.as_str().to_owned(), reset_id: id.as_str().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(units: i128) -> Movement {
        let id = KeyText::new("t1").expect("a good id");
        Movement { asset: AssetId(3), amount: Amount::from_units(units), id }
    }

    fn alice() -> AccountName {
        AccountName::new("alice").expect("a good name")
    }

    #[test]
    fn transfers_and_adjustments_survive_the_log() {
        let transfer = Transfer { movement: moved(7), receiver: alice() };
        assert_eq!(Transfer::try_from(log::Transfer::from(&transfer)), Ok(transfer));
        for units in [7, -7] {
            let wire = adjustment_to_wire(&alice(), &moved(units));
            let word = OperatorWord::Adjust { account: alice(), movement: moved(units) };
            assert_eq!(adjustment(&wire), Ok(word));
        }
        let id = KeyText::new("again").expect("a good id");
        let word = OperatorWord::Reset { account: alice(), id: id.clone() };
        assert_eq!(reset(&reset_to_wire(&alice(), &id)), Ok(word));
        let long = log::ResetAccount {
            reset_id: "x".repeat(RESET_ID_BYTES_MAX + 1),
            ..reset_to_wire(&alice(), &id)
        };
        assert_eq!(reset(&long), Err(Malformed("reset_id")));
    }

    #[test]
    fn what_is_none_names_its_field() {
        let good = log::Transfer::from(&Transfer { movement: moved(7), receiver: alice() });
        for (field, bad) in [
            ("amount", log::Transfer { amount: Some(to_amount(-moved(7).amount)), ..good.clone() }),
            ("id", log::Transfer { transfer_id: String::new(), ..good.clone() }),
            ("receiver", log::Transfer { receiver: String::new(), ..good }),
        ] {
            assert_eq!(Transfer::try_from(bad), Err(Malformed(field)));
        }
        let good = adjustment_to_wire(&alice(), &moved(7));
        for (field, bad) in [
            ("amount", log::Adjustment { amount: None, ..good.clone() }),
            ("id", log::Adjustment { adjustment_id: String::new(), ..good.clone() }),
            ("account", log::Adjustment { account: String::new(), ..good }),
        ] {
            assert_eq!(adjustment(&bad), Err(Malformed(field)));
        }
    }
}
