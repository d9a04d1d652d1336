//! `tradespine place`.

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use proto::{
    orders::{PlaceOrderRequest, order_entry_service_client::OrderEntryServiceClient},
    trading::{self, Order, OrderStatus, OrderType, TimeInForce},
};
use tonic::Status;

use super::{AtGateway, Output, connect, order, problem};

/// An order to place.
#[derive(Clone, Debug, Args)]
pub struct PlaceArguments {
    /// What to trade, such as BTC-USDT
    instrument: String,

    /// Which way
    side: Side,

    /// How much of the base asset
    #[arg(
        allow_negative_numbers = true,
        required_unless_present = "quote",
        conflicts_with = "quote"
    )]
    quantity: Option<String>,

    /// The worst price to trade at; what does not trade at once rests in the book
    #[arg(
        allow_negative_numbers = true,
        required_unless_present_any = ["market", "quote"],
        conflicts_with_all = ["market", "quote"]
    )]
    price: Option<String>,

    /// Whose order it is
    #[arg(long, value_name = "NAME")]
    client: String,

    /// Trade at once or not at all: what is left is not put into the book
    #[arg(long)]
    ioc: bool,

    /// Trade at what the book offers, within the price protection
    #[arg(long)]
    market: bool,

    /// A market order for so much of the quote asset, instead of a quantity
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    quote: Option<String>,

    /// The order's own id: with it the same command again is safe, it places nothing twice
    #[arg(long, value_name = "KEY")]
    id: Option<String>,

    #[command(flatten)]
    at: AtGateway,

    #[command(flatten)]
    output: Output,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    Buy,
    Sell,
}

/// Places the order, waits for its result and prints it.
///
/// # Errors
/// Where the gateway does not answer or refuses, and where the order was rejected or its outcome is
/// not known.
pub async fn run(arguments: PlaceArguments) -> anyhow::Result<()> {
    let mut gateway = OrderEntryServiceClient::new(connect(&arguments.at.gateway).await?);
    let response = gateway
        .place_order(request(&arguments))
        .await
        .map_err(|status| refused(&arguments, &status))?;
    let order = response.into_inner().order.context("the gateway answered without the order")?;
    arguments.output.print(|| order::details(&order), || order::json(&order))?;
    verdict(&arguments, &order)
}

fn request(arguments: &PlaceArguments) -> PlaceOrderRequest {
    let is_market = arguments.market || arguments.quote.is_some();
    let side = match arguments.side {
        Side::Buy => trading::Side::Buy,
        Side::Sell => trading::Side::Sell,
    };
    let order_type = if is_market { OrderType::Market } else { OrderType::Limit };
    let is_ioc = arguments.ioc || is_market;
    let time_in_force = if is_ioc { TimeInForce::Ioc } else { TimeInForce::Gtc };
    PlaceOrderRequest {
        client_id: arguments.client.clone(),
        client_order_id: arguments.id.clone().unwrap_or_default(),
        idempotency_key: String::new(),
        instrument: arguments.instrument.clone(),
        side: side.into(),
        r#type: order_type.into(),
        time_in_force: time_in_force.into(),
        price: arguments.price.clone().unwrap_or_default(),
        quantity: arguments.quantity.clone().unwrap_or_default(),
        quote_quantity: arguments.quote.clone().unwrap_or_default(),
        wait_for_result: true,
    }
}

fn refused(arguments: &PlaceArguments, status: &Status) -> anyhow::Error {
    let sentence = problem::sentence("gateway", status);
    if problem::is_outcome_unknown(status) {
        return sentence.context(in_doubt(arguments));
    }
    sentence
}

fn verdict(arguments: &PlaceArguments, order: &Order) -> anyhow::Result<()> {
    match order.status() {
        OrderStatus::Rejected => bail!("the order was rejected: {}", order.reject_reason),
        OrderStatus::Pending | OrderStatus::Unknown | OrderStatus::Unspecified => {
            bail!(in_doubt(arguments))
        }
        _ => Ok(()),
    }
}

fn in_doubt(arguments: &PlaceArguments) -> String {
    let look = format!("see `tradespine orders --client {}`", arguments.client);
    match arguments.id {
        Some(_) => format!("what became of the order is not known; {look}, or repeat the command"),
        None => format!("what became of the order is not known; {look} before you repeat it"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        place: PlaceArguments,
    }

    fn parsed(line: &str) -> Result<PlaceArguments, clap::Error> {
        Line::try_parse_from(line.split_whitespace()).map(|line| line.place)
    }

    fn requested(line: &str) -> PlaceOrderRequest {
        request(&parsed(line).unwrap())
    }

    #[test]
    fn a_limit_order() {
        let request = requested("place BTC-USDT buy 0.01 61837.63 --client alice --id a-1");
        assert_eq!((request.side(), request.r#type()), (trading::Side::Buy, OrderType::Limit));
        assert_eq!(request.time_in_force(), TimeInForce::Gtc);
        assert_eq!((request.quantity.as_str(), request.price.as_str()), ("0.01", "61837.63"));
        assert_eq!(
            (request.client_id.as_str(), request.client_order_id.as_str()),
            ("alice", "a-1")
        );
        assert!(request.wait_for_result);
        let ioc = requested("place BTC-USDT sell 0.01 61837.63 --client alice --ioc");
        assert_eq!((ioc.side(), ioc.time_in_force()), (trading::Side::Sell, TimeInForce::Ioc));
    }

    #[test]
    fn market_orders_by_quantity_and_by_amount() {
        let by_quantity = requested("place BTC-USDT sell 0.01 --market --client alice");
        assert_eq!(by_quantity.r#type(), OrderType::Market);
        assert_eq!((by_quantity.quantity.as_str(), by_quantity.price.as_str()), ("0.01", ""));
        let by_amount = requested("place BTC-USDT buy --quote 100 --client alice");
        assert_eq!(by_amount.r#type(), OrderType::Market);
        assert_eq!((by_amount.quantity.as_str(), by_amount.quote_quantity.as_str()), ("", "100"));
    }

    #[test]
    fn what_contradicts_itself_is_refused_here() {
        for line in [
            "place BTC-USDT buy 0.01 --client alice",
            "place BTC-USDT buy 0.01 5 --market --client alice",
            "place BTC-USDT buy 0.01 --quote 100 --client alice",
            "place BTC-USDT buy --market --client alice",
            "place BTC-USDT hold 0.01 5 --client alice",
            "place BTC-USDT buy 0.01 5",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn numbers_are_judged_by_the_gateway() {
        let request = requested("place BTC-USDT buy -1 -5 --client alice");
        assert_eq!((request.quantity.as_str(), request.price.as_str()), ("-1", "-5"));
    }

    #[test]
    fn only_an_accepted_order_is_a_success() {
        let arguments = parsed("place BTC-USDT buy 1 5 --client alice").unwrap();
        let of = |status: OrderStatus| Order {
            status: status.into(),
            reject_reason: "insufficient_funds".to_owned(),
            ..Default::default()
        };
        for accepted in [OrderStatus::Open, OrderStatus::Filled, OrderStatus::Expired] {
            assert!(verdict(&arguments, &of(accepted)).is_ok());
        }
        let rejected = verdict(&arguments, &of(OrderStatus::Rejected)).unwrap_err();
        assert_eq!(rejected.to_string(), "the order was rejected: insufficient_funds");
        let unknown = verdict(&arguments, &of(OrderStatus::Unknown)).unwrap_err();
        assert!(unknown.to_string().contains("tradespine orders --client alice"), "{unknown}");
    }
}
