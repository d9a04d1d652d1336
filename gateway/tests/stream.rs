//! Orders over gRPC: calls, and the stream.

mod support;

use std::collections::BTreeMap;

use futures_util::stream;
use proto::{
    funding::{DepositRequest, funding_service_client::FundingServiceClient},
    orders::{
        AmendOrderRequest, CancelAllOrdersRequest, CancelOrderRequest, HalfResult,
        PlaceOrderRequest, ReplaceOrderRequest, StreamOrdersRequest, StreamOrdersResponse,
        order_entry_service_client::OrderEntryServiceClient,
        stream_orders_request::Request as Asked, stream_orders_response::Result as Told,
    },
    reference::{ListInstrumentsRequest, reference_service_client::ReferenceServiceClient},
    trading::{OrderStatus, OrderType, Side},
};
use support::Stage;
use tonic::Code;
use tonic_types::StatusExt;

fn limit(instrument: &str) -> PlaceOrderRequest {
    PlaceOrderRequest {
        client_id: "alice".to_owned(),
        instrument: instrument.to_owned(),
        side: Side::Buy.into(),
        r#type: OrderType::Limit.into(),
        price: "100.01".to_owned(),
        quantity: "0.5".to_owned(),
        ..Default::default()
    }
}

fn place(order: PlaceOrderRequest) -> Asked {
    Asked::Place(order)
}

/// Sends all of `asked`, numbered from 1, and reads all results.
async fn streamed(stage: &Stage, asked: Vec<Asked>) -> Vec<StreamOrdersResponse> {
    let mut client = OrderEntryServiceClient::connect(stage.grpc.clone()).await.expect("it is up");
    let requests = (1..).zip(asked).map(|(correlation_id, request)| StreamOrdersRequest {
        correlation_id,
        request: Some(request),
    });
    let requests: Vec<_> = requests.collect();
    let mut results = client.stream_orders(stream::iter(requests)).await.expect("it streams");
    let results = results.get_mut();
    let mut all = Vec::new();
    while let Some(result) = results.message().await.expect("no error") {
        all.push(result);
    }
    all
}

#[tokio::test]
async fn every_request_gets_exactly_one_result_in_log_order() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    const COUNT: usize = 10_000;
    let results = streamed(&stage, vec![place(limit("BTC-USDT")); COUNT]).await;
    assert_eq!(results.len(), COUNT);
    for (expected, result) in (1_u64..).zip(&results) {
        assert_eq!(result.correlation_id, expected);
        assert_eq!(result.depth_sequence, expected, "each changed the book once");
        let Some(Told::Place(placed)) = &result.result else { panic!("{result:?}") };
        let order = placed.order.as_ref().expect("an order");
        assert_eq!((order.id, order.status()), (expected, OrderStatus::Open));
    }
    stage.end().await;
}

/// As many as the gateway takes of one stream before it has answered any.
const TAKEN_MAX: u64 = 4_096;

#[tokio::test]
async fn requests_that_nobody_has_read_yet_do_not_end_the_connection() {
    let stage = Stage::new().await;
    let mut client = OrderEntryServiceClient::connect(stage.grpc.clone()).await.expect("it is up");
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let request = |correlation_id| StreamOrdersRequest {
        correlation_id,
        request: Some(place(limit("BTC-USDT"))),
    };
    let send = async {
        for id in 1..=TAKEN_MAX + 600 {
            sender.send(request(id)).await.expect("the stream is open");
            if id > TAKEN_MAX {
                // So that each is a frame of its own, as with a client that thinks in between.
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
        drop(sender);
        // Nothing was answered so far: there was no shard.
        stage.shards()
    };
    let receive = async {
        let requests = stream::poll_fn(move |context| receiver.poll_recv(context));
        let mut results = client.stream_orders(requests).await.expect("it streams").into_inner();
        let mut count = 0;
        while results.message().await.expect("the stream goes on").is_some() {
            count += 1;
        }
        count
    };
    let (_shards, count) = tokio::join!(send, receive);
    assert_eq!(count, TAKEN_MAX + 600);
    stage.end().await;
}

#[tokio::test]
async fn a_stream_mixes_good_and_bad_requests_and_partitions() {
    let stage = Stage::with(2, |settings| settings).await;
    let _shards = stage.shards();
    let cancel = |order_id| {
        Asked::Cancel(CancelOrderRequest {
            client_id: "alice".to_owned(),
            order_id,
            ..Default::default()
        })
    };
    let all = CancelAllOrdersRequest { client_id: "alice".to_owned(), ..Default::default() };
    let first_of_second = 1 << 43 | 1;
    let results = streamed(
        &stage,
        vec![
            place(limit("BTC-USDT")),
            place(limit("ETH-USDT")),
            place(PlaceOrderRequest { price: "0".to_owned(), ..limit("BTC-USDT") }),
            cancel(first_of_second),
            cancel(77),
            place(limit("ETH-USDT")),
            Asked::CancelAll(all),
        ],
    )
    .await;
    assert_eq!(results.len(), 7);
    let by_id: BTreeMap<_, _> =
        results.into_iter().map(|result| (result.correlation_id, result)).collect();
    let told = |id| by_id[&id].result.as_ref().expect("a result");
    assert!(matches!(told(1), Told::Place(_)) && matches!(told(6), Told::Place(_)));
    let Told::Error(error) = told(3) else { panic!("{:?}", told(3)) };
    assert_eq!((error.code.as_str(), error.field.as_str()), ("zero", "price"));
    let Told::Cancel(cancelled) = told(4) else { panic!("{:?}", told(4)) };
    let order = cancelled.order.as_ref().expect("an order");
    assert_eq!((order.status(), order.remaining.as_str()), (OrderStatus::Cancelled, "0.5"));
    assert_eq!((order.instrument.as_str(), by_id[&4].depth_sequence), ("ETH-USDT", 2));
    let Told::Error(error) = told(5) else { panic!("{:?}", told(5)) };
    assert_eq!(error.code, "unknown_order");
    let Told::CancelAll(all) = told(7) else { panic!("{:?}", told(7)) };
    let cancelled: Vec<_> = all
        .results
        .iter()
        .map(|result| (result.partition, result.cancelled_order_ids.len()))
        .collect();
    assert_eq!(cancelled, [(0, 1), (1, 1)]);
    stage.end().await;
}

#[tokio::test]
async fn open_orders_are_changed_over_a_stream() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let amend = |quantity: &str, instrument: &str| {
        Asked::Amend(AmendOrderRequest {
            client_id: "alice".to_owned(),
            order_id: 1,
            quantity: quantity.to_owned(),
            instrument: instrument.to_owned(),
            ..Default::default()
        })
    };
    let replace = |order| {
        Asked::Replace(ReplaceOrderRequest { replaced_order_id: 1, order, ..Default::default() })
    };
    let asked = vec![
        place(limit("BTC-USDT")),
        amend("0.2", "BTC-USDT"),
        amend("0.2", ""),
        amend("0.000001", "BTC-USDT"),
        replace(None),
        replace(Some(limit("BTC-USDT"))),
    ];
    let results = streamed(&stage, asked).await;
    assert_eq!(results.len(), 6);
    let by_id: BTreeMap<_, _> =
        results.into_iter().map(|result| (result.correlation_id, result)).collect();
    let told = |id: u64| by_id[&id].result.as_ref().expect("a result");
    let Told::Amend(amended) = told(2) else { panic!("{:?}", told(2)) };
    let order = amended.order.as_ref().expect("an order");
    assert_eq!((order.id, order.quantity.as_str(), order.remaining.as_str()), (1, "0.2", "0.2"));
    assert_eq!((order.client_id.as_str(), order.instrument.as_str()), ("alice", "BTC-USDT"));
    for (id, field) in [(3, "instrument"), (4, "quantity"), (5, "order")] {
        let Told::Error(error) = told(id) else { panic!("{:?}", told(id)) };
        assert_eq!(error.field, field, "{error:?}");
    }
    let Told::Replace(replaced) = told(6) else { panic!("{:?}", told(6)) };
    assert_eq!(replaced.new_order_result(), HalfResult::Success);
    assert_eq!(replaced.order.as_ref().expect("an order").status(), OrderStatus::Open);
    stage.end().await;
}

#[tokio::test]
async fn a_retry_in_a_stream_is_the_shards_to_decide() {
    let stage = Stage::new().await;
    let _shards = stage.shards();
    let own = PlaceOrderRequest { client_order_id: "a-1".to_owned(), ..limit("BTC-USDT") };
    let other = PlaceOrderRequest { quantity: "0.6".to_owned(), ..own.clone() };
    let results = streamed(&stage, vec![place(own.clone()), place(own), place(other)]).await;
    let ids: Vec<_> = results[..2]
        .iter()
        .map(|result| match &result.result {
            Some(Told::Place(placed)) => placed.order.as_ref().expect("an order").id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, [1, 1]);
    assert!(matches!(&results[2].result, Some(Told::Error(error)) if error.code == "key_reused"));
    assert_eq!(stage.inputs(0), 4, "all went into the log");
    stage.end().await;
}

#[tokio::test]
async fn calls_answer_as_rest_does() {
    let stage = Stage::new().await;
    let shards = stage.shards();
    let mut client = OrderEntryServiceClient::connect(stage.grpc.clone()).await.expect("it is up");
    let waited = PlaceOrderRequest { wait_for_result: true, ..limit("BTC-USDT") };
    let placed = client.place_order(waited).await.expect("placed").into_inner();
    let order = placed.order.expect("an order");
    assert_eq!((order.id, order.status()), (1, OrderStatus::Open));
    let cancel = CancelOrderRequest {
        client_id: "alice".to_owned(),
        order_id: 1,
        wait_for_result: true,
        ..Default::default()
    };
    let cancelled = client.cancel_order(cancel).await.expect("cancelled").into_inner();
    assert_eq!(cancelled.order.expect("an order").status(), OrderStatus::Cancelled);
    let bad = PlaceOrderRequest { price: "100.001".to_owned(), ..limit("BTC-USDT") };
    let status = client.place_order(bad).await.expect_err("off tick");
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    assert_eq!(details.bad_request().expect("details").field_violations[0].field, "price");

    let mut funding = FundingServiceClient::connect(stage.grpc.clone()).await.expect("it is up");
    let deposit = DepositRequest {
        client_id: "alice".to_owned(),
        asset: "USDT".to_owned(),
        amount: "5".to_owned(),
        deposit_id: "d-1".to_owned(),
    };
    let first = funding.deposit(deposit.clone()).await.expect("done").into_inner();
    let again = funding.deposit(deposit).await.expect("done").into_inner();
    assert_eq!((first.already_applied, again.already_applied), (false, true));

    let mut reference =
        ReferenceServiceClient::connect(stage.grpc.clone()).await.expect("it is up");
    let listed = reference.list_instruments(ListInstrumentsRequest {}).await.expect("listed");
    assert_eq!(listed.into_inner().instruments.len(), 2);
    drop(shards);
    stage.end().await;
}
