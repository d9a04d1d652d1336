//! A book apart from its orders.

use matcher_core::{Auction, BookImage};
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
    /// What it is to be open for after its auction, and at which price that is; 0 where it is in
    /// none, and before its first step.
    #[prost(int32, tag = "7")]
    auction_then: i32,
    #[prost(uint64, tag = "8")]
    auction_price_ticks: u64,
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
        auction_then: book
            .auction
            .map_or(0, |auction| convert::market_state_to_wire(auction.then).into()),
        auction_price_ticks: book.auction.and_then(|auction| auction.price).map_or(0, Price::ticks),
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
    let auction = match wire.auction_then {
        0 => None,
        then => Some(auction(then, wire.auction_price_ticks).map_err(|error| error.to_string())?),
    };
    Ok(BookImage {
        auction,
        state,
        instrument: instrument.clone(),
        sequence: wire.sequence,
        trades: wire.trades,
        prevented: wire.prevented,
        last_price,
    })
}

fn auction(then: i32, price_ticks: u64) -> Result<Auction, convert::Malformed> {
    let then = convert::market_state_from_wire(then)?;
    let price = (price_ticks > 0).then(|| convert::price(price_ticks)).transpose()?;
    Ok(Auction { price, then })
}
