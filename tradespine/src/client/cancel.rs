//! `tradespine cancel`.

use anyhow::{Context, ensure};
use clap::Args;
use proto::orders::{
    CancelAllOrdersRequest, CancelAllResult, CancelOrderRequest, CancelOrdersRequest,
    order_entry_service_client::OrderEntryServiceClient,
};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::{AtGateway, Output, batch, connect, order, problem};

/// What to cancel.
#[derive(Clone, Debug, Args)]
pub struct CancelArguments {
    /// The order, or up to 100 of them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    order_id: Vec<u64>,

    /// Cancel all open orders of the client
    #[arg(long)]
    all: bool,

    /// With --all: only those of this instrument
    #[arg(long, value_name = "SYMBOL", requires = "all", conflicts_with = "order_id")]
    instrument: Option<String>,

    /// Whose order it is
    #[arg(long, value_name = "NAME")]
    client: String,

    #[command(flatten)]
    at: AtGateway,

    #[command(flatten)]
    output: Output,
}

/// Cancels, waits for the result and prints it.
///
/// # Errors
/// Where the gateway does not answer or refuses, and where the result of a part is not known.
pub async fn run(arguments: CancelArguments) -> anyhow::Result<()> {
    let gateway = OrderEntryServiceClient::new(connect(&arguments.at.gateway).await?);
    match arguments.order_id[..] {
        [] => all(gateway, arguments).await,
        [order_id] => one(gateway, order_id, arguments).await,
        _ => each(gateway, arguments).await,
    }
}

async fn each(
    mut gateway: OrderEntryServiceClient<Channel>,
    arguments: CancelArguments,
) -> anyhow::Result<()> {
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
    mut gateway: OrderEntryServiceClient<Channel>,
    order_id: u64,
    arguments: CancelArguments,
) -> anyhow::Result<()> {
    let request =
        CancelOrderRequest { client_id: arguments.client, order_id, wait_for_result: true };
    let response = gateway
        .cancel_order(request)
        .await
        .map_err(|status| problem::sentence("gateway", &status))?;
    let order = response.into_inner().order.context("the gateway answered without the order")?;
    arguments.output.print(|| order::details(&order), || order::json(&order))
}

async fn all(
    mut gateway: OrderEntryServiceClient<Channel>,
    arguments: CancelArguments,
) -> anyhow::Result<()> {
    let request = CancelAllOrdersRequest {
        client_id: arguments.client,
        instrument: arguments.instrument.unwrap_or_default(),
    };
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
        for line in [
            "cancel --client alice",
            "cancel 1 --all --client alice",
            "cancel 1 --instrument BTC-USDT --client alice",
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
