//! `tradespine balances`.

use clap::Args;
use proto::ledger::{
    Balance, GetBalancesRequest, GetBalancesResponse, ledger_service_client::LedgerServiceClient,
};
use serde_json::{Value, json};

use super::{
    AtLedger, Output, problem,
    table::{Align, table},
};

/// Whose balances.
#[derive(Clone, Debug, Args)]
pub struct BalancesArguments {
    /// Whose balances
    #[arg(long, value_name = "NAME")]
    client: String,

    #[command(flatten)]
    at: AtLedger,

    #[command(flatten)]
    output: Output,
}

/// Shows the balances.
///
/// # Errors
/// Where the ledger does not answer or refuses.
pub async fn run(arguments: BalancesArguments) -> anyhow::Result<()> {
    let mut ledger = LedgerServiceClient::new(arguments.at.connect().await?);
    let request = GetBalancesRequest { client_id: arguments.client, at_least: Vec::new() };
    let response = ledger
        .get_balances(request)
        .await
        .map_err(|status| problem::sentence("ledger", &status))?
        .into_inner();
    arguments.output.print(|| text(&response), || json(&response))
}

fn text(response: &GetBalancesResponse) -> String {
    if response.balances.is_empty() {
        return format!("{} has no balance yet", response.client_id);
    }
    let columns = [("asset", Align::Word), ("available", Align::Number), ("held", Align::Number)];
    let row = |balance: &Balance| {
        vec![balance.asset.clone(), balance.available.clone(), balance.held.clone()]
    };
    table(&columns, &response.balances.iter().map(row).collect::<Vec<_>>())
}

fn json(response: &GetBalancesResponse) -> Value {
    let balance = |balance: &Balance| {
        json!({
            "asset": balance.asset,
            "available": balance.available,
            "held": balance.held,
            "in_flight": balance.in_flight,
        })
    };
    json!({
        "client_id": response.client_id,
        "balances": response.balances.iter().map(balance).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_are_a_line_each() {
        let of = |asset: &str, available: &str, held: &str| Balance {
            asset: asset.to_owned(),
            available: available.to_owned(),
            held: held.to_owned(),
            in_flight: String::new(),
        };
        let mut response =
            GetBalancesResponse { client_id: "alice".to_owned(), balances: Vec::new() };
        assert_eq!(text(&response), "alice has no balance yet");
        response.balances = vec![of("BTC", "999.99", "0.01"), of("USDT", "1000000", "0")];
        let expected = "\
asset   available  held
BTC        999.99  0.01
USDT   1000000     0";
        assert_eq!(text(&response), expected);
        assert_eq!(json(&response)["balances"][0]["held"], "0.01");
    }
}
