//! Orders that sleep until the price of a trade wakes them: what they hold, and how they go on.

use ledger_core::hold_for;
use matcher_core::{NewOrder, Size};
use model::{Amount, AssetId, Instructions, Instrument, Price, Quantity, Side};
use proto::{
    command::{Ask, PlaceOrder},
    draft::Draft,
    log::{self, event},
};

use crate::{
    exchange::Exchange,
    limits::{WOKEN_FILLS_MAX, WOKEN_MAX},
};

impl Exchange {
    /// Orders that are due or have woken go on, each as a command of its own, as far as one answer
    /// holds with what the input has done already. The rest goes on with the next ticks, which come
    /// at once.
    pub(crate) fn let_woken_go_on(&mut self, body: &mut Draft) {
        for _ in 0..WOKEN_MAX {
            if self.matches >= WOKEN_FILLS_MAX {
                break;
            }
            self.matched.clear();
            if let Some(pending) = self.books.next_due() {
                self.place_due(&pending, body);
                continue;
            }
            if self.books.end_closed_woken(&mut self.matched) {
                self.settle_ends();
                self.write_matched(body);
                continue;
            }
            let Some(order) = self.books.next_woken(&mut self.matched) else { break };
            let triggered = log::OrderTriggered {
                order_id: order.id.number(),
                account: self.named.index(order.account, &self.accounts, body),
                instrument_id: order.instrument.0,
            };
            body.event(&event::Kind::OrderTriggered(triggered));
            self.books.place(&order, &mut self.matched);
            self.settle_taker(&order, order.funds);
            self.write_matched(body);
        }
        self.matched.clear();
    }

    /// The price up to which a market order that sleeps first holds: the price protection beyond
    /// what wakes it. Of one that trails nobody knows that yet. It is taken to be the turn away
    /// from the trigger with which it begins or, without one, from the last trade: if the price
    /// runs off before it wakes, it buys as much as that pays for.
    pub(crate) fn bound_asleep(
        &self,
        side: Side,
        said: &Instructions,
        instrument: &Instrument,
    ) -> Option<Price> {
        said.waits_for()?;
        let trigger = said.trigger.map(|trigger| trigger.price);
        let reference = trigger.or_else(|| self.books.last_price(instrument.id));
        let reference = reference.unwrap_or(Price::MIN);
        let furthest = if side == Side::Buy { Price::MAX } else { Price::MIN };
        let wakes_at =
            said.trailing.map_or(Some(reference), |trails| trails.price(side, reference));
        Some(instrument.protected(wakes_at.unwrap_or(furthest), side))
    }

    /// Whether nothing says what an order should hold: a market buy that trails from the next trade
    /// on, where there was none. A sell holds its quantity.
    pub(crate) fn lacks_reference(&self, place: &PlaceOrder) -> bool {
        let PlaceOrder { instrument, side, ask, ref instructions, .. } = *place;
        let trails_from_next = instructions.trailing.is_some() && instructions.trigger.is_none();
        let is_listed = self.books.instrument(instrument).is_some();
        trails_from_next
            && (side, is_listed) == (Side::Buy, true)
            && !matches!(ask, Ask::Limit { .. })
            && self.books.last_price(instrument).is_none()
    }

    /// What a sleeping order holds: as a limit order its terms, as a market order its budget.
    pub(crate) fn hold_of(&self, order: &NewOrder) -> Option<(AssetId, Amount)> {
        let instrument = self.books.instrument(order.instrument)?;
        let quantity = match order.size {
            Size::Base(quantity) => quantity,
            Size::Quote(_) => Quantity::ZERO,
        };
        Some(match (order.price, order.side) {
            (None, Side::Buy) => (instrument.quote, order.funds),
            (price, side) => {
                let price = price.unwrap_or(Price::MIN);
                hold_for(side, instrument, &order.fees, price, quantity)
            }
        })
    }
}
