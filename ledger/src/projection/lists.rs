//! What becomes of the orders of a list: each is a row of its own, under the list's id and its
//! place.

use model::{OrderId, Timestamp};
use proto::{
    convert::{self, Malformed},
    log::{
        ListedOrders, OrderListParked, OrderListPlaced, OrderListRejected, OrderTerms,
        PendingPlaced, RefusalReason,
    },
    text,
    trading::OrderStatus,
};

use super::{Changes, Fold};
use crate::row::OrderRow;

impl Fold<'_> {
    /// A list is accepted. Those of its orders that wait for a working one are not placed yet.
    pub(super) fn list_placed(
        &self,
        placed: &OrderListPlaced,
        changes: &mut Changes,
    ) -> Result<(), Malformed> {
        let listed = placed.listed.as_ref().ok_or(Malformed("listed"))?;
        let has_working = convert::contingency_from_wire(listed.contingency)?.has_working();
        for (place, terms) in listed.orders.iter().enumerate() {
            let waits = has_working && place > 0;
            let status = if waits { OrderStatus::Pending } else { OrderStatus::Open };
            if placed.list_id != 0 {
                let id = leg(convert::order_id(placed.list_id)?, place)?;
                let remaining = convert::quantity(terms.quantity_lots)?;
                changes.move_order(id, self.state(status, remaining, ""));
                continue;
            }
            let mut row = self.listed(listed, place, terms, (status, ""))?;
            let expires_at = placed.expires_at_unix_nanos.get(place).copied().unwrap_or(0);
            if expires_at > 0 {
                row.instructions.expires_at = Some(Timestamp::from_unix_nanos(expires_at));
            }
            changes.order(row);
        }
        Ok(())
    }

    pub(super) fn list_rejected(
        &self,
        rejected: &OrderListRejected,
        changes: &mut Changes,
    ) -> Result<(), Malformed> {
        let listed = rejected.listed.as_ref().ok_or(Malformed("listed"))?;
        let reason = RefusalReason::try_from(rejected.reason).map_err(|_| Malformed("reason"))?;
        let became = (OrderStatus::Rejected, text::refusal(reason));
        for (place, terms) in listed.orders.iter().enumerate() {
            if rejected.list_id == 0 {
                changes.order(self.listed(listed, place, terms, became)?);
            } else {
                let id = leg(convert::order_id(rejected.list_id)?, place)?;
                let remaining = convert::quantity(terms.quantity_lots)?;
                changes.move_order(id, self.state(became.0, remaining, became.1));
            }
        }
        Ok(())
    }

    pub(super) fn list_parked(
        &self,
        parked: &OrderListParked,
        changes: &mut Changes,
    ) -> Result<(), Malformed> {
        let listed = parked.listed.as_ref().ok_or(Malformed("listed"))?;
        for (place, terms) in listed.orders.iter().enumerate() {
            changes.order(self.listed(listed, place, terms, (OrderStatus::Pending, ""))?);
        }
        Ok(())
    }

    /// An order that waited is placed; what it does follows in the same answer.
    pub(super) fn pending_placed(
        &self,
        placed: &PendingPlaced,
        changes: &mut Changes,
    ) -> Result<(), Malformed> {
        let remaining = convert::quantity(placed.quantity_lots)?;
        let state = self.state(OrderStatus::Open, remaining, "");
        changes.move_order(convert::order_id(placed.order_id)?, state);
        Ok(())
    }

    fn listed(
        &self,
        listed: &ListedOrders,
        place: usize,
        terms: &OrderTerms,
        (status, reason): (OrderStatus, &str),
    ) -> Result<OrderRow, Malformed> {
        let row = self.order(terms, status, reason)?;
        let contingency = Some(convert::contingency_from_wire(listed.contingency)?);
        Ok(OrderRow { id: leg(row.id, place)?, contingency, ..row })
    }
}

/// The id of the order at a place of a list, from 0.
fn leg(list: OrderId, place: usize) -> Result<OrderId, Malformed> {
    let leg = u8::try_from(place + 1).ok().and_then(|leg| list.with_leg(leg));
    leg.ok_or(Malformed("orders"))
}
