//! The fields of a request become a command, or a problem that names the field; pure.
//!
//! An order is checked in one straight ladder, and the first step that fails is what the client is
//! told: client, instrument, side, type, time in force, what else it says, then price, quantity and
//! quote quantity (whether each may stand there, then its value), then the key of retries. Numbers
//! are read from their text, exactly; what is off the grid is refused, never rounded.

mod after;
mod change;
mod control;
mod list;
mod money;
mod order;
mod tiers;
mod word;

pub use self::{
    after::{AfterFields, Ending, cancel_after, on_disconnect},
    change::{
        Cancel, CancelAll, FilterFields, NameFields, Named, Replacing, cancel, cancel_all, named,
        new_quantity, replace,
    },
    list::{ListFields, PlacedList, place_list},
    money::{MovementFields, adjustment, movement, transfer},
    order::{OrderFields, Placed, place},
    word::Word,
};

use std::sync::Arc;

use model::{AccountName, KeyText, OrderId};

pub(crate) use self::{
    control::{account_state, kill_scope, reset, risk_limits},
    list::within,
    tiers::{fee_tiers, tier_fees},
};

use crate::{
    problem::Problem,
    reference::{Catalogue, Listed},
};

/// The client's name, which has to be there.
///
/// # Errors
/// [`Problem`] where it is missing or not a name.
pub fn client(client_id: Option<&str>) -> Result<AccountName, Problem> {
    let text = client_id.ok_or_else(|| Problem::missing("client_id"))?;
    AccountName::new(text).map_err(|error| Problem::field("client_id", "bad_name", error))
}

/// An instrument by its symbol, which has to be there.
///
/// # Errors
/// [`Problem`] where it is missing or not listed.
pub fn instrument<'a>(
    symbol: Option<&str>,
    catalogue: &'a Catalogue,
) -> Result<&'a Arc<Listed>, Problem> {
    let symbol = symbol.ok_or_else(|| Problem::missing("instrument"))?;
    catalogue.instrument(symbol).ok_or_else(|| {
        let advice =
            "is not a listed instrument; write one as BTC-USDT, /api/v1/instruments has all";
        Problem::field("instrument", "unknown_instrument", advice)
    })
}

/// An order id from its digits.
///
/// # Errors
/// [`Problem`] where no order can have it.
pub fn order_id(text: &str) -> Result<OrderId, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.and_then(OrderId::from_number).ok_or_else(bad_order_id)
}

/// An order id from its number.
///
/// # Errors
/// [`Problem`] where no order can have it.
pub fn order_id_of(number: u64) -> Result<OrderId, Problem> {
    OrderId::from_number(number).ok_or_else(bad_order_id)
}

fn bad_order_id() -> Problem {
    Problem::field("id", "bad_order_id", "is not an order id; it is a whole number below 2^53")
}

/// The group of accounts in a request, which has to be there; `None` for 0, which is none.
///
/// # Errors
/// [`Problem`] where it is missing, or not a whole number below 2^53.
pub fn trade_group(text: Option<&str>) -> Result<Option<u64>, Problem> {
    const FIELD: &str = "trade_group_id";
    let text = text.ok_or_else(|| Problem::missing(FIELD))?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    trade_group_of(digits.then(|| text.parse().ok()).flatten().unwrap_or(u64::MAX))
}

/// The group of accounts of this number, likewise.
///
/// # Errors
/// [`Problem`] from 2^53 on.
pub fn trade_group_of(number: u64) -> Result<Option<u64>, Problem> {
    if number >= 1 << 53 {
        let advice = "is not a group; it is a whole number below 2^53, or 0 for none";
        return Err(Problem::field("trade_group_id", "bad_number", advice));
    }
    Ok(Some(number).filter(|group| *group > 0))
}

/// A key that makes a retry safe, in the field that it came in.
///
/// # Errors
/// [`Problem`] where it is not a key.
pub fn key(field: &'static str, text: &str) -> Result<KeyText, Problem> {
    KeyText::new(text).map_err(|error| Problem::field(field, "bad_key", error))
}

#[cfg(test)]
mod tests;
