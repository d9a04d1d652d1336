//! The small parts of a line: amounts, listings, bytes.

use std::fmt::Write;

use proto::{
    convert, log,
    reference::{ReferenceRecord, reference_body::Body},
};

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Bytes that are no record.
pub(super) fn undecodable(bytes: &[u8], error: &dyn std::error::Error) -> String {
    format!("not understood ({} bytes): {error}", bytes.len())
}

/// An amount in its asset's smallest unit.
pub(super) fn amount(wire: Option<&log::Amount>) -> String {
    match convert::amount(wire) {
        Ok(amount) => amount.units().to_string(),
        Err(error) => format!("({error})"),
    }
}

/// What a log is, as it was founded.
pub(super) fn genesis(genesis: &log::Genesis) -> String {
    format!(
        "genesis: log {}, partitions {}, {}, keys are kept {} s",
        hex(&genesis.log_id),
        genesis.partition_count,
        if genesis.sandbox { "sandbox" } else { "no sandbox" },
        genesis.key_retention_nanos / 1_000_000_000,
    )
}

/// A listing.
pub(super) fn reference(record: &ReferenceRecord) -> String {
    let title = format!("reference {} version {}", record.key, record.version);
    match record.body.as_ref().and_then(|body| body.body.as_ref()) {
        Some(Body::Asset(asset)) => format!(
            "{title}: asset {} {}, {} decimals, grant {}",
            asset.id, asset.code, asset.decimals, asset.sandbox_grant_units
        ),
        Some(Body::Instrument(listing)) => format!(
            "{title}: instrument {} of assets {}/{}, tick {}, lot {}, protection {} bps, \
             partition {}",
            listing.id,
            listing.base_asset_id,
            listing.quote_asset_id,
            listing.tick_size_units,
            listing.lot_size_units,
            listing.price_protection_bps,
            listing.partition
        ),
        None => format!("{title}: no body"),
    }
}
