//! Filters in the random flows: how they are drawn, and how the core is asked.

use matcher_core::{Books, Filtered, NewOrder, OpenCount};
use model::{
    Amount, Filters,
    filter::{Grid, NotionalFilter, PercentPriceFilter, TrailingDeltaFilter},
};

use super::{Flow, Refusal};

impl Flow {
    /// A few filters at a time, of which most refuse few orders.
    pub(super) fn filters(&mut self, which: usize) -> Filters {
        let (middle, mut filters) = (self.middle[which], Filters::NONE);
        if self.one_in(3) {
            let least = middle.saturating_sub(self.below(20));
            let most = middle + 1 + self.below(20);
            filters.price = Grid { least, most, step: [0, 1, 0, 2][self.below(4) as usize] };
        }
        if self.one_in(2) {
            let step = [0, 1, 2, 3, 5][self.below(5) as usize];
            filters.lot = Grid { least: self.below(9), most: 15 + self.below(8), step };
        }
        if self.one_in(3) {
            filters.market_lot = Grid { least: self.below(5), most: 15, step: 0 };
        }
        if self.one_in(2) {
            let units = |count: u64| Amount::from_units(i128::from(count * middle));
            filters.notional = NotionalFilter {
                least: units(self.below(7)),
                most: units(12 + self.below(10)),
                least_on_market: self.one_in(2),
                most_on_market: self.one_in(2),
            };
        }
        if self.one_in(3) {
            let (up, down) = (10_000 + self.below(500) as u32, 10_000 - self.below(500) as u32);
            let [bid_up, ask_up] = [up, 0];
            filters.percent_price =
                PercentPriceFilter { bid_up, bid_down: 0, ask_up, ask_down: down };
        }
        if self.one_in(3) {
            filters.max_orders = [3, 10, 20, 40][self.below(4) as usize];
            filters.max_algo_orders = [1, 3, 0, 5][self.below(4) as usize];
        }
        if self.one_in(3) {
            filters.max_iceberg_parts = 1 + self.below(9) as u32;
        }
        if self.one_in(2) {
            filters.trailing_delta = TrailingDeltaFilter {
                least_above_bps: 100 * self.below(2) as u32,
                most_above_bps: 150,
                least_below_bps: 100,
                most_below_bps: 9_999 * self.below(2) as u32,
            };
        }
        filters
    }
}

/// Whether the instrument takes orders that come together.
pub fn takes(books: &Books, orders: &[NewOrder]) -> Result<(), Refusal> {
    let NewOrder { account, instrument, .. } = orders[0];
    let each = orders.iter().map(|order| order.instructions.waits_for().is_some());
    let more = each.map(OpenCount::of).fold(OpenCount::default(), OpenCount::plus);
    let counted = books.check_open_counts(Some(account), instrument, more);
    let filtered = orders.iter().try_for_each(|order| {
        let NewOrder { side, price, size, ref instructions, .. } = *order;
        books.check_filters(instrument, side, price, size, instructions)
    });
    counted.and(filtered).map_err(in_naive_filter)
}

pub fn in_naive_filter(filtered: Filtered) -> Refusal {
    match filtered {
        Filtered::Price => "price filter",
        Filtered::Lot => "lot size",
        Filtered::MarketLot => "market lot size",
        Filtered::IcebergParts => "iceberg parts",
        Filtered::TrailingDelta => "trailing delta",
        Filtered::Notional => "notional",
        Filtered::PercentPrice => "percent price",
        Filtered::Orders => "max orders",
        Filtered::AlgoOrders => "max algo orders",
    }
}
