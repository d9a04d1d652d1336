//! A book as REST shows it, and what its auction would do.

use proto::{convert, marketdata, text};
use serde::Serialize;
use utoipa::ToSchema;

use super::{instant, market_word};

/// The book of one instrument.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderBook)]
pub(in crate::rest) struct BookView {
    instrument: String,
    /// The public depth sequence: the book after that many changes.
    sequence: u64,
    /// Price and quantity, best first.
    #[schema(value_type = Vec<Vec<String>>)]
    bids: Vec<[String; 2]>,
    #[schema(value_type = Vec<Vec<String>>)]
    asks: Vec<[String; 2]>,
    /// What the market is open for, as instruments tell it.
    #[schema(example = "trading")]
    state: Option<&'static str>,
    /// Of a volatility auction, when the market opens again by itself; else not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    opens_at: Option<String>,
    /// While the market collects orders, what its auction would do; not there where nothing would
    /// trade.
    #[serde(skip_serializing_if = "Option::is_none")]
    indication: Option<IndicationView>,
}

/// What the auction of a market that collects orders would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuctionIndication)]
pub(in crate::rest) struct IndicationView {
    #[schema(example = "61837.63")]
    price: String,
    /// How much would trade. Icebergs count with all that is hidden.
    #[schema(example = "12.5")]
    volume: String,
    /// How much more would be bought there than sold, or the other way round.
    #[schema(example = "0.75")]
    imbalance: String,
    /// Whose that is; null where nothing would be left over.
    #[schema(example = "buy")]
    imbalance_side: Option<&'static str>,
}

impl IndicationView {
    fn of(indication: marketdata::AuctionIndication) -> IndicationView {
        let marketdata::AuctionIndication { price, volume, imbalance, imbalance_side } = indication;
        let imbalance_side = convert::side_from_wire(imbalance_side).ok().map(text::side);
        IndicationView { price, volume, imbalance, imbalance_side }
    }
}

impl BookView {
    pub(in crate::rest) fn of(book: marketdata::GetOrderBookResponse) -> BookView {
        let levels = |levels: Vec<marketdata::PriceLevel>| {
            levels.into_iter().map(|level| [level.price, level.quantity]).collect()
        };
        BookView {
            state: market_word(book.state),
            opens_at: instant(book.opens_at.as_ref()),
            indication: book.indication.map(IndicationView::of),
            instrument: book.instrument,
            sequence: book.sequence,
            bids: levels(book.bids),
            asks: levels(book.asks),
        }
    }
}
