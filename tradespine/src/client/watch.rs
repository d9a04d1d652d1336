//! `tradespine watch`.

use anyhow::{Context, bail};
use clap::Args;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::{self, Message, protocol::CloseFrame};

use super::{Output, WEBSOCKET, book::left_over, nobody_at, say};

/// What to follow.
#[derive(Clone, Debug, Args)]
pub struct WatchArguments {
    /// The instrument, such as BTC-USDT; the trades of all where there is none
    #[arg(value_name = "INSTRUMENT", required_if_eq("depth", "true"))]
    instrument: Option<String>,

    /// Follow the order book instead of the trades
    #[arg(long)]
    depth: bool,

    /// Stop after so many frames
    #[arg(long, value_name = "FRAMES")]
    count: Option<u64>,

    /// The broadcaster's WebSocket address
    #[arg(long, value_name = "URL", default_value = WEBSOCKET)]
    websocket: String,

    #[command(flatten)]
    output: Output,
}

/// Prints a line for each frame until the feed ends.
///
/// # Errors
/// Where the broadcaster does not answer, refuses, or ends the feed.
pub async fn run(arguments: WatchArguments) -> anyhow::Result<()> {
    let url = url(&arguments);
    let (mut socket, _) = match tokio_tungstenite::connect_async(&url).await {
        Ok(connected) => connected,
        Err(error) => return Err(not_connected(&arguments, error)),
    };
    let mut left = arguments.count.unwrap_or(u64::MAX);
    while left > 0 {
        let message = socket.next().await.context(AGAIN)?.context(AGAIN)?;
        match message {
            Message::Text(text) if arguments.output.json => say(&text)?,
            Message::Text(text) => say(&line(&text))?,
            Message::Close(reason) => bail!(closed(reason.as_ref())),
            _ => continue,
        }
        left -= 1;
    }
    Ok(())
}

/// What to do where a feed ends.
const AGAIN: &str = "the feed ended; start the command again to go on, and see what was missed with \
                     `tradespine trades`";

fn url(arguments: &WatchArguments) -> String {
    let feed = if arguments.depth { "depth" } else { "trades" };
    let address = arguments.websocket.trim_end_matches('/');
    match &arguments.instrument {
        Some(instrument) => format!("{address}/ws/{feed}?instrument={instrument}"),
        None => format!("{address}/ws/{feed}"),
    }
}

fn not_connected(arguments: &WatchArguments, error: tungstenite::Error) -> anyhow::Error {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            anyhow::anyhow!(
                "the broadcaster refused: {}",
                refusal(body, response.status().as_u16())
            )
        }
        error => anyhow::Error::new(error).context(nobody_at(&arguments.websocket)),
    }
}

/// The sentence in a problem+json body, else the status.
fn refusal(body: &[u8], status: u16) -> String {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let problem = serde_json::from_slice::<Problem>(body);
    problem.map_or_else(|_| format!("HTTP status {status}"), |problem| problem.detail)
}

fn closed(reason: Option<&CloseFrame>) -> String {
    match reason {
        Some(frame) if !frame.reason.is_empty() => format!("{AGAIN} ({})", frame.reason.as_str()),
        _ => AGAIN.to_owned(),
    }
}

/// The frames that a line can be made of.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Frame {
    Trade {
        id: String,
        price: String,
        quantity: String,
        taker_side: String,
        executed_at: String,
        #[serde(default)]
        auction: bool,
    },
    Snapshot {
        instrument: String,
        sequence: u64,
        bids: Vec<(String, String)>,
        asks: Vec<(String, String)>,
        #[serde(default)]
        state: String,
    },
    Status {
        instrument: String,
        sequence: u64,
        state: String,
        #[serde(default)]
        opens_at: String,
    },
    Indication {
        instrument: String,
        sequence: u64,
        indication: Option<Indication>,
    },
    Depth {
        instrument: String,
        first_sequence: u64,
        last_sequence: u64,
        bids: Vec<(String, String)>,
        asks: Vec<(String, String)>,
    },
    Gap {
        instrument: String,
        last_sequence: u64,
    },
}

/// What an auction would do.
#[derive(Deserialize)]
struct Indication {
    price: String,
    volume: String,
    imbalance: String,
    imbalance_side: Option<String>,
}

/// A frame in words; one that is not known, as it came.
fn line(text: &str) -> String {
    let Ok(frame) = serde_json::from_str(text) else { return text.to_owned() };
    match frame {
        Frame::Trade { id, price, quantity, executed_at, auction: true, .. } => {
            format!("{executed_at}  {id:<14}  auction     {quantity:>12} @ {price}")
        }
        Frame::Trade { id, price, quantity, taker_side, executed_at, auction: false } => {
            format!("{executed_at}  {id:<14}  taker {taker_side:<4}  {quantity:>12} @ {price}")
        }
        Frame::Status { instrument, sequence, state, opens_at } => {
            let until = if opens_at.is_empty() { "" } else { " until " };
            format!("{instrument}  {sequence}  the market is {state}{until}{opens_at}")
        }
        Frame::Indication { instrument, sequence, indication } => {
            let told = indication.map_or_else(|| "nothing would trade".to_owned(), indicated);
            format!("{instrument}  {sequence}  auction: {told}")
        }
        Frame::Snapshot { instrument, sequence, bids, asks, state } => {
            let best = |levels: &[(String, String)]| {
                levels.first().map_or_else(
                    || "none".to_owned(),
                    |(price, quantity)| format!("{quantity} @ {price}"),
                )
            };
            format!(
                "{instrument}  {sequence}  snapshot: {} bids, {} asks; best bid {}, best ask {}{}",
                bids.len(),
                asks.len(),
                best(&bids),
                best(&asks),
                told(&state)
            )
        }
        Frame::Depth { instrument, first_sequence, last_sequence, bids, asks } => {
            let sequences = if first_sequence == last_sequence {
                last_sequence.to_string()
            } else {
                format!("{first_sequence}-{last_sequence}")
            };
            let bids = bids.iter().map(|level| change("bid", level));
            let asks = asks.iter().map(|level| change("ask", level));
            let changes: Vec<String> = bids.chain(asks).collect();
            format!("{instrument}  {sequences}  {}", changes.join(", "))
        }
        Frame::Gap { instrument, last_sequence } => {
            format!(
                "{instrument}  {last_sequence}  gap: this reader was too slow, frames after it are missing"
            )
        }
    }
}

fn indicated(indication: Indication) -> String {
    let Indication { price, volume, imbalance, imbalance_side } = indication;
    format!("{volume} @ {price}{}", left_over(&imbalance, imbalance_side.as_deref()))
}

/// What a market is open for, where it is not simply trading.
fn told(state: &str) -> String {
    match state {
        "" | "trading" => String::new(),
        state => format!("; the market is {state}"),
    }
}

fn change(side: &str, (price, quantity): &(String, String)) -> String {
    match quantity.as_str() {
        "0" => format!("{side} {price} gone"),
        quantity => format!("{side} {quantity} @ {price}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        watch: WatchArguments,
    }

    fn parsed(line: &str) -> Result<WatchArguments, clap::Error> {
        Line::try_parse_from(line.split_whitespace()).map(|line| line.watch)
    }

    #[test]
    fn depth_is_of_one_instrument_and_trades_may_be_of_all() {
        let url = |line| url(&parsed(line).unwrap());
        assert_eq!(url("watch"), "ws://127.0.0.1:8081/ws/trades");
        assert_eq!(
            url("watch BTC-USDT --websocket ws://h:1/"),
            "ws://h:1/ws/trades?instrument=BTC-USDT"
        );
        assert_eq!(
            url("watch BTC-USDT --depth"),
            "ws://127.0.0.1:8081/ws/depth?instrument=BTC-USDT"
        );
        assert!(parsed("watch --depth").is_err());
    }

    #[test]
    fn frames_are_a_line_each() {
        let trade = r#"{"type":"trade","id":"BTC-USDT-17","instrument":"BTC-USDT","sequence":17,
            "price":"61837.63","quantity":"0.01","buy_order_id":1,"sell_order_id":2,
            "taker_side":"buy","executed_at":"2026-11-21T08:00:00.000000Z"}"#;
        assert_eq!(
            line(trade),
            "2026-11-21T08:00:00.000000Z  BTC-USDT-17     taker buy           0.01 @ 61837.63"
        );
        let snapshot = r#"{"type":"snapshot","instrument":"BTC-USDT","sequence":4,
            "bids":[["5","1"],["4","2"]],"asks":[]}"#;
        let expected = "BTC-USDT  4  snapshot: 2 bids, 0 asks; best bid 1 @ 5, best ask none";
        assert_eq!(line(snapshot), expected);
        let halted = snapshot.replace("4,", r#"4,"state":"halted","#);
        assert_eq!(line(&halted), format!("{expected}; the market is halted"));
        let status =
            r#"{"type":"status","instrument":"BTC-USDT","sequence":4,"state":"post_only"}"#;
        assert_eq!(line(status), "BTC-USDT  4  the market is post_only");
        let stopped = status.replace("post_only\"", "volatility_auction\",\"opens_at\":\"12:00\"");
        assert_eq!(line(&stopped), "BTC-USDT  4  the market is volatility_auction until 12:00");
        let indication = r#"{"type":"indication","instrument":"BTC-USDT","sequence":4,"indication":
            {"price":"7","volume":"3","imbalance":"0.5","imbalance_side":"buy"}}"#;
        assert_eq!(line(indication), "BTC-USDT  4  auction: 3 @ 7, 0.5 more bought");
        let nothing =
            r#"{"type":"indication","instrument":"BTC-USDT","sequence":4,"indication":null}"#;
        assert_eq!(line(nothing), "BTC-USDT  4  auction: nothing would trade");
        let crossed = trade.replace("\"sequence\"", "\"auction\":true,\"sequence\"");
        assert!(line(&crossed).contains("BTC-USDT-17     auction             0.01 @ 61837.63"));
        let depth = r#"{"type":"depth","instrument":"BTC-USDT","first_sequence":5,
            "last_sequence":6,"bids":[["5","0"]],"asks":[["7","0.5"]]}"#;
        assert_eq!(line(depth), "BTC-USDT  5-6  bid 5 gone, ask 0.5 @ 7");
        let gap = r#"{"type":"gap","instrument":"BTC-USDT","last_sequence":9,"reason":"too_slow"}"#;
        assert!(line(gap).starts_with("BTC-USDT  9  gap:"));
        assert_eq!(line(r#"{"type":"new"}"#), r#"{"type":"new"}"#);
    }

    /// A broadcaster that sends one trade and then cuts its client.
    async fn serve_one(listener: tokio::net::TcpListener) {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        socket.send(Message::Ping("".into())).await.unwrap();
        socket.send(Message::text(r#"{"type":"new"}"#)).await.unwrap();
        let reason = CloseFrame { code: CloseCode::Again, reason: "too slow".into() };
        socket.close(Some(reason)).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    }

    #[tokio::test]
    async fn a_feed_that_is_cut_is_told_with_what_to_do() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let line = format!("watch --websocket ws://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve_one(listener));
        let error = run(parsed(&line).unwrap()).await.unwrap_err().to_string();
        assert!(error.contains("too slow") && error.contains("start the command again"), "{error}");
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_count_ends_the_feed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let line = format!("watch --count 1 --websocket ws://{}", listener.local_addr().unwrap());
        let _server = tokio::spawn(serve_one(listener));
        run(parsed(&line).unwrap()).await.unwrap();
    }

    #[test]
    fn a_refusal_is_a_sentence() {
        assert_eq!(refusal(br#"{"detail":"no such instrument"}"#, 404), "no such instrument");
        assert_eq!(refusal(b"", 503), "HTTP status 503");
    }
}
