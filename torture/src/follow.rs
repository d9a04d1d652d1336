//! Followers: WebSocket clients that keep a book each from `/ws/depth`, come back whenever they are
//! cut off, and write down what they see for the checkers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::{self, Instant};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::{history::Pen, tally::Tally};

/// How often a follower writes its book down.
const SEEN_EVERY: Duration = Duration::from_millis(500);

/// How long a follower waits before it comes back.
const RETURN_PAUSE: Duration = Duration::from_millis(100);

/// How long a follower listens before it looks whether it should stop.
const LISTEN_WAIT: Duration = Duration::from_millis(100);

/// A side of a followed book: quantities by price, both as the text that came.
type Levels = BTreeMap<String, String>;

/// One follower.
pub(crate) struct Follower {
    pub(crate) address: String,
    pub(crate) instrument: &'static str,
    pub(crate) pen: Pen,
    pub(crate) tally: Arc<Tally>,
    pub(crate) stop: Arc<AtomicBool>,
    /// How many followers are connected.
    pub(crate) connected: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Book {
    sequence: u64,
    bids: Levels,
    asks: Levels,
}

impl Follower {
    /// Follows until it is stopped.
    pub(crate) async fn run(self) {
        while !self.stop.load(Relaxed) {
            // Cut off, gone, or not there yet: a client comes back.
            let _ = self.follow().await;
            time::sleep(RETURN_PAUSE).await;
        }
    }

    async fn follow(&self) -> Result<()> {
        let url = format!("ws://{}/ws/depth?instrument={}", self.address, self.instrument);
        let (mut socket, _) = connect_async(url).await?;
        self.connected.fetch_add(1, Relaxed);
        let _gone = Gone(&self.connected);
        let mut book = None;
        let mut seen_at = Instant::now();
        loop {
            let frame = match time::timeout(LISTEN_WAIT, socket.next()).await {
                Err(_) => None,
                Ok(None) => break,
                Ok(Some(frame)) => Some(frame),
            };
            if let Some(Ok(Message::Text(text))) = &frame {
                self.tally.frames.fetch_add(1, Relaxed);
                let is_first = book.is_none();
                self.take(&mut book, text)?;
                if is_first || seen_at.elapsed() >= SEEN_EVERY {
                    self.see(book.as_ref());
                    seen_at = Instant::now();
                }
            }
            if matches!(frame, Some(Err(_))) || self.stop.load(Relaxed) {
                break;
            }
        }
        self.see(book.as_ref());
        Ok(())
    }

    /// Takes a frame in. What does not follow the frame before is written down: it never may.
    fn take(&self, book: &mut Option<Book>, text: &str) -> Result<()> {
        let frame: Value = serde_json::from_str(text)?;
        let sequence = |name: &str| frame[name].as_u64().context("a frame has its sequence");
        match frame["type"].as_str() {
            Some("snapshot") => {
                let mut whole = Book { sequence: sequence("sequence")?, ..Book::default() };
                change(&mut whole.bids, levels(&frame["bids"])?);
                change(&mut whole.asks, levels(&frame["asks"])?);
                *book = Some(whole);
            }
            Some("depth") => {
                let first = sequence("first_sequence")?;
                let before = book.as_ref().map(|book| book.sequence);
                let Some(book) = book.as_mut().filter(|book| book.sequence + 1 == first) else {
                    let what = format!("{first} came after {before:?}");
                    self.pen.write("broken", &[self.instrument, &what]);
                    bail!(what);
                };
                book.sequence = sequence("last_sequence")?;
                change(&mut book.bids, levels(&frame["bids"])?);
                change(&mut book.asks, levels(&frame["asks"])?);
            }
            // Too slow: what follows begins with a book, and it is best asked for again.
            _ => bail!("frames were left out"),
        }
        Ok(())
    }

    fn see(&self, book: Option<&Book>) {
        let Some(book) = book else { return };
        let side = |levels: &Levels| {
            let levels = levels.iter().map(|(price, quantity)| format!("{price}*{quantity}"));
            levels.collect::<Vec<_>>().join(",")
        };
        let (bids, asks) = (side(&book.bids), side(&book.asks));
        self.pen.write("book", &[self.instrument, &book.sequence.to_string(), &bids, &asks]);
    }
}

/// Counts a follower out when its connection is over.
struct Gone<'a>(&'a AtomicUsize);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn levels(side: &Value) -> Result<Vec<(String, String)>> {
    let levels = side.as_array().context("a side is a list")?;
    let level = |level: &Value| {
        let (price, quantity) = (level[0].as_str()?, level[1].as_str()?);
        Some((price.to_owned(), quantity.to_owned()))
    };
    levels.iter().map(|both| level(both).context("a level is a price and a quantity")).collect()
}

fn change(side: &mut Levels, changes: Vec<(String, String)>) {
    for (price, quantity) in changes {
        if quantity == "0" {
            side.remove(&price);
        } else {
            side.insert(price, quantity);
        }
    }
}
