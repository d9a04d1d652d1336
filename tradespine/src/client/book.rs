//! `tradespine book`.

use clap::Args;
use model::decimal::{DECIMALS_MAX, format_units, parse_units};
use proto::{
    convert,
    marketdata::{
        AuctionIndication, GetOrderBookRequest, GetOrderBookResponse, PriceLevel,
        market_data_service_client::MarketDataServiceClient,
    },
};
use serde_json::{Value, json};

use super::{
    MARKET_DATA, Output, connect,
    order::instant,
    problem,
    table::{Align, column},
};

/// Which book.
#[derive(Clone, Debug, Args)]
pub struct BookArguments {
    /// The instrument, such as BTC-USDT
    instrument: String,

    /// How many levels of each side, up to 5000
    #[arg(long, value_name = "LEVELS", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=5000))]
    depth: u32,

    /// The broadcaster's gRPC address
    #[arg(long, value_name = "URL", default_value = MARKET_DATA)]
    market_data: String,

    #[command(flatten)]
    output: Output,
}

/// Shows the book.
///
/// # Errors
/// Where the broadcaster does not answer or refuses.
pub async fn run(arguments: BookArguments) -> anyhow::Result<()> {
    let mut broadcaster = MarketDataServiceClient::new(connect(&arguments.market_data).await?);
    let request = GetOrderBookRequest { instrument: arguments.instrument, depth: arguments.depth };
    let book = broadcaster
        .get_order_book(request)
        .await
        .map_err(|status| problem::sentence("broadcaster", &status))?
        .into_inner();
    arguments.output.print(|| text(&book), || json(&book))
}

/// Buyers to the left, sellers to the right, best first; the spread below.
fn text(book: &GetOrderBookResponse) -> String {
    let GetOrderBookResponse { instrument, sequence, bids, asks, .. } = book;
    let rows = bids.len().max(asks.len());
    let columns = [
        number("bid quantity", bids, rows, |level| &level.quantity),
        number("bid", bids, rows, |level| &level.price),
        number("ask", asks, rows, |level| &level.price),
        number("ask quantity", asks, rows, |level| &level.quantity),
    ];
    let line = |row: usize| {
        let [bid_quantity, bid, ask, ask_quantity] = columns.each_ref().map(|cells| &cells[row]);
        format!("{bid_quantity}  {bid} | {ask}  {ask_quantity}").trim_end().to_owned()
    };
    let state = match word(book) {
        None | Some("trading") => String::new(),
        Some(state) => format!(", {state}"),
    };
    let until = book.opens_at.as_ref().map(|at| format!(" until {}", instant(Some(at))));
    let until = until.unwrap_or_default();
    let title = std::iter::once(format!("{instrument}, sequence {sequence}{state}{until}"));
    let last = std::iter::once(book.indication.as_ref().map_or_else(|| spread(book), auction));
    title.chain((0..=rows).map(line)).chain(last).collect::<Vec<_>>().join("\n")
}

/// What the market is open for, where the broadcaster tells it.
fn word(book: &GetOrderBookResponse) -> Option<&'static str> {
    convert::market_state_from_wire(book.state).ok().map(proto::text::market_state)
}

fn number(
    title: &str,
    levels: &[PriceLevel],
    rows: usize,
    cell: impl Fn(&PriceLevel) -> &String,
) -> Vec<String> {
    let mut cells: Vec<&str> = levels.iter().map(|level| cell(level).as_str()).collect();
    cells.resize(rows, "");
    column(title, Align::Number, &cells)
}

/// What the auction of a market that collects orders would do.
fn auction(indication: &AuctionIndication) -> String {
    let AuctionIndication { price, volume, imbalance, imbalance_side } = indication;
    let side = convert::side_from_wire(*imbalance_side).ok().map(proto::text::side);
    format!("auction {volume} @ {price}{}", left_over(imbalance, side))
}

/// How much more one side of an auction wants, whose word is `buy` or `sell`; nothing where neither
/// does.
pub(super) fn left_over(imbalance: &str, side: Option<&str>) -> String {
    let wanted = |side| if side == "buy" { "bought" } else { "sold" };
    side.map_or_else(String::new, |side| format!(", {imbalance} more {}", wanted(side)))
}

fn spread(book: &GetOrderBookResponse) -> String {
    let (Some(bid), Some(ask)) = (book.bids.first(), book.asks.first()) else {
        return "no spread: a side is empty".to_owned();
    };
    let units = |price: &str| parse_units(price, DECIMALS_MAX).ok();
    match (units(&bid.price), units(&ask.price)) {
        (Some(bid), Some(ask)) => format!("spread {}", format_units(ask - bid, DECIMALS_MAX)),
        _ => format!("best {} | {}", bid.price, ask.price),
    }
}

fn indication(indication: &AuctionIndication) -> Value {
    json!({
        "price": indication.price,
        "volume": indication.volume,
        "imbalance": indication.imbalance,
        "imbalance_side":
            convert::side_from_wire(indication.imbalance_side).ok().map(proto::text::side),
    })
}

fn json(book: &GetOrderBookResponse) -> Value {
    let levels = |levels: &[PriceLevel]| -> Vec<[String; 2]> {
        levels.iter().map(|level| [level.price.clone(), level.quantity.clone()]).collect()
    };
    json!({
        "instrument": book.instrument,
        "sequence": book.sequence,
        "state": word(book),
        "bids": levels(&book.bids),
        "asks": levels(&book.asks),
        "opens_at": book.opens_at.as_ref().map(|at| instant(Some(at))),
        "indication": book.indication.as_ref().map(indication),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(bids: &[(&str, &str)], asks: &[(&str, &str)]) -> GetOrderBookResponse {
        let level = |(price, quantity): &(&str, &str)| PriceLevel {
            price: (*price).to_owned(),
            quantity: (*quantity).to_owned(),
        };
        GetOrderBookResponse {
            state: 0,
            instrument: "BTC-USDT".to_owned(),
            sequence: 42,
            bids: bids.iter().map(level).collect(),
            asks: asks.iter().map(level).collect(),
            opens_at: None,
            indication: None,
        }
    }

    #[test]
    fn both_sides_stand_beside_each_other() {
        let book = book(&[("61837.63", "0.01"), ("61837", "2")], &[("61838.01", "1.5")]);
        let expected = "\
BTC-USDT, sequence 42
bid quantity       bid |      ask  ask quantity
        0.01  61837.63 | 61838.01           1.5
        2     61837    |
spread 0.38";
        assert_eq!(text(&book), expected);
        assert_eq!(json(&book)["asks"][0], serde_json::json!(["61838.01", "1.5"]));
    }

    #[test]
    fn a_market_that_collects_says_what_its_auction_would_do() {
        let indication = AuctionIndication {
            price: "7".to_owned(),
            volume: "3".to_owned(),
            imbalance: "0.5".to_owned(),
            imbalance_side: proto::trading::Side::Sell.into(),
        };
        let collecting = GetOrderBookResponse {
            state: proto::trading::MarketState::VolatilityAuction.into(),
            opens_at: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            indication: Some(indication),
            ..book(&[("8", "3")], &[("6", "3.5")])
        };
        let told = text(&collecting);
        let (title, last) = (told.lines().next(), told.lines().last());
        let expected =
            "BTC-USDT, sequence 42, volatility_auction until 1970-01-01T00:00:01.000000Z";
        assert_eq!(title, Some(expected));
        assert_eq!(last, Some("auction 3 @ 7, 0.5 more sold"));
        let told = json(&collecting);
        assert_eq!(told["indication"]["imbalance_side"], "sell");
        assert_eq!(told["opens_at"], "1970-01-01T00:00:01.000000Z");
    }

    #[test]
    fn an_empty_side_has_no_spread() {
        let text = text(&book(&[], &[("5", "1")]));
        assert!(text.ends_with("no spread: a side is empty"), "{text}");
    }
}
