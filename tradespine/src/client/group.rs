//! `tradespine group`.

use clap::Args;
use proto::orders::{SetTradeGroupRequest, order_entry_service_client::OrderEntryServiceClient};
use serde_json::json;

use super::{AtGateway, Output, problem};

/// Into which group an account is put.
#[derive(Clone, Debug, Args)]
pub struct GroupArguments {
    /// The group, a number that its accounts share: take a random one, who knows it can join
    #[arg(required_unless_present = "none", conflicts_with = "none")]
    group: Option<u64>,

    /// Take the client out of its group
    #[arg(long)]
    none: bool,

    /// Who is put into it
    #[arg(long, value_name = "NAME")]
    client: String,

    #[command(flatten)]
    at: AtGateway,

    #[command(flatten)]
    output: Output,
}

/// Puts the client into the group and says so.
///
/// # Errors
/// Where the gateway does not answer or refuses, and where a shard did not do it.
pub async fn run(arguments: GroupArguments) -> anyhow::Result<()> {
    let GroupArguments { group, client, at, output, .. } = arguments;
    let mut gateway = OrderEntryServiceClient::new(at.connect().await?);
    let trade_group_id = group.unwrap_or(0);
    let request = SetTradeGroupRequest { client_id: client.clone(), trade_group_id };
    gateway
        .set_trade_group(request)
        .await
        .map_err(|status| problem::sentence("gateway", &status))?;
    let text = || match trade_group_id {
        0 => format!("{client} is in no group"),
        group => format!("{client} is in group {group}"),
    };
    output.print(text, || json!({ "client_id": client, "trade_group_id": trade_group_id }))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        group: GroupArguments,
    }

    #[test]
    fn a_group_or_none() {
        let parsed =
            |line: &str| Line::try_parse_from(line.split_whitespace()).map(|line| line.group.group);
        assert_eq!(parsed("group 7 --client alice").unwrap(), Some(7));
        assert_eq!(parsed("group --none --client alice").unwrap(), None);
        for line in ["group --client alice", "group 7 --none --client alice", "group 7"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
