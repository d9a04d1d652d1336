//! Orders that waited for a working order: what they need once it was filled, and how they are
//! placed; and what is told of a list.

use matcher_core::{BookEvent, EndReason, NewOrder, Pending, Size};
use model::{AccountHandle, Amount, InstrumentId, OrderId};
use proto::{
    command::Ask,
    draft::Draft,
    log::{self, event},
    trading::OrderListStatus,
};

use crate::{
    exchange::Exchange,
    park::Need,
    place::{Funds, Hold},
};

impl Exchange {
    /// Places orders whose working order was filled, as a command of their own, or ends them for
    /// the reason for which they cannot be. Money that is on other shards is not waited for.
    pub(crate) fn place_due(&mut self, pending: &Pending, body: &mut Draft) {
        match self.hold_of_pending(pending) {
            Err(reason) => self.books.drop_pending(pending, reason, &mut self.matched),
            Ok((hold, needs)) => {
                let first = pending.orders()[0];
                self.accounts
                    .hold(first.account, hold.asset, hold.amount, first.id, &mut self.postings)
                    .expect("the funds were checked");
                for order in pending.orders() {
                    let Size::Base(quantity) = order.size else { continue };
                    let placed = log::PendingPlaced {
                        order_id: order.id.number(),
                        account: self.named.index(order.account, &self.accounts, body),
                        instrument_id: order.instrument.0,
                        quantity_lots: quantity.lots(),
                    };
                    body.event(&event::Kind::PendingPlaced(placed));
                }
                match *pending {
                    Pending::One(order) => {
                        let order = NewOrder { funds: hold.amount, ..order };
                        self.books.place(&order, &mut self.matched);
                        self.settle_taker(&order, order.funds);
                    }
                    Pending::Pair([one, other]) => {
                        let one = NewOrder { funds: needs[0], ..one };
                        let other = NewOrder { funds: needs[1], ..other };
                        self.place_pair(&[one, other], hold.asset);
                    }
                }
            }
        }
        self.write_matched(body);
    }

    /// What they hold together, and what each would hold alone.
    fn hold_of_pending(&self, pending: &Pending) -> Result<(Hold, Vec<Amount>), EndReason> {
        self.books.check_pending(pending)?;
        let orders = pending.orders();
        let needs: Vec<_> = orders.iter().filter_map(|order| self.need_of_pending(order)).collect();
        let account = orders[0].account;
        let largest = needs.iter().copied().max_by_key(|(_, need)| need.whole);
        let (asset, need) = largest.ok_or(EndReason::InsufficientFunds)?;
        let available = self.accounts.balance(account, asset).available;
        let hold = Funds { asset, need, available }.hold();
        let hold = hold.map_err(|_| EndReason::InsufficientFunds)?;
        Ok((hold, needs.into_iter().map(|(_, need)| need.whole).collect()))
    }

    fn need_of_pending(&self, order: &NewOrder) -> Option<(model::AssetId, Need)> {
        let instrument = self.books.instrument(order.instrument)?;
        let Size::Base(quantity) = order.size else { return None };
        let ask = match order.price {
            Some(price) => Ask::Limit { price, quantity },
            None => Ask::Market { quantity },
        };
        Some(self.need_of_ask(order.side, ask, &order.instructions, &order.fees, instrument))
    }

    /// Tells of every list of which an order has just ended and none is open any more that it is
    /// done.
    pub(crate) fn write_lists_done(&mut self, body: &mut Draft) {
        let mut done: Vec<OrderId> = Vec::new();
        for at in 0..self.matched.events.len() {
            let (BookEvent::Ended(end) | BookEvent::Dropped(end)) = self.matched.events[at] else {
                continue;
            };
            let list = end.order.record();
            let is_list = end.order.leg() > 0 && !done.contains(&list);
            if is_list && !self.books.has_open_leg(list) {
                done.push(list);
                let (account, instrument) = (end.account, end.instrument);
                self.write_list_status(list, account, instrument, OrderListStatus::AllDone, body);
            }
        }
    }

    pub(crate) fn write_list_status(
        &mut self,
        list: OrderId,
        account: AccountHandle,
        instrument: InstrumentId,
        status: OrderListStatus,
        body: &mut Draft,
    ) {
        let status = log::ListStatus {
            list_id: list.number(),
            account: self.named.index(account, &self.accounts, body),
            instrument_id: instrument.0,
            status: status.into(),
        };
        body.event(&event::Kind::ListStatus(status));
    }
}
