//! Cancelling what is not placed yet, and lists by their own ids.

use model::{AccountHandle, OrderId};

use super::{Link, end_of};
use crate::{BookEvent, Books, EndReason, NewOrder, Outcome};

impl Books {
    /// Cancels an order that is not placed yet, and with it its list. Tells whether there was one.
    pub(crate) fn cancel_pending(&mut self, id: OrderId, out: &mut Outcome) -> bool {
        self.end_pending(id, EndReason::Cancelled, out)
    }

    fn end_pending(&mut self, id: OrderId, reason: EndReason, out: &mut Outcome) -> bool {
        let Some(at) = self.lists.find(id) else { return false };
        let (working, pending) = match self.lists.slab[at].link {
            Link::Pair(_) => return false,
            Link::Waits(working, pending) => (Some(working), pending),
            Link::Due(pending) => (None, pending),
        };
        let Some(asked) = pending.find(id) else { return false };
        self.unlink_list(at);
        out.events.push(BookEvent::Dropped(end_of(asked, reason)));
        if let Some(working) = working {
            self.end_linked(working, reason, out);
        }
        for order in pending.orders().iter().filter(|order| order.id != id) {
            out.events.push(BookEvent::Dropped(end_of(order, reason)));
        }
        true
    }

    /// Cancels every open order of the list with this id. Tells whether there was one.
    pub(crate) fn cancel_list(&mut self, id: OrderId, out: &mut Outcome) -> bool {
        let mut is_any = false;
        for leg in id.legs() {
            is_any |= self.cancel(leg, out);
        }
        is_any
    }

    /// Cancels an account's orders whose working order was filled and that are not placed yet.
    pub(crate) fn cancel_due(
        &mut self,
        account: AccountHandle,
        is_asked: impl Fn(&NewOrder) -> bool,
        out: &mut Outcome,
    ) {
        let is_its = |order: &NewOrder| order.account == account && is_asked(order);
        self.end_due(is_its, EndReason::Cancelled, out);
    }

    /// Ends orders that are due, of whatever account.
    pub(crate) fn end_due(
        &mut self,
        is_asked: impl Fn(&NewOrder) -> bool,
        reason: EndReason,
        out: &mut Outcome,
    ) {
        let mut from = 0;
        while let Some(at) = self.lists.due.get(from).copied() {
            let pending = self.lists.slab[at].link.pending();
            let asked = pending.iter().find(|order| is_asked(order));
            match asked.map(|order| order.id) {
                Some(id) => drop(self.end_pending(id, reason, out)),
                None => from += 1,
            }
        }
    }
}
