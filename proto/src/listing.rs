//! Under which keys reference data is listed, where more than one place has to know it.
//! Credentials' are in [`credential`](crate::credential).

use model::InstrumentId;

/// The key of the thresholds of fee tiers: there is one table.
pub const FEE_TIERS_KEY: &str = "fee-tiers";

/// The key of an instrument.
pub fn instrument_key(id: InstrumentId) -> String {
    format!("instrument/{}", id.0)
}
