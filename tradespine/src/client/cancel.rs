//! `tradespine cancel`.

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use proto::{
    orders::{
        CancelAllOrdersRequest, CancelAllResult, CancelOrderRequest, CancelOrdersRequest,
        order_entry_service_client::OrderEntryServiceClient,
    },
    trading::{self, CancelOnly},
};
use serde_json::{Value, json};

use super::{AtGateway, Output, batch, bearer::Borne, order, problem};

/// What to cancel.
#[derive(Clone, Debug, Args)]
pub struct CancelArguments {
    /// The order, or up to 100 of them
    #[arg(required_unless_present_any = ["all", "client_order_id"], conflicts_with = "all")]
    order_id: Vec<u64>,

    /// The client's own id of the order: instead of its id, with --instrument; or beside it, and
    /// then both must be those of one order
    #[arg(long, value_name = "KEY", conflicts_with = "all")]
    client_order_id: Option<String>,

    /// Cancel the order in no other state than this
    #[arg(long, value_name = "STATE", conflicts_with = "all")]
    only: Option<Only>,

    /// Cancel all open orders of the client
    #[arg(long)]
    all: bool,

    /// With --all: only those of this instrument. With --client-order-id alone: what it trades
    #[arg(long, value_name = "SYMBOL", conflicts_with = "order_id")]
    instrument: Option<String>,

    /// With --all: only those of this side
    #[arg(long, value_name = "SIDE", conflicts_with_all = ["order_id", "client_order_id"])]
    side: Option<super::place::Side>,

    /// With --all and --instrument: only those whose limit is this or higher
    #[arg(long, value_name = "PRICE", requires_all = ["all", "instrument"])]
    price_from: Option<String>,

    /// With --all and --instrument: only those whose limit is this or lower
    #[arg(long, value_name = "PRICE", requires_all = ["all", "instrument"])]
    price_to: Option<String>,

    /// Whose order it is
    #[arg(long, value_name = "NAME")]
    client: String,

    #[command(flatten)]
    at: AtGateway,

    #[command(flatten)]
    output: Output,
}

/// The states in which alone an order is to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Only {
    /// Nothing of it has traded
    New,
    /// Some of it has
    PartiallyFilled,
}

impl From<Only> for CancelOnly {
    fn from(only: Only) -> CancelOnly {
        match only {
            Only::New => CancelOnly::New,
            Only::PartiallyFilled => CancelOnly::PartiallyFilled,
        }
    }
}

/// Cancels, waits for the result and prints it.
///
/// # Errors
/// Where the gateway does not answer or refuses, and where the result of a part is not known.
pub async fn run(arguments: CancelArguments) -> anyhow::Result<()> {
    let gateway = OrderEntryServiceClient::new(arguments.at.connect().await?);
    match arguments.order_id[..] {
        _ if arguments.all => all(gateway, arguments).await,
        [] | [_] => one(gateway, arguments).await,
        _ => each(gateway, arguments).await,
    }
}

fn request(arguments: &CancelArguments) -> CancelOrderRequest {
    CancelOrderRequest {
        client_id: arguments.client.clone(),
        order_id: arguments.order_id.first().copied().unwrap_or_default(),
        client_order_id: arguments.client_order_id.clone().unwrap_or_default(),
        instrument: arguments.instrument.clone().unwrap_or_default(),
        only: arguments.only.map_or(CancelOnly::Unspecified, CancelOnly::from).into(),
        wait_for_result: true,
    }
}

async fn each(
    mut gateway: OrderEntryServiceClient<Borne>,
    arguments: CancelArguments,
) -> anyhow::Result<()> {
    let is_plain = arguments.only.is_none() && arguments.client_order_id.is_none();
    ensure!(is_plain, "--only and --client-order-id are for one order");
    let CancelArguments { client, order_id, output, .. } = arguments;
    let request =
        CancelOrdersRequest { client_id: client, order_ids: order_id, wait_for_result: true };
    let response = gateway
        .cancel_orders(request)
        .await
        .map_err(|status| problem::sentence("gateway", &status))?;
    let results: Vec<_> =
        response.into_inner().results.into_iter().map(batch::Part::from).collect();
    output.print(|| batch::text(&results), || batch::json(&results))?;
    batch::verdict(&results)
}

async fn one(
    mut gateway: OrderEntryServiceClient<Borne>,
    arguments: CancelArguments,
) -> anyhow::Result<()> {
    let request = request(&arguments);
    let response = gateway
        .cancel_order(request)
        .await
        .map_err(|status| problem::sentence("gateway", &status))?;
    let order = response.into_inner().order.context("the gateway answered without the order")?;
    arguments.output.print(|| order::details(&order), || order::json(&order))
}

fn all_request(arguments: &CancelArguments) -> CancelAllOrdersRequest {
    let side = arguments.side.map_or(trading::Side::Unspecified, trading::Side::from);
    CancelAllOrdersRequest {
        client_id: arguments.client.clone(),
        instrument: arguments.instrument.clone().unwrap_or_default(),
        side: side.into(),
        price_from: arguments.price_from.clone().unwrap_or_default(),
        price_to: arguments.price_to.clone().unwrap_or_default(),
    }
}

async fn all(
    mut gateway: OrderEntryServiceClient<Borne>,
    arguments: CancelArguments,
) -> anyhow::Result<()> {
    let request = all_request(&arguments);
    let response = gateway
        .cancel_all_orders(request)
        .await
        .map_err(|status| problem::sentence("gateway", &status))?;
    let results = response.into_inner().results;
    arguments.output.print(|| text(&results), || json(&results))?;
    let is_whole = results.iter().all(|result| result.problem.is_empty());
    ensure!(is_whole, "not every partition answered; repeating the command is safe");
    Ok(())
}

fn text(results: &[CancelAllResult]) -> String {
    let ids: Vec<String> = results
        .iter()
        .flat_map(|result| &result.cancelled_order_ids)
        .map(ToString::to_string)
        .collect();
    let cancelled = match ids.as_slice() {
        [] => "there was no open order".to_owned(),
        [id] => format!("cancelled order {id}"),
        ids => format!("cancelled {} orders: {}", ids.len(), ids.join(" ")),
    };
    let problems = results
        .iter()
        .filter(|result| !result.problem.is_empty())
        .map(|result| format!("partition {}: {}", result.partition, result.problem));
    // Where a part is not known, "there was none" would claim too much.
    let is_silent = ids.is_empty() && results.iter().any(|result| !result.problem.is_empty());
    let cancelled = (!is_silent).then_some(cancelled);
    cancelled.into_iter().chain(problems).collect::<Vec<_>>().join("\n")
}

fn json(results: &[CancelAllResult]) -> Value {
    let result = |result: &CancelAllResult| {
        json!({
            "partition": result.partition,
            "cancelled_order_ids": result.cancelled_order_ids,
            "problem": (!result.problem.is_empty()).then_some(&result.problem),
        })
    };
    json!({ "results": results.iter().map(result).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        cancel: CancelArguments,
    }

    fn parsed(line: &str) -> Result<CancelArguments, clap::Error> {
        Line::try_parse_from(line.split_whitespace()).map(|line| line.cancel)
    }

    #[test]
    fn one_order_or_all_of_them() {
        assert_eq!(parsed("cancel 1042 --client alice").unwrap().order_id, [1042]);
        assert_eq!(parsed("cancel 4 5 --client alice").unwrap().order_id, [4, 5]);
        let all = parsed("cancel --all --instrument BTC-USDT --client alice").unwrap();
        assert_eq!((all.all, all.instrument.as_deref()), (true, Some("BTC-USDT")));
        let some = "cancel --all --instrument BTC-USDT --side sell --price-from 5 --price-to 7";
        let some = all_request(&parsed(&format!("{some} --client alice")).unwrap());
        assert_eq!(some.side(), trading::Side::Sell);
        assert_eq!((some.price_from.as_str(), some.price_to.as_str()), ("5", "7"));
        let own = "cancel --client-order-id a --instrument BTC-USDT --only partially_filled";
        let own = request(&parsed(&format!("{own} --client alice")).unwrap());
        assert_eq!((own.order_id, own.client_order_id.as_str()), (0, "a"));
        assert_eq!(
            (own.only(), own.instrument.as_str()),
            (CancelOnly::PartiallyFilled, "BTC-USDT")
        );
        let both = request(&parsed("cancel 7 --client-order-id a --client alice").unwrap());
        assert_eq!((both.order_id, both.client_order_id.as_str()), (7, "a"));
        for line in [
            "cancel --client alice",
            "cancel 1 --all --client alice",
            "cancel 1 --instrument BTC-USDT --client alice",
            "cancel --all --client-order-id a --client alice",
            "cancel --all --only new --client alice",
            "cancel --all --price-from 5 --client alice",
            "cancel 1 --side buy --client alice",
            "cancel 1 --only old --client alice",
            "cancel 1",
            "cancel one --client alice",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        let of = |partition, ids: &[u64], problem: &str| CancelAllResult {
            partition,
            cancelled_order_ids: ids.to_vec(),
            problem: problem.to_owned(),
        };
        assert_eq!(text(&[of(0, &[], "")]), "there was no open order");
        assert_eq!(text(&[of(0, &[4], "")]), "cancelled order 4");
        let partial = [of(0, &[4, 7], ""), of(1, &[], "did not answer")];
        assert_eq!(text(&partial), "cancelled 2 orders: 4 7\npartition 1: did not answer");
        assert_eq!(text(&partial[1..]), "partition 1: did not answer");
        assert_eq!(json(&partial)["results"][1]["problem"], "did not answer");
    }
}
