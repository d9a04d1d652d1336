//! An answer of a shard becomes a list as clients see it; pure.

use model::{OrderId, Timestamp};
use proto::{
    convert,
    log::{self, RefusalReason, event, outcome},
    text,
    trading::{Order, OrderList, OrderListStatus, OrderStatus},
};

use super::{identified, receipt, rejected, terms, worked};
use crate::{desk::Answered, entry::PlacedList};

/// What a shard said of a list.
#[derive(Clone, Debug, PartialEq)]
pub enum ListDecision {
    /// The list as it is after its own record.
    Decided(Box<OrderList>),
    /// The same list was placed before, under this id; nothing new happened.
    Duplicate(OrderId),
    /// The key was used before with other content.
    KeyReused,
}

/// The list that `placed` asks for, whose record stands in the log at `id` and is not decided yet.
pub fn pending_list(placed: &PlacedList, id: OrderId, at: Timestamp) -> OrderList {
    let status = OrderStatus::Pending.into();
    let orders = orders(placed, id, at).into_iter().map(|order| Order { status, ..order });
    OrderList { status: OrderListStatus::Pending.into(), ..whole(placed, id, at, orders.collect()) }
}

/// The list whose outcome this gateway does not know; its id where at least that is known.
pub fn unknown_list(placed: &PlacedList, id: Option<OrderId>, at: Timestamp) -> OrderList {
    let status = OrderStatus::Unknown.into();
    let unknown = |order: Order| Order { status, ..order };
    let list = match id {
        Some(id) => {
            let orders = orders(placed, id, at).into_iter().map(unknown);
            whole(placed, id, at, orders.collect())
        }
        None => {
            let orders = placed.orders().map(|order| unknown(terms(&order)));
            OrderList { orders: orders.collect(), ..named(placed) }
        }
    };
    OrderList { status: OrderListStatus::Unknown.into(), ..list }
}

/// What `answered` says of `placed`, whose record is at `id`.
pub fn decide_list(placed: &PlacedList, id: OrderId, answered: &Answered) -> ListDecision {
    let answer = &answered.answer;
    let orders = orders(placed, id, answered.received_at);
    let updated_at = Some(convert::to_proto_timestamp(answer.now));
    let orders: Vec<Order> =
        orders.into_iter().map(|order| Order { updated_at, ..order }).collect();
    let refused = |reason: &str, orders: Vec<Order>| {
        let orders = orders.into_iter().map(|order| rejected(order, reason));
        let list = whole(placed, id, answered.received_at, orders.collect());
        let (status, reject_reason) = (OrderListStatus::Rejected.into(), reason.to_owned());
        ListDecision::Decided(Box::new(OrderList { status, reject_reason, ..list }))
    };
    match answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref()) {
        Some(outcome::Kind::Applied(_)) => {
            let orders = placed.orders().zip(orders).enumerate().map(|(at, (one, order))| {
                let leg = OrderId::from_number(order.id).unwrap_or(id);
                let order = worked(until(order, at, &answer.body), &one, leg, &answer.body);
                let waits = at >= placed.list.placed_at_once();
                if waits && order.status() == OrderStatus::Open && !is_placed(leg, &answer.body) {
                    return Order { status: OrderStatus::Pending.into(), ..order };
                }
                order
            });
            let list = whole(placed, id, answered.received_at, orders.collect());
            let status = status_of(&list.orders).into();
            ListDecision::Decided(Box::new(OrderList { status, ..list }))
        }
        Some(outcome::Kind::Duplicate(duplicate)) => {
            match OrderId::from_number(duplicate.original_order_id) {
                Some(original) => ListDecision::Duplicate(original),
                None => refused("undecided", orders),
            }
        }
        Some(outcome::Kind::Refused(why)) if why.reason() == RefusalReason::KeyReused => {
            ListDecision::KeyReused
        }
        Some(outcome::Kind::Refused(why)) => refused(text::refusal(why.reason()), orders),
        Some(outcome::Kind::Poison(_)) => refused("poison", orders),
        Some(outcome::Kind::Stale(_) | outcome::Kind::Gap(_)) | None => {
            refused("undecided", orders)
        }
    }
}

/// The list that these orders, all that it has, make; `None` where they are of no list.
pub fn list_of(orders: Vec<Order>) -> Option<OrderList> {
    let first = orders.first().filter(|order| order.list_id > 0)?;
    let list = OrderList {
        id: first.list_id,
        client_id: first.client_id.clone(),
        client_order_id: first.client_order_id.clone(),
        instrument: first.instrument.clone(),
        contingency: first.contingency,
        created_at: first.created_at,
        receipt: first.receipt,
        status: status_of(&orders).into(),
        reject_reason: match first.status() {
            OrderStatus::Rejected => first.reject_reason.clone(),
            _ => String::new(),
        },
        orders: Vec::new(),
    };
    Some(OrderList { orders, ..list })
}

fn status_of(orders: &[Order]) -> OrderListStatus {
    let is = |status: OrderStatus| orders.iter().any(|order| order.status() == status);
    if is(OrderStatus::Rejected) {
        return OrderListStatus::Rejected;
    }
    // Where all are pending, the list waits for money.
    if orders.iter().all(|order| order.status() == OrderStatus::Pending) {
        return OrderListStatus::Pending;
    }
    let is_open = is(OrderStatus::Open) || is(OrderStatus::PartiallyFilled);
    if is_open || is(OrderStatus::Pending) {
        OrderListStatus::Executing
    } else {
        OrderListStatus::AllDone
    }
}

/// The orders as they were asked for, with their ids.
fn orders(placed: &PlacedList, id: OrderId, at: Timestamp) -> Vec<Order> {
    let contingency = convert::contingency_to_wire(placed.list.contingency).into();
    let orders = id.legs().zip(placed.orders()).map(|(leg, order)| Order {
        list_id: id.number(),
        contingency,
        ..identified(terms(&order), leg, at)
    });
    orders.collect()
}

/// One for the day learns with its acceptance when that ends.
fn until(order: Order, at: usize, body: &log::AnswerBody) -> Order {
    let ends = body.events.iter().find_map(|event| match event.kind.as_ref()? {
        event::Kind::ListPlaced(placed) => placed.expires_at_unix_nanos.get(at).copied(),
        _ => None,
    });
    match ends {
        Some(nanos) if nanos > 0 => {
            let expires_at = convert::to_proto_timestamp(Timestamp::from_unix_nanos(nanos));
            Order { expires_at: Some(expires_at), ..order }
        }
        _ => order,
    }
}

/// Whether an order that waited for another was placed by this answer.
fn is_placed(id: OrderId, body: &log::AnswerBody) -> bool {
    body.events.iter().any(|event| match &event.kind {
        Some(event::Kind::PendingPlaced(placed)) => placed.order_id == id.number(),
        _ => false,
    })
}

fn named(placed: &PlacedList) -> OrderList {
    let first = placed.orders().next().map(|order| terms(&order)).unwrap_or_default();
    OrderList {
        client_id: first.client_id,
        client_order_id: first.client_order_id,
        instrument: first.instrument,
        contingency: convert::contingency_to_wire(placed.list.contingency).into(),
        ..OrderList::default()
    }
}

fn whole(placed: &PlacedList, id: OrderId, at: Timestamp, orders: Vec<Order>) -> OrderList {
    OrderList {
        id: id.number(),
        created_at: Some(convert::to_proto_timestamp(at)),
        receipt: receipt(id.number()),
        orders,
        ..named(placed)
    }
}
