//! An instrument's filters in words: the bounds that there are.

use model::{Filters, filter::Grid};
use proto::{convert, reference::ListingFilters};

/// What a listing takes of orders, where it does not take all.
pub(super) fn words(wire: Option<&ListingFilters>) -> String {
    let Some(filters) = convert::filters(wire) else {
        return ", filters as none can be".to_owned();
    };
    if filters == Filters::NONE {
        return String::new();
    }
    let Filters { notional, percent_price: near, trailing_delta: turn, .. } = filters;
    let on = |is_asked| if is_asked { " of market orders too" } else { "" };
    let (least, most) = (notional.least.units(), notional.most.units());
    let bounds = [
        grid("price", "ticks", filters.price),
        grid("lot", "lots", filters.lot),
        grid("market lot", "lots", filters.market_lot),
        bound("notional from", least, on(notional.least_on_market)),
        bound("notional to", most, on(notional.most_on_market)),
        bound("bids to", near.bid_up.into(), " ten-thousandths"),
        bound("bids from", near.bid_down.into(), " ten-thousandths"),
        bound("asks to", near.ask_up.into(), " ten-thousandths"),
        bound("asks from", near.ask_down.into(), " ten-thousandths"),
        bound("orders to", filters.max_orders.into(), ""),
        bound("algo orders to", filters.max_algo_orders.into(), ""),
        bound("iceberg parts to", filters.max_iceberg_parts.into(), ""),
        bound("trailing above from", turn.least_above_bps.into(), " bps"),
        bound("trailing above to", turn.most_above_bps.into(), " bps"),
        bound("trailing below from", turn.least_below_bps.into(), " bps"),
        bound("trailing below to", turn.most_below_bps.into(), " bps"),
    ];
    let bounds: Vec<String> = bounds.into_iter().flatten().collect();
    format!(", takes {}", bounds.join(", "))
}

fn grid(what: &str, unit: &str, grid: Grid) -> Option<String> {
    let Grid { least, most, step } = grid;
    let most = if most == 0 { "any".to_owned() } else { most.to_string() };
    let words = || format!("{what} {least} to {most} in steps of {} {unit}", step.max(1));
    (grid != Grid::default()).then(words)
}

fn bound(what: &str, number: i128, unit: &str) -> Option<String> {
    (number != 0).then(|| format!("{what} {number}{unit}"))
}
