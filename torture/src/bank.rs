//! Those who read what there is of every asset while money moves and services are killed. What
//! they were told is written down with the answers of each partition that it is as of; the checkers
//! hold it against the log up to just these (`check/totals.rs`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Result, anyhow};
use tokio::time;

use crate::{
    check::{Broken, Message},
    grpc::Channel,
    history::Pen,
    tally::Tally,
};

/// What a bank's run is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bank {
    /// Accounts that have money.
    pub(crate) accounts: u32,
    /// Clients that move it, each that of its own accounts.
    pub(crate) clients: u32,
    /// How often all totals are read at the least.
    pub(crate) reads: u64,
}

/// How many read at the same time.
const READERS: u32 = 4;

/// How long a reader waits after each read: what it reads is the ledger's and PostgreSQL's work,
/// and others want some of it too.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a reader waits where nobody answers.
const RETURN_PAUSE: Duration = Duration::from_millis(100);

/// How long an answer may take: a ledger waits half a minute for its database.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// The call that tells all totals; what it is asked needs no bytes.
const SOLVENCY: &str = "/tradespine.ledger.v1.LedgerService/GetSolvency";

/// The figures of an asset by the numbers of their fields, in the order of the history.
const FIGURES: std::ops::RangeInclusive<u64> = 2..=10;
const IS_SOUND: u64 = 11;

/// All readers.
pub(crate) struct Readers {
    /// `host:port` of the ledger's gRPC.
    pub(crate) ledger: String,
    pub(crate) pen: Pen,
    pub(crate) tally: Arc<Tally>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Readers {
    /// Reads again and again until it is told to stop.
    pub(crate) async fn run(self) {
        let readers = Arc::new(self);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..READERS {
            tasks.spawn(Arc::clone(&readers).read_on());
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn read_on(self: Arc<Readers>) {
        let mut channel = None;
        while !self.stop.load(Relaxed) {
            let began = self.pen.elapsed_ms();
            let read = time::timeout(ANSWER_WAIT, read(&self.ledger, &mut channel)).await;
            match read.unwrap_or_else(|_| Err(anyhow!("no answer within {ANSWER_WAIT:?}"))) {
                Ok([as_of, assets]) => {
                    self.pen.write("total", &[&began.to_string(), &as_of, &assets]);
                    self.tally.totals.fetch_add(1, Relaxed);
                    time::sleep(PAUSE).await;
                }
                // Cut off, gone, or its database is: a reader comes back.
                Err(_) => {
                    channel = None;
                    self.tally.totals_untold.fetch_add(1, Relaxed);
                    time::sleep(RETURN_PAUSE).await;
                }
            }
        }
    }
}

/// What was told: as of what, and the figures, as fields of the history.
async fn read(ledger: &str, channel: &mut Option<Channel>) -> Result<[String; 2]> {
    if channel.is_none() {
        *channel = Some(Channel::connect(ledger).await?);
    }
    let channel = channel.as_ref().ok_or_else(|| anyhow!("it was just connected"))?;
    let answer = channel.call(SOLVENCY, &[]).await?;
    fields(&answer).map_err(|Broken(what)| anyhow!("{what}"))
}

fn fields(answer: &[u8]) -> Result<[String; 2], Broken> {
    let answer = Message::read(answer)?;
    let mut as_of = Vec::new();
    for at in answer.messages(2)? {
        let now = at.message(4)?.unwrap_or_default();
        let now_ms = now.number(1) * 1_000 + now.number(2) / 1_000_000;
        as_of.push(format!("{}:{}:{now_ms}", at.number(1), at.number(2)));
    }
    let mut assets = Vec::new();
    for asset in answer.messages(1)? {
        let mut figures = Vec::new();
        for field in FIGURES {
            figures.push(asset.text(field)?);
        }
        let is_sound = asset.number(IS_SOUND);
        assets.push(format!("{}={}/{is_sound}", asset.text(1)?, figures.join("/")));
    }
    Ok([as_of.join(","), assets.join(",")])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of bytes.
    fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
        let length = u8::try_from(value.len()).expect("short");
        [&[number << 3 | 2, length], value].concat()
    }

    #[test]
    fn what_is_told_becomes_fields_of_the_history() {
        let mut asset = bytes(1, b"USD");
        for (number, figure) in (2..).zip(["9", "1.5", "0", "-2", "5", "0.5", "0", "0", "0"]) {
            asset.extend(bytes(number, figure.as_bytes()));
        }
        asset.extend([11 << 3, 1]);
        let now = [0x08, 7, 0x10, 0x80, 0x89, 0x7a];
        let as_of = [&[0x08, 2, 0x10, 44][..], &bytes(4, &now)].concat();
        let answer = [bytes(1, &asset), bytes(2, &as_of)].concat();
        let [as_of, assets] = fields(&answer).expect("it is well formed");
        assert_eq!(as_of, "2:44:7002");
        assert_eq!(assets, "USD=9/1.5/0/-2/5/0.5/0/0/0/1");
    }
}
