//! A book apart from its orders.

use matcher_core::{Auction, BookImage, Interruption, Reference};
use model::{Instrument, MarketState, Price, Timestamp};
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
    /// What its price band is around, and since when; 0 where there is none.
    #[prost(uint64, tag = "9")]
    reference_ticks: u64,
    #[prost(fixed64, tag = "10")]
    referred_at_unix_nanos: u64,
    /// What it opens for again after it has stopped by its band, when, and how often that was put
    /// off; 0 where it has not.
    #[prost(int32, tag = "11")]
    reopens_for: i32,
    #[prost(fixed64, tag = "12")]
    opens_at_unix_nanos: u64,
    #[prost(uint32, tag = "13")]
    extensions: u32,
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
        reference_ticks: book.reference.map_or(0, |reference| reference.price.ticks()),
        referred_at_unix_nanos: book.reference.map_or(0, |reference| reference.since.unix_nanos()),
        reopens_for: book
            .interruption
            .map_or(0, |stands| convert::market_state_to_wire(stands.then).into()),
        opens_at_unix_nanos: book.interruption.map_or(0, |stands| stands.opens_at.unix_nanos()),
        extensions: book.interruption.map_or(0, |stands| stands.extensions),
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
    let reference = reference(wire).map_err(|error| error.to_string())?;
    let interruption = match wire.reopens_for {
        0 => None,
        then => Some(interruption(then, wire).map_err(|error| error.to_string())?),
    };
    Ok(BookImage {
        auction,
        reference,
        interruption,
        state,
        instrument: instrument.clone(),
        sequence: wire.sequence,
        trades: wire.trades,
        prevented: wire.prevented,
        last_price,
    })
}

fn reference(wire: &BookWire) -> Result<Option<Reference>, convert::Malformed> {
    if wire.reference_ticks == 0 {
        return Ok(None);
    }
    let since = Timestamp::from_unix_nanos(wire.referred_at_unix_nanos);
    Ok(Some(Reference { price: convert::price(wire.reference_ticks)?, since }))
}

fn interruption(then: i32, wire: &BookWire) -> Result<Interruption, convert::Malformed> {
    Ok(Interruption {
        opens_at: Timestamp::from_unix_nanos(wire.opens_at_unix_nanos),
        then: convert::market_state_from_wire(then)?,
        extensions: wire.extensions,
    })
}

fn auction(then: i32, price_ticks: u64) -> Result<Auction, convert::Malformed> {
    let then = convert::market_state_from_wire(then)?;
    let price = (price_ticks > 0).then(|| convert::price(price_ticks)).transpose()?;
    Ok(Auction { price, then })
}
