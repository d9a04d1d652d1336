//! `tradespine place`.

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use model::{SelfTradePrevention, Timestamp};
use proto::{
    convert::{self_trade_to_wire, to_proto_timestamp},
    orders::{PlaceOrderRequest, order_entry_service_client::OrderEntryServiceClient},
    text,
    trading::{self, Order, OrderStatus, OrderType, TimeInForce},
};
use tonic::Status;

use super::{AtGateway, Output, order, problem};

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

    /// Trade all of it at once or nothing
    #[arg(long, conflicts_with_all = ["ioc", "market", "quote"])]
    fok: bool,

    /// Rest until this instant, such as 2026-11-21T08:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    #[arg(conflicts_with_all = ["ioc", "fok", "market", "quote"])]
    until: Option<Timestamp>,

    /// Rest until the end of the day (UTC)
    #[arg(long, conflicts_with_all = ["ioc", "fok", "until", "market", "quote"])]
    day: bool,

    /// Be rejected rather than trade at once
    #[arg(long, conflicts_with_all = ["ioc", "fok", "market", "quote"])]
    post_only: bool,

    /// Show no more than this of it in the book at a time
    #[arg(long, value_name = "QUANTITY", allow_negative_numbers = true)]
    #[arg(conflicts_with_all = ["ioc", "fok", "until", "day", "market", "quote"])]
    display: Option<String>,

    /// Sleep until a trade turns the price against it as far as this, then trade
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    #[arg(conflicts_with_all = ["take_profit", "until", "day", "post_only", "quote"])]
    stop_loss: Option<String>,

    /// Sleep until a trade turns the price in its favour as far as this, then trade
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    #[arg(conflicts_with_all = ["until", "day", "post_only", "quote"])]
    take_profit: Option<String>,

    /// Sleep until the price has turned by so many basis points from its best, then trade; with
    /// --stop-loss or --take-profit, from the trade on that reaches that price
    #[arg(long, value_name = "BASIS_POINTS")]
    #[arg(conflicts_with_all = ["until", "day", "post_only", "quote"])]
    trail: Option<u32>,

    /// What to do where it would trade with an order of the same client
    #[arg(long, value_name = "MODE")]
    self_trade: Option<SelfTrade>,

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
pub(super) enum Side {
    Buy,
    Sell,
}

impl From<Side> for trading::Side {
    fn from(side: Side) -> trading::Side {
        match side {
            Side::Buy => trading::Side::Buy,
            Side::Sell => trading::Side::Sell,
        }
    }
}

/// A mode of self-trade prevention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SelfTrade {
    None,
    ExpireTaker,
    ExpireMaker,
    ExpireBoth,
    Decrement,
}

impl From<SelfTrade> for SelfTradePrevention {
    fn from(mode: SelfTrade) -> SelfTradePrevention {
        match mode {
            SelfTrade::None => SelfTradePrevention::None,
            SelfTrade::ExpireTaker => SelfTradePrevention::ExpireTaker,
            SelfTrade::ExpireMaker => SelfTradePrevention::ExpireMaker,
            SelfTrade::ExpireBoth => SelfTradePrevention::ExpireBoth,
            SelfTrade::Decrement => SelfTradePrevention::Decrement,
        }
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let instant = text::parse_rfc3339(text);
    instant.ok_or_else(|| "is not an instant; write one as 2026-11-21T08:00:00Z".to_owned())
}

/// Places the order, waits for its result and prints it.
///
/// # Errors
/// Where the gateway does not answer or refuses, and where the order was rejected or its outcome is
/// not known.
pub async fn run(arguments: PlaceArguments) -> anyhow::Result<()> {
    let mut gateway = OrderEntryServiceClient::new(arguments.at.connect().await?);
    let response = gateway
        .place_order(request(&arguments))
        .await
        .map_err(|status| refused(&arguments, &status))?;
    let order = response.into_inner().order.context("the gateway answered without the order")?;
    arguments.output.print(|| order::details(&order), || order::json(&order))?;
    verdict(&arguments, &order)
}

/// What is asked of the gateway.
pub(super) fn request(arguments: &PlaceArguments) -> PlaceOrderRequest {
    let is_market = arguments.market || arguments.quote.is_some();
    let side = trading::Side::from(arguments.side);
    let is_stop = arguments.stop_loss.is_some() || arguments.trail.is_some();
    let order_type = match (&arguments.take_profit, is_stop) {
        (None, false) if is_market => OrderType::Market,
        (None, false) => OrderType::Limit,
        (None, true) if is_market => OrderType::StopLoss,
        (None, true) => OrderType::StopLossLimit,
        (Some(_), _) if is_market => OrderType::TakeProfit,
        (Some(_), _) => OrderType::TakeProfitLimit,
    };
    let stop_price = arguments.stop_loss.as_ref().or(arguments.take_profit.as_ref());
    let time_in_force = match arguments {
        _ if arguments.ioc || is_market => TimeInForce::Ioc,
        _ if arguments.fok => TimeInForce::Fok,
        _ if arguments.day => TimeInForce::Day,
        _ if arguments.until.is_some() => TimeInForce::Gtd,
        _ => TimeInForce::Gtc,
    };
    let mode = arguments.self_trade.map_or(0, |mode| self_trade_to_wire(mode.into()).into());
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
        stop_price: stop_price.cloned().unwrap_or_default(),
        trailing_delta_bps: arguments.trail.unwrap_or(0),
        display_quantity: arguments.display.clone().unwrap_or_default(),
        post_only: arguments.post_only,
        self_trade_prevention: mode,
        expires_at: arguments.until.map(to_proto_timestamp),
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
    fn what_else_an_order_says() {
        let line = "place BTC-USDT buy 0.01 5 --client alice";
        let fok = requested(&format!("{line} --fok --self-trade expire-both"));
        assert_eq!(fok.time_in_force(), TimeInForce::Fok);
        assert_eq!(fok.self_trade_prevention(), trading::SelfTradePrevention::ExpireBoth);
        let day = requested(&format!("{line} --day --post-only"));
        assert_eq!((day.time_in_force(), day.post_only), (TimeInForce::Day, true));
        let until = requested(&format!("{line} --until 2030-01-01T00:00:00Z"));
        assert_eq!(until.time_in_force(), TimeInForce::Gtd);
        assert_eq!(until.expires_at.expect("it ends").seconds, 1_893_456_000);
        let stop = requested(&format!("{line} --stop-loss 6"));
        assert_eq!((stop.r#type(), stop.stop_price.as_str()), (OrderType::StopLossLimit, "6"));
        let profit = requested("place BTC-USDT sell 1 --market --take-profit 6 --client alice");
        assert_eq!((profit.r#type(), profit.price.as_str()), (OrderType::TakeProfit, ""));
        let iceberg = requested(&format!("{line} --display 0.001 --post-only"));
        assert_eq!(iceberg.display_quantity, "0.001");
        let trailing = requested(&format!("{line} --trail 250"));
        assert_eq!(
            (trailing.r#type(), trailing.trailing_delta_bps),
            (OrderType::StopLossLimit, 250)
        );
        let trailing = requested(&format!("{line} --trail 250 --take-profit 4"));
        assert_eq!(
            (trailing.r#type(), trailing.stop_price.as_str()),
            (OrderType::TakeProfitLimit, "4")
        );
        let plain = requested(line);
        assert_eq!((plain.self_trade_prevention, plain.expires_at), (0, None));
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
            "place BTC-USDT buy 0.01 5 --client alice --fok --ioc",
            "place BTC-USDT buy 0.01 5 --client alice --fok --post-only",
            "place BTC-USDT buy 0.01 --client alice --market --day",
            "place BTC-USDT buy 0.01 5 --client alice --until tomorrow",
            "place BTC-USDT buy 0.01 5 --client alice --display 0.001 --ioc",
            "place BTC-USDT buy 0.01 --market --client alice --display 0.001",
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
