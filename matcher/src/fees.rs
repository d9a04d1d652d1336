//! What orders are charged by.

use model::{AccountName, Fees};
use proto::{command::PlaceOrder, log::RefusalReason};

use crate::exchange::Exchange;

impl Exchange {
    /// What an order of this account that is accepted now is charged by, for as long as it is open.
    pub(crate) fn fees_of_order(&self, account: &AccountName, place: &PlaceOrder) -> Fees {
        let instrument = self.books.instrument(place.instrument);
        instrument.map_or(Fees::NONE, |instrument| instrument.fees_of(self.tier_of(account)))
    }

    /// Refuses an order under one schedule more than can be in use at a time. Its key stays free.
    pub(crate) fn check_fees(
        &self,
        account: &AccountName,
        place: &PlaceOrder,
    ) -> Result<(), RefusalReason> {
        let has_room = self.books.has_room_for(&self.fees_of_order(account, place));
        has_room.then_some(()).ok_or(RefusalReason::TooManySchedules)
    }
}
