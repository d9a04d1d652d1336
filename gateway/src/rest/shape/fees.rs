//! Fees, tiers and limits as JSON.

use proto::{
    convert,
    ledger::{
        AssetLimits, AssetVolume, GetAccountControlsResponse, GetAccountFeesResponse,
        InstrumentRates,
    },
    reference::{TierFees, TierThreshold},
    text,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{instant, some};

/// What an instrument charges from a fee tier on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TierFees)]
pub(crate) struct TierFeesView {
    tier: u32,
    #[schema(example = "0.0008")]
    maker_fee: String,
    #[schema(example = "0.0015")]
    taker_fee: String,
}

impl TierFeesView {
    pub(super) fn of(fees: TierFees) -> TierFeesView {
        let TierFees { tier, maker_fee, taker_fee } = fees;
        TierFeesView { tier, maker_fee, taker_fee }
    }
}

/// A fee tier is reached by this much volume of thirty days that was paid in this asset, or by that
/// of another row of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FeeTierThreshold)]
pub(crate) struct ThresholdView {
    tier: u32,
    #[schema(example = "USDT")]
    asset: String,
    #[schema(example = "100000")]
    volume: String,
}

impl ThresholdView {
    pub(crate) fn of(threshold: TierThreshold) -> ThresholdView {
        let TierThreshold { tier, asset, volume } = threshold;
        ThresholdView { tier, asset, volume }
    }
}

/// What an account is charged, and what it has traded in thirty days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountFees)]
pub(crate) struct AccountFeesView {
    client_id: String,
    /// 0 is everybody's.
    fee_tier: u32,
    volumes: Vec<VolumeView>,
    /// What was traded after this instant counts,
    from: Option<String>,
    /// and up to this one: thirty days of the log's time.
    until: Option<String>,
    /// What an order is charged that is accepted now, by symbol.
    rates: Vec<RatesView>,
}

/// What was traded that was paid in an asset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Volume)]
struct VolumeView {
    asset: String,
    volume: String,
}

/// Fractions of what is charged; below zero a rebate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rates)]
struct RatesView {
    #[schema(example = "BTC-USDT")]
    instrument: String,
    #[schema(example = "0.001")]
    maker_fee: String,
    #[schema(example = "0.002")]
    taker_fee: String,
    /// quote or received.
    #[schema(example = "quote")]
    fee_asset: &'static str,
}

impl AccountFeesView {
    pub(crate) fn of(fees: GetAccountFeesResponse) -> AccountFeesView {
        let volume = |AssetVolume { asset, volume }| VolumeView { asset, volume };
        let rates = |rates: InstrumentRates| RatesView {
            fee_asset: text::fee_asset(rates.fee_asset()),
            instrument: rates.instrument,
            maker_fee: rates.maker_fee,
            taker_fee: rates.taker_fee,
        };
        AccountFeesView {
            client_id: fees.client_id,
            fee_tier: fees.fee_tier,
            volumes: fees.volumes.into_iter().map(volume).collect(),
            from: instant(fees.from.as_ref()),
            until: instant(fees.until.as_ref()),
            rates: fees.rates.into_iter().map(rates).collect(),
        }
    }
}

/// What an account may do and risk. What is not there, or 0, bounds nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountLimits)]
pub(crate) struct AccountLimitsView {
    client_id: String,
    /// active, reduce_only or suspended.
    #[schema(example = "active")]
    state: Option<&'static str>,
    /// Whether its own kill switch is engaged: no order is taken.
    killed: bool,
    assets: Vec<AssetLimitsView>,
    max_open_orders: u32,
    orders_per_second: u32,
    order_burst: u32,
    price_collar_bps: u32,
    /// Shards on which something else is in force; mostly for moments.
    differing_partitions: Vec<u32>,
}

/// Limits of one asset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AssetLimits)]
struct AssetLimitsView {
    asset: String,
    /// Of one order that is paid in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_order_notional: Option<String>,
    /// Of what the account has of it and buys.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_position: Option<String>,
}

impl AccountLimitsView {
    pub(crate) fn of(controls: GetAccountControlsResponse) -> AccountLimitsView {
        let limits = |limits: AssetLimits| AssetLimitsView {
            asset: limits.asset,
            max_order_notional: some(limits.max_order_notional),
            max_position: some(limits.max_position),
        };
        AccountLimitsView {
            state: convert::account_state(controls.state).ok().map(text::account_state),
            client_id: controls.client_id,
            killed: controls.killed,
            assets: controls.assets.into_iter().map(limits).collect(),
            max_open_orders: controls.max_open_orders,
            orders_per_second: controls.orders_per_second,
            order_burst: controls.order_burst,
            price_collar_bps: controls.price_collar_bps,
            differing_partitions: controls.differing_partitions,
        }
    }
}
