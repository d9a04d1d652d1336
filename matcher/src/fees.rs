//! What orders are charged by.

use model::Fees;
use proto::{command::PlaceOrder, log::RefusalReason};

use crate::exchange::Exchange;

impl Exchange {
    /// What an order that is accepted now is charged by, for as long as it is open.
    pub(crate) fn fees_of_order(&self, place: &PlaceOrder) -> Fees {
        let instrument = self.books.instrument(place.instrument);
        instrument.map_or(Fees::NONE, |instrument| instrument.fees)
    }

    /// Refuses an order under one schedule more than can be in use at a time. Its key stays free.
    pub(crate) fn check_fees(&self, place: &PlaceOrder) -> Result<(), RefusalReason> {
        let has_room = self.books.has_room_for(&self.fees_of_order(place));
        has_room.then_some(()).ok_or(RefusalReason::TooManySchedules)
    }
}
