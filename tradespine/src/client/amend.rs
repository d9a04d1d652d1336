//! `tradespine amend`.

use anyhow::Context;
use clap::Args;
use proto::orders::{AmendOrderRequest, order_entry_service_client::OrderEntryServiceClient};

use super::{AtGateway, Output, order, problem};

/// What to amend.
#[derive(Clone, Debug, Args)]
pub struct AmendArguments {
    /// The order
    order_id: u64,

    /// What it is to ask for in all: less than now, more than has traded
    quantity: String,

    /// Whose order it is
    #[arg(long, value_name = "NAME")]
    client: String,

    #[command(flatten)]
    at: AtGateway,

    #[command(flatten)]
    output: Output,
}

/// Amends, waits for the result and prints it.
///
/// # Errors
/// Where the gateway does not answer or refuses.
pub async fn run(arguments: AmendArguments) -> anyhow::Result<()> {
    let mut gateway = OrderEntryServiceClient::new(arguments.at.connect().await?);
    let request = AmendOrderRequest {
        client_id: arguments.client,
        order_id: arguments.order_id,
        quantity: arguments.quantity,
        wait_for_result: true,
        ..Default::default()
    };
    let response = gateway
        .amend_order(request)
        .await
        .map_err(|status| problem::sentence("gateway", &status))?;
    let order = response.into_inner().order.context("the gateway answered without the order")?;
    arguments.output.print(|| order::details(&order), || order::json(&order))
}
