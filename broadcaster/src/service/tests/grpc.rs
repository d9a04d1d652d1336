//! What is refused over gRPC, and how it is said.

use proto::marketdata::StreamTradesResponse;
use tonic::Status;

use super::*;
use crate::market::RECENT_TRADES_MAX;

/// A refusal of what can succeed later: with its reason, and when to try again.
pub(super) fn assert_passing(status: &Status, code: Code, reason: &str) {
    assert_eq!(status.code(), code, "{status}");
    let details = status.get_error_details();
    assert_eq!(details.error_info().expect("a reason").reason, reason);
    let wait = details.retry_info().expect("a time to wait").retry_delay;
    assert_eq!(wait, Some(Duration::from_secs(1)));
}

fn ask() -> GetOrderBookRequest {
    GetOrderBookRequest { instrument: "BTC-USDT".to_owned(), depth: 1 }
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_closed() {
    let (log, _shard) = listed_log();
    let running = Running::start(Settings { grpc_connections_max: 1, ..settings() }, &log).await;
    let mut first = running.grpc().await;
    first.get_order_book(ask()).await.expect("it has the only place");
    let mut second = running.grpc().await;
    let status = loop {
        let status = second.get_order_book(ask()).await.expect_err("there is none left");
        // It is told for a second only: who asks later finds the connection closed, and asks anew.
        if status.code() == Code::ResourceExhausted {
            break status;
        }
    };
    assert_passing(&status, Code::ResourceExhausted, "too_many_connections");
    first.get_order_book(ask()).await.expect("the first is not harmed");
    drop(first);
    // The second connects anew once its connection is closed, and then there is a place.
    while second.get_order_book(ask()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.end().await;
}

fn since(instrument: &str, sequence: u64) -> StreamTradesRequest {
    StreamTradesRequest { instrument: instrument.to_owned(), since_sequence: Some(sequence) }
}

/// The sequences of the next trades.
async fn sequences<const N: usize>(
    trades: &mut tonic::Streaming<StreamTradesResponse>,
) -> [u64; N] {
    let mut sequences = [0; N];
    for sequence in &mut sequences {
        match trades.message().await.expect("open").expect("a frame").frame {
            Some(stream_trades_response::Frame::Trade(trade)) => *sequence = trade.sequence,
            other => panic!("not a trade: {other:?}"),
        }
    }
    sequences
}

#[tokio::test]
async fn trades_go_on_after_the_sequence_that_a_reader_had() {
    let (log, mut shard) = listed_log();
    // The first two are forgotten.
    let last = RECENT_TRADES_MAX as u64 + 2;
    shard.answer((1..=last).map(|sequence| trade(BTC_USDT, sequence, Side::Buy)).collect());
    let running = Running::start(settings(), &log).await;
    let mut client = running.grpc().await;

    let mut recent = client.stream_trades(since("BTC-USDT", last - 2)).await.expect("kept");
    let mut ahead = client.stream_trades(since("BTC-USDT", last + 1)).await.expect("kept");
    let mut oldest = client.stream_trades(since("BTC-USDT", 2)).await.expect("just kept");
    let mut first = client.stream_trades(since("ETH-USDT", 0)).await.expect("there is none yet");
    let new = |sequence| trade(BTC_USDT, sequence, Side::Sell);
    shard.answer(vec![new(last + 1), new(last + 2), trade(ETH_USDT, 1, Side::Buy)]);
    assert_eq!(sequences(recent.get_mut()).await, [last - 1, last, last + 1, last + 2]);
    assert_eq!(sequences(ahead.get_mut()).await, [last + 2], "what it had from elsewhere");
    assert_eq!(sequences(oldest.get_mut()).await, [3, 4]);
    assert_eq!(sequences(first.get_mut()).await, [1]);

    let status = client.stream_trades(since("BTC-USDT", 1)).await.expect_err("forgotten");
    assert_eq!(status.code(), Code::OutOfRange);
    let details = status.get_error_details();
    let reason = details.error_info().expect("a reason");
    assert_eq!(reason.metadata["oldest_sequence"], "5", "two more are forgotten by now");
    assert!(status.message().contains("the oldest kept here is 5"), "{status}");
    let at_fault = &details.bad_request().expect("a field").field_violations[0].field;
    assert_eq!(at_fault, "since_sequence");

    let status = client.stream_trades(since("", 1)).await.expect_err("of which instrument?");
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_details_bad_request().expect("a field");
    assert_eq!(details.field_violations[0].field, "instrument");
    let status = client.stream_trades(since("NO-SUCH", 1)).await.expect_err("unknown");
    assert_eq!(status.code(), Code::NotFound);
    running.end().await;
}
