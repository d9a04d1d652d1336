//! The load: workers that place orders at a steady rate, write down each attempt and each answer,
//! and send an order again under its key until they know what became of it.
//!
//! Each lane trades the instruments of one shard with workers of its own, so that a shard that
//! stands still takes only its own lane's workers. Two thirds of their accounts are at home on
//! another shard, by chance of their names, and their money comes from there. One worker in a few
//! roams: it trades on all shards, and now and then rests an order for most of what it has, or
//! takes it out, so that what comes next needs money that has to be called back, or is not there.

mod bank;
mod gateways;
mod money;
mod order;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::{
    task::JoinSet,
    time::{self, Instant, Interval, MissedTickBehavior},
};

pub(crate) use self::order::INSTRUMENTS;
use self::{
    gateways::{Answered, Gateways},
    money::Movement,
    order::Order,
};
use crate::{history::Pen, platform::PARTITIONS, tally::Tally};

/// How many workers a lane has: at 450 orders/s each may take a fifth of a second for an order.
const WORKERS_A_LANE: u32 = 96;

/// One worker in so many of a lane roams.
const ROAMS_ONE_IN: u32 = 6;

/// One in so many orders of a worker that roams asks for most of what it has.
const LARGE_ONE_IN: u32 = 12;

/// One in so many turns of a worker that roams is a deposit or a withdrawal, and no order.
const MOVES_ONE_IN: u32 = 10;

/// How long a worker waits before it sends again, at the least and at the most.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(50);
const RETRY_PAUSE_MAX: Duration = Duration::from_millis(400);

/// One in so many orders waits for its result; the others are done once the log has them.
const WAITS_ONE_IN: u32 = 2;

/// One in so many known orders is sent once more through any gateway.
const REPEATS_ONE_IN: u32 = 25;

/// After so many orders that may rest a worker cancels all of them: books stay small.
const RESTING_MAX: usize = 30;

/// What all workers share.
pub(crate) struct Load {
    pub(crate) gateways: Gateways,
    pub(crate) tally: Arc<Tally>,
    pub(crate) pen: Pen,
    pub(crate) seed: u64,
    /// Orders a second, of all together.
    pub(crate) rate: u32,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Load {
    /// Places `rate` orders a second through these gateways.
    pub(crate) fn new(
        gateways: Vec<String>,
        tally: Arc<Tally>,
        pen: Pen,
        seed: u64,
        rate: u32,
    ) -> anyhow::Result<Load> {
        let gateways = Gateways::new(gateways)?;
        Ok(Load { gateways, tally, pen, seed, rate, stop: Arc::new(AtomicBool::new(false)) })
    }

    /// Runs until `stop` is set and every order that was begun is known.
    pub(crate) async fn run(self: Arc<Load>) {
        let mut workers = JoinSet::new();
        for number in 0..WORKERS_A_LANE * u32::from(PARTITIONS) {
            let lane = number as usize % usize::from(PARTITIONS);
            let random = Pcg64Mcg::seed_from_u64(self.seed ^ u64::from(number) << 32);
            let worker = Worker {
                lane,
                roams: (number / u32::from(PARTITIONS)).is_multiple_of(ROAMS_ONE_IN),
                ..Worker::new(Arc::clone(&self), number, random)
            };
            workers.spawn(worker.run());
        }
        while workers.join_next().await.is_some() {}
    }
}

/// One of those who place orders, with an account of its own.
struct Worker {
    load: Arc<Load>,
    lane: usize,
    number: u32,
    account: String,
    /// Whether it trades on all shards.
    roams: bool,
    random: Pcg64Mcg,
    placed: u64,
    /// Orders that may rest, with the instrument of each.
    resting: Vec<(&'static str, u64)>,
    /// A withdrawal that was done, and is to be brought back.
    taken_out: Option<Movement>,
}

/// What a worker knows of an order in the end.
struct Known {
    id: u64,
    rests: bool,
}

impl Worker {
    /// One that has done nothing yet.
    fn new(load: Arc<Load>, number: u32, random: Pcg64Mcg) -> Worker {
        let (account, resting) = (format!("trader-{number}"), Vec::new());
        let (lane, roams, placed, taken_out) = (0, false, 0, None);
        Worker { load, lane, number, account, roams, random, placed, resting, taken_out }
    }

    async fn run(mut self) {
        let mut ticks = self.ticks(WORKERS_A_LANE * u32::from(PARTITIONS));
        while !self.is_stopped() {
            ticks.tick().await;
            if !self.is_stopped() {
                self.trade().await;
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.load.stop.load(Relaxed)
    }

    /// When one of `all` does something, so that all together keep the rate.
    fn ticks(&mut self, all: u32) -> Interval {
        let period = Duration::from_secs(1) * all / self.load.rate.max(1);
        let first = period.mul_f64(self.random.random_range(0.0..1.0));
        let mut ticks = time::interval_at(Instant::now() + first, period);
        // What an outage has held up is not sent all at once after it.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// A key, or an id of a movement, that nobody else has.
    fn next_key(&mut self, kind: &str) -> String {
        self.placed += 1;
        format!("{kind}{}-{}", self.number, self.placed)
    }

    async fn trade(&mut self) {
        if self.roams && self.random.random_ratio(1, MOVES_ONE_IN) {
            return self.move_money().await;
        }
        let key = self.next_key("w");
        if self.roams {
            self.lane = self.random.random_range(0..usize::from(PARTITIONS));
        }
        let order = if self.roams && self.random.random_ratio(1, LARGE_ONE_IN) {
            order::draw_large(&mut self.random, self.lane, &self.account, key)
        } else {
            order::draw(&mut self.random, self.lane, &self.account, key)
        };
        let Some(known) = self.send(&order).await else { return };
        if known.rests {
            self.resting.push((order.instrument, known.id));
        }
        if self.resting.len() >= RESTING_MAX
            && let Some((instrument, _)) = self.resting.first().copied()
            && self.cancel_all(instrument).await
        {
            self.resting.retain(|(other, _)| *other != instrument);
        }
    }

    /// Places an order until it is known, and now and then once more.
    async fn send(&mut self, order: &Order) -> Option<Known> {
        self.load.tally.sent.fetch_add(1, Relaxed);
        self.load.pen.write("sent", &order.terms());
        let wait = self.random.random_ratio(1, WAITS_ONE_IN);
        let known = self.place(order, wait).await?;
        if self.random.random_ratio(1, REPEATS_ONE_IN) {
            self.load.tally.repeated.fetch_add(1, Relaxed);
            self.ask(order, wait, 0).await;
        }
        Some(known)
    }

    /// Places an order and sends it again until it is known; `None` where what was answered is
    /// none of the answers there are.
    async fn place(&mut self, order: &Order, wait: bool) -> Option<Known> {
        let mut was_unknown = false;
        for attempt in 1_u64.. {
            match self.ask(order, wait, attempt).await {
                Answered::Order { id, rests, is_decided } => {
                    if was_unknown {
                        self.load.tally.resolved.fetch_add(1, Relaxed);
                    }
                    self.load.tally.was_told(self.lane, is_decided);
                    return Some(Known { id, rests });
                }
                Answered::Unknown(_) if !was_unknown => {
                    was_unknown = true;
                    self.load.tally.unknown.fetch_add(1, Relaxed);
                }
                Answered::Unknown(_) => {}
                Answered::NotTaken(_) => {
                    self.load.tally.not_taken.fetch_add(1, Relaxed);
                }
                Answered::Wrong(_) => return None,
            }
            time::sleep(self.pause()).await;
        }
        None
    }

    /// How long it waits before it sends again.
    fn pause(&mut self) -> Duration {
        let share = self.random.random_range(0.0..1.0);
        RETRY_PAUSE_MIN + (RETRY_PAUSE_MAX - RETRY_PAUSE_MIN).mul_f64(share)
    }

    /// One attempt, through any of the gateways, written down.
    async fn ask(&mut self, order: &Order, wait: bool, attempt: u64) -> Answered {
        let gateway = self.random.random_range(0..self.load.gateways.count());
        let pen = &self.load.pen;
        let (attempt, at) = (attempt.to_string(), gateway.to_string());
        pen.write("try", &[&order.key, &attempt, &at, if wait { "true" } else { "false" }]);
        self.load.tally.attempts.fetch_add(1, Relaxed);
        let answered = self.load.gateways.place(gateway, order, wait, pen).await;
        match &answered {
            Answered::Order { .. } => {}
            Answered::Unknown(why) | Answered::NotTaken(why) => {
                pen.write("unknown", &[&order.key, why]);
            }
            Answered::Wrong(what) => pen.write("wrong", &[&format!("{}: {what}", order.key)]),
        }
        answered
    }

    /// Cancels all that may rest of one instrument; whether that is known. Where it is not the
    /// orders are told of nothing, and the next time says so.
    async fn cancel_all(&mut self, instrument: &str) -> bool {
        let gateway = self.random.random_range(0..self.load.gateways.count());
        let cancelled = self.load.gateways.cancel_all(gateway, &self.account, instrument).await;
        let Some(cancelled) = cancelled else { return false };
        self.load.tally.cancelled.fetch_add(cancelled.len() as u64, Relaxed);
        for id in cancelled {
            self.load.pen.write("cancelled", &[&self.account, &id.to_string(), "cancelled"]);
        }
        true
    }
}
