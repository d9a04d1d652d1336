//! Filters again: what an instrument takes of orders, asked one after the other.

use model::{Filters, OrderId, Price, Quantity, Side, TriggerKind};

use super::{Ask, Market, Naive, Size};

impl Naive {
    /// Which filter does not take orders that come together, if one does not.
    pub fn filters(&self, asks: &[Ask]) -> Option<&'static str> {
        let (account, instrument) = (asks[0].account, asks[0].instrument);
        let Filters { max_orders, max_algo_orders, .. } =
            self.markets[&instrument].instrument.filters;
        let waiting = self.waits.iter().flat_map(|(_, asks)| asks);
        let all = self.asleep.iter().chain(waiting).chain(self.due.iter().flatten()).chain(asks);
        let its: Vec<&Ask> =
            all.filter(|ask| ask.account == account && ask.instrument == instrument).collect();
        let is_its =
            |open: &&super::Open| open.party.account == account && open.instrument == instrument;
        let waits_for_price = |ask: &Ask| ask.trigger.is_some() || ask.trailing.is_some();
        let resting = self.open.iter().filter(is_its).count();
        if max_orders > 0 && resting + its.len() > max_orders as usize {
            return Some("max orders");
        }
        let algos = its.iter().filter(|ask| waits_for_price(ask)).count();
        let is_algo = asks.iter().any(waits_for_price);
        if is_algo && max_algo_orders > 0 && algos > max_algo_orders as usize {
            return Some("max algo orders");
        }
        asks.iter().find_map(|ask| self.filter(ask))
    }

    fn filter(&self, ask: &Ask) -> Option<&'static str> {
        let market = &self.markets[&ask.instrument];
        let filters = &market.instrument.filters;
        let trigger = ask.trigger.map(|trigger| trigger.price);
        let price = filters.price;
        let is_on = |at: Option<Price>| {
            at.is_none_or(|at| is_between(at.ticks(), price.least, price.most, price.step))
        };
        if !is_on(ask.limit) || !is_on(trigger) {
            return Some("price filter");
        }
        if let Size::Base(quantity) = ask.size
            && let Some(why) = market.filter_quantity(ask.limit, quantity.lots())
        {
            return Some(why);
        }
        if let (Some(display), Size::Base(quantity)) = (ask.display, ask.size) {
            let lot = filters.lot;
            if !is_between(display, lot.least, lot.most, lot.step) {
                return Some("lot size");
            }
            let parts = u64::from(filters.max_iceberg_parts);
            if parts > 0 && quantity.lots() > parts * display {
                return Some("iceberg parts");
            }
        }
        if let Some(trailing) = ask.trailing {
            let turn = filters.trailing_delta;
            let (least, most) = match (trailing.kind, ask.side) {
                (TriggerKind::StopLoss, Side::Buy) | (TriggerKind::TakeProfit, Side::Sell) => {
                    (turn.least_above_bps, turn.most_above_bps)
                }
                _ => (turn.least_below_bps, turn.most_below_bps),
            };
            if !is_between(trailing.delta_bps().into(), least.into(), most.into(), 0) {
                return Some("trailing delta");
            }
        }
        if let Some(why) = market.filter_worth(ask.limit, trigger, ask.size) {
            return Some(why);
        }
        let (Some(limit), Some(last)) = (ask.limit, market.last) else { return None };
        let percent = filters.percent_price;
        let (up, down) = match ask.side {
            Side::Buy => (percent.bid_up, percent.bid_down),
            Side::Sell => (percent.ask_up, percent.ask_down),
        };
        let (limit, last) = (u128::from(limit.ticks()), u128::from(last.ticks()));
        let is_over = up > 0 && limit * 10_000 > last * u128::from(up);
        let is_under = limit * 10_000 < last * u128::from(down);
        (is_over || is_under).then_some("percent price")
    }

    /// Which filter does not take what an open order is to ask for in all.
    pub(super) fn refuses_amend(&self, id: OrderId, quantity: u64) -> Option<&'static str> {
        let resting = self.open.iter().find(|open| open.party.order == id);
        let resting = resting.map(|open| (open.instrument, Some(open.price), None));
        let asleep = self.asleep.iter().find(|ask| ask.id == id);
        let asleep =
            asleep.map(|ask| (ask.instrument, ask.limit, ask.trigger.map(|trigger| trigger.price)));
        let (instrument, limit, trigger) = resting.or(asleep)?;
        let size = Size::Base(Quantity::from_lots(quantity).expect("less than before"));
        let market = &self.markets[&instrument];
        market
            .filter_quantity(limit, quantity)
            .or_else(|| market.filter_worth(limit, trigger, size))
    }
}

impl Market {
    fn filter_quantity(&self, limit: Option<Price>, lots: u64) -> Option<&'static str> {
        let Filters { lot, market_lot: market, .. } = self.instrument.filters;
        if !is_between(lots, lot.least, lot.most, lot.step) {
            return Some("lot size");
        }
        let passes = is_between(lots, market.least, market.most, market.step);
        (limit.is_none() && !passes).then_some("market lot size")
    }

    fn filter_worth(
        &self,
        limit: Option<Price>,
        trigger: Option<Price>,
        size: Size,
    ) -> Option<&'static str> {
        let filter = self.instrument.filters.notional;
        let at = [limit, trigger, self.last].into_iter().flatten().next();
        let worth = match (size, at) {
            (Size::Quote(amount), _) => amount,
            (Size::Base(quantity), Some(at)) => self.instrument.notional(at, quantity),
            (Size::Base(_), None) => return None,
        };
        let is_little = (limit.is_some() || filter.least_on_market) && worth < filter.least;
        let has_most = !filter.most.is_zero() && (limit.is_some() || filter.most_on_market);
        (is_little || (has_most && worth > filter.most)).then_some("notional")
    }
}

fn is_between(number: u64, least: u64, most: u64, step: u64) -> bool {
    let is_multiple = step == 0 || (number / step) * step == number;
    (least..=if most == 0 { u64::MAX } else { most }).contains(&number) && is_multiple
}
