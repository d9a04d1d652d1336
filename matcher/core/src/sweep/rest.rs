//! How what is left of an order comes to rest.

use model::Side;

use super::Taker;
use crate::{
    BookEvent, Books, LevelChange, NewOrder, Outcome, Rested, book::Resting, iceberg::Aside,
};

impl Books {
    /// Rests what a limit order has left, behind everything at its price.
    pub(super) fn rest(&mut self, taker: &Taker<'_>, first_level: usize, out: &mut Outcome) {
        let NewOrder { id, account, instrument, side, .. } = *taker.order;
        let (price, quantity, remaining) = (taker.bound, taker.asked, taker.remaining);
        let (aside, shown) = Aside::split(remaining, taker.order.instructions.display);
        let order = Resting::new(id, account.0, quantity, shown, self.next_priority);
        let level = self.put_in(taker.book, side, price, order);
        let level = level.expect("an id is an order's place in the log: no two have one");
        self.next_priority += 1;
        let place = self.levels[level].tail;
        self.orders.set_aside(place, Aside { prevented: taker.prevented, ..aside });
        self.orders.set_fees(place, taker.order.fees);
        if let Some(expires_at) = taker.order.instructions.expires_at {
            self.orders.set_timer(place, expires_at);
        }
        out.events.push(BookEvent::Rested(Rested {
            order: id,
            account,
            instrument,
            side,
            price,
            remaining,
            shown,
        }));
        let total_lots = self.levels[level].total_lots;
        let change = LevelChange { instrument, sequence: taker.sequence, side, price, total_lots };
        // Bids are told before asks.
        match side {
            Side::Buy => out.levels.insert(first_level, change),
            Side::Sell => out.levels.push(change),
        }
    }
}
