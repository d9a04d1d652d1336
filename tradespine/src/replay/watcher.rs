//! What the platform shows on `/ws/depth`: a book rebuilt from its frames, as any client would.

use anyhow::{Context, bail};
use futures_util::StreamExt;
use model::{Instrument, Quantity, Side};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::recorded::Levels;

/// A client of `/ws/depth` with its own copy of the book.
pub struct Watcher {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    instrument: Instrument,
    book: Levels,
    sequence: u64,
}

#[derive(Deserialize)]
struct Frame {
    r#type: String,
    #[serde(default)]
    sequence: u64,
    #[serde(default)]
    first_sequence: u64,
    #[serde(default)]
    last_sequence: u64,
    #[serde(default)]
    bids: Vec<(String, String)>,
    #[serde(default)]
    asks: Vec<(String, String)>,
}

impl Watcher {
    /// Subscribes to the depth of `instrument`.
    ///
    /// # Errors
    /// Where the broadcaster at `address` (such as `ws://127.0.0.1:8081`) does not answer.
    pub async fn connect(address: &str, instrument: Instrument) -> anyhow::Result<Watcher> {
        let url = format!("{address}/ws/depth?instrument={}", instrument.symbol);
        let (socket, _) = tokio_tungstenite::connect_async(&url)
            .await
            .with_context(|| format!("cannot follow {url}"))?;
        let mut watcher = Watcher { socket, instrument, book: Levels::default(), sequence: 0 };
        watcher.next().await?;
        Ok(watcher)
    }

    /// The book after at least `sequence` changes: reads frames until it is.
    ///
    /// # Errors
    /// Where a frame is missing or is none.
    pub async fn book_at(&mut self, sequence: u64) -> anyhow::Result<&Levels> {
        while self.sequence < sequence {
            self.next().await?;
        }
        Ok(&self.book)
    }

    async fn next(&mut self) -> anyhow::Result<()> {
        loop {
            let message = self.socket.next().await.context("the depth feed ended")??;
            match message {
                Message::Text(text) => return self.apply(&serde_json::from_str(&text)?),
                Message::Close(reason) => bail!("the depth feed was closed: {reason:?}"),
                _ => {}
            }
        }
    }

    fn apply(&mut self, frame: &Frame) -> anyhow::Result<()> {
        match frame.r#type.as_str() {
            "status" => return Ok(()),
            "snapshot" => {
                self.book = Levels::default();
                self.sequence = frame.sequence;
            }
            "depth" if frame.first_sequence == self.sequence + 1 => {
                self.sequence = frame.last_sequence;
            }
            "depth" => bail!(
                "the depth feed has a gap: {} came after {}",
                frame.first_sequence,
                self.sequence
            ),
            other => bail!("the depth feed sent {other}: this client was too slow"),
        }
        for (side, rows) in [(Side::Buy, &frame.bids), (Side::Sell, &frame.asks)] {
            for (price, total) in rows {
                let price = self.instrument.parse_price(price)?;
                let total = if total == "0" {
                    Quantity::ZERO
                } else {
                    self.instrument.parse_quantity(total)?
                };
                self.book.set(side, price, total);
            }
        }
        Ok(())
    }
}
