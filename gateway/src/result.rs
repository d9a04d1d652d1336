//! An answer of a shard becomes an order as clients see it; pure.
//!
//! The terms are those of the request; what became of them is read from the answer's events. A
//! status is one of: rejected (refused at entry), open, partially filled, filled, cancelled,
//! expired (ended by its own terms, such as the rest of an IOC order).

mod list;

pub use list::{ListDecision, decide_list, list_of, pending_list, unknown_list};

use model::{InstrumentId, OrderId, Price, Quantity, Side, Timestamp};
use proto::{
    command::{Ask, KeySpace},
    convert, log,
    log::{EndReason, OrderAmended, OrderEnded, RefusalReason, TradeExecuted, event, outcome},
    text,
    trading::{Fill, Order, OrderStatus, Receipt},
};
use spine::Answer;

use crate::{desk::Answered, entry::Placed, reference::Listed};

/// What a shard said of an order.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The order as it is after its own record.
    Decided(Box<Order>),
    /// The same order was placed before, under this id; nothing new happened.
    Duplicate(OrderId),
    /// The key was used before with other content. The order is rejected for that reason.
    KeyReused(Box<Order>),
}

/// The order that `placed` asks for, whose record stands in the log at `id` and is not decided yet.
pub fn pending(placed: &Placed, id: OrderId, at: Timestamp) -> Order {
    Order { status: OrderStatus::Pending.into(), ..identified(terms(placed), id, at) }
}

/// The order whose outcome this gateway does not know; its id where at least that is known.
pub fn unknown(placed: &Placed, id: Option<OrderId>, at: Timestamp) -> Order {
    let order = Order { status: OrderStatus::Unknown.into(), ..terms(placed) };
    match id {
        Some(id) => identified(order, id, at),
        None => order,
    }
}

/// What `answered` says of `placed`, whose record is at `id`.
pub fn decide(placed: &Placed, id: OrderId, answered: &Answered) -> Decision {
    let answer = &answered.answer;
    let updated_at = Some(convert::to_proto_timestamp(answer.now));
    let order = identified(terms(placed), id, answered.received_at);
    let order = Order { updated_at, ..order };
    let kind = answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
    match kind {
        Some(outcome::Kind::Applied(_)) => {
            Decision::Decided(Box::new(worked(order, placed, id, &answer.body)))
        }
        Some(outcome::Kind::Duplicate(duplicate)) => {
            match OrderId::from_number(duplicate.original_order_id) {
                Some(original) => Decision::Duplicate(original),
                None => Decision::Decided(Box::new(rejected(order, "undecided"))),
            }
        }
        Some(outcome::Kind::Refused(refused)) => {
            let reason = refused.reason();
            let order = Box::new(rejected(order, text::refusal(reason)));
            if reason == RefusalReason::KeyReused {
                Decision::KeyReused(order)
            } else {
                Decision::Decided(order)
            }
        }
        Some(outcome::Kind::Poison(_)) => Decision::Decided(Box::new(rejected(order, "poison"))),
        Some(outcome::Kind::Stale(_) | outcome::Kind::Gap(_)) | None => {
            Decision::Decided(Box::new(rejected(order, "undecided")))
        }
    }
}

/// Whether what `answer` says used the order's key up, so that a retry with it is a duplicate.
pub fn consumes_key(answer: &Answer) -> bool {
    let kind = answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
    match kind {
        Some(outcome::Kind::Applied(_)) => true,
        Some(outcome::Kind::Refused(refused)) => !matches!(
            refused.reason(),
            RefusalReason::Late
                | RefusalReason::TooManyKeys
                | RefusalReason::TooManyOpenOrders
                | RefusalReason::TooManyAccounts
                | RefusalReason::TooManyParked
                | RefusalReason::KeyReused
                | RefusalReason::NotInForce
                | RefusalReason::TooManySchedules
                | RefusalReason::MaxOrders
                | RefusalReason::MaxAlgoOrders
                | RefusalReason::AccountSuspended
                | RefusalReason::ReduceOnly
                | RefusalReason::KillSwitch
                | RefusalReason::MaxOrderNotional
                | RefusalReason::MaxPosition
                | RefusalReason::OrderRate
                | RefusalReason::PriceCollar
                | RefusalReason::FundsElsewhere
        ),
        _ => false,
    }
}

/// The public depth sequence of the instrument after `answer`; 0 where it changed no book of it.
pub fn depth_sequence(answer: &Answer, instrument: Option<InstrumentId>) -> u64 {
    let changes = answer.body.events.iter().filter_map(|event| match &event.kind {
        Some(event::Kind::BookChanged(change)) => Some(change),
        _ => None,
    });
    let mut of_instrument = changes
        .filter(|change| instrument.is_none_or(|instrument| instrument.0 == change.instrument_id));
    of_instrument.next_back().map_or(0, |change| change.sequence)
}

/// The orders that the input of `answer` cancelled. Others may have ended in the same answer, and
/// they may be another client's: those that had waited too long for money.
pub fn cancelled_by(answer: &Answer) -> impl Iterator<Item = &OrderEnded> {
    answer.body.events.iter().filter_map(|event| match &event.kind {
        Some(event::Kind::OrderEnded(ended)) => {
            (ended.reason() == EndReason::Cancelled).then_some(ended)
        }
        _ => None,
    })
}

/// `order` as its cancellation left it.
pub fn cancelled(
    order: Order,
    ended: &OrderEnded,
    listed: Option<&Listed>,
    at: Timestamp,
) -> Order {
    let remaining = listed.map(|listed| lots(listed, ended.remaining_lots));
    Order {
        id: ended.order_id,
        status: OrderStatus::Cancelled.into(),
        remaining: remaining.unwrap_or(order.remaining),
        updated_at: Some(convert::to_proto_timestamp(at)),
        receipt: receipt(ended.order_id),
        ..order
    }
}

/// `order` as an amend left it.
pub fn amended(order: Order, amended: &OrderAmended, listed: &Listed, at: Timestamp) -> Order {
    let open = amended.remaining_lots + amended.prevented_lots;
    let status = match open < amended.quantity_lots {
        true => OrderStatus::PartiallyFilled,
        false => OrderStatus::Open,
    };
    Order {
        id: amended.order_id,
        status: status.into(),
        quantity: lots(listed, amended.quantity_lots),
        remaining: lots(listed, amended.remaining_lots),
        updated_at: Some(convert::to_proto_timestamp(at)),
        receipt: receipt(amended.order_id),
        ..order
    }
}

/// Where the record of the order with this id stands.
pub fn receipt(id: u64) -> Option<Receipt> {
    OrderId::from_number(id)
        .map(|id| Receipt { partition: u32::from(id.partition().number()), offset: id.offset() })
}

/// What the order asks for; nothing of what became of it.
fn terms(placed: &Placed) -> Order {
    let (listed, order) = (placed.listed.as_ref(), &placed.order);
    let instrument = &listed.instrument;
    let [price, quantity, quote_quantity] = match order.ask {
        Ask::Limit { price, quantity } => {
            [instrument.format_price(price), instrument.format_quantity(quantity), String::new()]
        }
        Ask::Market { quantity } => {
            [String::new(), instrument.format_quantity(quantity), String::new()]
        }
        Ask::MarketByQuote { amount } => {
            [String::new(), String::new(), instrument.format_quote_amount(amount)]
        }
    };
    let is_clients_own = order.key.space == KeySpace::ClientOrderId;
    let key = if is_clients_own { order.key.text.as_str() } else { "" };
    Order {
        client_id: placed.account.as_str().to_owned(),
        client_order_id: key.to_owned(),
        instrument: listed.symbol().to_owned(),
        side: convert::side_to_wire(order.side).into(),
        r#type: convert::type_to_wire(order.order_type()).into(),
        stop_price: order
            .instructions
            .trigger
            .map(|trigger| instrument.format_price(trigger.price))
            .unwrap_or_default(),
        display_quantity: order
            .instructions
            .display
            .map(|display| instrument.format_quantity(display))
            .unwrap_or_default(),
        trailing_delta_bps: order.instructions.trailing.map_or(0, |trailing| trailing.delta_bps()),
        time_in_force: convert::time_in_force_to_wire(order.time_in_force).into(),
        remaining: quantity.clone(),
        price,
        quantity,
        quote_quantity,
        post_only: order.instructions.post_only,
        self_trade_prevention: convert::instructions_to_wire(&order.instructions)
            .map_or(0, |said| said.self_trade_prevention),
        expires_at: order.instructions.expires_at.map(convert::to_proto_timestamp),
        ..Order::default()
    }
}

fn identified(order: Order, id: OrderId, at: Timestamp) -> Order {
    let at = Some(convert::to_proto_timestamp(at));
    Order {
        id: id.number(),
        created_at: at,
        updated_at: at,
        receipt: receipt(id.number()),
        ..order
    }
}

fn rejected(order: Order, reason: &str) -> Order {
    let status = OrderStatus::Rejected.into();
    Order { status, reject_reason: reason.to_owned(), ..order }
}

/// The order after the events of its own record.
fn worked(mut order: Order, placed: &Placed, id: OrderId, body: &log::AnswerBody) -> Order {
    let listed = placed.listed.as_ref();
    let mut end = None;
    for event in &body.events {
        match &event.kind {
            Some(event::Kind::Trade(trade)) if trade.taker_order_id == id.number() => {
                order.fills.push(fill(listed, trade));
                order.remaining = lots(listed, trade.taker_remaining_lots);
            }
            Some(event::Kind::TradePrevented(met)) if met.taker_order_id == id.number() => {
                order.prevented_quantity = lots(listed, met.taker_prevented_total_lots);
                order.remaining = lots(listed, met.taker_remaining_lots);
            }
            // One for the day learns here when that ends.
            Some(event::Kind::OrderPlaced(own))
                if own.order_id == 0 && own.expires_at_unix_nanos > 0 =>
            {
                let expires_at = Timestamp::from_unix_nanos(own.expires_at_unix_nanos);
                order.expires_at = Some(convert::to_proto_timestamp(expires_at));
            }
            Some(event::Kind::OrderEnded(ended)) if ended.order_id == id.number() => {
                order.remaining = lots(listed, ended.remaining_lots);
                end = Some(ended.reason());
            }
            _ => {}
        }
    }
    let status = match end {
        Some(EndReason::Filled) => OrderStatus::Filled,
        Some(EndReason::Cancelled) => OrderStatus::Cancelled,
        Some(reason @ (EndReason::CancelAfter | EndReason::KillSwitch | EndReason::Delisted)) => {
            text::end(reason).clone_into(&mut order.reject_reason);
            OrderStatus::Cancelled
        }
        Some(reason) => {
            text::end(reason).clone_into(&mut order.reject_reason);
            OrderStatus::Expired
        }
        None if order.fills.is_empty() => OrderStatus::Open,
        None => OrderStatus::PartiallyFilled,
    };
    Order { status: status.into(), ..order }
}

fn fill(listed: &Listed, trade: &TradeExecuted) -> Fill {
    let price = Price::from_ticks(trade.price_ticks);
    let (fee, fee_asset) = taker_fee(listed, trade);
    Fill {
        trade_id: format!("{}-{}", listed.symbol(), trade.trade_id),
        price: price.map(|price| listed.instrument.format_price(price)).unwrap_or_default(),
        quantity: lots(listed, trade.quantity_lots),
        maker_order_id: trade.maker_order_id,
        fee,
        fee_asset,
    }
}

/// What a trade cost its taker, and of what; nothing where it cost nothing.
fn taker_fee(listed: &Listed, trade: &TradeExecuted) -> (String, String) {
    let fee = convert::amount(trade.taker_fee.as_ref()).unwrap_or_default();
    if fee.is_zero() {
        return (String::new(), String::new());
    }
    let takes = convert::side_from_wire(trade.taker_side);
    let is_in_base = trade.buyer_fee_in_base && takes == Ok(Side::Buy);
    let asset = if is_in_base { &listed.base } else { &listed.quote };
    (asset.format_amount(fee), asset.code.clone())
}

/// Lots as decimal text. A shard never writes more than a quantity can be.
fn lots(listed: &Listed, lots: u64) -> String {
    let quantity = Quantity::from_lots(lots);
    quantity.map(|quantity| listed.instrument.format_quantity(quantity)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
