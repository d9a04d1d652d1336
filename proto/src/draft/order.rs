//! What orders did: placed, traded, ended, and how their books changed.

use super::{Draft, field, money::wire_enum, wire::Wire};
use crate::{command::PlaceOrder, convert, log};

/// The kinds of events that are written here, by their numbers in `Event` in `answer.proto`.
mod kind {
    pub(super) const ORDER_PLACED: u32 = 3;
    pub(super) const TRADE: u32 = 5;
    pub(super) const ORDER_ENDED: u32 = 6;
    pub(super) const BOOK_CHANGED: u32 = 7;
}

/// What an order asked for: see `OrderTerms` in `answer.proto`.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The index of its account.
    pub account: u32,
    /// What it asked for.
    pub place: &'a PlaceOrder,
    /// Whether it was to come instead of another order.
    pub replaces: bool,
}

/// An accepted order: see `OrderPlaced` in `answer.proto`.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// What it asked for.
    pub terms: Terms<'a>,
    /// Its id where it was parked until now; else 0.
    pub order_id: u64,
    /// When it ends by itself; else 0.
    pub expires_at_unix_nanos: u64,
    /// The order that it came instead of; else 0.
    pub replaced_order_id: u64,
}

impl Terms<'_> {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.number(1, self.account.into());
        write_asked(bytes, 2, self.place);
        bytes.number(20, self.replaces.into());
    }
}

/// A `PlaceOrder` of `input.proto`, its length first.
pub fn encode_place_order(place: &PlaceOrder, bytes: &mut Vec<u8>) {
    let begun = bytes.begin_bare();
    write_asked(bytes, 1, place);
    bytes.end(begun);
}

/// What `PlaceOrder` and `OrderTerms` have in common, in fields that are numbered alike from
/// `first` on.
fn write_asked(bytes: &mut Vec<u8>, first: u32, place: &PlaceOrder) {
    let (price_ticks, quantity_lots, quote_quantity) = place.ask.into();
    bytes.number(first, wire_enum(log::KeySpace::from(place.key.space).into()));
    bytes.text(first + 1, place.key.text.as_str());
    bytes.number(first + 2, place.instrument.0.into());
    bytes.number(first + 3, wire_enum(convert::side_to_wire(place.side).into()));
    bytes.number(first + 4, wire_enum(convert::type_to_wire(place.ask.order_type()).into()));
    let time_in_force = convert::time_in_force_to_wire(place.time_in_force);
    bytes.number(first + 5, wire_enum(time_in_force.into()));
    bytes.number(first + 6, price_ticks);
    bytes.number(first + 7, quantity_lots);
    if let Some(amount) = quote_quantity {
        Draft::message(bytes, first + 8, &amount);
    }
    if let Some(instructions) = convert::instructions_to_wire(&place.instructions) {
        Draft::message(bytes, first + 9, &instructions);
    }
}

impl Draft {
    /// An order was accepted.
    pub fn placed(&mut self, placed: &Placed<'_>) {
        self.kind(kind::ORDER_PLACED, |bytes| {
            bytes.nested(1, |bytes| placed.terms.write(bytes));
            bytes.number(2, placed.order_id);
            bytes.fixed(3, placed.expires_at_unix_nanos);
            bytes.number(10, placed.replaced_order_id);
        });
    }

    /// Two orders traded.
    pub fn trade(&mut self, trade: &log::TradeExecuted) {
        self.kind(kind::TRADE, |bytes| {
            bytes.number(1, trade.instrument_id.into());
            bytes.number(2, trade.trade_id);
            bytes.number(3, trade.price_ticks);
            bytes.number(4, trade.quantity_lots);
            bytes.number(5, trade.maker_order_id);
            bytes.number(6, trade.taker_order_id);
            bytes.number(7, trade.maker_account.into());
            bytes.number(8, trade.taker_account.into());
            bytes.number(9, trade.maker_remaining_lots);
            bytes.number(10, trade.taker_remaining_lots);
            bytes.number(11, wire_enum(trade.taker_side));
            for (number, fee) in [(23, &trade.maker_fee), (24, &trade.taker_fee)] {
                if let Some(fee) = fee {
                    Draft::message(bytes, number, fee);
                }
            }
            bytes.number(25, trade.buyer_fee_in_base.into());
            bytes.number(50, trade.in_auction.into());
        });
    }

    /// An order ended.
    pub fn ended(&mut self, end: &log::OrderEnded) {
        self.kind(kind::ORDER_ENDED, |bytes| {
            bytes.number(1, end.order_id);
            bytes.number(2, end.account.into());
            bytes.number(3, end.instrument_id.into());
            bytes.number(4, wire_enum(end.reason));
            bytes.number(5, end.remaining_lots);
        });
    }

    /// Levels of one book changed: prices in ticks and their new totals in lots.
    pub fn book_changed(
        &mut self,
        instrument_id: u32,
        sequence: u64,
        bids: impl Iterator<Item = (u64, u64)>,
        asks: impl Iterator<Item = (u64, u64)>,
    ) {
        self.kind(kind::BOOK_CHANGED, |bytes| {
            bytes.number(1, instrument_id.into());
            bytes.number(2, sequence);
            bids.for_each(|level| write_level(bytes, 3, level));
            asks.for_each(|level| write_level(bytes, 4, level));
        });
    }

    fn kind(&mut self, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.events.nested(field::EVENTS, |bytes| bytes.nested(number, write));
    }
}

fn write_level(bytes: &mut Vec<u8>, number: u32, (price_ticks, total_lots): (u64, u64)) {
    bytes.nested(number, |bytes| {
        bytes.number(1, price_ticks);
        bytes.number(2, total_lots);
    });
}
