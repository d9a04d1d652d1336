//! One run, from the first process to the last: start, load, kills, rest, evidence.
//!
//! # Layout
//!
//! - [`rest`]: from the last order to the last process.

mod rest;

use std::{
    mem,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::runtime::Runtime;

use crate::{
    bank::{Bank, Readers},
    evidence,
    follow::Follower,
    history::{self, Pen},
    load::{INSTRUMENTS, Load},
    plan::Victim,
    platform::{Ended, Gives, Platform, wall_clock},
    tally::{Rate, Tally},
    view::{View, behind},
};

/// How long the load runs before the first kill may come.
const WARM_UP: Duration = Duration::from_secs(3);

/// The longest pause between a kill and the moment from which the next may come: half as many
/// seconds as a ledger's batch may wait, so that kills meet it at every stage.
const CALM_MAX: Duration = Duration::from_secs(2);

/// How often a moment is drawn for one kill.
const MOMENTS_MAX: u32 = 5;

/// How long the platform may take until orders come at the demanded rate again, and until all else
/// that is waited for: it takes up to a minute where nothing else runs, on a machine that is slower
/// or busy three times as much, and a bound is there to end what would never come.
const PATIENCE: Duration = Duration::from_mins(5);

/// How far behind the ledger may be when the next kill comes.
const LAG_MAX: Duration = Duration::from_secs(30);

/// The ledger is up to date where it is no further behind: the log ticks every second.
const LAG_WHOLE: Duration = Duration::from_millis(2_500);

/// How often the main thread looks at everything.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Of kills below the demanded rate: so many more are made as the plan has, and no more.
const EXTRA_KILLS_SHARE: usize = 2;

/// What a run is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) plan: Vec<Victim>,
    pub(crate) seed: u64,
    /// Orders a second that are sent.
    pub(crate) rate: u32,
    /// Acknowledged orders in the second before a kill for it to count.
    pub(crate) least_rate: f64,
    /// Where money is read too.
    pub(crate) bank: Option<Bank>,
    pub(crate) servers: &'a Path,
    pub(crate) binary: &'a Path,
    /// Where everything of this run is kept.
    pub(crate) directory: &'a Path,
}

/// One kill, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Kill {
    pub(crate) victim: Victim,
    pub(crate) processes: Vec<String>,
    pub(crate) at: Instant,
    /// Acknowledged orders in the second before.
    pub(crate) rate: f64,
    pub(crate) is_counted: bool,
    /// The longest time in which no order was acknowledged.
    pub(crate) quiet: Duration,
    /// The longest time in which one of the shards decided no order.
    pub(crate) undecided: Duration,
    /// The oldest that the ledger's last row became; `None` where it never had one.
    pub(crate) lag: Option<Duration>,
    /// How long until everything was as before, where nothing else was killed until then.
    pub(crate) whole_after: Option<Duration>,
}

/// What a run came to, but for the checks.
pub(crate) struct Ran {
    pub(crate) kills: Vec<Kill>,
    pub(crate) ended: Vec<Ended>,
    /// Why the run was given up before its plan was done, and services that did not drain.
    pub(crate) faults: Vec<String>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) took: Duration,
    /// What the rig itself had to wait for.
    pub(crate) waits: Vec<String>,
    /// How long money between shards took to arrive after the last order, and then the ledger to
    /// have everything.
    pub(crate) arrived: Duration,
    pub(crate) drained: Duration,
}

/// A run under way.
pub(crate) struct Run<'a> {
    wanted: &'a Wanted<'a>,
    platform: Platform,
    random: Pcg64Mcg,
    pen: Pen,
    tally: Arc<Tally>,
    connected: Arc<AtomicUsize>,
    rate: Rate,
    rate_now: f64,
    kills: Vec<Kill>,
    /// Whether orders are begun.
    is_loaded: bool,
    view: View,
}

/// Runs the whole plan. A run that is given up still rests and leaves its evidence.
///
/// # Errors
/// Where there is nothing to check: the platform did not come up, or its log cannot be read.
pub(crate) fn run(wanted: &Wanted<'_>) -> Result<Ran> {
    let started = Instant::now();
    let (pen, writer) = history::begin(wanted.directory, started)?;
    let mut view = View::new(started, &wanted.plan);
    view.say("starting Kafka, PostgreSQL, Redis and the services");
    let gives = if wanted.bank.is_some() { Gives::Nothing } else { Gives::Plenty };
    let platform = Platform::start(wanted.servers, wanted.binary, wanted.directory, gives)?;
    let runtime = Runtime::new()?;
    let mut run = Run {
        wanted,
        platform,
        random: Pcg64Mcg::seed_from_u64(wanted.seed),
        pen,
        tally: Arc::new(Tally::new(started)),
        connected: Arc::default(),
        rate: Rate::default(),
        rate_now: 0.0,
        kills: Vec::new(),
        is_loaded: true,
        view,
    };
    let tally = Arc::clone(&run.tally);
    let (load, followers) = run.begin(&runtime)?;
    let mut faults = Vec::new();
    let done = run.kill_all().and_then(|()| run.read_all());
    if let Err(error) = done {
        faults.push(format!("the run was given up: {error:#}"));
    }
    run.view.say("waiting for every order to be known");
    run.is_loaded = false;
    load.stop.store(true, Relaxed);
    if let Err(error) = run.wait("all orders to be known", |_| load.done.load(Relaxed)) {
        faults.push(format!("{error:#}"));
    }
    let (arrived, drained) = run.rest(&followers, &mut faults)?;
    let Run { kills, mut platform, pen, .. } = run;
    drop((pen, load, followers));
    runtime.shutdown_timeout(Duration::from_secs(1));
    writer.finish().context("the history")?;
    evidence::gather(&mut platform, wanted.directory)?;
    platform.stop(|victim| matches!(victim, Victim::Broker | Victim::Postgres | Victim::Redis));
    let (ended, waits) = (mem::take(&mut platform.ended), mem::take(&mut platform.waits));
    Ok(Ran { kills, ended, faults, tally, took: started.elapsed(), waits, arrived, drained })
}

/// The load under way.
struct Loaded {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
}

/// The followers under way.
struct Followed {
    stop: Arc<AtomicBool>,
    connected: Arc<AtomicUsize>,
}

impl Run<'_> {
    fn begin(&mut self, runtime: &Runtime) -> Result<(Loaded, Followed)> {
        let edges = self.platform.edges.clone();
        let stop = Arc::new(AtomicBool::new(false));
        for instrument in INSTRUMENTS.into_iter().flatten() {
            let follower = Follower {
                address: edges.broadcaster.clone(),
                instrument,
                pen: self.pen.clone(),
                tally: Arc::clone(&self.tally),
                stop: Arc::clone(&stop),
                connected: Arc::clone(&self.connected),
            };
            runtime.spawn(follower.run());
        }
        if self.wanted.bank.is_some() {
            let began = wall_clock().saturating_sub(self.view.elapsed());
            self.pen.write("bank", &[&began.as_millis().to_string()]);
            let readers = Readers {
                ledger: edges.ledger_grpc.clone(),
                pen: self.pen.clone(),
                tally: Arc::clone(&self.tally),
                stop: Arc::clone(&stop),
            };
            runtime.spawn(readers.run());
        }
        let followed = Followed { stop, connected: Arc::clone(&self.connected) };
        let (tally, pen) = (Arc::clone(&self.tally), self.pen.clone());
        let load = Load::new(edges.gateways, tally, pen, self.wanted.seed, self.wanted.rate)?;
        let loaded = Loaded { stop: Arc::clone(&load.stop), done: Arc::default() };
        let done = Arc::clone(&loaded.done);
        let bank = self.wanted.bank;
        runtime.spawn(async move {
            match bank {
                Some(bank) => Arc::new(load).run_bank(bank).await,
                None => Arc::new(load).run().await,
            }
            done.store(true, Relaxed);
        });
        Ok((loaded, followed))
    }

    fn kill_all(&mut self) -> Result<()> {
        self.view.say("warming up");
        self.pass(WARM_UP)?;
        let mut waiting = self.wanted.plan.clone();
        waiting.reverse();
        let mut extra = waiting.len().div_ceil(EXTRA_KILLS_SHARE);
        while let Some(victim) = waiting.pop() {
            self.read_before_a_kill()?;
            self.wait_for_a_moment()?;
            if !self.kill(victim) && extra > 0 {
                extra -= 1;
                waiting.insert(0, victim);
            }
        }
        self.wait("everything to be as before", Run::is_whole)
    }

    /// Kills are spread over all reads, so that each of these falls near one.
    fn read_before_a_kill(&mut self) -> Result<()> {
        let Some(bank) = self.wanted.bank else { return Ok(()) };
        let (done, planned) = (self.kills.len() as u64, self.wanted.plan.len().max(1) as u64);
        self.read_until((bank.reads * done / planned).min(bank.reads))
    }

    /// Waits until all totals were read as often as is wanted.
    fn read_all(&mut self) -> Result<()> {
        self.wanted.bank.map_or(Ok(()), |bank| self.read_until(bank.reads))
    }

    fn read_until(&mut self, reads: u64) -> Result<()> {
        loop {
            let (before, began) = (self.tally.totals.load(Relaxed), Instant::now());
            if before >= reads {
                return Ok(());
            }
            self.wait("the next read of all totals", |run| {
                run.tally.totals.load(Relaxed) > before || began.elapsed() > PATIENCE
            })?;
        }
    }

    /// Waits until orders flow, and on to a moment that is drawn. Where they no longer do by then,
    /// another moment is drawn, a few times.
    fn wait_for_a_moment(&mut self) -> Result<()> {
        // Half of the kills come as soon as orders flow, whatever else is not over yet.
        let wants_whole = self.random.random_bool(0.5);
        let least = self.wanted.least_rate;
        for _ in 0..MOMENTS_MAX {
            self.wait("orders at the demanded rate", |run| {
                let flows = run.rate_now >= least && run.platform.all_run();
                let is_whole = !wants_whole || run.is_whole();
                flows && is_whole && run.is_behind_less_than(LAG_MAX)
            })?;
            let calm = CALM_MAX.mul_f64(self.random.random_range(0.0..1.0));
            self.pass(calm)?;
            if self.rate_now >= least {
                break;
            }
        }
        Ok(())
    }

    /// Whether everything is as before a kill.
    fn is_whole(&mut self) -> bool {
        self.platform.is_whole()
            && self.rate_now >= self.wanted.least_rate
            && self.connected.load(Relaxed) == INSTRUMENTS.as_flattened().len()
            && self.is_behind_less_than(LAG_WHOLE)
    }

    /// Whether the ledger is; one that has no row yet is not.
    fn is_behind_less_than(&self, lag: Duration) -> bool {
        self.platform.health.ledger_lag().is_some_and(|behind| behind < lag)
    }

    /// Returns whether the kill counts.
    fn kill(&mut self, victim: Victim) -> bool {
        let rate = self.rate_now;
        let processes = self.platform.kill(victim, &mut self.random);
        let names = processes.join(",");
        self.pen.write("kill", &[victim.name(), &names, &format!("{rate:.0}")]);
        let is_counted = rate >= self.wanted.least_rate;
        self.kills.push(Kill {
            victim,
            processes,
            at: Instant::now(),
            rate,
            is_counted,
            quiet: Duration::ZERO,
            undecided: Duration::ZERO,
            lag: None,
            whole_after: None,
        });
        is_counted
    }

    /// One look at everything.
    fn look(&mut self) -> Result<()> {
        let now = Instant::now();
        let moved = self.wanted.bank.map_or(0, |_| self.tally.moved.load(Relaxed));
        self.rate_now = self.rate.look(now, self.tally.told.load(Relaxed) + moved);
        let lag = self.platform.health.ledger_lag();
        // What was quiet before a kill is not its doing, nor what is once the load ends.
        if let Some(kill) = self.kills.last_mut().filter(|_| self.is_loaded) {
            let since = now.duration_since(kill.at);
            kill.quiet = kill.quiet.max(self.tally.quiet().min(since));
            kill.undecided = kill.undecided.max(self.tally.undecided().min(since));
            kill.lag = kill.lag.max(lag);
        }
        // Health is asked for five times a second: what it says right after a kill is from before.
        let is_new = |kill: &Kill| now.duration_since(kill.at) < Duration::from_secs(1);
        if !self.kills.last().is_some_and(is_new) && self.is_whole() {
            let last = self.kills.last_mut().filter(|kill| kill.whole_after.is_none());
            if let Some(kill) = last {
                kill.whole_after = Some(now.duration_since(kill.at));
            }
        }
        self.platform.tend()?;
        self.view.show(&self.kills, &self.tally, self.rate_now, &self.platform);
        thread::sleep(LOOK_EVERY);
        Ok(())
    }

    fn pass(&mut self, time: Duration) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < time {
            self.look()?;
        }
        Ok(())
    }

    fn wait(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) -> Result<()> {
        let began = Instant::now();
        while !is_so(self) {
            self.look()?;
            if began.elapsed() > PATIENCE {
                bail!(
                    "waited {PATIENCE:?} for {what}: {:.0} orders/s, {} unknown, ledger {}; {}",
                    self.rate_now,
                    self.tally.unknown_open(),
                    behind(self.platform.health.ledger_lag()),
                    self.platform.health.why_not()
                );
            }
        }
        Ok(())
    }
}
