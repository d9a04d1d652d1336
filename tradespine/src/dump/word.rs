//! The small parts of a line: amounts, listings, bytes.

use std::fmt::Write;

use model::{AccountState, FeeAsset, Side, Timestamp};
use proto::{
    convert,
    link::{LinkItem, LinkKind},
    log::{self, AdminDecision},
    reference::{
        Credential, CredentialScope, InstrumentListing, OperatorRole, PriceBand, ReferenceRecord,
        reference_body::Body,
    },
    text,
};

use super::{control, filters};

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

/// What a market is open for.
fn market_state(wire: i32) -> &'static str {
    convert::market_state_from_wire(wire).map_or("in no known state", text::market_state)
}

/// That a market is open for something else.
pub(super) fn market(changed: &log::MarketStateChanged) -> String {
    let log::MarketStateChanged { instrument_id, state, sequence, opens_at_unix_nanos } = *changed;
    let state = market_state(state);
    let until = match opens_at_unix_nanos {
        0 => String::new(),
        nanos => format!(" until {}", text::rfc3339(Timestamp::from_unix_nanos(nanos))),
    };
    format!("the market of instrument {instrument_id} is {state}{until} after depth {sequence}")
}

/// What the auction of a market would do.
pub(super) fn indication(told: &log::AuctionIndicated) -> String {
    let log::AuctionIndicated { instrument_id, price_ticks, volume_lots, .. } = *told;
    if price_ticks == 0 {
        return format!("in an auction of instrument {instrument_id} nothing would trade");
    }
    let left = match convert::side_from_wire(told.imbalance_side) {
        Ok(Side::Buy) => format!(", {} more would be bought", told.imbalance_lots),
        Ok(Side::Sell) => format!(", {} more would be sold", told.imbalance_lots),
        Err(_) => String::new(),
    };
    format!(
        "in an auction of instrument {instrument_id} {volume_lots} lots would trade @ {price_ticks} \
         ticks{left}"
    )
}

/// An amount in its asset's smallest unit.
pub(super) fn amount(wire: Option<&log::Amount>) -> String {
    match convert::amount(wire) {
        Ok(amount) => amount.units().to_string(),
        Err(error) => format!("({error})"),
    }
}

/// A run of items from another shard.
pub(super) fn link_run(run: &log::LinkRun) -> String {
    let mut parts = vec![format!("run from shard {}, which has taken {}", run.source, run.taken)];
    let numbered = (run.first_link_seq..).zip(&run.items);
    parts.extend(numbered.map(|(link_seq, item)| format!("item {link_seq}: {}", link_item(item))));
    parts.join("; ")
}

/// What one shard says to another.
pub(super) fn link_item(wire: &log::LinkItem) -> String {
    let item = match LinkItem::try_from(wire) {
        Ok(item) => item,
        Err(malformed) => return format!("malformed item: {malformed}"),
    };
    let what = match item.kind {
        LinkKind::Asked { wanted, least } => {
            format!("asks for {} units, at least {}", wanted.units(), least.units())
        }
        LinkKind::Recalled { wanted } => format!("recalls {} units", wanted.units()),
        LinkKind::Returned { amount } => format!("returns {} units", amount.units()),
        LinkKind::Granted { amount } => format!("grants {} units", amount.units()),
        LinkKind::Transferred { amount, sender, id } => {
            format!("is sent {} units by {sender}, transfer {id}", amount.units())
        }
        LinkKind::TransferAnswered { returned, sender, id } if returned.is_zero() => {
            format!("has taken transfer {id} of {sender}")
        }
        LinkKind::TransferAnswered { returned, sender, id } => {
            format!("returns {} units, transfer {id} of {sender}", returned.units())
        }
    };
    format!("{} asset {}, {what}", item.account, item.asset.0)
}

/// What a log is, as it was founded.
pub(super) fn genesis(genesis: &log::Genesis) -> String {
    format!(
        "genesis: log {}, partitions {}, {}, keys are kept {} s, behaviour {}",
        hex(&genesis.log_id),
        genesis.partition_count,
        if genesis.sandbox { "sandbox" } else { "no sandbox" },
        genesis.key_retention_nanos / 1_000_000_000,
        genesis.behaviour.max(1),
    )
}

/// What trading costs, where it costs anything.
fn fees(listing: &InstrumentListing) -> String {
    let (maker, taker) = (listing.maker_fee_millionths, listing.taker_fee_millionths);
    if (maker, taker) == (0, 0) {
        return String::new();
    }
    let asset = match convert::fee_asset(listing.fee_asset) {
        Ok(FeeAsset::Quote) => "the quote asset",
        Ok(FeeAsset::Received) => "what is received",
        Err(_) => "an asset that this program does not know",
    };
    format!(", fees {maker} maker and {taker} taker millionths in {asset}")
}

/// Where an instrument stops for an auction.
fn price_band(band: PriceBand) -> String {
    let PriceBand { width_bps, reference_secs, auction_secs } = band;
    let until = match reference_secs {
        0 => "the last auction's price".to_owned(),
        secs => format!("a price of the last {secs} s"),
    };
    format!(", stops for {auction_secs} s beyond {width_bps} bps of {until}")
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
             partition {}{}{}{}",
            listing.id,
            listing.base_asset_id,
            listing.quote_asset_id,
            listing.tick_size_units,
            listing.lot_size_units,
            listing.price_protection_bps,
            listing.partition,
            fees(listing) + &control::tier_fees(listing),
            filters::words(listing.filters.as_ref()),
            listing.price_band.map_or_else(String::new, price_band)
        ),
        Some(Body::Credential(wire)) => format!("{title}: {}", credential(wire)),
        Some(Body::FeeTiers(table)) => format!("{title}: {}", control::tier_table(table)),
        None => format!("{title}: no body"),
    }
}

/// A call of those who run the platform, and whether it was let in.
pub(crate) fn admin_call(call: &log::AdminCall) -> String {
    let log::AdminCall { method, source, unrecorded, .. } = call;
    let decision = match call.decision() {
        AdminDecision::Allowed => "let in",
        AdminDecision::Unknown => "not let in, it bore no token that is one",
        AdminDecision::Forbidden => "not let in, their role does not reach",
        AdminDecision::Unspecified => "of which this program does not know whether it was let in",
    };
    let source = if source.is_empty() { "somewhere" } else { source };
    let more = match unrecorded {
        0 => String::new(),
        count => format!(", and {count} before it have no entry of their own"),
    };
    format!("called {method} from {source}: {decision}{more}")
}

/// A token, without what could be held against one.
fn credential(wire: &Credential) -> String {
    let scope = match (CredentialScope::try_from(wire.scope), OperatorRole::try_from(wire.role)) {
        (Ok(CredentialScope::Read), _) => "to read",
        (Ok(CredentialScope::Trade), _) => "to trade",
        (Ok(CredentialScope::Fund), _) => "to trade and to book deposits",
        (_, Ok(OperatorRole::Viewer)) => "to look at the platform",
        (_, Ok(OperatorRole::Operator)) => "to run the market",
        (_, Ok(OperatorRole::Admin)) => "to run the platform",
        _ => "for what this program does not know",
    };
    let Credential { id, account, operator, .. } = wire;
    let holder = if operator.is_empty() { account } else { operator };
    let end = match (wire.revoked, wire.expires_at_unix_nanos) {
        (true, _) => ", revoked".to_owned(),
        (false, 0) => String::new(),
        (false, nanos) => {
            format!(", until {}", text::rfc3339(Timestamp::from_unix_nanos(nanos)))
        }
    };
    format!("token {id} of {holder} {scope}{end}")
}

/// A group of accounts, or none.
pub(super) fn trade_group(group: Option<u64>) -> String {
    group.map_or_else(|| "no trade group".to_owned(), |group| format!("trade group {group}"))
}

/// What an account may do.
pub(super) const fn account_state(state: AccountState) -> &'static str {
    match state {
        AccountState::Active => "active",
        AccountState::ReduceOnly => "reduce-only",
        AccountState::Suspended => "suspended",
    }
}
