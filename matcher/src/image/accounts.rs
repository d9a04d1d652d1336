//! The accounts' part of a snapshot.

use ledger_core::{
    AccountImage, Accounts, AccountsImage, AssetImage, Balance, Grant, MovementImage, MovementKind,
};
use model::{AccountHandle, AccountName, AssetId, KeyText, Partition};
use prost::Message;
use proto::{convert, log};

#[derive(Clone, PartialEq, Message)]
pub(super) struct AccountsWire {
    #[prost(message, optional, tag = "1")]
    grant: Option<GrantWire>,
    #[prost(message, repeated, tag = "2")]
    assets: Vec<AssetWire>,
    #[prost(message, repeated, tag = "3")]
    accounts: Vec<AccountWire>,
    #[prost(uint32, repeated, tag = "4")]
    free: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct GrantWire {
    #[prost(uint32, tag = "1")]
    quote_coins: u32,
    #[prost(uint32, tag = "2")]
    base_coins: u32,
}

#[derive(Clone, PartialEq, Message)]
struct AssetWire {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(message, optional, tag = "2")]
    grant: Option<log::Amount>,
    #[prost(message, optional, tag = "3")]
    faucet: Option<log::Amount>,
    #[prost(message, optional, tag = "4")]
    external: Option<log::Amount>,
    /// Absent where the house has earned nothing.
    #[prost(message, optional, tag = "5")]
    fees: Option<log::Amount>,
    /// Absent where nothing was corrected, or as much up as down.
    #[prost(message, optional, tag = "6")]
    adjustments: Option<log::Amount>,
}

#[derive(Clone, PartialEq, Message)]
struct AccountWire {
    #[prost(uint32, tag = "1")]
    handle: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint32, tag = "3")]
    granted: u32,
    #[prost(message, repeated, tag = "4")]
    balances: Vec<BalanceWire>,
    #[prost(message, repeated, tag = "5")]
    movements: Vec<MovementWire>,
    #[prost(message, repeated, tag = "6")]
    links: Vec<LinkWire>,
}

#[derive(Clone, PartialEq, Message)]
struct BalanceWire {
    #[prost(uint32, tag = "1")]
    asset_id: u32,
    #[prost(message, optional, tag = "2")]
    available: Option<log::Amount>,
    #[prost(message, optional, tag = "3")]
    held: Option<log::Amount>,
}

#[derive(Clone, PartialEq, Message)]
struct LinkWire {
    #[prost(uint32, tag = "1")]
    asset_id: u32,
    #[prost(message, optional, tag = "2")]
    amount: Option<log::Amount>,
}

#[derive(Clone, PartialEq, Message)]
struct MovementWire {
    #[prost(bool, tag = "1")]
    is_withdrawal: bool,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(uint32, tag = "3")]
    asset_id: u32,
    #[prost(message, optional, tag = "4")]
    amount: Option<log::Amount>,
    #[prost(bool, tag = "5")]
    is_adjustment: bool,
    /// Who was sent it, where it is a transfer.
    #[prost(string, tag = "6")]
    receiver: String,
}

pub(super) fn to_wire(image: &AccountsImage) -> AccountsWire {
    AccountsWire {
        grant: image.grant.map(|grant| GrantWire {
            quote_coins: grant.quote_coins,
            base_coins: grant.base_coins,
        }),
        assets: image.assets.iter().map(asset_to_wire).collect(),
        accounts: image.accounts.iter().map(account_to_wire).collect(),
        free: image.free.iter().map(|handle| handle.0).collect(),
    }
}

fn asset_to_wire(asset: &AssetImage) -> AssetWire {
    AssetWire {
        id: asset.id.0,
        grant: Some(convert::to_amount(asset.grant)),
        faucet: Some(convert::to_amount(asset.faucet)),
        external: Some(convert::to_amount(asset.external)),
        fees: unless_nothing(asset.fees),
        adjustments: unless_nothing(asset.adjustments),
    }
}

fn unless_nothing(amount: model::Amount) -> Option<log::Amount> {
    Some(amount).filter(|amount| !amount.is_zero()).map(convert::to_amount)
}

fn account_to_wire(account: &AccountImage) -> AccountWire {
    AccountWire {
        handle: account.handle.0,
        name: account.name.as_str().to_owned(),
        granted: account.granted,
        balances: account.balances.iter().map(balance_to_wire).collect(),
        movements: account.movements.iter().map(movement_to_wire).collect(),
        links: account.links.iter().map(link_to_wire).collect(),
    }
}

fn balance_to_wire((asset, balance): &(AssetId, Balance)) -> BalanceWire {
    BalanceWire {
        asset_id: asset.0,
        available: Some(convert::to_amount(balance.available)),
        held: Some(convert::to_amount(balance.held)),
    }
}

fn link_to_wire((asset, link): &(AssetId, model::Amount)) -> LinkWire {
    LinkWire { asset_id: asset.0, amount: Some(convert::to_amount(*link)) }
}

fn movement_to_wire(movement: &MovementImage) -> MovementWire {
    MovementWire {
        is_withdrawal: movement.kind == MovementKind::Withdrawal,
        is_adjustment: movement.kind == MovementKind::Adjustment,
        receiver: movement.to.as_ref().map_or_else(String::new, |to| to.as_str().to_owned()),
        id: movement.id.as_str().to_owned(),
        asset_id: movement.asset.0,
        amount: Some(convert::to_amount(movement.amount)),
    }
}

/// The accounts of one shard of so many, everything in them checked. Their seed is that of the
/// keys, which keep it.
pub(super) fn restore(
    wire: AccountsWire,
    seed: u128,
    (partition, partition_count): (Partition, u16),
) -> Result<Accounts, String> {
    let image = AccountsImage {
        grant: wire
            .grant
            .map(|grant| Grant { quote_coins: grant.quote_coins, base_coins: grant.base_coins }),
        seed,
        partition,
        partition_count,
        assets: wire.assets.iter().map(asset_from_wire).collect::<Result<_, _>>()?,
        accounts: wire.accounts.iter().map(account_from_wire).collect::<Result<_, _>>()?,
        free: wire.free.into_iter().map(AccountHandle).collect(),
    };
    Accounts::restore(image).map_err(|error| error.to_string())
}

fn amount(wire: Option<&log::Amount>) -> Result<model::Amount, String> {
    convert::amount(wire).map_err(|error| error.to_string())
}

fn asset_from_wire(wire: &AssetWire) -> Result<AssetImage, String> {
    Ok(AssetImage {
        id: AssetId(wire.id),
        grant: amount(wire.grant.as_ref())?,
        faucet: amount(wire.faucet.as_ref())?,
        external: amount(wire.external.as_ref())?,
        fees: amount(wire.fees.as_ref())?,
        adjustments: amount(wire.adjustments.as_ref())?,
    })
}

fn account_from_wire(wire: &AccountWire) -> Result<AccountImage, String> {
    Ok(AccountImage {
        handle: AccountHandle(wire.handle),
        name: AccountName::new(&wire.name).map_err(|error| error.to_string())?,
        granted: wire.granted,
        balances: wire.balances.iter().map(balance_from_wire).collect::<Result<_, _>>()?,
        movements: wire.movements.iter().map(movement_from_wire).collect::<Result<_, _>>()?,
        links: wire.links.iter().map(link_from_wire).collect::<Result<_, _>>()?,
    })
}

fn balance_from_wire(wire: &BalanceWire) -> Result<(AssetId, Balance), String> {
    let (available, held) = (amount(wire.available.as_ref())?, amount(wire.held.as_ref())?);
    Ok((AssetId(wire.asset_id), Balance { available, held }))
}

fn link_from_wire(wire: &LinkWire) -> Result<(AssetId, model::Amount), String> {
    Ok((AssetId(wire.asset_id), amount(wire.amount.as_ref())?))
}

fn movement_from_wire(wire: &MovementWire) -> Result<MovementImage, String> {
    let kind = match (wire.is_withdrawal, wire.is_adjustment, wire.receiver.is_empty()) {
        (false, false, true) => MovementKind::Deposit,
        (true, false, true) => MovementKind::Withdrawal,
        (false, true, true) => MovementKind::Adjustment,
        (false, false, false) => MovementKind::Transfer,
        _ => return Err(format!("movement {} is of two kinds", wire.id)),
    };
    let to = (kind == MovementKind::Transfer).then(|| AccountName::new(&wire.receiver));
    Ok(MovementImage {
        kind,
        to: to.transpose().map_err(|error| error.to_string())?,
        id: KeyText::new(&wire.id).map_err(|error| error.to_string())?,
        asset: AssetId(wire.asset_id),
        amount: amount(wire.amount.as_ref())?,
    })
}
