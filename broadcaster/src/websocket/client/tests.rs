use serde_json::Value;
use tokio::io::{DuplexStream, duplex};
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::{
    fixture::{BTC_USDT, Flow, Shard, open_hub, publish},
    hub::{Feed, Hub, QueueLimit},
    websocket::upgrade::limits,
};

type Client = WebSocketStream<DuplexStream>;

const PIPE_BYTES: usize = 1024;

struct Served {
    hub: Arc<Hub>,
    shard: Shard,
    flow: Flow,
    stop: CancellationToken,
}

impl Served {
    fn new(frames: usize) -> Served {
        let (hub, shard) = open_hub(QueueLimit { frames, ..QueueLimit::default() });
        Served { hub, shard, flow: Flow::new(1), stop: CancellationToken::new() }
    }

    /// A client of the depth of BTC-USDT, behind a pipe of a kilobyte.
    async fn connect(&self) -> Client {
        let (ours, theirs) = duplex(PIPE_BYTES);
        let btc = self.hub.find("BTC-USDT").expect("it is listed");
        let subscription = self.hub.subscribe(Feed::Depth { instrument: btc });
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let socket = WebSocketStream::from_raw_socket(ours, Role::Server, Some(limits())).await;
            serve(socket, subscription, &stop).await;
        });
        WebSocketStream::from_raw_socket(theirs, Role::Client, None).await
    }

    fn change(&mut self) {
        let change = self.flow.change(BTC_USDT);
        publish(&self.hub, &mut self.shard, vec![change]);
    }
}

/// The next frame of text.
async fn heard(client: &mut Client) -> Value {
    match client.next().await {
        Some(Ok(Message::Text(text))) => serde_json::from_str(&text).expect("it is JSON"),
        other => panic!("not a frame: {other:?}"),
    }
}

async fn close_of(client: &mut Client) -> (u16, String) {
    loop {
        match client.next().await {
            Some(Ok(Message::Close(Some(close)))) => {
                return (close.code.into(), close.reason.to_string());
            }
            Some(Ok(_)) => {}
            other => panic!("no close: {other:?}"),
        }
    }
}

fn kind(frame: &Value) -> &str {
    frame["type"].as_str().expect("every frame has a type")
}

#[tokio::test(start_paused = true)]
async fn a_stalled_client_gets_gap_and_close_while_another_hears_all() {
    let mut served = Served::new(8);
    let (mut stalled, mut quick) = (served.connect().await, served.connect().await);
    assert_eq!(kind(&heard(&mut quick).await), "snapshot");
    let mut last_quick = 0;
    for _ in 0..300 {
        served.change();
        let frame = heard(&mut quick).await;
        assert_eq!(frame["first_sequence"], last_quick + 1);
        last_quick += 1;
    }
    assert_eq!(last_quick, 300);

    // It wakes: what was on its way, then the gap, then the book as it is now.
    let mut last = heard(&mut stalled).await["sequence"].as_u64().expect("a snapshot");
    let gap = loop {
        let frame = heard(&mut stalled).await;
        if kind(&frame) == "gap" {
            break frame;
        }
        assert_eq!(frame["first_sequence"], last + 1);
        last += 1;
    };
    assert_eq!(gap["last_sequence"], last);
    assert_eq!(
        (gap["instrument"].as_str(), gap["reason"].as_str()),
        (Some("BTC-USDT"), Some("too_slow"))
    );
    let snapshot = heard(&mut stalled).await;
    assert_eq!((kind(&snapshot), &snapshot["sequence"]), ("snapshot", &Value::from(300)));

    // It stalls again at once: it is cut, with the sequence that it had.
    for _ in 0..300 {
        served.change();
        assert_eq!(kind(&heard(&mut quick).await), "depth");
    }
    let mut last = 300;
    let gap = loop {
        let frame = heard(&mut stalled).await;
        if kind(&frame) == "gap" {
            break frame;
        }
        last = frame["last_sequence"].as_u64().expect("a change");
    };
    assert_eq!(gap["last_sequence"], last);
    let (code, reason) = close_of(&mut stalled).await;
    assert_eq!((code, reason), (1013, format!("too slow; last sequence {last}")));
    served.change();
    assert_eq!(heard(&mut quick).await["last_sequence"], 601);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_stays() {
    let mut served = Served::new(8);
    let mut client = served.connect().await;
    heard(&mut client).await;
    let begin = Instant::now();
    for number in 1..=6_u32 {
        assert!(matches!(client.next().await, Some(Ok(Message::Ping(_)))));
        assert_eq!(begin.elapsed().as_secs(), (PING_EVERY * number).as_secs());
        client.flush().await.expect("the pong goes out");
    }
    served.change();
    assert_eq!(kind(&heard(&mut client).await), "depth");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_closed() {
    let served = Served::new(8);
    // Another role would answer pings by itself: this one reads the bytes as they are.
    let (ours, mut theirs) = duplex(PIPE_BYTES);
    let btc = served.hub.find("BTC-USDT").expect("it is listed");
    let subscription = served.hub.subscribe(Feed::Depth { instrument: btc });
    let begin = Instant::now();
    let socket = WebSocketStream::from_raw_socket(ours, Role::Server, None).await;
    let stop = served.stop.clone();
    let serving = tokio::spawn(async move { serve(socket, subscription, &stop).await });
    let mut bytes = Vec::new();
    let reading = tokio::spawn(async move {
        tokio::io::AsyncReadExt::read_to_end(&mut theirs, &mut bytes).await.expect("it ends");
        bytes
    });
    serving.await.expect("it ends");
    assert_eq!(begin.elapsed(), PONG_WAIT_MAX + CLOSE_WAIT_MAX);
    let bytes = reading.await.expect("it ends");
    let said = b"\x03\xeano pong for 60 seconds";
    assert!(bytes.ends_with(said), "close 1002: {:?}", String::from_utf8_lossy(&bytes));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_left_behind() {
    let mut served = Served::new(1000);
    let (mut client, begin) = (served.connect().await, Instant::now());
    for _ in 0..200 {
        served.change();
    }
    while served.hub.listeners() > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(begin.elapsed() <= PONG_WAIT_MAX + Duration::from_secs(2), "{:?}", begin.elapsed());
    while let Some(Ok(message)) = client.next().await {
        assert!(message.is_text(), "the connection was dropped, not closed: {message:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_may_say_little_and_leave() {
    let served = Served::new(8);
    let mut polite = served.connect().await;
    polite.send(Message::text("x".repeat(4096))).await.expect("it goes out");
    polite.send(Message::Ping("hello".into())).await.expect("it goes out");
    assert_eq!(kind(&heard(&mut polite).await), "snapshot");
    assert_eq!(polite.next().await.expect("open").expect("well"), Message::Pong("hello".into()));
    polite.close(None).await.expect("it goes out");
    assert!(matches!(polite.next().await, Some(Ok(Message::Close(_)))), "the close is answered");
    assert!(polite.next().await.is_none());

    let mut loud = served.connect().await;
    assert_eq!(kind(&heard(&mut loud).await), "snapshot");
    loud.send(Message::text("x".repeat(4097))).await.ok();
    assert_eq!(close_of(&mut loud).await.0, 1009);
    while served.hub.listeners() > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_tells_everybody_to_go_away() {
    let served = Served::new(8);
    let mut client = served.connect().await;
    heard(&mut client).await;
    served.stop.cancel();
    assert_eq!(close_of(&mut client).await, (1001, "going away".to_owned()));
}
