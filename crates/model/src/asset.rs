//! An asset: what balances are counted in.

use alloc::string::String;

use crate::{
    Amount,
    decimal::{self, DecimalError},
};

/// The number of an asset, given when it is listed; the same on every shard, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetId(pub u32);

/// An asset such as BTC or USD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its number.
    pub id: AssetId,
    /// Its code in upper case, such as `BTC`.
    pub code: String,
    /// How many digits after the point its smallest unit is; at most
    /// [`DECIMALS_MAX`](crate::decimal::DECIMALS_MAX).
    pub decimals: u8,
}

impl Asset {
    /// Reads decimal text as an amount of this asset.
    ///
    /// # Errors
    /// [`DecimalError`] where the text is not an exact amount.
    pub fn parse_amount(&self, text: &str) -> Result<Amount, DecimalError> {
        decimal::parse_units(text, self.decimals).map(Amount::from_units)
    }

    /// Writes an amount of this asset as decimal text without trailing zeros.
    pub fn format_amount(&self, amount: Amount) -> String {
        decimal::format_units(amount.units(), self.decimals)
    }
}
