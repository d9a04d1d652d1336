//! `tradespine batch`: many orders in one request; and how many results read.

use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser};
use proto::{
    orders::{
        CancelOrdersResult, PlaceOrderRequest, PlaceOrdersRequest, PlaceOrdersResult,
        StreamOrdersError, cancel_orders_result,
        order_entry_service_client::OrderEntryServiceClient, place_orders_result,
    },
    trading::{Order, OrderStatus},
};
use serde_json::{Value, json};

use super::{
    AtGateway, Output, order,
    place::{self, PlaceArguments},
    problem,
};

/// Orders to place.
#[derive(Clone, Debug, Args)]
pub struct BatchArguments {
    /// A file with an order a line, or - for standard input; empty lines and those that begin with
    /// # are passed over
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Whose orders they are
    #[arg(long, value_name = "NAME")]
    client: String,

    #[command(flatten)]
    at: AtGateway,

    #[command(flatten)]
    output: Output,
}

/// One line of the file.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    place: PlaceArguments,
}

/// What became of one part of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// The order, accepted or not.
    Order(Box<Order>),
    /// Why there is none.
    Problem(StreamOrdersError),
}

impl From<PlaceOrdersResult> for Part {
    fn from(result: PlaceOrdersResult) -> Part {
        match result.result {
            Some(place_orders_result::Result::Order(order)) => Part::Order(Box::new(order)),
            Some(place_orders_result::Result::Error(error)) => Part::Problem(error),
            None => Part::Problem(StreamOrdersError::default()),
        }
    }
}

impl From<CancelOrdersResult> for Part {
    fn from(result: CancelOrdersResult) -> Part {
        match result.result {
            Some(cancel_orders_result::Result::Order(order)) => Part::Order(Box::new(order)),
            Some(cancel_orders_result::Result::Error(error)) => Part::Problem(error),
            None => Part::Problem(StreamOrdersError::default()),
        }
    }
}

/// Places the orders, waits for their results and prints them.
///
/// # Errors
/// Where the file cannot be read as orders, where the gateway does not answer or refuses, and where
/// not every order was accepted.
pub async fn run(arguments: BatchArguments) -> anyhow::Result<()> {
    let orders = orders(&read(&arguments.file)?, &arguments.client)?;
    let mut gateway = OrderEntryServiceClient::new(arguments.at.connect().await?);
    let response = gateway
        .place_orders(PlaceOrdersRequest { orders, wait_for_result: true })
        .await
        .map_err(|status| problem::sentence("gateway", &status))?;
    let parts: Vec<Part> = response.into_inner().results.into_iter().map(Part::from).collect();
    arguments.output.print(|| text(&parts), || json(&parts))?;
    verdict(&parts)
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        return Ok(text);
    }
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn orders(text: &str, client: &str) -> anyhow::Result<Vec<PlaceOrderRequest>> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let orders = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let order = |(number, line): (u32, &str)| {
        let words = ["place"].into_iter().chain(line.split_whitespace());
        let parsed = Line::try_parse_from(words.chain(["--client", client]));
        let parsed = parsed.with_context(|| format!("line {number} is no order: {line}"))?;
        Ok(place::request(&parsed.place))
    };
    let orders: Vec<_> = orders.map(order).collect::<anyhow::Result<_>>()?;
    ensure!(!orders.is_empty(), "there is no order in it; write one a line, as `place` takes it");
    Ok(orders)
}

/// The results: orders in a table, then what is wrong with the others.
pub(super) fn text(parts: &[Part]) -> String {
    let mut orders = Vec::new();
    let mut problems = Vec::new();
    for (number, part) in (1..).zip(parts) {
        match part {
            Part::Order(order) => orders.push(order.as_ref().clone()),
            Part::Problem(error) => problems.push(format!("number {number}: {}", error.message)),
        }
    }
    let table = (!orders.is_empty()).then(|| order::list(&orders));
    table.into_iter().chain(problems).collect::<Vec<_>>().join("\n")
}

/// The same for programs, in the order of the request.
pub(super) fn json(parts: &[Part]) -> Value {
    let part = |part: &Part| match part {
        Part::Order(order) => json!({ "order": order::json(order) }),
        Part::Problem(StreamOrdersError { code, field, message }) => {
            let field = (!field.is_empty()).then_some(field);
            json!({ "problem": { "code": code, "field": field, "detail": message } })
        }
    };
    Value::Array(parts.iter().map(part).collect())
}

/// Fails unless all went well.
pub(super) fn verdict(parts: &[Part]) -> anyhow::Result<()> {
    let went_well = |part: &&Part| match part {
        Part::Order(order) => !matches!(
            order.status(),
            OrderStatus::Rejected
                | OrderStatus::Pending
                | OrderStatus::Unknown
                | OrderStatus::Unspecified
        ),
        Part::Problem(_) => false,
    };
    match parts.len() - parts.iter().filter(went_well).count() {
        0 => Ok(()),
        count => bail!("{count} of {} did not go well", parts.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_an_order_as_place_takes_it() {
        let text =
            "# two orders\nBTC-USDT buy 0.01 61800 --post-only\n\n  ETH-USDT sell 1 --market ";
        let orders = orders(text, "alice").unwrap();
        let [bid, market] = &orders[..] else { panic!("{orders:?}") };
        assert_eq!((bid.price.as_str(), bid.post_only), ("61800", true));
        assert_eq!(market.instrument, "ETH-USDT");
        assert!(orders.iter().all(|order| order.client_id == "alice"));
        let refused = super::orders("BTC-USDT buy 1 1\nBTC-USDT hold", "alice").unwrap_err();
        assert_eq!(refused.to_string(), "line 2 is no order: BTC-USDT hold");
        assert!(super::orders("# none", "alice").is_err());
    }

    #[test]
    fn what_did_not_go_well_is_told_and_counted() {
        let order = |id, status: OrderStatus| {
            Part::Order(Box::new(Order { id, status: status.into(), ..Order::default() }))
        };
        let good = [order(4, OrderStatus::Open), order(5, OrderStatus::Expired)];
        assert!(verdict(&good).is_ok());
        let message = "price is not a multiple of 0.01".to_owned();
        let error =
            StreamOrdersError { code: "off_grid".to_owned(), field: String::new(), message };
        let mixed = [order(4, OrderStatus::Rejected), Part::Problem(error)];
        assert_eq!(verdict(&mixed).unwrap_err().to_string(), "2 of 2 did not go well");
        assert!(text(&mixed).ends_with("\nnumber 2: price is not a multiple of 0.01"));
        assert_eq!(json(&mixed)[1]["problem"]["code"], "off_grid");
        assert_eq!(json(&mixed)[0]["order"]["id"], 4);
    }
}
