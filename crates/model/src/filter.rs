//! Filters: what an instrument takes of orders, beyond what its ticks and lots let them say.
//!
//! Every bound is a number of which 0 is none, so that an instrument without filters has the
//! default of everything. What they mean for an order is a rule of matching; here they only have
//! to make sense.
//!
//! | operation | result |
//! |---|---|
//! | `grid.takes(n)` | whether `n` is within the bounds and a multiple of the step |
//! | `filters.check()` | [`FiltersError`] where no order could pass, or a bound is out of range |

use thiserror::Error;

use crate::{Amount, Price, Quantity, Trailing};

/// Numbers of ticks or of lots from the least to the most, in steps counted from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// The least; 0: no such bound.
    pub least: u64,
    /// The most; 0: no such bound.
    pub most: u64,
    /// What it must be a multiple of; 0: of nothing.
    pub step: u64,
}

/// What an order may be worth, in the quote's smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotionalFilter {
    /// The least; 0: no such bound.
    pub least: Amount,
    /// The most; 0: no such bound.
    pub most: Amount,
    /// Whether the least is asked of market orders too.
    pub least_on_market: bool,
    /// Whether the most is.
    pub most_on_market: bool,
}

/// How far from the price of the last trade an order's own may be: in ten-thousandths of that, so
/// that 12,000 is a fifth above it. 0: no such bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PercentPriceFilter {
    /// The most that a buyer may offer.
    pub bid_up: u32,
    /// The least that a buyer may offer.
    pub bid_down: u32,
    /// The most that a seller may ask.
    pub ask_up: u32,
    /// The least that a seller may ask.
    pub ask_down: u32,
}

/// By how much the price may have to turn to wake an order that trails it, in basis points; 0: no
/// such bound. Above are those that wait for a rise of the price: stop-loss buys and take-profit
/// sells; below the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrailingDeltaFilter {
    /// The least of those above.
    pub least_above_bps: u32,
    /// The most of those above.
    pub most_above_bps: u32,
    /// The least of those below.
    pub least_below_bps: u32,
    /// The most of those below.
    pub most_below_bps: u32,
}

/// All filters of an instrument; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Of prices and of triggers, in ticks.
    pub price: Grid,
    /// Of quantities, and of what an iceberg shows at a time, in lots.
    pub lot: Grid,
    /// Of quantities of market orders, beside [`lot`](Self::lot).
    pub market_lot: Grid,
    /// Of what an order is worth.
    pub notional: NotionalFilter,
    /// Of prices, by the price of the last trade.
    pub percent_price: PercentPriceFilter,
    /// How many orders an account may have open in the instrument; 0: no such bound.
    pub max_orders: u32,
    /// How many of them may wait for a price; 0: no such bound.
    pub max_algo_orders: u32,
    /// In how many parts an iceberg may be shown; 0: as many as any may.
    pub max_iceberg_parts: u32,
    /// Of orders that trail.
    pub trailing_delta: TrailingDeltaFilter,
}

/// Why filters make no sense: each names the fields of which one has to be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FiltersError {
    /// A bound of prices that is none, or bounds between which there is no price.
    #[error(
        "min_price, max_price and price_step leave no price; raise max_price or lower the rest"
    )]
    Price,
    /// The same of quantities.
    #[error(
        "min_quantity, max_quantity and quantity_step leave no quantity; raise max_quantity or \
         lower the rest"
    )]
    Lot,
    /// The same of quantities of market orders.
    #[error(
        "market_min_quantity, market_max_quantity and market_quantity_step leave no quantity; \
         raise market_max_quantity or lower the rest"
    )]
    MarketLot,
    /// More at least than at most.
    #[error("min_notional must not be above max_notional, nor either below zero")]
    Notional,
    /// Multipliers that would refuse the price of the last trade itself, or beyond the largest.
    #[error(
        "a multiplier up must be from 1 to {}, a multiplier down at most 1",
        Filters::MULTIPLIER_MAX / Filters::ONE
    )]
    PercentPrice,
    /// More parts than any iceberg may have.
    #[error("max_iceberg_parts must be at most {}", Filters::ICEBERG_PARTS_MAX)]
    IcebergParts,
    /// More at least than at most, or a turn that no order can have.
    #[error(
        "a smallest trailing delta must not be above the largest, nor either above {} basis points",
        Trailing::DELTA_BPS_MAX
    )]
    TrailingDelta,
}

impl Grid {
    /// Whether it takes a number of ticks or lots.
    pub const fn takes(&self, number: u64) -> bool {
        let is_on_step = self.step <= 1 || number.is_multiple_of(self.step);
        number >= self.least && (self.most == 0 || number <= self.most) && is_on_step
    }

    /// Whether it takes any number from one to this.
    fn takes_any(&self, largest: u64) -> bool {
        let most = if self.most == 0 { largest } else { self.most };
        let step = self.step.max(1);
        let is_in_range = self.least <= largest && most <= largest && step <= largest;
        is_in_range && most / step * step >= self.least.max(1)
    }
}

impl PercentPriceFilter {
    fn is_sound(&self) -> bool {
        let up = Filters::ONE..=Filters::MULTIPLIER_MAX;
        let ups = [self.bid_up, self.ask_up].into_iter().filter(|of| *of > 0);
        let downs = [self.bid_down, self.ask_down];
        ups.into_iter().all(|of| up.contains(&of)) && downs.iter().all(|of| *of <= Filters::ONE)
    }
}

impl TrailingDeltaFilter {
    fn is_sound(&self) -> bool {
        let above = (self.least_above_bps, self.most_above_bps);
        let below = (self.least_below_bps, self.most_below_bps);
        [above, below].into_iter().all(|(least, most)| {
            let largest = if most == 0 { Trailing::DELTA_BPS_MAX } else { most };
            least <= largest && largest <= Trailing::DELTA_BPS_MAX
        })
    }
}

impl Filters {
    /// No filters at all.
    pub const NONE: Filters = Filters {
        price: Grid { least: 0, most: 0, step: 0 },
        lot: Grid { least: 0, most: 0, step: 0 },
        market_lot: Grid { least: 0, most: 0, step: 0 },
        notional: NotionalFilter {
            least: Amount::ZERO,
            most: Amount::ZERO,
            least_on_market: false,
            most_on_market: false,
        },
        percent_price: PercentPriceFilter { bid_up: 0, bid_down: 0, ask_up: 0, ask_down: 0 },
        max_orders: 0,
        max_algo_orders: 0,
        max_iceberg_parts: 0,
        trailing_delta: TrailingDeltaFilter {
            least_above_bps: 0,
            most_above_bps: 0,
            least_below_bps: 0,
            most_below_bps: 0,
        },
    };

    /// A multiplier of one, which is the price of the last trade itself.
    pub const ONE: u32 = 10_000;

    /// The largest multiplier, a hundred: a price of 2^40 ticks times it stays below 2^60.
    pub const MULTIPLIER_MAX: u32 = 100 * Self::ONE;

    /// In how many parts any iceberg may be shown: each is a match of its own in some taker's
    /// answer, so that one order can use up no more than a fiftieth of what a command may do.
    pub const ICEBERG_PARTS_MAX: u32 = 100;

    /// Whether they make sense: some order passes each of them.
    ///
    /// # Errors
    /// [`FiltersError`], the first.
    pub fn check(&self) -> Result<(), FiltersError> {
        let NotionalFilter { least, most, .. } = self.notional;
        let is_worth = least >= Amount::ZERO && most >= Amount::ZERO;
        let largest_parts = Self::ICEBERG_PARTS_MAX;
        for (is_sound, error) in [
            (self.price.takes_any(Price::TICKS_MAX), FiltersError::Price),
            (self.lot.takes_any(Quantity::LOTS_MAX), FiltersError::Lot),
            (self.market_lot.takes_any(Quantity::LOTS_MAX), FiltersError::MarketLot),
            (is_worth && (most.is_zero() || least <= most), FiltersError::Notional),
            (self.percent_price.is_sound(), FiltersError::PercentPrice),
            (self.max_iceberg_parts <= largest_parts, FiltersError::IcebergParts),
            (self.trailing_delta.is_sound(), FiltersError::TrailingDelta),
        ] {
            if !is_sound {
                return Err(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn grid(least: u64, most: u64, step: u64) -> Grid {
        Grid { least, most, step }
    }

    #[test]
    fn a_grid_takes_multiples_within_its_bounds_and_zero_bounds_nothing() {
        let taken = |grid: Grid| (1..=12).filter(|number| grid.takes(*number)).collect::<Vec<_>>();
        assert_eq!(taken(grid(0, 0, 0)), (1..=12).collect::<Vec<_>>());
        assert_eq!(taken(grid(5, 9, 0)), [5, 6, 7, 8, 9]);
        assert_eq!(taken(grid(5, 0, 4)), [8, 12]);
        assert_eq!(taken(grid(0, 5, 5)), [5]);
    }

    #[test]
    fn filters_that_nothing_could_pass_are_refused_by_name() {
        assert_eq!(Filters::default(), Filters::NONE);
        let none = Filters::NONE;
        let units = Amount::from_units;
        let notional = |least, most| Filters {
            notional: NotionalFilter { least: units(least), most: units(most), ..none.notional },
            ..none
        };
        let percent = |bid_up, ask_down| Filters {
            percent_price: PercentPriceFilter { bid_up, ask_down, ..none.percent_price },
            ..none
        };
        let trailing = |least_above_bps, most_above_bps| Filters {
            trailing_delta: TrailingDeltaFilter {
                least_above_bps,
                most_above_bps,
                ..none.trailing_delta
            },
            ..none
        };
        let table = [
            (none, Ok(())),
            (Filters { price: grid(5, 5, 5), ..none }, Ok(())),
            (Filters { price: grid(6, 5, 0), ..none }, Err(FiltersError::Price)),
            (Filters { price: grid(6, 9, 5), ..none }, Err(FiltersError::Price)),
            (Filters { price: grid(0, 1 << 41, 0), ..none }, Err(FiltersError::Price)),
            (Filters { lot: grid(1, 0, 1 << 41), ..none }, Err(FiltersError::Lot)),
            (Filters { lot: grid(0, 4, 5), ..none }, Err(FiltersError::Lot)),
            (Filters { market_lot: grid(9, 8, 0), ..none }, Err(FiltersError::MarketLot)),
            (notional(5, 0), Ok(())),
            (notional(5, 5), Ok(())),
            (notional(6, 5), Err(FiltersError::Notional)),
            (notional(-1, 0), Err(FiltersError::Notional)),
            (percent(10_000, 10_000), Ok(())),
            (percent(9_999, 0), Err(FiltersError::PercentPrice)),
            (percent(0, 10_001), Err(FiltersError::PercentPrice)),
            (percent(1_000_001, 0), Err(FiltersError::PercentPrice)),
            (Filters { max_iceberg_parts: 100, ..none }, Ok(())),
            (Filters { max_iceberg_parts: 101, ..none }, Err(FiltersError::IcebergParts)),
            (trailing(10, 10), Ok(())),
            (trailing(11, 10), Err(FiltersError::TrailingDelta)),
            (trailing(0, 10_000), Err(FiltersError::TrailingDelta)),
            (trailing(10_000, 0), Err(FiltersError::TrailingDelta)),
        ];
        for (filters, expected) in table {
            assert_eq!(filters.check(), expected, "{filters:?}");
        }
    }
}
