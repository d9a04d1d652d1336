//! Amending: an open order asks for less and keeps its place.
//!
//! Who wants anything else of an order, a price or more quantity, gives its place up: that is a
//! cancel and a new order.

use model::{AccountHandle, Amount, InstrumentId, MarketState, OrderId, Price, Quantity, Side};
use thiserror::Error;

use crate::{BookEvent, Books, Filtered, LevelChange, NewOrder, Outcome, Refused, Size, market};

/// An order after an amend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amended {
    /// Which order.
    pub order: OrderId,
    /// Whose it is.
    pub account: AccountHandle,
    /// In which book.
    pub instrument: InstrumentId,
    /// Which way it goes.
    pub side: Side,
    /// Its limit; `None` for a market order that sleeps.
    pub limit: Option<Price>,
    /// What it asks for now, in all.
    pub quantity: Quantity,
    /// What of that is neither traded nor prevented; above zero.
    pub remaining: Quantity,
    /// What self-trade prevention has taken off it.
    pub prevented: Quantity,
}

/// Why an order is not amended. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum AmendRefused {
    /// It is not open.
    #[error("there is no such open order")]
    UnknownOrder,
    /// It would ask for more.
    #[error("an amend only lowers the quantity; for more, replace the order")]
    Increases,
    /// It asks for just that.
    #[error("the order has this quantity already")]
    ChangesNothing,
    /// So much of it has traded or was prevented already.
    #[error("as much as that has traded or was prevented already; to end the order, cancel it")]
    LeavesNothing,
    /// A filter of the instrument does not take what it would ask for.
    #[error(transparent)]
    Filtered(#[from] Filtered),
    /// The market is not open for that.
    #[error("the market does not take such an amend now; what it is open for is told beside it")]
    Market(MarketState),
}

impl Books {
    /// Lowers what an open order asks for in all to `quantity`. It keeps its place.
    ///
    /// # Errors
    /// [`AmendRefused`], with nothing changed.
    pub fn amend(
        &mut self,
        id: OrderId,
        quantity: Quantity,
        out: &mut Outcome,
    ) -> Result<(), AmendRefused> {
        let amended = match self.orders.find(id) {
            Some(place) => self.amend_resting(place, quantity, out)?,
            None => self.amend_sleeper(id, quantity)?,
        };
        out.events.push(BookEvent::Amended(amended));
        Ok(())
    }

    fn amend_resting(
        &mut self,
        place: u32,
        quantity: Quantity,
        out: &mut Outcome,
    ) -> Result<Amended, AmendRefused> {
        let state = self.books[self.levels[self.orders.slab[place].level].book as usize].state;
        if !market::takes_amend(state) {
            return Err(AmendRefused::Market(state));
        }
        let before = self.orders.remaining(place);
        let removed = removed(self.orders.slab[place].quantity, before, quantity)?;
        let level = &self.levels[self.orders.slab[place].level];
        self.books[level.book as usize].check_amended(Some(level.price), quantity, None)?;
        let from_shown = self.orders.shrink(place, removed);
        let order = &mut self.orders.slab[place];
        order.quantity = quantity;
        let level = &mut self.levels[order.level];
        level.total_lots -= from_shown.lots();
        let book = &mut self.books[level.book as usize];
        let (instrument, side, price) = (book.instrument.id, level.side, level.price);
        if !from_shown.is_zero() {
            book.sequence += 1;
            let (sequence, total_lots) = (book.sequence, level.total_lots);
            out.levels.push(LevelChange { instrument, sequence, side, price, total_lots });
        }
        let (id, account) = (order.id, AccountHandle(order.owner.account()));
        Ok(Amended {
            order: id,
            account,
            instrument,
            side,
            limit: Some(price),
            quantity,
            remaining: before.minus(removed),
            prevented: self.orders.prevented(place),
        })
    }

    fn amend_sleeper(&mut self, id: OrderId, quantity: Quantity) -> Result<Amended, AmendRefused> {
        let order = self.sleeper(id).ok_or(AmendRefused::UnknownOrder)?.order;
        self.check_amend_asleep(&order)?;
        let NewOrder { account, instrument, side, price, .. } = order;
        let Size::Base(asked) = order.size else { return Err(AmendRefused::Increases) };
        removed(asked, asked, quantity)?;
        if let Some(book) = self.book(instrument) {
            let trigger = order.instructions.trigger.map(|trigger| trigger.price);
            book.check_amended(price, quantity, trigger)?;
        }
        let order = self.sleepers.order_mut(id).expect("it was just found");
        order.size = Size::Base(quantity);
        order.funds = in_proportion(order.funds, quantity, asked);
        Ok(Amended {
            order: id,
            account,
            instrument,
            side,
            limit: price,
            quantity,
            remaining: quantity,
            prevented: Quantity::ZERO,
        })
    }

    /// What sleeps is amended where it would be taken.
    fn check_amend_asleep(&self, order: &NewOrder) -> Result<(), AmendRefused> {
        let NewOrder { instrument, price, time_in_force, ref instructions, .. } = *order;
        let Some(book) = self.book(instrument) else { return Ok(()) };
        match book.check_state(price.is_some(), time_in_force, instructions) {
            Err(Refused::Market(state)) => Err(AmendRefused::Market(state)),
            _ => Ok(()),
        }
    }
}

/// What an amend takes off an order that asked for `asked` and has `remaining` left of it.
fn removed(
    asked: Quantity,
    remaining: Quantity,
    quantity: Quantity,
) -> Result<Quantity, AmendRefused> {
    if quantity > asked {
        return Err(AmendRefused::Increases);
    }
    let removed = asked.minus(quantity);
    if removed.is_zero() {
        return Err(AmendRefused::ChangesNothing);
    }
    if removed >= remaining {
        return Err(AmendRefused::LeavesNothing);
    }
    Ok(removed)
}

/// `funds` for `asked` as they are for `quantity`, which is less; a part of a unit is one.
fn in_proportion(funds: Amount, quantity: Quantity, asked: Quantity) -> Amount {
    let (quantity, asked) = (i128::from(quantity.lots()), i128::from(asked.lots()));
    // A lot's worth first, so that no product is larger than the funds.
    let (whole, rest) = (funds.units() / asked, funds.units() % asked);
    Amount::from_units(whole * quantity + (rest * quantity + asked - 1) / asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn funds_fall_in_proportion_and_no_product_overflows() {
        let lots = |count| Quantity::from_lots(count).expect("in range");
        let of = |funds, quantity, asked| {
            in_proportion(Amount::from_units(funds), lots(quantity), lots(asked)).units()
        };
        assert_eq!([of(300, 1, 3), of(301, 1, 3), of(1, 2, 3), of(0, 2, 3)], [100, 101, 1, 0]);
        let most = Quantity::LOTS_MAX;
        let funds = i128::from(most) << 72;
        assert_eq!(of(funds, most - 1, most), funds - (1 << 72));
        assert_eq!(of(funds + 5, most - 1, most), funds + 5 - (1 << 72));
    }
}
