//! Cancels: one order by either of its ids, or all of an account on this shard.

use model::{AccountHandle, AccountName, CancelOnly, OrderFilter, OrderId};
use proto::{command::OrderName, draft::Draft, log::EndReason};

use crate::{
    answer::{applied, refused},
    exchange::Exchange,
    park::Waiting,
};

impl Exchange {
    /// Cancels an open or parked order of this account, or all that is open of a list, where it is
    /// in the one state that the client names.
    pub(crate) fn cancel(
        &mut self,
        name: &AccountName,
        asked: &OrderName,
        only: Option<CancelOnly>,
        body: &mut Draft,
    ) {
        let found = self.find_open(name, asked);
        body.outcome = match found.and_then(|(id, open)| open.check(only).map(|()| (id, open))) {
            Ok((id, open)) => {
                self.end_open(id, &open, body);
                applied()
            }
            Err(reason) => refused(reason),
        };
    }

    /// Cancels those orders of this account that fit; their number is bounded at entry, so that the
    /// answer fits a record.
    pub(crate) fn cancel_all(
        &mut self,
        name: &AccountName,
        filter: &OrderFilter,
        body: &mut Draft,
    ) {
        if let Some(account) = self.accounts.find(name) {
            self.cancel_parked(account, filter, body);
            self.books.cancel_matching(account, filter, &mut self.matched);
            self.settle_ends();
        }
        self.write_matched(body);
        body.outcome = applied();
    }

    fn cancel_parked(&mut self, account: AccountHandle, filter: &OrderFilter, body: &mut Draft) {
        let is_asked = |id: &OrderId| match self.park.get(*id).map(|parked| &parked.waiting) {
            Some(Waiting::Order(place)) => {
                filter.takes(place.instrument, place.side, place.ask.price())
            }
            Some(Waiting::List(list)) => {
                list.legs.iter().any(|leg| filter.takes(list.instrument, leg.side, leg.ask.price()))
            }
            Some(Waiting::Withdrawal(_) | Waiting::Transfer(_)) | None => false,
        };
        let parked: Vec<OrderId> = self.park.of(account).filter(is_asked).collect();
        for id in parked {
            self.end_parked(id, EndReason::Cancelled, body);
        }
    }
}
