//! `tradespine orders`.

use clap::{Args, ValueEnum};
use proto::{
    ledger::{ListOrdersRequest, ledger_service_client::LedgerServiceClient},
    trading::OrderStatus,
};

use super::{AtLedger, Output, order, problem};

/// Which orders.
#[derive(Clone, Debug, Args)]
pub struct OrdersArguments {
    /// Whose orders
    #[arg(long, value_name = "NAME")]
    client: String,

    /// Only those of this instrument
    #[arg(long, value_name = "SYMBOL")]
    instrument: Option<String>,

    /// Only those in this state
    #[arg(long)]
    status: Option<Status>,

    /// How many at most, up to 500
    #[arg(long, value_name = "COUNT", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,

    #[command(flatten)]
    at: AtLedger,

    #[command(flatten)]
    output: Output,
}

/// The states that the ledger knows orders in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Status {
    Open,
    PartiallyFilled,
    Filled,
    Cancelled,
    Expired,
    Rejected,
}

/// Lists the orders.
///
/// # Errors
/// Where the ledger does not answer or refuses.
pub async fn run(arguments: OrdersArguments) -> anyhow::Result<()> {
    let mut ledger = LedgerServiceClient::new(arguments.at.connect().await?);
    let response = ledger
        .list_orders(request(&arguments))
        .await
        .map_err(|status| problem::sentence("ledger", &status))?;
    let orders = response.into_inner().orders;
    arguments.output.print(
        || match orders.as_slice() {
            [] => format!("{} has no such order", arguments.client),
            orders => order::list(orders),
        },
        || orders.iter().map(order::json).collect(),
    )
}

fn request(arguments: &OrdersArguments) -> ListOrdersRequest {
    ListOrdersRequest {
        client_id: arguments.client.clone(),
        instrument: arguments.instrument.clone().unwrap_or_default(),
        status: arguments.status.map_or(OrderStatus::Unspecified, OrderStatus::from).into(),
        page_size: arguments.limit,
        ..Default::default()
    }
}

impl From<Status> for OrderStatus {
    fn from(status: Status) -> OrderStatus {
        match status {
            Status::Open => OrderStatus::Open,
            Status::PartiallyFilled => OrderStatus::PartiallyFilled,
            Status::Filled => OrderStatus::Filled,
            Status::Cancelled => OrderStatus::Cancelled,
            Status::Expired => OrderStatus::Expired,
            Status::Rejected => OrderStatus::Rejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        orders: OrdersArguments,
    }

    #[test]
    fn states_are_spelt_as_they_are_printed() {
        for status in Status::value_variants() {
            let wire = OrderStatus::from(*status);
            let word = proto::text::order_status(wire);
            let line = ["orders", "--client", "alice", "--status", word, "--limit", "3"];
            let request = request(&Line::try_parse_from(line).unwrap().orders);
            assert_eq!((request.status(), request.page_size), (wire, 3));
        }
        let too_many = ["orders", "--client", "alice", "--limit", "501"];
        assert!(Line::try_parse_from(too_many).is_err());
    }
}
