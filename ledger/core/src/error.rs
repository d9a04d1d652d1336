//! Why an operation on money is refused.

use model::Amount;
use thiserror::Error;

use crate::accounts::ACCOUNTS_MAX;

/// Why an operation is refused. It has then changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The asset is not listed.
    #[error("the asset is not listed")]
    UnknownAsset,
    /// An amount of zero or less.
    #[error("an amount must be above zero")]
    NotPositive,
    /// An adjustment of nothing.
    #[error("an adjustment must be of something")]
    Nothing,
    /// A transfer to oneself.
    #[error("an account cannot send money to itself")]
    SameAccount,
    /// A transfer to somebody who has no account.
    #[error("there is no account of this name")]
    UnknownAccount,
    /// The account has less available than is needed. What it holds for orders does not count.
    #[error("{} units are needed and {} are available", needed.units(), available.units())]
    InsufficientFunds {
        /// What the account could use.
        available: Amount,
        /// What was asked for.
        needed: Amount,
    },
    /// A deposit or an adjustment would take an asset beyond [`SUPPLY_MAX`](crate::SUPPLY_MAX).
    #[error("it would take the asset's supply beyond what sums can hold")]
    SupplyLimit,
    /// The external id was used before with another asset, amount or receiver.
    #[error("the id was used before with other content")]
    IdReused,
    /// There are [`ACCOUNTS_MAX`] accounts.
    #[error("there are {ACCOUNTS_MAX} accounts already")]
    TooManyAccounts,
}
