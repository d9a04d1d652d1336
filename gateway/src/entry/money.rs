//! Deposits, withdrawals, transfers and adjustments.

use model::{AccountName, Amount, Asset, decimal::DecimalError};
use proto::command::{Movement, Transfer};

use super::{client, key};
use crate::{problem::Problem, reference::Catalogue};

/// A movement's fields as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct MovementFields<'a> {
    /// Whose money it is.
    pub client_id: Option<&'a str>,
    /// The code of the asset.
    pub asset: Option<&'a str>,
    /// Decimal text.
    pub amount: Option<&'a str>,
    /// The movement's own id.
    pub id: Option<&'a str>,
    /// What the protocol calls that field.
    pub id_field: &'static str,
}

/// Checks a movement: client, asset, amount, id, in this order.
///
/// # Errors
/// [`Problem`], by the first that is wrong.
pub fn movement(
    fields: &MovementFields<'_>,
    catalogue: &Catalogue,
) -> Result<(AccountName, Movement), Problem> {
    let account = client(fields.client_id)?;
    let code = fields.asset.ok_or_else(|| Problem::missing("asset"))?;
    let asset = catalogue.asset(code).ok_or_else(|| {
        Problem::field("asset", "unknown_asset", "is not a listed asset; write one as USDT")
    })?;
    let amount = amount(fields.amount, asset)?;
    let id = fields.id.ok_or_else(|| Problem::missing(fields.id_field))?;
    Ok((account, Movement { asset: asset.id, amount, id: key(fields.id_field, id)? }))
}

/// Checks a transfer: who sends it, asset, amount, id, who is sent it, in this order.
///
/// # Errors
/// [`Problem`], by the first that is wrong.
pub fn transfer(
    fields: &MovementFields<'_>,
    to: Option<&str>,
    catalogue: &Catalogue,
) -> Result<(AccountName, Transfer), Problem> {
    let (sender, movement) = movement(fields, catalogue)?;
    let receiver = to.ok_or_else(|| Problem::missing("to"))?;
    let receiver =
        AccountName::new(receiver).map_err(|error| Problem::field("to", "bad_name", error))?;
    if receiver == sender {
        return Err(Problem::field(
            "to",
            "same_account",
            "must be another account than the sender",
        ));
    }
    Ok((sender, Transfer { movement, receiver }))
}

/// Checks an adjustment, whose amount is taken where it begins with a minus.
///
/// # Errors
/// [`Problem`], by the first that is wrong.
pub fn adjustment(
    fields: &MovementFields<'_>,
    catalogue: &Catalogue,
) -> Result<(AccountName, Movement), Problem> {
    let taken = fields.amount.and_then(|text| text.strip_prefix('-'));
    let (account, movement) =
        self::movement(&MovementFields { amount: taken.or(fields.amount), ..*fields }, catalogue)?;
    let amount = if taken.is_some() { -movement.amount } else { movement.amount };
    Ok((account, Movement { amount, ..movement }))
}

fn amount(text: Option<&str>, asset: &Asset) -> Result<Amount, Problem> {
    let text = text.ok_or_else(|| Problem::missing("amount"))?;
    match asset.parse_amount(text) {
        Ok(amount) if amount.is_zero() => {
            Err(Problem::field("amount", "zero", "must be above zero"))
        }
        Ok(amount) => Ok(amount),
        Err(error @ DecimalError::TooLarge) => Err(Problem::field("amount", "too_large", error)),
        Err(error) => Err(Problem::field("amount", "bad_number", error)),
    }
}
