//! `tradespine trades`.

use clap::Args;
use proto::ledger::{ListTradesRequest, ledger_service_client::LedgerServiceClient};

use super::{AtLedger, Output, problem, trade};

/// Which trades.
#[derive(Clone, Debug, Args)]
pub struct TradesArguments {
    /// Only those of this instrument
    #[arg(value_name = "INSTRUMENT")]
    instrument: Option<String>,

    /// Only those of this client
    #[arg(long, value_name = "NAME")]
    client: Option<String>,

    /// How many at most, up to 500
    #[arg(long, value_name = "COUNT", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,

    #[command(flatten)]
    at: AtLedger,

    #[command(flatten)]
    output: Output,
}

/// Lists the trades.
///
/// # Errors
/// Where the ledger does not answer or refuses.
pub async fn run(arguments: TradesArguments) -> anyhow::Result<()> {
    let mut ledger = LedgerServiceClient::new(arguments.at.connect().await?);
    let request = ListTradesRequest {
        instrument: arguments.instrument.unwrap_or_default(),
        client_id: arguments.client.unwrap_or_default(),
        page_size: arguments.limit,
        ..Default::default()
    };
    let response =
        ledger.list_trades(request).await.map_err(|status| problem::sentence("ledger", &status))?;
    let trades = response.into_inner().trades;
    arguments.output.print(
        || match trades.as_slice() {
            [] => "there is no such trade yet".to_owned(),
            trades => trade::list(trades),
        },
        || trades.iter().map(trade::json).collect(),
    )
}
