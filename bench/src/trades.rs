//! Listens to every trade on `/ws/trades`, and knows when each order's first trade came.

use std::{
    collections::HashMap,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::{runtime::Builder, sync::oneshot};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::outcome::{Acknowledged, Latencies};

/// How long after the load a trade may still come.
const LATE_WAIT: Duration = Duration::from_millis(500);

/// A listener that listens: a thread of its own, as whoever reads a floor's records is one.
pub(crate) struct Trades {
    stop: oneshot::Sender<()>,
    listening: thread::JoinHandle<Result<Heard>>,
}

/// What was heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// When the first trade of each order that came later than its partner was heard.
    first: HashMap<u64, Instant>,
    /// How often frames were left out, because this listener was too slow.
    pub(crate) gaps: u64,
}

#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    #[serde(default)]
    buy_order_id: u64,
    #[serde(default)]
    sell_order_id: u64,
    #[serde(default)]
    taker_side: &'a str,
}

impl Trades {
    /// Begins to listen to the broadcaster at `address`.
    ///
    /// # Errors
    /// Where it does not answer.
    pub(crate) fn listen(address: &str) -> Result<Trades> {
        let url = format!("ws://{address}/ws/trades");
        let (tell, listens) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let listening = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(hear(&url, &tell, stopped))
        });
        let trades = Trades { stop, listening };
        if listens.recv().is_err() {
            // It ended without a word to us: it has one for whoever waits for its end.
            trades.end()?;
            bail!("the listener ended");
        }
        Ok(trades)
    }

    /// Waits a moment for what is late, and tells what was heard.
    ///
    /// # Errors
    /// Where the broadcaster ended the stream.
    pub(crate) fn stop(self) -> Result<Heard> {
        thread::sleep(LATE_WAIT);
        self.end()
    }

    fn end(self) -> Result<Heard> {
        // It has ended by itself where something is wrong.
        let _ = self.stop.send(());
        self.listening.join().map_err(|_| anyhow!("the listener panicked"))?
    }
}

/// Hears trades until it is told to stop, and says when it has begun to.
async fn hear(
    url: &str,
    listens: &mpsc::Sender<()>,
    mut stopped: oneshot::Receiver<()>,
) -> Result<Heard> {
    let (mut socket, _) =
        connect_async(url).await.with_context(|| format!("cannot listen to {url}"))?;
    let _ = listens.send(());
    let mut heard = Heard::default();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = &mut stopped => return Ok(heard),
        };
        let at = Instant::now();
        match message.context("the broadcaster ended the stream")?? {
            Message::Text(text) => heard.take(&text, at)?,
            Message::Close(why) => bail!("the broadcaster left: {why:?}"),
            _ => {}
        }
    }
}

impl Heard {
    fn take(&mut self, text: &str, at: Instant) -> Result<()> {
        let frame: Frame<'_> = serde_json::from_str(text).context("a frame that is none")?;
        match frame.r#type {
            "trade" => {
                let is_buy = frame.taker_side == "buy";
                let taker = if is_buy { frame.buy_order_id } else { frame.sell_order_id };
                self.first.entry(taker).or_insert(at);
            }
            "gap" => self.gaps += 1,
            _ => {}
        }
        Ok(())
    }

    /// From the moment at which each order was to be sent to its first trade being heard; orders
    /// that rested first have none.
    pub(crate) fn latencies(&self, acknowledged: &[Acknowledged]) -> Latencies {
        let mut latencies = Latencies::new();
        for (id, due) in acknowledged {
            if let Some(heard) = self.first.get(id) {
                latencies.record(heard.saturating_duration_since(*due));
            }
        }
        latencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_trade_of_a_taker_counts() {
        let began = Instant::now();
        let after = |millis| began + Duration::from_millis(millis);
        let mut heard = Heard::default();
        let trade = |buy: u64, sell: u64, taker: &str| {
            format!(
                "{{\"type\":\"trade\",\"id\":\"A-B-1\",\"price\":\"1\",\"buy_order_id\":{buy},\
                 \"sell_order_id\":{sell},\"taker_side\":\"{taker}\"}}"
            )
        };
        heard.take(&trade(7, 3, "buy"), after(10)).expect("a frame");
        heard.take(&trade(7, 4, "buy"), after(20)).expect("a frame");
        heard.take(&trade(5, 8, "sell"), after(30)).expect("a frame");
        heard.take("{\"type\":\"gap\",\"last_sequence\":3}", after(40)).expect("a frame");
        let latencies = heard.latencies(&[(7, began), (3, began), (8, after(28)), (9, began)]);
        assert_eq!(latencies.count(), 2, "3 rested first and 9 never traded");
        assert!((latencies.millis_max() - 10.0).abs() < 0.02, "{}", latencies.millis_max());
        assert!((latencies.millis_at(0.5) - 2.0).abs() < 0.02);
        assert_eq!(heard.gaps, 1);
    }
}
