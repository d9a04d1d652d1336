use futures_util::StreamExt;
use proto::{
    log::event::Kind,
    marketdata::{
        GetOrderBookRequest, ListMarketsRequest, StreamDepthRequest, StreamTradesRequest,
        market_data_service_client::MarketDataServiceClient, stream_depth_response,
        stream_trades_response,
    },
    trading::{MarketState, Side},
};
use serde_json::Value;
use spine::log::memory::MemoryLog;
use tokio::task::JoinHandle;
use tokio_tungstenite::{connect_async, tungstenite::Message};
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt;

mod grpc;

use super::*;
use crate::fixture::{BTC_USDT, ETH_USDT, Shard, depth, identity, listings, state, trade};

/// A broadcaster on ports of its own.
struct Running {
    http: SocketAddr,
    grpc: SocketAddr,
    hub: Arc<Hub>,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), Error>>,
}

fn settings() -> Settings {
    let any = "127.0.0.1:0".parse().expect("an address");
    Settings { http_address: any, grpc_address: any, ..Settings::default() }
}

fn dependencies(log: &MemoryLog) -> Dependencies {
    Dependencies { log: Arc::new(log.clone()), identity: identity(1) }
}

/// A log with both instruments listed.
fn listed_log() -> (MemoryLog, Shard) {
    let log = MemoryLog::new(1);
    let mut shard = Shard::new(&log, 0);
    shard.answer(listings());
    (log, shard)
}

impl Running {
    async fn start(settings: Settings, log: &MemoryLog) -> Running {
        let service = bind(settings, dependencies(log)).await.expect("it begins");
        let http = service.http_address().expect("it is bound");
        let grpc = service.grpc_address().expect("it is bound");
        let hub = Arc::clone(&service.following.hub);
        let (mut readiness, stop) = (service.readiness(), CancellationToken::new());
        let serving = tokio::spawn(service.serve(stop.clone()));
        readiness.wait_for(|ready| *ready).await.expect("it catches up");
        Running { http, grpc, hub, stop, serving }
    }

    async fn socket(&self, path: &str) -> Socket {
        let url = format!("ws://{}{path}", self.http);
        Socket(connect_async(url).await.expect("it upgrades").0)
    }

    async fn grpc(&self) -> MarketDataServiceClient<Channel> {
        let url = format!("http://{}", self.grpc);
        MarketDataServiceClient::connect(url).await.expect("it listens")
    }

    async fn end(self) {
        self.stop.cancel();
        self.serving.await.expect("no panic").expect("it was told to stop");
    }
}

struct Socket(
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
);

impl Socket {
    async fn heard(&mut self) -> Value {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).expect("it is JSON"),
            other => panic!("not a frame: {other:?}"),
        }
    }
}

fn book(sequence: u64) -> Kind {
    depth(BTC_USDT, sequence, &[(100 + sequence, sequence)], &[])
}

#[tokio::test]
async fn both_feeds_come_over_websocket() {
    let (log, mut shard) = listed_log();
    shard.answer(vec![book(1), trade(BTC_USDT, 1, Side::Buy)]);
    let running = Running::start(settings(), &log).await;
    let mut all = running.socket("/ws/trades").await;
    let mut one = running.socket("/ws/trades/?instrument=BTC-USDT&since=0&other=1").await;
    let mut eth = running.socket("/ws/trades?instrument=ETH-USDT&since=0").await;
    let mut depth = running.socket("/ws/depth?instrument=BTC-USDT").await;
    assert_eq!(one.heard().await["id"], "BTC-USDT-1", "what it missed");
    let snapshot = depth.heard().await;
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["bids"], serde_json::json!([["1.01", "0.00001"]]));
    while running.hub.listeners() < 4 {
        tokio::task::yield_now().await;
    }
    shard.answer(vec![trade(BTC_USDT, 2, Side::Sell), book(2), trade(ETH_USDT, 1, Side::Buy)]);
    assert_eq!(all.heard().await["id"], "BTC-USDT-2");
    assert_eq!(all.heard().await["id"], "ETH-USDT-1");
    assert_eq!(one.heard().await["id"], "BTC-USDT-2");
    assert_eq!(eth.heard().await["id"], "ETH-USDT-1");
    let change = depth.heard().await;
    assert_eq!((change["type"].as_str(), &change["first_sequence"]), (Some("depth"), &2.into()));
    shard.answer(vec![state(BTC_USDT, MarketState::PostOnly, 2)]);
    let told = depth.heard().await;
    assert_eq!(
        (told["type"].as_str(), told["state"].as_str()),
        (Some("status"), Some("post_only"))
    );

    running.stop.cancel();
    match all.0.next().await {
        Some(Ok(Message::Close(Some(close)))) => assert_eq!(u16::from(close.code), 1001),
        other => panic!("no close: {other:?}"),
    }
    // The others do not answer the close at all; the end comes in time nevertheless.
    running.end().await;
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_before_the_upgrade() {
    let (log, _shard) = listed_log();
    let running = Running::start(settings(), &log).await;
    let table = [
        ("/ws/depth", 400, "missing", Some("instrument")),
        ("/ws/depth?instrument=", 404, "not_found", Some("instrument")),
        ("/ws/depth?instrument=NO-SUCH", 404, "not_found", Some("instrument")),
        ("/ws/trades?instrument=NO-SUCH", 404, "not_found", Some("instrument")),
        ("/ws/trades?since=5", 400, "missing", Some("instrument")),
        ("/ws/trades?instrument=BTC-USDT&since=-1", 400, "malformed", Some("since")),
        ("/ws/trades?instrument=BTC-USDT&since=%2B1", 400, "malformed", Some("since")),
        ("/ws/trades?instrument=BTC-USDT&since=", 400, "malformed", Some("since")),
        ("/ws/trades?instrument=BTC-USDT&since=1e9", 400, "malformed", Some("since")),
        (
            "/ws/trades?instrument=BTC-USDT&since=99999999999999999999",
            400,
            "malformed",
            Some("since"),
        ),
        ("/ws/trades?instrument=A&instrument=B", 400, "malformed", Some("query")),
        ("/ws/trades", 426, "upgrade_required", None),
        ("/nowhere", 404, "not_found", Some("path")),
    ];
    for (path, status, code, field) in table {
        let response = reqwest::get(format!("http://{}{path}", running.http)).await.expect(path);
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let text = response.text().await.expect("it has a body");
        let problem: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!((problem["code"].as_str(), problem["field"].as_str()), (Some(code), field));
        assert_eq!(problem["status"], status, "{path}");
    }
    let posted = reqwest::Client::new().post(format!("http://{}/ws/trades", running.http)).send();
    assert_eq!(posted.await.expect("it answers").status().as_u16(), 405);
    for path in ["/healthz", "/readyz", "/metrics"] {
        let response = reqwest::get(format!("http://{}{path}", running.http)).await.expect(path);
        assert_eq!(response.status().as_u16(), 200, "{path}");
    }
    running.end().await;
}

/// The status and the code of a refused upgrade.
async fn refused(address: SocketAddr, path: &str) -> (u16, String) {
    match connect_async(format!("ws://{address}{path}")).await {
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
            let body = response.body().as_deref().expect("it has a body");
            let problem: Value = serde_json::from_slice(body).expect("it is JSON");
            let code = problem["code"].as_str().expect("it has a code");
            (response.status().as_u16(), code.to_owned())
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn there_is_a_place_for_so_many_listeners() {
    let (log, mut shard) = listed_log();
    let running = Running::start(Settings { listeners_max: 2, ..settings() }, &log).await;
    let first = running.socket("/ws/depth?instrument=BTC-USDT").await;
    let mut grpc = running.grpc().await;
    let request =
        || StreamTradesRequest { instrument: "BTC-USDT".to_owned(), ..Default::default() };
    let second = grpc.stream_trades(request()).await.expect("the last place");
    let too_many = (503, "too_many_listeners".to_owned());
    assert_eq!(refused(running.http, "/ws/trades").await, too_many);
    let status = grpc.stream_trades(request()).await.expect_err("no place is left");
    grpc::assert_passing(&status, Code::ResourceExhausted, "too_many_listeners");
    let mut leaving = first;
    leaving.0.close(None).await.expect("it goes out");
    while leaving.0.next().await.is_some() {}
    let mut freed = running.socket_soon("/ws/depth?instrument=BTC-USDT").await;
    freed.heard().await;
    shard.answer(vec![book(1)]);
    assert_eq!(freed.heard().await["last_sequence"], 1);
    drop(second);
    running.end().await;
}

impl Running {
    /// A socket as soon as there is a place for it.
    async fn socket_soon(&self, path: &str) -> Socket {
        loop {
            let url = format!("ws://{}{path}", self.http);
            if let Ok((socket, _)) = connect_async(url).await {
                return Socket(socket);
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn nobody_is_served_before_the_log_was_read() {
    let (log, _shard) = listed_log();
    let endless = Dependencies { log: Arc::new(Endless(log)), identity: identity(1) };
    let service = bind(settings(), endless).await.expect("it begins");
    let (http, grpc) = (service.http_address(), service.grpc_address());
    let (http, grpc) = (http.expect("it is bound"), grpc.expect("it is bound"));
    let stop = CancellationToken::new();
    let serving = tokio::spawn(service.serve(stop.clone()));
    for path in ["/ws/trades", "/ws/depth?instrument=BTC-USDT"] {
        assert_eq!(refused(http, path).await, (503, "not_ready".to_owned()));
    }
    let ready = reqwest::get(format!("http://{http}/readyz")).await.expect("it answers");
    assert_eq!(ready.status().as_u16(), 503);
    let mut client =
        MarketDataServiceClient::connect(format!("http://{grpc}")).await.expect("it listens");
    let status =
        client.get_order_book(GetOrderBookRequest::default()).await.expect_err("too early");
    grpc::assert_passing(&status, Code::Unavailable, "not_ready");
    stop.cancel();
    serving.await.expect("no panic").expect("it was told to stop");
}

#[tokio::test]
async fn grpc_tells_the_same() {
    let (log, mut shard) = listed_log();
    shard.answer(vec![depth(BTC_USDT, 1, &[(100, 1), (90, 2), (80, 3)], &[(110, 4)])]);
    let running = Running::start(settings(), &log).await;
    let mut client = running.grpc().await;
    let ask =
        |instrument: &str, depth| GetOrderBookRequest { instrument: instrument.to_owned(), depth };
    let book = client.get_order_book(ask("BTC-USDT", 2)).await.expect("listed").into_inner();
    let bids: Vec<_> = book.bids.iter().map(|level| level.price.as_str()).collect();
    assert_eq!((book.sequence, bids, book.asks.len()), (1, vec!["1", "0.9"], 1));
    let table = [
        (ask("BTC-USDT", 0), None, None),
        (ask("BTC-USDT", 5000), None, None),
        (ask("BTC-USDT", 5001), Some(Code::InvalidArgument), Some("depth")),
        (ask("", 5), Some(Code::InvalidArgument), Some("instrument")),
        (ask("NO-SUCH", 5), Some(Code::NotFound), None),
    ];
    for (request, code, field) in table {
        let status = client.get_order_book(request.clone()).await.err();
        assert_eq!(status.as_ref().map(tonic::Status::code), code, "{request:?}");
        let details = status.and_then(|status| status.get_details_bad_request());
        let at_fault = details.map(|details| details.field_violations[0].field.clone());
        assert_eq!(at_fault.as_deref(), field, "{request:?}");
    }
    let depth_of = |symbol: &str| StreamDepthRequest { instrument: symbol.to_owned() };
    let unknown = client.stream_depth(depth_of("NO-SUCH")).await.expect_err("unknown");
    assert_eq!(unknown.code(), Code::NotFound);

    let trades = StreamTradesRequest::default();
    let mut trades = client.stream_trades(trades).await.expect("it streams").into_inner();
    let mut changes = client.stream_depth(depth_of("BTC-USDT")).await.expect("listed").into_inner();
    let first = changes.message().await.expect("open").expect("a frame").frame;
    assert_eq!(first, client_snapshot(&mut client).await);
    shard.answer(vec![trade(BTC_USDT, 1, Side::Sell), depth(BTC_USDT, 2, &[(101, 1)], &[])]);
    match trades.message().await.expect("open").expect("a frame").frame {
        Some(stream_trades_response::Frame::Trade(trade)) => {
            assert_eq!((trade.id.as_str(), trade.buy_order_id), ("BTC-USDT-1", 7));
            assert_eq!(trade.executed_at.expect("it has a time").nanos, 937_085_768);
        }
        other => panic!("not a trade: {other:?}"),
    }
    match changes.message().await.expect("open").expect("a frame").frame {
        Some(stream_depth_response::Frame::Change(change)) => {
            assert_eq!((change.first_sequence, change.last_sequence), (2, 2));
        }
        other => panic!("not a change: {other:?}"),
    }
    shard.answer(vec![state(BTC_USDT, MarketState::Halted, 2)]);
    match changes.message().await.expect("open").expect("a frame").frame {
        Some(stream_depth_response::Frame::Status(status)) => {
            assert_eq!((status.state(), status.sequence), (MarketState::Halted, 2));
        }
        other => panic!("not a status: {other:?}"),
    }
    let book = client.get_order_book(ask("BTC-USDT", 2)).await.expect("listed").into_inner();
    assert_eq!(book.state(), MarketState::Halted);
    let markets = client.list_markets(ListMarketsRequest {}).await.expect("they are told");
    let markets = markets.into_inner().markets;
    let markets: Vec<_> = markets.iter().map(|one| (&one.instrument[..], one.state())).collect();
    let expected = [("BTC-USDT", MarketState::Halted), ("ETH-USDT", MarketState::Trading)];
    assert_eq!(markets, expected);
    running.stop.cancel();
    let status = changes.message().await.expect_err("it goes away");
    assert_eq!(status.code(), Code::Unavailable);
    running.end().await;
}

async fn client_snapshot(
    client: &mut MarketDataServiceClient<Channel>,
) -> Option<stream_depth_response::Frame> {
    let request = GetOrderBookRequest { instrument: "BTC-USDT".to_owned(), depth: 5000 };
    let book = client.get_order_book(request).await.expect("it is listed").into_inner();
    Some(stream_depth_response::Frame::Snapshot(book))
}

#[tokio::test]
async fn a_slow_grpc_reader_gets_gap_and_snapshot_then_is_cut() {
    let (log, mut shard) = listed_log();
    let queue = crate::hub::QueueLimit { frames: 2, ..Default::default() };
    let running = Running::start(Settings { queue, ..settings() }, &log).await;
    let request = StreamDepthRequest { instrument: "BTC-USDT".to_owned() };
    let mut client = running.grpc().await;
    let mut stream = client.stream_depth(request).await.expect("it streams").into_inner();
    // More than the windows of the connection hold, without reading.
    let levels: Vec<_> = (1..=2000).map(|price| (price, 1)).collect();
    let mut sequence = 0;
    let mut words = Vec::new();
    let end = loop {
        if words.len() < 2 {
            for _ in 0..100 {
                sequence += 1;
                shard.answer(vec![depth(BTC_USDT, sequence, &levels, &[])]);
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        match stream.message().await {
            Ok(Some(response)) => match response.frame {
                Some(stream_depth_response::Frame::Gap(gap)) => words.push(gap.last_sequence),
                Some(_) => {}
                None => panic!("a frame without content"),
            },
            Ok(None) => panic!("an end without a status"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::ResourceExhausted);
    assert_eq!(words.len(), 2);
    assert_eq!(end.message(), format!("too slow; last sequence {}", words[1]));
    running.end().await;
}

#[tokio::test]
async fn after_a_restart_the_sequences_go_on() {
    let place = tempfile::tempdir().expect("a directory");
    let with_snapshots =
        || Settings { snapshot_directory: Some(place.path().join("market")), ..settings() };
    let (log, mut shard) = listed_log();
    shard.answer(vec![book(1), trade(BTC_USDT, 1, Side::Buy)]);
    Running::start(with_snapshots(), &log).await.end().await;
    shard.answer(vec![book(2), trade(BTC_USDT, 2, Side::Buy)]);

    let running = Running::start(with_snapshots(), &log).await;
    let mut depth = running.socket("/ws/depth?instrument=BTC-USDT").await;
    assert_eq!(depth.heard().await["sequence"], 2);
    let mut trades = running.socket("/ws/trades?instrument=BTC-USDT&since=0").await;
    assert_eq!(trades.heard().await["sequence"], 1, "remembered in the snapshot");
    assert_eq!(trades.heard().await["sequence"], 2);
    shard.answer(vec![book(3), trade(BTC_USDT, 3, Side::Buy)]);
    assert_eq!(depth.heard().await["first_sequence"], 3);
    assert_eq!(trades.heard().await["sequence"], 3);
    running.end().await;

    let shorter = MemoryLog::new(1);
    Shard::new(&shorter, 0).answer(listings());
    let error = bind(with_snapshots(), dependencies(&shorter)).await.err().expect("it is beyond");
    assert!(error.to_string().contains("a log was lost"), "{error}");
}

#[tokio::test]
async fn a_busy_port_is_told_with_its_address() {
    let (log, _shard) = listed_log();
    let running = Running::start(settings(), &log).await;
    let busy = Settings { http_address: running.http, ..settings() };
    let error = bind(busy, dependencies(&log)).await.err().expect("it is busy").to_string();
    assert!(error.contains(&running.http.to_string()), "{error}");
    running.end().await;
}

#[tokio::test]
async fn a_damaged_log_stops_the_service() {
    let (log, mut shard) = listed_log();
    let running = Running::start(settings(), &log).await;
    let mut client = running.socket("/ws/depth?instrument=BTC-USDT").await;
    client.heard().await;
    shard.answer(vec![book(2)]);
    match client.0.next().await {
        Some(Ok(Message::Close(Some(close)))) => assert_eq!(u16::from(close.code), 1001),
        other => panic!("no close: {other:?}"),
    }
    client.0.close(None).await.ok();
    let error = running.serving.await.expect("no panic").expect_err("depth 1 is missing");
    assert!(error.to_string().contains("depth change 2 of BTC-USDT"), "{error}");
}

/// A log that never shows its end.
struct Endless(MemoryLog);

impl Log for Endless {
    fn partition_count(&self, topic: proto::topic::Topic) -> Result<u16, spine::log::LogError> {
        self.0.partition_count(topic)
    }

    fn producer(
        &self,
        role: spine::log::WriterRole,
    ) -> Result<Arc<dyn spine::log::Producer>, spine::log::LogError> {
        self.0.producer(role)
    }

    fn reader(
        &self,
        place: spine::Place,
        from: u64,
        visibility: spine::Visibility,
    ) -> Result<Box<dyn spine::log::Reader>, spine::log::LogError> {
        self.0
            .reader(place, from, visibility)
            .map(|reader| -> Box<dyn spine::log::Reader> { Box::new(EndlessReader(reader)) })
    }

    fn end(
        &self,
        place: spine::Place,
        visibility: spine::Visibility,
    ) -> Result<u64, spine::log::LogError> {
        self.0.end(place, visibility)
    }

    fn is_exclusive(&self) -> bool {
        true
    }
}

struct EndlessReader(Box<dyn spine::log::Reader>);

impl spine::log::Reader for EndlessReader {
    fn poll(
        &mut self,
        limit: spine::log::ReadLimit,
        wait: Duration,
        into: &mut Vec<spine::Stored>,
    ) -> Result<spine::log::ReachedEnd, spine::log::LogError> {
        self.0.poll(limit, wait, into).map(|_| spine::log::ReachedEnd::No)
    }
}
