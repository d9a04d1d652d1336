//! Filters in the words of the tables: `price 90 110 5`, `notional 500 0 market`, and so on, one
//! after the other; 0 bounds nothing.

use model::{
    Amount, Filters,
    filter::{Grid, NotionalFilter, PercentPriceFilter, TrailingDeltaFilter},
};

pub fn filters(words: &[&str]) -> Filters {
    let (mut filters, mut rest) = (Filters::NONE, words);
    while let [word, after @ ..] = rest {
        rest = match (*word, after) {
            ("price", [least, most, step, after @ ..]) => {
                filters.price = grid(least, most, step);
                after
            }
            ("lot", [least, most, step, after @ ..]) => {
                filters.lot = grid(least, most, step);
                after
            }
            ("market-lot", [least, most, step, after @ ..]) => {
                filters.market_lot = grid(least, most, step);
                after
            }
            ("notional", [least, most, after @ ..]) => {
                filters.notional =
                    NotionalFilter { least: amount(least), most: amount(most), ..filters.notional };
                after
            }
            ("least-on-market", after) => {
                filters.notional.least_on_market = true;
                after
            }
            ("most-on-market", after) => {
                filters.notional.most_on_market = true;
                after
            }
            ("percent", [bid_down, bid_up, ask_down, ask_up, after @ ..]) => {
                let [bid_down, bid_up] = [count(bid_down), count(bid_up)];
                let [ask_down, ask_up] = [count(ask_down), count(ask_up)];
                filters.percent_price = PercentPriceFilter { bid_up, bid_down, ask_up, ask_down };
                after
            }
            ("orders", [most, after @ ..]) => {
                filters.max_orders = count(most);
                after
            }
            ("algos", [most, after @ ..]) => {
                filters.max_algo_orders = count(most);
                after
            }
            ("parts", [most, after @ ..]) => {
                filters.max_iceberg_parts = count(most);
                after
            }
            ("trailing", [least_above, most_above, least_below, most_below, after @ ..]) => {
                filters.trailing_delta = TrailingDeltaFilter {
                    least_above_bps: count(least_above),
                    most_above_bps: count(most_above),
                    least_below_bps: count(least_below),
                    most_below_bps: count(most_below),
                };
                after
            }
            _ => panic!("what is {rest:?}?"),
        };
    }
    filters
}

fn grid(least: &str, most: &str, step: &str) -> Grid {
    let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"));
    Grid { least: number(least), most: number(most), step: number(step) }
}

fn amount(word: &str) -> Amount {
    Amount::from_units(word.parse().unwrap_or_else(|_| panic!("{word:?} is no amount")))
}

fn count(word: &str) -> u32 {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no count"))
}
