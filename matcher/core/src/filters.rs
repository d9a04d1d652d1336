//! Filters: what an instrument takes of orders when they come. What is open is not asked again, by
//! whatever it wakes, is placed or is restored.

use model::{
    AccountHandle, Amount, Filters, Instructions, Instrument, InstrumentId, Price, Quantity, Side,
    TriggerKind,
    filter::{PercentPriceFilter, TrailingDeltaFilter},
};
use thiserror::Error;

use crate::{Books, OpenCount, Size, book::Book};

/// Which filter refuses an order, or an amend. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Filtered {
    /// A price, or a trigger's.
    #[error("price and stop_price must be from min_price to max_price, in steps of price_step")]
    Price,
    /// A quantity, or what an iceberg shows.
    #[error(
        "quantity and display_quantity must be from min_quantity to max_quantity, in steps of \
         quantity_step"
    )]
    Lot,
    /// The quantity of a market order.
    #[error(
        "a market order's quantity must be from market_min_quantity to market_max_quantity, in \
         steps of market_quantity_step"
    )]
    MarketLot,
    /// More parts than the instrument's icebergs may have.
    #[error("the order would be shown in more parts than max_iceberg_parts; show more at a time")]
    IcebergParts,
    /// By how much the price has to turn.
    #[error("trailing_delta_bps must be within the smallest and largest that the instrument takes")]
    TrailingDelta,
    /// What it is worth.
    #[error("price times quantity must be from min_notional to max_notional")]
    Notional,
    /// How far its price is from the last trade's.
    #[error("price is too far from the last trade's; keep within the instrument's multipliers")]
    PercentPrice,
    /// One order more than the account may have open.
    #[error("the account has max_orders open in the instrument; cancel some first")]
    Orders,
    /// One more that waits for a price.
    #[error("max_algo_orders of the account wait for a price in the instrument; cancel some first")]
    AlgoOrders,
}

impl Books {
    /// Whether the instrument takes an order of these terms when it comes.
    ///
    /// # Errors
    /// [`Filtered`], by the first that it does not pass.
    pub fn check_filters(
        &self,
        instrument: InstrumentId,
        side: Side,
        price: Option<Price>,
        size: Size,
        said: &Instructions,
    ) -> Result<(), Filtered> {
        let Some(book) = self.book(instrument) else { return Ok(()) };
        let filters = &book.instrument.filters;
        if *filters == Filters::NONE {
            return Ok(());
        }
        let trigger = said.trigger.map(|trigger| trigger.price);
        if price.iter().chain(&trigger).any(|price| !filters.price.takes(price.ticks())) {
            return Err(Filtered::Price);
        }
        if let Size::Base(quantity) = size {
            book.check_lots(price, quantity, said.display)?;
        }
        if said.trailing.is_some_and(|trails| {
            let is_above = (trails.kind == TriggerKind::StopLoss) == (side == Side::Buy);
            !takes_turn(&filters.trailing_delta, is_above, trails.delta_bps())
        }) {
            return Err(Filtered::TrailingDelta);
        }
        book.check_worth(price, size, trigger)?;
        let is_far = |(price, last)| !is_near(&filters.percent_price, side, price, last);
        if price.zip(book.last_price).is_some_and(is_far) {
            return Err(Filtered::PercentPrice);
        }
        Ok(())
    }

    /// Whether an account may have so many more orders open in an instrument; `None` where it has
    /// none anywhere. Orders that would be done at once count too.
    ///
    /// # Errors
    /// [`Filtered::Orders`] and [`Filtered::AlgoOrders`].
    pub fn check_open_counts(
        &self,
        account: Option<AccountHandle>,
        instrument: InstrumentId,
        more: OpenCount,
    ) -> Result<(), Filtered> {
        let Some(book) = self.book(instrument) else { return Ok(()) };
        let Filters { max_orders, max_algo_orders, .. } = book.instrument.filters;
        if max_orders == 0 && max_algo_orders == 0 {
            return Ok(());
        }
        let open = account.map(|account| self.open_count_in(account, instrument));
        let OpenCount { orders, algo_orders } = open.unwrap_or_default().plus(more);
        let is_within = |count: u32, max: u32| max == 0 || count <= max;
        if !is_within(orders, max_orders) {
            return Err(Filtered::Orders);
        }
        if more.algo_orders > 0 && !is_within(algo_orders, max_algo_orders) {
            return Err(Filtered::AlgoOrders);
        }
        Ok(())
    }
}

impl Book {
    /// Whether the instrument takes an open order that asks for this in all from now on.
    pub(crate) fn check_amended(
        &self,
        price: Option<Price>,
        quantity: Quantity,
        trigger: Option<Price>,
    ) -> Result<(), Filtered> {
        self.check_lots(price, quantity, None)?;
        self.check_worth(price, Size::Base(quantity), trigger)
    }

    fn check_lots(
        &self,
        price: Option<Price>,
        quantity: Quantity,
        display: Option<Quantity>,
    ) -> Result<(), Filtered> {
        let Filters { lot, market_lot, max_iceberg_parts, .. } = &self.instrument.filters;
        let mut quantities = core::iter::once(quantity).chain(display);
        if quantities.any(|quantity| !lot.takes(quantity.lots())) {
            return Err(Filtered::Lot);
        }
        if price.is_none() && !market_lot.takes(quantity.lots()) {
            return Err(Filtered::MarketLot);
        }
        let parts = display.map_or(1, |display| quantity.lots().div_ceil(display.lots().max(1)));
        let is_in_few = *max_iceberg_parts == 0 || parts <= u64::from(*max_iceberg_parts);
        is_in_few.then_some(()).ok_or(Filtered::IcebergParts)
    }

    /// A market order by quantity is worth what it is at its trigger or, without one, at the price
    /// of the last trade; where there is neither, nobody knows. One by quote amount is worth that.
    fn check_worth(
        &self,
        price: Option<Price>,
        size: Size,
        trigger: Option<Price>,
    ) -> Result<(), Filtered> {
        let Book { instrument: Instrument { filters, .. }, last_price, .. } = self;
        let filter = &filters.notional;
        let is_market = price.is_none();
        let least = filter.least_on_market || !is_market;
        let most = !filter.most.is_zero() && (filter.most_on_market || !is_market);
        let worth = match size {
            Size::Quote(amount) => Some(amount),
            Size::Base(quantity) => {
                let at = price.or(trigger).or(*last_price);
                at.map(|at| self.instrument.notional(at, quantity))
            }
        };
        let is_outside =
            |worth: Amount| (least && worth < filter.least) || (most && worth > filter.most);
        if worth.is_some_and(is_outside) { Err(Filtered::Notional) } else { Ok(()) }
    }
}

/// Whether a price is within the multipliers of its side.
fn is_near(filter: &PercentPriceFilter, side: Side, price: Price, last: Price) -> bool {
    let (up, down) = match side {
        Side::Buy => (filter.bid_up, filter.bid_down),
        Side::Sell => (filter.ask_up, filter.ask_down),
    };
    // Below 2^40 * 2^20.
    let times = |price: Price, by: u32| price.ticks() * u64::from(by);
    let price = times(price, Filters::ONE);
    price >= times(last, down) && (up == 0 || price <= times(last, up))
}

fn takes_turn(filter: &TrailingDeltaFilter, is_above: bool, delta_bps: u32) -> bool {
    let (least, most) = if is_above {
        (filter.least_above_bps, filter.most_above_bps)
    } else {
        (filter.least_below_bps, filter.most_below_bps)
    };
    delta_bps >= least && (most == 0 || delta_bps <= most)
}
