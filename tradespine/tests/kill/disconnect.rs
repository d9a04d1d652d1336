//! A client whose orders are to end with its stream.

use std::time::Duration;

use proto::{
    orders::{
        CancelOnDisconnectRequest, PlaceOrderRequest, StreamOrdersRequest,
        order_entry_service_client::OrderEntryServiceClient, stream_orders_request::Request,
        stream_orders_response::Result as StreamResult,
    },
    trading::{OrderStatus, OrderType, Side, TimeInForce},
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

const ACCOUNT: &str = "on-a-wire";

/// How soon the orders end without a gateway.
const TIMEOUT_SECONDS: u32 = 5;

/// Asks for it over a stream that stays open, and places an order on each shard; their ids.
pub(crate) async fn rest_and_watch(gateway: &str) -> Vec<u64> {
    let mut client =
        OrderEntryServiceClient::connect(gateway.to_owned()).await.expect("it answers");
    let (asks, asked) = mpsc::channel(8);
    let results = client.stream_orders(ReceiverStream::new(asked)).await;
    let mut results = results.expect("it is opened").into_inner();
    let watch = CancelOnDisconnectRequest {
        client_id: ACCOUNT.to_owned(),
        timeout_seconds: TIMEOUT_SECONDS,
    };
    let orders = ["BTC-USDT", "ETH-USD", "DOGE-USD"].map(|instrument| PlaceOrderRequest {
        client_id: ACCOUNT.to_owned(),
        instrument: instrument.to_owned(),
        side: Side::Buy.into(),
        r#type: OrderType::Limit.into(),
        time_in_force: TimeInForce::Gtc.into(),
        price: "0.01".to_owned(),
        quantity: "1".to_owned(),
        ..PlaceOrderRequest::default()
    });
    let requests = std::iter::once(Request::CancelOnDisconnect(watch))
        .chain(orders.into_iter().map(Request::Place));
    let mut ids = Vec::new();
    for request in requests {
        let asked = StreamOrdersRequest { correlation_id: 1, request: Some(request) };
        asks.send(asked).await.expect("it is open");
        let told = results.message().await.expect("it goes on").expect("there is a result");
        match told.result.expect("it is told") {
            StreamResult::CancelOnDisconnect(set) => {
                assert!(
                    set.results.len() == 3 && set.results.iter().all(|one| one.problem.is_empty())
                );
            }
            StreamResult::Place(placed) => {
                let order = placed.order.expect("an order");
                assert_eq!(order.status(), OrderStatus::Open, "{order:?}");
                ids.push(order.id);
            }
            other => panic!("{other:?}"),
        }
    }
    // The stream lives on: nobody here ends it.
    tokio::spawn(async move {
        let _asks = asks;
        while let Ok(Some(_)) = results.message().await {}
    });
    ids
}

/// The order, once it is over.
pub(crate) async fn ended(rest: &str, id: u64) -> Value {
    let url = format!("{rest}/api/v1/orders/{id}?client_id={ACCOUNT}");
    loop {
        if let Ok(response) = reqwest::get(&url).await
            && let Ok(order) = response.json::<Value>().await
            && order["status"].as_str().is_some_and(|status| status != "open")
        {
            return order;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
