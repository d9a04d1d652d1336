//! The books' part of a snapshot.

mod book;

use matcher_core::{
    BooksImage, Iceberg, Link, NewOrder, OpenOrder, OrderList, Pending, Size, Sleeper, Watermark,
};
use model::{
    AccountHandle, FeeAsset, FeeRate, Fees, FeesError, Instructions, Instrument, InstrumentId,
    OrderId, OrderType, Price, Role, Timestamp,
};
use prost::Message;
use proto::{convert, log};

use super::closings::{self, ClosingWire};
use book::{BookWire, book_from_wire, book_to_wire};

#[derive(Clone, PartialEq, Message)]
pub(super) struct BooksWire {
    #[prost(message, repeated, tag = "1")]
    books: Vec<BookWire>,
    #[prost(message, repeated, tag = "2")]
    orders: Vec<OrderWire>,
    #[prost(uint64, tag = "3")]
    next_priority: u64,
    /// 0 in snapshots from before orders could expire.
    #[prost(fixed64, tag = "4")]
    now_unix_nanos: u64,
    #[prost(message, repeated, tag = "5")]
    sleepers: Vec<SleeperWire>,
    #[prost(uint64, repeated, tag = "6")]
    woken: Vec<u64>,
    #[prost(message, repeated, tag = "7")]
    watermarks: Vec<WatermarkWire>,
    #[prost(message, repeated, tag = "50")]
    lists: Vec<ListWire>,
    #[prost(uint64, repeated, tag = "51")]
    due: Vec<u64>,
    #[prost(message, repeated, tag = "10")]
    closing: Vec<ClosingWire>,
    #[prost(uint64, repeated, tag = "11")]
    held: Vec<u64>,
}

/// From which best price an order trails.
#[derive(Clone, PartialEq, Message)]
struct WatermarkWire {
    #[prost(uint64, tag = "1")]
    order_id: u64,
    #[prost(uint64, tag = "2")]
    price_ticks: u64,
}

/// What links the orders of a list: a pair has two ids, what waits for a working order has that
/// one's, and what is due has none.
#[derive(Clone, PartialEq, Message)]
struct ListWire {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, repeated, tag = "2")]
    linked: Vec<u64>,
    #[prost(message, repeated, tag = "3")]
    pending: Vec<SleeperWire>,
}

/// An order that sleeps or has woken, or waits for another: limit or market as it has a price or
/// none.
#[derive(Clone, PartialEq, Message)]
struct SleeperWire {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint32, tag = "2")]
    account: u32,
    #[prost(uint32, tag = "3")]
    instrument_id: u32,
    #[prost(int32, tag = "4")]
    side: i32,
    #[prost(int32, tag = "5")]
    time_in_force: i32,
    #[prost(uint64, tag = "6")]
    price_ticks: u64,
    #[prost(uint64, tag = "7")]
    quantity_lots: u64,
    #[prost(message, optional, tag = "8")]
    funds: Option<log::Amount>,
    #[prost(message, optional, tag = "9")]
    instructions: Option<log::Instructions>,
    #[prost(uint64, tag = "10")]
    entry: u64,
    #[prost(message, optional, tag = "23")]
    fees: Option<FeesWire>,
}

/// What an order is charged by; absent where that is nothing.
#[derive(Clone, PartialEq, Message)]
struct FeesWire {
    #[prost(sint32, tag = "1")]
    maker_millionths: i32,
    #[prost(sint32, tag = "2")]
    taker_millionths: i32,
    #[prost(bool, tag = "3")]
    is_in_received: bool,
}

#[derive(Clone, PartialEq, Message)]
struct OrderWire {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint32, tag = "2")]
    account: u32,
    #[prost(uint32, tag = "3")]
    instrument_id: u32,
    #[prost(int32, tag = "4")]
    side: i32,
    #[prost(uint64, tag = "5")]
    price_ticks: u64,
    #[prost(uint64, tag = "6")]
    quantity_lots: u64,
    #[prost(uint64, tag = "7")]
    remaining_lots: u64,
    #[prost(uint64, tag = "8")]
    priority: u64,
    /// `None` for an order that does not end by itself.
    #[prost(fixed64, optional, tag = "9")]
    expires_at_unix_nanos: Option<u64>,
    #[prost(uint64, tag = "10")]
    prevented_lots: u64,
    /// How much of an iceberg is shown at a time and now; 0 for others.
    #[prost(uint64, tag = "11")]
    display_lots: u64,
    #[prost(uint64, tag = "12")]
    shown_lots: u64,
    #[prost(message, optional, tag = "23")]
    fees: Option<FeesWire>,
}

pub(super) fn to_wire(image: &BooksImage) -> BooksWire {
    BooksWire {
        books: image.books.iter().map(book_to_wire).collect(),
        orders: image.orders.iter().map(order_to_wire).collect(),
        next_priority: image.next_priority,
        now_unix_nanos: image.now.unix_nanos(),
        sleepers: image.sleepers.iter().map(sleeper_to_wire).collect(),
        woken: image.woken.iter().map(|id| id.number()).collect(),
        watermarks: image.watermarks.iter().map(watermark_to_wire).collect(),
        lists: image.lists.iter().map(list_to_wire).collect(),
        due: image.due.iter().map(|id| id.number()).collect(),
        closing: image.closing.iter().map(closings::to_wire).collect(),
        held: image.held.iter().map(|id| id.number()).collect(),
    }
}

fn list_to_wire(list: &OrderList) -> ListWire {
    let (linked, pending): (Vec<OrderId>, &[NewOrder]) = match &list.link {
        Link::Pair(pair) => (pair.to_vec(), &[]),
        Link::Waits(working, pending) => (vec![*working], pending.orders()),
        Link::Due(pending) => (Vec::new(), pending.orders()),
    };
    ListWire {
        id: list.id.number(),
        linked: linked.into_iter().map(OrderId::number).collect(),
        pending: pending
            .iter()
            .map(|order| sleeper_to_wire(&Sleeper { order: *order, entry: 0 }))
            .collect(),
    }
}

fn watermark_to_wire(watermark: &Watermark) -> WatermarkWire {
    WatermarkWire { order_id: watermark.order.number(), price_ticks: watermark.price.ticks() }
}

fn watermark_from_wire(wire: &WatermarkWire) -> Result<Watermark, convert::Malformed> {
    let (order, price) = (convert::order_id(wire.order_id)?, convert::price(wire.price_ticks)?);
    Ok(Watermark { order, price })
}

fn sleeper_to_wire(sleeper: &Sleeper) -> SleeperWire {
    let order = &sleeper.order;
    SleeperWire {
        id: order.id.number(),
        account: order.account.0,
        instrument_id: order.instrument.0,
        side: convert::side_to_wire(order.side).into(),
        time_in_force: convert::time_in_force_to_wire(order.time_in_force).into(),
        price_ticks: order.price.map_or(0, Price::ticks),
        quantity_lots: match order.size {
            Size::Base(quantity) => quantity.lots(),
            Size::Quote(_) => 0,
        },
        funds: Some(convert::to_amount(order.funds)),
        instructions: convert::instructions_to_wire(&order.instructions),
        entry: sleeper.entry,
        fees: fees_to_wire(&order.fees),
    }
}

fn order_to_wire(order: &OpenOrder) -> OrderWire {
    OrderWire {
        id: order.id.number(),
        account: order.account.0,
        instrument_id: order.instrument.0,
        side: convert::side_to_wire(order.side).into(),
        price_ticks: order.price.ticks(),
        quantity_lots: order.quantity.lots(),
        remaining_lots: order.remaining.lots(),
        priority: order.priority,
        expires_at_unix_nanos: order.expires_at.map(Timestamp::unix_nanos),
        prevented_lots: order.prevented.lots(),
        display_lots: order.iceberg.map_or(0, |iceberg| iceberg.display.lots()),
        shown_lots: order.iceberg.map_or(0, |iceberg| iceberg.shown.lots()),
        fees: fees_to_wire(&order.fees),
    }
}

/// The image, each number in its range; whether it is one of books is for the books to say.
pub(super) fn from_wire(wire: BooksWire, instruments: &[Instrument]) -> Result<BooksImage, String> {
    let books = wire.books.iter().map(|book| book_from_wire(book, instruments));
    let orders = wire.orders.iter().map(order_from_wire);
    let sleepers = wire.sleepers.iter().map(|sleeper| {
        sleeper_from_wire(sleeper).map_err(|error| format!("sleeper {}: {error}", sleeper.id))
    });
    let watermarks = wire.watermarks.iter().map(watermark_from_wire);
    let ids = |ids: &[u64]| -> Result<Vec<OrderId>, String> {
        let ids = ids.iter().map(|id| convert::order_id(*id));
        ids.collect::<Result<_, _>>().map_err(|error| error.to_string())
    };
    let lists = wire
        .lists
        .iter()
        .map(|list| list_from_wire(list).map_err(|error| format!("list {}: {error}", list.id)));
    Ok(BooksImage {
        // They are kept by name, with the accounts.
        groups: Vec::new(),
        watermarks: watermarks.collect::<Result<_, _>>().map_err(|error| error.to_string())?,
        lists: lists.collect::<Result<_, _>>()?,
        due: ids(&wire.due)?,
        sleepers: sleepers.collect::<Result<_, _>>()?,
        woken: ids(&wire.woken)?,
        held: ids(&wire.held)?,
        closing: wire.closing.iter().map(closings::from_wire).collect(),
        books: books.collect::<Result<_, _>>()?,
        orders: orders.collect::<Result<_, _>>()?,
        next_priority: wire.next_priority,
        now: Timestamp::from_unix_nanos(wire.now_unix_nanos),
    })
}

fn list_from_wire(wire: &ListWire) -> Result<OrderList, convert::Malformed> {
    let id = |id: &u64| convert::order_id(*id);
    let order = |wire: &SleeperWire| Ok(sleeper_from_wire(wire)?.order);
    let pending = match &wire.pending[..] {
        [] => None,
        [one] => Some(Pending::One(order(one)?)),
        [one, other] => Some(Pending::Pair([order(one)?, order(other)?])),
        _ => return Err(convert::Malformed("pending")),
    };
    let link = match (&wire.linked[..], pending) {
        ([one, other], None) => Link::Pair([id(one)?, id(other)?]),
        ([working], Some(pending)) => Link::Waits(id(working)?, pending),
        ([], Some(pending)) => Link::Due(pending),
        _ => return Err(convert::Malformed("linked")),
    };
    Ok(OrderList { id: id(&wire.id)?, link })
}

fn sleeper_from_wire(wire: &SleeperWire) -> Result<Sleeper, convert::Malformed> {
    let price = match wire.price_ticks {
        0 => None,
        ticks => Some(convert::price(ticks)?),
    };
    let instructions = wire.instructions.as_ref().map(Instructions::try_from).transpose()?;
    let order = NewOrder {
        id: convert::order_id(wire.id)?,
        account: AccountHandle(wire.account),
        instrument: InstrumentId(wire.instrument_id),
        side: convert::side_from_wire(wire.side)?,
        order_type: if price.is_some() { OrderType::Limit } else { OrderType::Market },
        time_in_force: convert::time_in_force_from_wire(wire.time_in_force)?,
        price,
        size: Size::Base(convert::quantity(wire.quantity_lots)?),
        funds: convert::amount(wire.funds.as_ref())?,
        fees: fees_from_wire(wire.fees.as_ref())?,
        instructions: instructions.unwrap_or_default(),
    };
    Ok(Sleeper { order, entry: wire.entry })
}

fn fees_to_wire(fees: &Fees) -> Option<FeesWire> {
    (*fees != Fees::NONE).then(|| FeesWire {
        maker_millionths: fees.rate(Role::Maker).millionths(),
        taker_millionths: fees.rate(Role::Taker).millionths(),
        is_in_received: fees.charged_in() == FeeAsset::Received,
    })
}

fn fees_from_wire(wire: Option<&FeesWire>) -> Result<Fees, convert::Malformed> {
    let Some(wire) = wire else { return Ok(Fees::NONE) };
    let charged_in = if wire.is_in_received { FeeAsset::Received } else { FeeAsset::Quote };
    let checked = || -> Result<Fees, FeesError> {
        let maker = FeeRate::from_millionths(wire.maker_millionths)?;
        Fees::new(maker, FeeRate::from_millionths(wire.taker_millionths)?, charged_in)
    };
    checked().map_err(|_| convert::Malformed("fees"))
}

fn order_from_wire(wire: &OrderWire) -> Result<OpenOrder, String> {
    let checked = || -> Result<OpenOrder, convert::Malformed> {
        Ok(OpenOrder {
            id: convert::order_id(wire.id)?,
            account: AccountHandle(wire.account),
            instrument: InstrumentId(wire.instrument_id),
            side: convert::side_from_wire(wire.side)?,
            price: convert::price(wire.price_ticks)?,
            quantity: convert::quantity(wire.quantity_lots)?,
            remaining: convert::quantity(wire.remaining_lots)?,
            priority: wire.priority,
            expires_at: wire.expires_at_unix_nanos.map(Timestamp::from_unix_nanos),
            prevented: convert::quantity(wire.prevented_lots)?,
            fees: fees_from_wire(wire.fees.as_ref())?,
            iceberg: iceberg_from_wire(wire)?,
        })
    };
    checked().map_err(|error| format!("order {}: {error}", wire.id))
}

fn iceberg_from_wire(wire: &OrderWire) -> Result<Option<Iceberg>, convert::Malformed> {
    let (display, shown) = (wire.display_lots, wire.shown_lots);
    if (display, shown) == (0, 0) {
        return Ok(None);
    }
    let (display, shown) = (convert::quantity(display)?, convert::quantity(shown)?);
    Ok(Some(Iceberg { display, shown }))
}
