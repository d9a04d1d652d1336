//! What is refused over gRPC, and how it is said.

use tonic::Status;

use super::*;

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
