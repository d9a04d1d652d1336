//! Lists out of an image, with everything checked; and what must be true of them.

use alloc::{format, string::String, vec, vec::Vec};

use model::OrderId;

use super::{Link, Lists, OrderList, Pending};
use crate::{ACCOUNTS_END, Books, NewOrder, RestoreError, Size};

impl Lists {
    /// Every list by id, and those that are due in their order.
    pub(crate) fn image(&self) -> (Vec<OrderList>, Vec<OrderId>) {
        let mut lists: Vec<OrderList> = self.index.iter().map(|at| self.slab[*at]).collect();
        lists.sort_unstable_by_key(|list| list.id);
        let due = self.due.iter().map(|at| self.slab[*at].id);
        (lists, due.collect())
    }
}

impl Books {
    /// Links orders that were restored before.
    pub(crate) fn restore_lists(
        &mut self,
        lists: &[OrderList],
        due: &[OrderId],
    ) -> Result<(), RestoreError> {
        let mut last = None;
        let mut due_count = 0;
        for list in lists {
            let id = list.id;
            let is_next = id.leg() == 0 && last < Some(id);
            let is_known = |order: &NewOrder| {
                self.slot(order.instrument).is_some() && order.account.0 < ACCOUNTS_END
            };
            let is_sound = match &list.link {
                Link::Pair(pair) => self.is_pair(id, pair),
                Link::Waits(working, pending) => {
                    let is_its = working.record() == id && working.leg() > 0;
                    let rests = is_its && self.orders.find(*working).is_some();
                    rests && self.are_pending(id, pending) && pending.find(*working).is_none()
                }
                Link::Due(pending) => self.are_pending(id, pending),
            };
            if !is_next || !is_sound || !list.link.pending().iter().all(is_known) {
                return Err(RestoreError::List(id));
            }
            for order in list.link.pending() {
                if !self.has_room_for(&order.fees) {
                    return Err(RestoreError::Fees(order.id));
                }
            }
            last = Some(id);
            due_count += usize::from(matches!(list.link, Link::Due(_)));
            self.link(*list);
        }
        self.lists.due.clear();
        for id in due {
            let at = self.lists.find(*id).filter(|at| {
                let list = &self.lists.slab[*at];
                list.id == *id && matches!(list.link, Link::Due(_)) && !self.lists.due.contains(at)
            });
            self.lists.due.push_back(at.ok_or(RestoreError::List(*id))?);
        }
        match lists.first() {
            Some(first) if due_count != due.len() => Err(RestoreError::List(first.id)),
            _ => Ok(()),
        }
    }

    /// Whether two orders are open and whole, of one record, and of one account, book and side.
    fn is_pair(&self, id: OrderId, pair: &[OrderId; 2]) -> bool {
        let whole = pair.map(|order| {
            let is_its = order.record() == id && order.leg() > 0;
            let resting = self.order(order).filter(|open| open.remaining == open.quantity);
            let resting = resting.map(|open| (open.account, open.instrument, open.side));
            let asleep = self.sleeper(order).map(|sleeper| sleeper.order);
            let asleep = asleep.map(|order| (order.account, order.instrument, order.side));
            resting.or(asleep).filter(|_| is_its)
        });
        pair[0] < pair[1] && whole[0].is_some() && whole[0] == whole[1]
    }

    /// Whether these can be placed once it is their turn, and are not placed yet.
    fn are_pending(&self, id: OrderId, pending: &Pending) -> bool {
        let mut last = id;
        pending.orders().iter().all(|order| {
            let is_next = order.id.record() == id && last < order.id;
            last = order.id;
            let is_limit = order.order_type == model::OrderType::Limit;
            let has_size = matches!(order.size, Size::Base(quantity) if !quantity.is_zero());
            let is_placed =
                self.orders.find(order.id).is_some() || self.sleeper(order.id).is_some();
            is_next && has_size && is_limit == order.price.is_some() && !is_placed
        })
    }

    /// Whether every list is found, links what is there, and is counted.
    pub(crate) fn check_lists(&self) -> Result<(), String> {
        let (lists, due) = self.lists.image();
        let mut pending_of = vec![0_u32; self.lists.pending_of.len()];
        let mut pending = 0;
        for list in &lists {
            let is_sound = match &list.link {
                Link::Pair(pair) => self.is_pair(list.id, pair),
                Link::Waits(working, pending) => {
                    self.orders.find(*working).is_some() && self.are_pending(list.id, pending)
                }
                Link::Due(pending) => due.contains(&list.id) && self.are_pending(list.id, pending),
            };
            if !is_sound || self.list_of(list.id) != Some(*list) {
                return Err(format!("list {} links what is not there", list.id));
            }
            for order in list.link.pending() {
                pending_of[order.account.0 as usize] += 1;
                pending += 1;
            }
        }
        let due_count = lists.iter().filter(|list| matches!(list.link, Link::Due(_))).count();
        if self.lists.slab.len() != lists.len() || due_count != due.len() {
            return Err(format!("{} lists by id, {due_count} due", lists.len()));
        }
        if pending != self.lists.pending || pending_of != self.lists.pending_of {
            return Err(format!("{pending} orders wait for others, and are counted wrong"));
        }
        Ok(())
    }
}
