//! Keeps the line up, and writes what gateways tell one another, many things at once, without
//! anybody waiting for it.

use std::{sync::Arc, time::Duration};

use redis::{Client, Cmd, Pipeline};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{ORDER_LIFE_MS, line::Line};

/// How many things are written at once: a thousand of Redis' commands take it a millisecond.
const BATCH_MAX: usize = 256;

/// How long a line that fell stays down at least and at most: it doubles each time, until the line
/// has stayed up for [`STEADY_AFTER`]. A Redis that connects and then fails is asked by few.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
const STEADY_AFTER: Duration = Duration::from_secs(1);

/// Deletes a key where it holds what is expected, in one step.
const DELETE_IF_EQUAL: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// One thing to tell.
pub(super) enum Write {
    /// An order used a key up.
    Order { name: String, word: Vec<u8> },
    /// A claim is taken back.
    LetGo { name: String, word: Vec<u8> },
}

/// See the [module](self).
pub(super) struct Writer {
    client: Client,
    /// What a Redis must be able to do.
    probe: Cmd,
    line: Arc<Line>,
    writes: mpsc::Receiver<Write>,
    pause: Duration,
}

impl Writer {
    pub(super) fn new(
        client: Client,
        probe: Cmd,
        line: Arc<Line>,
        writes: mpsc::Receiver<Write>,
    ) -> Writer {
        Writer { client, probe, line, writes, pause: PAUSE_MIN }
    }

    /// Runs until nobody can tell it anything any more.
    pub(super) async fn run(mut self) {
        let mut was_told_down = false;
        loop {
            match self.line.raise(&self.client, &self.probe).await {
                Ok(()) => {
                    tracing::info!("the Redis of the gateways answers");
                    was_told_down = false;
                    let raised = Instant::now();
                    if self.write_while_up().await.is_none() {
                        return;
                    }
                    if raised.elapsed() >= STEADY_AFTER {
                        self.pause = PAUSE_MIN;
                    }
                }
                Err(reason) if !was_told_down => {
                    was_told_down = true;
                    tracing::warn!(
                        reason,
                        "the Redis of the gateways cannot be used; retries are left to the log"
                    );
                }
                Err(_) => {}
            }
            if self.rest().await.is_none() {
                return;
            }
        }
    }

    /// `None` where nobody can tell anything any more.
    async fn write_while_up(&mut self) -> Option<()> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.line.is_up() {
            batch.clear();
            tokio::select! {
                () = self.line.has_fallen.notified() => continue,
                received = self.writes.recv_many(&mut batch, BATCH_MAX) => {
                    if received == 0 {
                        return None;
                    }
                }
            }
            // What was not written is not known to others: they ask the log.
            let _ = self.line.send(&pipeline(&batch)).await;
        }
        tracing::warn!("the Redis of the gateways does not answer; retries are left to the log");
        Some(())
    }

    /// Lets a line that is down rest for a while, which grows. What should have been told meanwhile
    /// is forgotten.
    async fn rest(&mut self) -> Option<()> {
        let rested = sleep(self.pause);
        tokio::pin!(rested);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        loop {
            tokio::select! {
                () = &mut rested => return Some(()),
                write = self.writes.recv() => drop(write?),
            }
        }
    }
}

fn pipeline(batch: &[Write]) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(batch.len());
    for write in batch {
        match write {
            Write::Order { name, word } => {
                let set = pipeline.cmd("SET").arg(name).arg(word.as_slice());
                set.arg("PX").arg(ORDER_LIFE_MS).ignore()
            }
            Write::LetGo { name, word } => {
                let delete = pipeline.cmd("EVAL").arg(DELETE_IF_EQUAL).arg(1);
                delete.arg(name).arg(word.as_slice()).ignore()
            }
        };
    }
    pipeline
}
