//! The maker: keeps one resting order at every level of a target book.

use std::collections::{BTreeMap, BTreeSet};

use model::{Instrument, OrderId, Price, Quantity, Side};
use proto::{
    convert,
    orders::{CancelOrderRequest, PlaceOrderRequest, stream_orders_request::Request},
    trading::{Order, OrderType, TimeInForce},
};

use super::recorded::Levels;

/// A level, as the maker counts them.
pub type Level = (Side, Price);

/// The maker's own orders, by level.
pub struct Maker {
    account: &'static str,
    instrument: Instrument,
    orders: BTreeMap<(u8, Price), Resting>,
    levels_by_id: BTreeMap<OrderId, Level>,
    /// Levels that trades have touched since they were last set.
    touched: BTreeSet<(u8, Price)>,
}

#[derive(Clone, Copy, Debug)]
struct Resting {
    id: OrderId,
    remaining: Quantity,
}

/// A request of the maker, and the level that it is for.
pub struct Step {
    /// Which level it changes.
    pub level: Level,
    /// What is sent.
    pub request: Request,
}

const fn rank(side: Side) -> u8 {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

const fn side_of(rank: u8) -> Side {
    if rank == 0 { Side::Buy } else { Side::Sell }
}

impl Maker {
    /// A maker without orders.
    pub fn new(account: &'static str, instrument: Instrument) -> Maker {
        Maker {
            account,
            instrument,
            orders: BTreeMap::new(),
            levels_by_id: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// What makes the orders at these levels, and at those that trades have touched, those of
    /// `target`: all removals, then all additions, so that the book is never crossed by the maker.
    pub fn steps(&mut self, target: &Levels, changed: &[(Side, Price, Quantity)]) -> Vec<Step> {
        let mut levels = std::mem::take(&mut self.touched);
        levels.extend(changed.iter().map(|(side, price, _)| (rank(*side), *price)));
        let (mut removals, mut additions) = (Vec::new(), Vec::new());
        for (ranked, price) in levels {
            let (side, resting) = (side_of(ranked), self.orders.get(&(ranked, price)).copied());
            let wanted = target.total(side, price);
            if resting.map_or(Quantity::ZERO, |order| order.remaining) == wanted {
                continue;
            }
            if let Some(order) = resting {
                self.forget(order.id);
                removals.push(Step { level: (side, price), request: self.cancel(order.id) });
            }
            if !wanted.is_zero() {
                let request = self.place(side, price, wanted);
                additions.push(Step { level: (side, price), request });
            }
        }
        removals.append(&mut additions);
        removals
    }

    /// An order of the maker rests at `level` now.
    pub fn rests(&mut self, level: Level, order: &Order) -> anyhow::Result<()> {
        let id = convert::order_id(order.id)?;
        let remaining = if order.remaining == "0" {
            Quantity::ZERO
        } else {
            self.instrument.parse_quantity(&order.remaining)?
        };
        if !remaining.is_zero() {
            self.orders.insert((rank(level.0), level.1), Resting { id, remaining });
            self.levels_by_id.insert(id, level);
        }
        Ok(())
    }

    /// A taker has traded with the maker's order `id`.
    pub fn traded(&mut self, id: OrderId, quantity: Quantity) {
        let Some((side, price)) = self.levels_by_id.get(&id).copied() else { return };
        let key = (rank(side), price);
        self.touched.insert(key);
        let Some(order) = self.orders.get_mut(&key) else { return };
        order.remaining = order.remaining.minus(quantity.min(order.remaining));
        if order.remaining.is_zero() {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: OrderId) {
        if let Some((side, price)) = self.levels_by_id.remove(&id) {
            self.orders.remove(&(rank(side), price));
        }
    }

    fn cancel(&self, id: OrderId) -> Request {
        Request::Cancel(CancelOrderRequest {
            client_id: self.account.to_owned(),
            order_id: id.number(),
            wait_for_result: true,
            ..Default::default()
        })
    }

    fn place(&self, side: Side, price: Price, quantity: Quantity) -> Request {
        Request::Place(PlaceOrderRequest {
            client_id: self.account.to_owned(),
            instrument: self.instrument.symbol.to_string(),
            side: convert::side_to_wire(side).into(),
            r#type: OrderType::Limit.into(),
            time_in_force: TimeInForce::Gtc.into(),
            price: self.instrument.format_price(price),
            quantity: self.instrument.format_quantity(quantity),
            wait_for_result: true,
            ..Default::default()
        })
    }
}
