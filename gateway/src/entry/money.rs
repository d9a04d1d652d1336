//! Deposits and withdrawals.

use model::{AccountName, Amount, Asset, decimal::DecimalError};
use proto::command::Movement;

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
