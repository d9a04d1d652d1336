//! Cancelling what is not placed yet, and lists by their own ids.

use model::{AccountHandle, OrderId};

use super::{Link, end_of};
use crate::{BookEvent, Books, EndReason, NewOrder, Outcome};

impl Books {
    /// Cancels an order that is not placed yet, and with it its list. Tells whether there was one.
    pub(crate) fn cancel_pending(&mut self, id: OrderId, out: &mut Outcome) -> bool {
        let Some(at) = self.lists.find(id) else { return false };
        let (working, pending) = match self.lists.slab[at].link {
            Link::Pair(_) => return false,
            Link::Waits(working, pending) => (Some(working), pending),
            Link::Due(pending) => (None, pending),
        };
        let Some(asked) = pending.find(id) else { return false };
        self.unlink_list(at);
        out.events.push(BookEvent::Dropped(end_of(asked, EndReason::Cancelled)));
        if let Some(working) = working {
            self.end_linked(working, EndReason::Cancelled, out);
        }
        for order in pending.orders().iter().filter(|order| order.id != id) {
            out.events.push(BookEvent::Dropped(end_of(order, EndReason::Cancelled)));
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
        let mut from = 0;
        while let Some(at) = self.lists.due.get(from).copied() {
            let first = self.lists.slab[at].link.pending()[0];
            if first.account == account && is_asked(&first) {
                self.cancel_pending(first.id, out);
            } else {
                from += 1;
            }
        }
    }
}
