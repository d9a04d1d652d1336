//! `tradespine solvency`.

use anyhow::ensure;
use clap::Args;
use proto::ledger::{
    AssetSolvency, GetSolvencyRequest, GetSolvencyResponse, PartitionProgress,
    ledger_service_client::LedgerServiceClient,
};
use serde_json::{Value, json};

use super::{
    AtLedger, Output, problem,
    table::{Align, table},
};

/// Where to ask.
#[derive(Clone, Debug, Args)]
pub struct SolvencyArguments {
    #[command(flatten)]
    at: AtLedger,

    #[command(flatten)]
    output: Output,
}

/// Shows of each asset what came in beside what is there.
///
/// # Errors
/// Where the ledger does not answer, and where the two are not equal.
pub async fn run(arguments: SolvencyArguments) -> anyhow::Result<()> {
    let mut ledger = LedgerServiceClient::new(arguments.at.connect().await?);
    let response = ledger
        .get_solvency(GetSolvencyRequest::default())
        .await
        .map_err(|status| problem::sentence("ledger", &status))?
        .into_inner();
    arguments.output.print(|| text(&response), || json(&response))?;
    let unsound: Vec<_> = response.assets.iter().filter(|asset| !asset.is_sound).collect();
    ensure!(unsound.is_empty(), "{} assets are not sound", unsound.len());
    Ok(())
}

fn text(response: &GetSolvencyResponse) -> String {
    let names = [
        "deposited",
        "withdrawn",
        "granted",
        "adjusted",
        "available",
        "held",
        "in flight",
        "fees",
        "difference",
    ];
    let mut columns = vec![("asset", Align::Word)];
    columns.extend(names.map(|name| (name, Align::Number)));
    let row = |asset: &AssetSolvency| {
        vec![
            asset.asset.clone(),
            asset.deposited.clone(),
            asset.withdrawn.clone(),
            asset.granted.clone(),
            asset.adjusted.clone(),
            asset.available.clone(),
            asset.held.clone(),
            asset.in_flight.clone(),
            asset.fees.clone(),
            asset.difference.clone(),
        ]
    };
    let table = table(&columns, &response.assets.iter().map(row).collect::<Vec<_>>());
    let at = |at: &PartitionProgress| format!("{} of partition {}", at.out_seq, at.partition);
    let as_of: Vec<_> = response.as_of.iter().map(at).collect();
    format!("{table}\n\nas of answer {}", as_of.join(", "))
}

fn json(response: &GetSolvencyResponse) -> Value {
    let asset = |asset: &AssetSolvency| {
        json!({
            "asset": asset.asset,
            "deposited": asset.deposited,
            "withdrawn": asset.withdrawn,
            "granted": asset.granted,
            "adjusted": asset.adjusted,
            "available": asset.available,
            "held": asset.held,
            "in_flight": asset.in_flight,
            "fees": asset.fees,
            "difference": asset.difference,
            "is_sound": asset.is_sound,
        })
    };
    let at = |at: &PartitionProgress| json!({ "partition": at.partition, "out_seq": at.out_seq, "in_offset": at.in_offset });
    json!({
        "assets": response.assets.iter().map(asset).collect::<Vec<_>>(),
        "as_of": response.as_of.iter().map(at).collect::<Vec<_>>(),
    })
}
