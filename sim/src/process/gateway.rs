//! A gateway: the desk, its followers and its cache, without the two protocols before them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gateway::{
    desk::{Desk, DeskLimits, Followers, Hear, Machine, Submission},
    idempotency::{Cache, Claim, FleetCache, Kept},
    problem::Problem,
};
use model::{OrderId, RequestId};
use spine::{
    Log, Position, Visibility,
    log::LogError,
    tail::{self, TailError},
};
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use crate::{
    broken::{Broken, Hopeful},
    fault::Fault,
    random::Random,
    running::{Running, at_once},
};

/// How often a gateway looks whose time is up.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// Few enough that some runs fill them.
const UNANSWERED_MAX: usize = 6;

/// A place for one gateway.
#[derive(Default)]
pub(crate) struct Gateway {
    running: Option<Inside>,
}

struct Inside {
    incarnation: u64,
    desk: Desk,
    cache: Arc<FleetCache>,
    followers: Vec<Running<Result<(), TailError>>>,
    swept_at: Duration,
    /// Whoever this process would tell hears nothing once it is gone.
    is_alive: Arc<AtomicBool>,
    drawn: Arc<Mutex<Drawn>>,
}

/// The ids of requests, and the last of them.
struct Drawn {
    random: Random,
    last: RequestId,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.is_alive.store(false, Ordering::Relaxed);
    }
}

impl Gateway {
    /// The number of the process that runs, where one does.
    pub(crate) fn incarnation(&self) -> Option<u64> {
        self.running.as_ref().map(|inside| inside.incarnation)
    }

    pub(crate) fn end(&mut self) {
        self.running = None;
    }

    pub(crate) fn start(&mut self, around: &mut Surroundings) -> Result<(), Fault> {
        let started = Inside::start(around);
        self.running = Some(started.map_err(|error| Fault::GatewayEnded(error.to_string()))?);
        Ok(())
    }

    pub(crate) fn step(&mut self, around: &Surroundings) -> Result<(), Fault> {
        let Some(inside) = &mut self.running else { return Ok(()) };
        for follower in &mut inside.followers {
            if let Some(ended) = follower.go_on(&around.timeline) {
                return Err(Fault::GatewayEnded(format!("a follower: {ended:?}")));
            }
        }
        let now = around.timeline.now();
        if now >= inside.swept_at + SWEEP_EVERY && around.broken != Broken::NoSweep {
            inside.swept_at = now;
            inside.desk.sweep(around.timeline.instant());
        }
        Ok(())
    }

    /// What this gateway knows already of what is asked under a key.
    pub(crate) fn known(&self, claim: &Claim) -> Option<Kept> {
        at_once(self.running.as_ref()?.cache.find(claim)).flatten()
    }

    /// What this gateway knows of the order that is the first under a key, as the log says.
    pub(crate) fn first(&self, claim: &Claim, original: OrderId) -> Option<Kept> {
        self.running.as_ref()?.cache.first(claim, original)
    }

    /// Submits, and tells the id of the request; `None` where no process runs.
    pub(crate) fn submit(
        &self,
        submission: Submission,
        hear: Hear,
    ) -> Option<Result<RequestId, Problem>> {
        let inside = self.running.as_ref()?;
        let is_alive = Arc::clone(&inside.is_alive);
        let hear_while_alive: Hear = Box::new(move |news| {
            if is_alive.load(Ordering::Relaxed) {
                hear(news);
            }
        });
        let submitted = inside.desk.submit(submission, hear_while_alive);
        let drawn = inside.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        Some(submitted.map(|()| drawn.last))
    }
}

impl Inside {
    fn start(around: &mut Surroundings) -> Result<Inside, LogError> {
        let incarnation = around.next_incarnation();
        let ahead_millis = around.random.within(0..1_000).cast_signed() - 500;
        let clock = around.timeline.clock(ahead_millis);
        let drawn = Drawn { random: around.random.fork(), last: RequestId(0) };
        let drawn = Arc::new(Mutex::new(drawn));
        let machine = machine(around, &drawn);
        let limits = DeskLimits {
            unanswered_max: UNANSWERED_MAX,
            unanswered_age_max: Duration::from_secs(2),
        };
        let identity = &around.identity;
        let (log_id, count) = (identity.log_id, identity.partition_count);
        let cache = Arc::new(FleetCache::new(log_id, count, None));
        // A shard that is alone has nothing that waits, and its gateways do not look.
        let count = if around.broken == Broken::WaitIsResult { 1 } else { count };
        let kept = Arc::clone(&cache) as Arc<dyn Cache>;
        let log = log(around);
        let desk = Desk::open(log.as_ref(), log_id, count, clock, machine, kept, limits)?;
        let positions = positions(around)?;
        let stop = CancellationToken::new();
        let mut followers = Followers::start(&around.log, &positions, desk.bell(), &stop)?;
        let followers = followers.run(&desk).into_iter().map(Running::new).collect();
        let (is_alive, swept_at) = (Arc::new(AtomicBool::new(true)), around.timeline.now());
        Ok(Inside { incarnation, desk, cache, followers, swept_at, is_alive, drawn })
    }
}

fn machine(around: &Surroundings, drawn: &Arc<Mutex<Drawn>>) -> Machine {
    let drawn = Arc::clone(drawn);
    let request_ids = Arc::new(move || {
        let mut drawn = drawn.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.last = RequestId(drawn.random.number());
        drawn.last
    });
    Machine { monotonic: around.timeline.monotonic(), request_ids }
}

fn log(around: &Surroundings) -> Arc<dyn Log> {
    let log = Arc::clone(&around.log);
    if around.broken == Broken::ToldBeforeAcknowledged { Arc::new(Hopeful(log)) } else { log }
}

/// A gateway needs only what is answered from now on.
fn positions(around: &Surroundings) -> Result<Vec<Position>, LogError> {
    let mut positions = BTreeMap::new();
    for partition in around.partitions() {
        let from = Position::start(around.identity.log_id, partition);
        let seen = Visibility::Synced;
        positions
            .insert(partition, tail::accepted_end(around.log.as_ref(), partition, from, seen)?);
    }
    Ok(positions.into_values().collect())
}
