//! An instrument's filters as the edges show them: decimal text, and nothing where nothing is
//! bounded.

use model::{
    Amount, Filters, Instrument, Price, Quantity, decimal,
    filter::{NotionalFilter, PercentPriceFilter, TrailingDeltaFilter},
};
use proto::reference::InstrumentFilters;

/// How many decimals a multiplier has: it is counted in ten-thousandths.
pub(crate) const MULTIPLIER_DECIMALS: u8 = 4;

/// What an instrument bounds; `None` where that is nothing.
pub(super) fn summary(instrument: &Instrument) -> Option<InstrumentFilters> {
    let Filters { price, lot, market_lot, notional, percent_price, trailing_delta, .. } =
        instrument.filters;
    let price_of = |ticks| Price::from_ticks(ticks).ok().map(|at| instrument.format_price(at));
    let quantity_of = |lots| {
        let quantity = Quantity::from_lots(lots).ok().filter(|quantity| !quantity.is_zero());
        quantity.map(|quantity| instrument.format_quantity(quantity))
    };
    let amount_of = |of: Amount| (!of.is_zero()).then(|| instrument.format_quote_amount(of));
    let NotionalFilter { least, most, least_on_market, most_on_market } = notional;
    let PercentPriceFilter { bid_up, bid_down, ask_up, ask_down } = percent_price;
    let TrailingDeltaFilter { least_above_bps, most_above_bps, least_below_bps, most_below_bps } =
        trailing_delta;
    let filters = InstrumentFilters {
        min_price: price_of(price.least),
        max_price: price_of(price.most),
        price_step: price_of(price.step),
        min_quantity: quantity_of(lot.least),
        max_quantity: quantity_of(lot.most),
        quantity_step: quantity_of(lot.step),
        market_min_quantity: quantity_of(market_lot.least),
        market_max_quantity: quantity_of(market_lot.most),
        market_quantity_step: quantity_of(market_lot.step),
        min_notional: amount_of(least),
        max_notional: amount_of(most),
        min_notional_on_market: (!least.is_zero()).then_some(least_on_market),
        max_notional_on_market: (!most.is_zero()).then_some(most_on_market),
        bid_multiplier_up: multiplier_of(bid_up),
        bid_multiplier_down: multiplier_of(bid_down),
        ask_multiplier_up: multiplier_of(ask_up),
        ask_multiplier_down: multiplier_of(ask_down),
        max_orders: count_of(instrument.filters.max_orders),
        max_algo_orders: count_of(instrument.filters.max_algo_orders),
        max_iceberg_parts: count_of(instrument.filters.max_iceberg_parts),
        min_trailing_above_bps: count_of(least_above_bps),
        max_trailing_above_bps: count_of(most_above_bps),
        min_trailing_below_bps: count_of(least_below_bps),
        max_trailing_below_bps: count_of(most_below_bps),
    };
    (filters != InstrumentFilters::default()).then_some(filters)
}

fn multiplier_of(ten_thousandths: u32) -> Option<String> {
    let text = decimal::format_units(ten_thousandths.into(), MULTIPLIER_DECIMALS);
    (ten_thousandths > 0).then_some(text)
}

fn count_of(count: u32) -> Option<u32> {
    (count > 0).then_some(count)
}
