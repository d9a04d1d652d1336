//! The books' part of a snapshot.

use matcher_core::{BookImage, BooksImage, OpenOrder};
use model::{AccountHandle, Instrument, InstrumentId, Price, Timestamp};
use prost::Message;
use proto::convert;

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
}

/// A book apart from its orders. Its instrument's settings are in the listings.
#[derive(Clone, PartialEq, Message)]
struct BookWire {
    #[prost(uint32, tag = "1")]
    instrument_id: u32,
    #[prost(uint64, tag = "2")]
    sequence: u64,
    #[prost(uint64, tag = "3")]
    trades: u64,
    /// 0 before the first trade.
    #[prost(uint64, tag = "4")]
    last_price_ticks: u64,
    #[prost(uint64, tag = "5")]
    prevented: u64,
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
}

pub(super) fn to_wire(image: &BooksImage) -> BooksWire {
    BooksWire {
        books: image.books.iter().map(book_to_wire).collect(),
        orders: image.orders.iter().map(order_to_wire).collect(),
        next_priority: image.next_priority,
        now_unix_nanos: image.now.unix_nanos(),
    }
}

fn book_to_wire(book: &BookImage) -> BookWire {
    BookWire {
        instrument_id: book.instrument.id.0,
        sequence: book.sequence,
        trades: book.trades,
        last_price_ticks: book.last_price.map_or(0, Price::ticks),
        prevented: book.prevented,
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
    }
}

/// The image, each number in its range; whether it is one of books is for the books to say.
pub(super) fn from_wire(wire: BooksWire, instruments: &[Instrument]) -> Result<BooksImage, String> {
    let books = wire.books.iter().map(|book| book_from_wire(book, instruments));
    let orders = wire.orders.iter().map(order_from_wire);
    Ok(BooksImage {
        books: books.collect::<Result<_, _>>()?,
        orders: orders.collect::<Result<_, _>>()?,
        next_priority: wire.next_priority,
        now: Timestamp::from_unix_nanos(wire.now_unix_nanos),
    })
}

fn book_from_wire(wire: &BookWire, instruments: &[Instrument]) -> Result<BookImage, String> {
    let instrument = instruments.iter().find(|listed| listed.id.0 == wire.instrument_id);
    let instrument = instrument.ok_or("a book of an instrument that is not listed")?;
    let last_price = match wire.last_price_ticks {
        0 => None,
        ticks => Some(convert::price(ticks).map_err(|error| error.to_string())?),
    };
    Ok(BookImage {
        instrument: instrument.clone(),
        sequence: wire.sequence,
        trades: wire.trades,
        prevented: wire.prevented,
        last_price,
    })
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
        })
    };
    checked().map_err(|error| format!("order {}: {error}", wire.id))
}
