//! Cancels: one order by its id, or all of an account on this shard.

use matcher_core::NewOrder;
use model::{AccountHandle, AccountName, InstrumentId, OrderId};
use proto::log::{self, EndReason, RefusalReason};

use crate::{
    answer::{applied, refused},
    exchange::Exchange,
    park::Waiting,
};

impl Exchange {
    /// Cancels an open or parked order of this account. An order that is neither and one that is
    /// another's are refused alike: nobody learns of an order that is not theirs.
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
        let id = self.keys.resolve(asked);
        let owner = self.accounts.find(name);
        let is_parked = self.park.get(id).is_some_and(|parked| {
            Some(parked.purse.0) == owner && matches!(parked.waiting, Waiting::Order(_))
        });
        if is_parked {
            self.end_parked(id, EndReason::Cancelled, body);
            body.outcome = applied();
            return;
        }
        let asleep = self.books.sleeper(id).map(|sleeper| sleeper.order);
        let resting = self.books.order(id).map(|order| order.account);
        let whose = resting.or_else(|| asleep.map(|order| order.account));
        if whose.is_none() || whose != owner {
            body.outcome = refused(RefusalReason::UnknownOrder);
            return;
        }
        self.books.cancel(id, &mut self.matched);
        self.settle_ends();
        if let Some(order) = asleep {
            self.release_budget(&order);
        }
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
            self.cancel_each(account, instrument);
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
            Some(Waiting::Withdrawal(_)) | None => false,
        };
        let parked: Vec<OrderId> = self.park.of(account).filter(is_asked).collect();
        for id in parked {
            self.end_parked(id, EndReason::Cancelled, body);
        }
    }

    fn cancel_each(&mut self, account: AccountHandle, instrument: Option<InstrumentId>) {
        let is_asked = |order: &NewOrder| instrument.is_none_or(|id| id == order.instrument);
        let asleep = self.books.sleepers_of(account).map(|sleeper| sleeper.order);
        let asleep: Vec<NewOrder> = asleep.filter(is_asked).collect();
        self.books.cancel_all(account, instrument, &mut self.matched);
        self.settle_ends();
        for order in &asleep {
            self.release_budget(order);
        }
    }
}
