//! Cancels: one order by its id, or all of an account on this shard.

use model::{AccountHandle, AccountName, InstrumentId, OrderId};
use proto::log::{self, EndReason, RefusalReason};

use crate::{
    answer::{applied, refused},
    exchange::Exchange,
    park::Waiting,
};

impl Exchange {
    /// Cancels an open or parked order of this account, or all that is open of a list. An order
    /// that is neither and one that is another's are refused alike: nobody learns of an order that
    /// is not theirs.
    pub(crate) fn cancel(
        &mut self,
        name: &AccountName,
        asked: OrderId,
        is_late: bool,
        body: &mut log::AnswerBody,
    ) {
        if is_late {
            body.outcome = refused(RefusalReason::Late);
            return;
        }
        // A duplicate of a list is told the list's own id, and its orders are those of the list.
        let record = self.keys.resolve(asked.record());
        let id = record.with_leg(asked.leg()).unwrap_or(record);
        let owner = self.accounts.find(name);
        let is_parked = self.park.get(record).is_some_and(|parked| {
            let is_its = match &parked.waiting {
                Waiting::Order(_) => id == record,
                Waiting::List(list) => usize::from(id.leg()) <= list.legs.len(),
                Waiting::Withdrawal(_) => false,
            };
            Some(parked.purse.0) == owner && is_its
        });
        if is_parked {
            self.end_parked(record, EndReason::Cancelled, body);
            body.outcome = applied();
            return;
        }
        let whose = self.books.account_of(id);
        if whose.is_none() || whose != owner {
            body.outcome = refused(RefusalReason::UnknownOrder);
            return;
        }
        self.books.cancel(id, &mut self.matched);
        self.settle_ends();
        self.write_matched(body);
        body.outcome = applied();
    }

    /// Cancels all orders of this account, or those in one instrument; their number is bounded
    /// at entry, so that the answer fits a record.
    pub(crate) fn cancel_all(
        &mut self,
        name: &AccountName,
        instrument: Option<InstrumentId>,
        is_late: bool,
        body: &mut log::AnswerBody,
    ) {
        if is_late {
            body.outcome = refused(RefusalReason::Late);
            return;
        }
        if let Some(account) = self.accounts.find(name) {
            self.cancel_parked(account, instrument, body);
            self.books.cancel_all(account, instrument, &mut self.matched);
            self.settle_ends();
        }
        self.write_matched(body);
        body.outcome = applied();
    }

    fn cancel_parked(
        &mut self,
        account: AccountHandle,
        instrument: Option<InstrumentId>,
        body: &mut log::AnswerBody,
    ) {
        let is_asked = |id: &OrderId| match self.park.get(*id).map(|parked| &parked.waiting) {
            Some(Waiting::Order(place)) => instrument.is_none_or(|asked| asked == place.instrument),
            Some(Waiting::List(list)) => instrument.is_none_or(|asked| asked == list.instrument),
            Some(Waiting::Withdrawal(_)) | None => false,
        };
        let parked: Vec<OrderId> = self.park.of(account).filter(is_asked).collect();
        for id in parked {
            self.end_parked(id, EndReason::Cancelled, body);
        }
    }
}
