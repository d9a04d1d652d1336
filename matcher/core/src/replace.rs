//! Replacing: what can be told of an order that is to come instead of another, before that is gone.

use model::{InstrumentId, OrderId, Price, Side};

use crate::Books;

impl Books {
    /// Whether the order `id` is all that a limit order of these terms would meet: were it not
    /// there, the order would take nothing.
    pub fn is_alone_in_the_way(
        &self,
        id: OrderId,
        instrument: InstrumentId,
        side: Side,
        price: Price,
    ) -> bool {
        let (Some(place), Some(book)) = (self.orders.find(id), self.slot(instrument)) else {
            return false;
        };
        let ladder = self.books[book as usize].ladder(side.opposite());
        let mut met = ladder.iter().take_while(|(best, _)| side.accepts(price, *best));
        let is_alone = met.next().is_some_and(|(_, at)| {
            let level = &self.levels[at];
            (level.head, level.tail) == (place, place)
        });
        is_alone && met.next().is_none()
    }
}
