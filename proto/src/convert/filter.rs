//! Filters from their wire form and back.

use model::{
    Filters,
    filter::{Grid, NotionalFilter, PercentPriceFilter, TrailingDeltaFilter},
};

use super::number::{amount, to_amount};
use crate::reference::ListingFilters;

/// The filters of a listing, not checked yet: none where it has none. `None` where an amount is
/// none.
pub fn filters(wire: Option<&ListingFilters>) -> Option<Filters> {
    let Some(wire) = wire else { return Some(Filters::NONE) };
    Some(Filters {
        price: Grid {
            least: wire.min_price_ticks,
            most: wire.max_price_ticks,
            step: wire.price_step_ticks,
        },
        lot: Grid {
            least: wire.min_quantity_lots,
            most: wire.max_quantity_lots,
            step: wire.quantity_step_lots,
        },
        market_lot: Grid {
            least: wire.market_min_quantity_lots,
            most: wire.market_max_quantity_lots,
            step: wire.market_quantity_step_lots,
        },
        notional: NotionalFilter {
            least: amount(wire.min_notional.as_ref()).ok()?,
            most: amount(wire.max_notional.as_ref()).ok()?,
            least_on_market: wire.min_notional_on_market,
            most_on_market: wire.max_notional_on_market,
        },
        percent_price: PercentPriceFilter {
            bid_up: wire.bid_multiplier_up,
            bid_down: wire.bid_multiplier_down,
            ask_up: wire.ask_multiplier_up,
            ask_down: wire.ask_multiplier_down,
        },
        max_orders: wire.max_orders,
        max_algo_orders: wire.max_algo_orders,
        max_iceberg_parts: wire.max_iceberg_parts,
        trailing_delta: TrailingDeltaFilter {
            least_above_bps: wire.min_trailing_above_bps,
            most_above_bps: wire.max_trailing_above_bps,
            least_below_bps: wire.min_trailing_below_bps,
            most_below_bps: wire.max_trailing_below_bps,
        },
    })
}

/// Filters as a listing has them: nothing where there is none, so that it is as it always was.
pub fn filters_to_wire(filters: &Filters) -> Option<ListingFilters> {
    let Filters { price, lot, market_lot, notional, percent_price, trailing_delta, .. } = *filters;
    let some = |amount: model::Amount| (!amount.is_zero()).then(|| to_amount(amount));
    let wire = ListingFilters {
        min_price_ticks: price.least,
        max_price_ticks: price.most,
        price_step_ticks: price.step,
        min_quantity_lots: lot.least,
        max_quantity_lots: lot.most,
        quantity_step_lots: lot.step,
        market_min_quantity_lots: market_lot.least,
        market_max_quantity_lots: market_lot.most,
        market_quantity_step_lots: market_lot.step,
        min_notional: some(notional.least),
        max_notional: some(notional.most),
        min_notional_on_market: notional.least_on_market,
        max_notional_on_market: notional.most_on_market,
        bid_multiplier_up: percent_price.bid_up,
        bid_multiplier_down: percent_price.bid_down,
        ask_multiplier_up: percent_price.ask_up,
        ask_multiplier_down: percent_price.ask_down,
        max_orders: filters.max_orders,
        max_algo_orders: filters.max_algo_orders,
        max_iceberg_parts: filters.max_iceberg_parts,
        min_trailing_above_bps: trailing_delta.least_above_bps,
        max_trailing_above_bps: trailing_delta.most_above_bps,
        min_trailing_below_bps: trailing_delta.least_below_bps,
        max_trailing_below_bps: trailing_delta.most_below_bps,
    };
    (wire != ListingFilters::default()).then_some(wire)
}

#[cfg(test)]
mod tests {
    use model::Amount;

    use super::*;

    #[test]
    fn filters_survive_the_log_and_none_are_no_bytes() {
        let grid = |least| Grid { least, most: least + 1, step: least + 2 };
        let all = Filters {
            price: grid(10),
            lot: grid(20),
            market_lot: grid(30),
            notional: NotionalFilter {
                least: Amount::from_units(1),
                most: Amount::from_units(1 << 70),
                least_on_market: true,
                most_on_market: true,
            },
            percent_price: PercentPriceFilter { bid_up: 1, bid_down: 2, ask_up: 3, ask_down: 4 },
            max_orders: 5,
            max_algo_orders: 6,
            max_iceberg_parts: 7,
            trailing_delta: TrailingDeltaFilter {
                least_above_bps: 8,
                most_above_bps: 9,
                least_below_bps: 10,
                most_below_bps: 11,
            },
        };
        let wire = filters_to_wire(&all).expect("there are some");
        assert_eq!(filters(Some(&wire)), Some(all));
        assert_eq!(filters_to_wire(&Filters::NONE), None);
        assert_eq!(filters(Some(&ListingFilters::default())), Some(Filters::NONE));
        let torn = crate::log::Amount { units: 1, units_high: -1 };
        assert_eq!(filters(Some(&ListingFilters { min_notional: Some(torn), ..wire })), None);
    }
}
