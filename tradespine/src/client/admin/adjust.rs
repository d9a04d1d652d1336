//! `tradespine admin adjust`: a correction of what an account has available.

use clap::Args;
use proto::admin::{AdjustBalanceRequest, ShardResult};

use super::{
    super::{Output, problem},
    Admin, json, text,
};

#[derive(Clone, Debug, Args)]
pub(super) struct AdjustArguments {
    /// Whose
    #[arg(value_name = "CLIENT")]
    client: String,

    /// Of what
    #[arg(value_name = "ASSET")]
    asset: String,

    /// How much; with a minus it is taken, of what is available and no more
    #[arg(value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: String,

    /// Its own id: the same again with the same content changes nothing
    #[arg(long, value_name = "ID")]
    id: String,
}

pub(super) async fn adjust(
    mut admin: Admin,
    operator: String,
    arguments: AdjustArguments,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    let AdjustArguments { client, asset, amount, id } = arguments;
    let title = format!("adjust {client} by {amount} {asset}");
    let request =
        AdjustBalanceRequest { operator, client_id: client, asset, amount, adjustment_id: id };
    let response = admin.adjust_balance(request).await;
    let response = response.map_err(|status| problem::sentence("gateway", &status))?;
    let results: Vec<ShardResult> = response.into_inner().result.into_iter().collect();
    output.print(|| text(&title, &results), || serde_json::json!({ "results": json(&results) }))?;
    Ok(results)
}
