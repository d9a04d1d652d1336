//! A book apart from its orders.

use matcher_core::BookImage;
use model::{Instrument, MarketState, Price};
use prost::Message;
use proto::convert;

/// A book apart from its orders. Its instrument's settings are in the listings.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BookWire {
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
    /// 0 for a market that trades, as all did before there were states.
    #[prost(int32, tag = "6")]
    state: i32,
}

pub(super) fn book_to_wire(book: &BookImage) -> BookWire {
    BookWire {
        instrument_id: book.instrument.id.0,
        sequence: book.sequence,
        trades: book.trades,
        last_price_ticks: book.last_price.map_or(0, Price::ticks),
        prevented: book.prevented,
        state: match book.state {
            MarketState::Trading => 0,
            state => convert::market_state_to_wire(state).into(),
        },
    }
}

pub(super) fn book_from_wire(
    wire: &BookWire,
    instruments: &[Instrument],
) -> Result<BookImage, String> {
    let instrument = instruments.iter().find(|listed| listed.id.0 == wire.instrument_id);
    let instrument = instrument.ok_or("a book of an instrument that is not listed")?;
    let last_price = match wire.last_price_ticks {
        0 => None,
        ticks => Some(convert::price(ticks).map_err(|error| error.to_string())?),
    };
    let state = match wire.state {
        0 => MarketState::Trading,
        state => convert::market_state_from_wire(state).map_err(|error| error.to_string())?,
    };
    Ok(BookImage {
        state,
        instrument: instrument.clone(),
        sequence: wire.sequence,
        trades: wire.trades,
        prevented: wire.prevented,
        last_price,
    })
}
