//! `tradespine cancel-after`.

use anyhow::ensure;
use clap::Args;
use proto::{
    convert::from_proto_timestamp,
    orders::{
        CancelAfterRequest, CancelAfterResult, order_entry_service_client::OrderEntryServiceClient,
    },
    text::rfc3339,
};
use serde_json::{Value, json};

use super::{AtGateway, Output, problem};

/// When orders are to end.
#[derive(Clone, Debug, Args)]
pub struct CancelAfterArguments {
    /// In how many seconds from now, unless this is said again; 0: no longer
    #[arg(value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    timeout_seconds: u32,

    /// Only those of this instrument
    #[arg(long, value_name = "SYMBOL")]
    instrument: Option<String>,

    /// Whose orders
    #[arg(long, value_name = "NAME")]
    client: String,

    #[command(flatten)]
    at: AtGateway,

    #[command(flatten)]
    output: Output,
}

/// Sets it and prints when the orders end.
///
/// # Errors
/// Where the gateway does not answer or refuses, and where the result of a part is not known.
pub async fn run(arguments: CancelAfterArguments) -> anyhow::Result<()> {
    let mut gateway = OrderEntryServiceClient::new(arguments.at.connect().await?);
    let request = CancelAfterRequest {
        client_id: arguments.client,
        instrument: arguments.instrument.unwrap_or_default(),
        timeout_seconds: arguments.timeout_seconds,
    };
    let response = gateway
        .cancel_after(request)
        .await
        .map_err(|status| problem::sentence("gateway", &status))?;
    let results = response.into_inner().results;
    arguments.output.print(|| text(&results), || json(&results))?;
    let is_whole = results.iter().all(|result| result.problem.is_empty());
    ensure!(is_whole, "not every partition answered; repeat the command");
    Ok(())
}

fn instant(result: &CancelAfterResult) -> Option<String> {
    result.cancels_at.as_ref().and_then(from_proto_timestamp).map(rfc3339)
}

fn text(results: &[CancelAfterResult]) -> String {
    let line = |result: &CancelAfterResult| {
        let said = match (instant(result), result.problem.as_str()) {
            (_, problem) if !problem.is_empty() => problem.to_owned(),
            (Some(at), _) => format!("orders end at {at}"),
            (None, _) => "orders end no longer by themselves".to_owned(),
        };
        if results.len() == 1 { said } else { format!("partition {}: {said}", result.partition) }
    };
    results.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn json(results: &[CancelAfterResult]) -> Value {
    let result = |result: &CancelAfterResult| {
        json!({
            "partition": result.partition,
            "cancels_at": instant(result),
            "problem": (!result.problem.is_empty()).then_some(&result.problem),
        })
    };
    json!({ "results": results.iter().map(result).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_says_when_orders_end() {
        let of = |partition, seconds: Option<i64>, problem: &str| CancelAfterResult {
            partition,
            cancels_at: seconds.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
            problem: problem.to_owned(),
        };
        assert_eq!(text(&[of(0, Some(5), "")]), "orders end at 1970-01-01T00:00:05.000000Z");
        let several = [of(0, None, ""), of(1, None, "did not answer")];
        assert_eq!(
            text(&several),
            "partition 0: orders end no longer by themselves\npartition 1: did not answer"
        );
        assert_eq!(json(&several)["results"][1]["problem"], "did not answer");
    }
}
