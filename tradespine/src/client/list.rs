//! `tradespine list`: orders of which one decides what becomes of the others.

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser, ValueEnum};
use proto::{
    convert,
    orders::{
        PlaceOrderListRequest, PlaceOrderRequest,
        order_entry_service_client::OrderEntryServiceClient,
    },
    text,
    trading::{self, OrderList, OrderListStatus},
};
use serde_json::{Value, json};

use super::{
    AtGateway, Output, order,
    place::{self, PlaceArguments},
    problem,
    table::fields,
};

/// A list of orders to place.
#[derive(Clone, Debug, Args)]
pub struct ListArguments {
    /// What to trade, such as BTC-USDT
    instrument: String,

    /// How the orders hang together
    kind: Kind,

    /// The orders, each as `place` takes it, without instrument and --client: of an oco the one
    /// above the price and the one below; of an oto the working one and the one that waits for it;
    /// of an otoco the working one, then the one above and the one below
    #[arg(required = true, num_args = 2..=3)]
    orders: Vec<String>,

    /// Whose orders they are
    #[arg(long, value_name = "NAME")]
    client: String,

    /// The list's own id: with it the same command again is safe, it places nothing twice
    #[arg(long, value_name = "KEY")]
    id: Option<String>,

    #[command(flatten)]
    at: AtGateway,

    #[command(flatten)]
    output: Output,
}

/// How the orders hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// One cancels the other
    Oco,
    /// One is placed once the other was filled whole
    Oto,
    /// Two of which one cancels the other, once a third was filled whole
    Otoco,
}

/// One order.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    place: PlaceArguments,
}

/// Places the list, waits for its result and prints it.
///
/// # Errors
/// Where an argument is no order, where the gateway does not answer or refuses, and where the list
/// was rejected or its outcome is not known.
pub async fn run(arguments: ListArguments) -> anyhow::Result<()> {
    let request = request(&arguments)?;
    let mut gateway = OrderEntryServiceClient::new(arguments.at.connect().await?);
    let response = gateway
        .place_order_list(request)
        .await
        .map_err(|status| problem::sentence("gateway", &status))?;
    let list = response.into_inner().list.context("the gateway answered without the list")?;
    arguments.output.print(|| details(&list), || self::json(&list))?;
    verdict(&arguments, &list)
}

fn request(arguments: &ListArguments) -> anyhow::Result<PlaceOrderListRequest> {
    let orders = arguments.orders.iter().map(|order| {
        let words = ["place", &arguments.instrument].into_iter().chain(order.split_whitespace());
        let parsed = Line::try_parse_from(words.chain(["--client", &arguments.client]));
        let parsed = parsed.with_context(|| format!("{order:?} is no order"))?;
        Ok(PlaceOrderRequest { client_order_id: String::new(), ..place::request(&parsed.place) })
    });
    let orders: Vec<_> = orders.collect::<anyhow::Result<_>>()?;
    let expected = if arguments.kind == Kind::Otoco { 3 } else { 2 };
    ensure!(orders.len() == expected, "give {expected} orders, not {}", orders.len());
    let mut orders = orders.into_iter();
    let mut next = || orders.next();
    let list = match arguments.kind {
        Kind::Oco => PlaceOrderListRequest {
            contingency: trading::Contingency::Oco.into(),
            above: next(),
            below: next(),
            ..Default::default()
        },
        Kind::Oto => PlaceOrderListRequest {
            contingency: trading::Contingency::Oto.into(),
            working: next(),
            pending: next(),
            ..Default::default()
        },
        Kind::Otoco => PlaceOrderListRequest {
            contingency: trading::Contingency::Otoco.into(),
            working: next(),
            above: next(),
            below: next(),
            ..Default::default()
        },
    };
    Ok(PlaceOrderListRequest {
        client_id: arguments.client.clone(),
        client_order_id: arguments.id.clone().unwrap_or_default(),
        instrument: arguments.instrument.clone(),
        wait_for_result: true,
        ..list
    })
}

fn details(list: &OrderList) -> String {
    let contingency =
        convert::contingency_from_wire(list.contingency).map_or("?", text::contingency);
    let mut rows = vec![
        ("list", list.id.to_string()),
        ("status", text::order_list_status(list.status()).to_owned()),
        ("reason", list.reject_reason.clone()),
        ("client", list.client_id.clone()),
        ("client order id", list.client_order_id.clone()),
        ("contingency", contingency.to_owned()),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    format!("{}\n\n{}", fields(&rows), order::list(&list.orders))
}

fn json(list: &OrderList) -> Value {
    let text_or_null = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let contingency = convert::contingency_from_wire(list.contingency).ok().map(text::contingency);
    json!({
        "id": list.id,
        "list_id": list.id,
        "client_id": list.client_id,
        "client_order_id": text_or_null(&list.client_order_id),
        "instrument": list.instrument,
        "contingency": contingency,
        "status": text::order_list_status(list.status()),
        "reject_reason": text_or_null(&list.reject_reason),
        "orders": list.orders.iter().map(order::json).collect::<Vec<_>>(),
    })
}

fn verdict(arguments: &ListArguments, list: &OrderList) -> anyhow::Result<()> {
    match list.status() {
        OrderListStatus::Executing | OrderListStatus::AllDone => Ok(()),
        OrderListStatus::Rejected => bail!("the list was rejected: {}", list.reject_reason),
        _ => bail!(
            "what became of the list is not known; see `tradespine orders --client {}`{}",
            arguments.client,
            if arguments.id.is_some() {
                ", or repeat the command"
            } else {
                " before you repeat it"
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use proto::trading::{OrderType, Side};

    use super::*;

    #[derive(Parser)]
    struct Whole {
        #[command(flatten)]
        list: ListArguments,
    }

    fn requested(words: &[&str]) -> anyhow::Result<PlaceOrderListRequest> {
        request(&Whole::try_parse_from(["list"].iter().chain(words))?.list)
    }

    #[test]
    fn each_order_is_written_as_place_takes_it() {
        let words = ["BTC-USDT", "oco", "sell 1 65000", "sell 1 --market --stop-loss 58000"];
        let list = requested(&[&words[..], &["--client", "alice", "--id", "l-1"]].concat());
        let list = list.expect("a good list");
        assert_eq!((list.client_order_id.as_str(), list.instrument.as_str()), ("l-1", "BTC-USDT"));
        let (above, below) = (list.above.expect("above"), list.below.expect("below"));
        assert_eq!((above.side(), above.price.as_str()), (Side::Sell, "65000"));
        assert_eq!((below.r#type(), below.stop_price.as_str()), (OrderType::StopLoss, "58000"));
        let oto = ["BTC-USDT", "oto", "buy 1 60000", "sell 1 65000", "--client", "alice"];
        let oto = requested(&oto).expect("a good list");
        assert!(oto.working.is_some() && oto.pending.is_some() && oto.above.is_none());
        for bad in [
            &["BTC-USDT", "otoco", "buy 1 60000", "sell 1 65000", "--client", "alice"][..],
            &["BTC-USDT", "oco", "buy 1", "sell 1 65000", "--client", "alice"],
            &["BTC-USDT", "oco", "buy 1 60000", "--client", "alice"],
            &["BTC-USDT", "oco", "buy 1 60000", "sell 1 65000"],
        ] {
            assert!(requested(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_became_of_it_is_told() {
        let words = ["BTC-USDT", "oto", "buy 1 6", "sell 1 7", "--client", "alice"];
        let whole = Whole::try_parse_from(["list"].iter().chain(&words)).expect("good");
        let list = |status: OrderListStatus| OrderList {
            id: 9,
            status: status.into(),
            reject_reason: "list_prices".to_owned(),
            ..OrderList::default()
        };
        assert!(verdict(&whole.list, &list(OrderListStatus::Executing)).is_ok());
        let rejected = verdict(&whole.list, &list(OrderListStatus::Rejected)).unwrap_err();
        assert_eq!(rejected.to_string(), "the list was rejected: list_prices");
        let unknown = verdict(&whole.list, &list(OrderListStatus::Unknown)).unwrap_err();
        assert!(unknown.to_string().contains("orders --client alice"), "{unknown}");
        assert_eq!(self::json(&list(OrderListStatus::AllDone))["status"], "all_done");
    }
}
