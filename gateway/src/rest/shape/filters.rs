//! An instrument's filters and its price band as REST shows them.

use proto::reference::{InstrumentFilters, PriceBand};
use serde::Serialize;
use utoipa::ToSchema;

/// What an instrument takes of orders when they come. What is not there bounds nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstrumentFilters)]
pub(in crate::rest) struct FiltersView {
    /// The least price and stop_price.
    #[schema(example = "0.01")]
    #[serde(skip_serializing_if = "Option::is_none")]
    min_price: Option<String>,
    /// The most.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_price: Option<String>,
    /// What they must be multiples of.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_step: Option<String>,
    /// The least quantity and display_quantity.
    #[schema(example = "0.0001")]
    #[serde(skip_serializing_if = "Option::is_none")]
    min_quantity: Option<String>,
    /// The most.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_quantity: Option<String>,
    /// What they must be multiples of.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity_step: Option<String>,
    /// The least quantity of a market order.
    #[serde(skip_serializing_if = "Option::is_none")]
    market_min_quantity: Option<String>,
    /// The most.
    #[serde(skip_serializing_if = "Option::is_none")]
    market_max_quantity: Option<String>,
    /// What it must be a multiple of.
    #[serde(skip_serializing_if = "Option::is_none")]
    market_quantity_step: Option<String>,
    /// The least that price times quantity may be.
    #[schema(example = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    min_notional: Option<String>,
    /// The most.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_notional: Option<String>,
    /// Whether the least is asked of market orders too: by quantity at the last trade's price.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_notional_on_market: Option<bool>,
    /// Whether the most is.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_notional_on_market: Option<bool>,
    /// How many times the last trade's price a buyer may offer at most.
    #[schema(example = "1.2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    bid_multiplier_up: Option<String>,
    /// And at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    bid_multiplier_down: Option<String>,
    /// How many times that price a seller may ask at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_multiplier_up: Option<String>,
    /// And at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_multiplier_down: Option<String>,
    /// How many orders an account may have open in it.
    #[schema(example = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_orders: Option<u32>,
    /// How many of them may wait for a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_algo_orders: Option<u32>,
    /// In how many parts an iceberg may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_iceberg_parts: Option<u32>,
    /// The smallest trailing_delta_bps of stop-loss buys and take-profit sells.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_trailing_above_bps: Option<u32>,
    /// The largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_trailing_above_bps: Option<u32>,
    /// The smallest of stop-loss sells and take-profit buys.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_trailing_below_bps: Option<u32>,
    /// The largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_trailing_below_bps: Option<u32>,
}

/// How far from a reference price an instrument trades. A trade that would be outside does not
/// happen: the market collects orders for a while, and opens again by auction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PriceBand)]
pub(in crate::rest) struct PriceBandView {
    /// How far, either way, in basis points.
    #[schema(example = 500)]
    width_bps: u32,
    /// How long a reference price is one before the last trade's takes its place; null until the
    /// next auction.
    reference_secs: Option<u32>,
    /// How long the market collects orders.
    #[schema(example = 120)]
    auction_secs: u32,
}

impl PriceBandView {
    pub(super) fn of(band: PriceBand) -> PriceBandView {
        let reference_secs = Some(band.reference_secs).filter(|secs| *secs > 0);
        let PriceBand { width_bps, auction_secs, .. } = band;
        PriceBandView { width_bps, reference_secs, auction_secs }
    }
}

impl FiltersView {
    pub(super) fn of(filters: InstrumentFilters) -> FiltersView {
        FiltersView {
            min_price: filters.min_price,
            max_price: filters.max_price,
            price_step: filters.price_step,
            min_quantity: filters.min_quantity,
            max_quantity: filters.max_quantity,
            quantity_step: filters.quantity_step,
            market_min_quantity: filters.market_min_quantity,
            market_max_quantity: filters.market_max_quantity,
            market_quantity_step: filters.market_quantity_step,
            min_notional: filters.min_notional,
            max_notional: filters.max_notional,
            min_notional_on_market: filters.min_notional_on_market,
            max_notional_on_market: filters.max_notional_on_market,
            bid_multiplier_up: filters.bid_multiplier_up,
            bid_multiplier_down: filters.bid_multiplier_down,
            ask_multiplier_up: filters.ask_multiplier_up,
            ask_multiplier_down: filters.ask_multiplier_down,
            max_orders: filters.max_orders,
            max_algo_orders: filters.max_algo_orders,
            max_iceberg_parts: filters.max_iceberg_parts,
            min_trailing_above_bps: filters.min_trailing_above_bps,
            max_trailing_above_bps: filters.max_trailing_above_bps,
            min_trailing_below_bps: filters.min_trailing_below_bps,
            max_trailing_below_bps: filters.max_trailing_below_bps,
        }
    }
}
