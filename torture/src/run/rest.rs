//! After the last order: everybody finishes what there is, and the services end in the order of
//! the flow.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{Followed, LOOK_EVERY, PATIENCE, Run};
use crate::{evidence, plan::Victim, platform::wall_clock};

/// For how long nothing may be on its way between shards before they are taken to be done with each
/// other: a home waits three seconds for what it has recalled, and then sends.
const STILL_FOR: Duration = Duration::from_secs(5);

/// How often the database is asked.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// For how long nothing may move at the ledger before it is taken to have everything, where it has
/// not come to the end of the log: what stands there may be answers that are no new ones. Longer
/// than a ledger waits before it tries a database again.
const SETTLED_FOR: Duration = Duration::from_secs(15);

/// How long followers may take to write their books down.
const FOLLOWERS_PATIENCE: Duration = Duration::from_secs(15);

impl Run<'_> {
    /// Ends the services. Returns how long money took to arrive, and then the ledger.
    pub(super) fn rest(
        &mut self,
        followers: &Followed,
        faults: &mut Vec<String>,
    ) -> Result<(Duration, Duration)> {
        let began = Instant::now();
        if let Err(error) = self.wait("every service to be ready", |run| run.platform.is_whole()) {
            faults.push(format!("{error:#}"));
        }
        self.view.say("waiting for money between shards to arrive");
        let arrived = self.still(faults)?.duration_since(began);
        self.view.say("draining");
        let began = Instant::now();
        let entry = |victim| matches!(victim, Victim::Gateway | Victim::Matcher);
        faults.extend(self.platform.stop(entry));
        let drained = self.settle()?.duration_since(began);
        followers.stop.store(true, Relaxed);
        self.until_gone(&followers.connected);
        let rest = |victim| matches!(victim, Victim::Ledger | Victim::Broadcaster);
        faults.extend(self.platform.stop(rest));
        self.view.end();
        Ok((arrived, drained))
    }

    /// Waits until no order waits and no money is on its way; returns since when. The services run
    /// on meanwhile: what is on its way arrives.
    fn still(&mut self, faults: &mut Vec<String>) -> Result<Instant> {
        let (began, done_at) = (Instant::now(), wall_clock());
        let mut since = None;
        while began.elapsed() < PATIENCE {
            self.platform.tend()?;
            thread::sleep(ASK_EVERY);
            let has_all = self.platform.health.ledger_reached().is_some_and(|at| at >= done_at);
            let is_still = has_all && evidence::on_its_way(&mut self.platform)? == 0;
            since = if is_still { since.or_else(|| Some(Instant::now())) } else { None };
            if let Some(since) = since.filter(|since| since.elapsed() >= STILL_FOR) {
                return Ok(since);
            }
        }
        let left = evidence::on_its_way(&mut self.platform)?;
        faults.push(format!(
            "after {PATIENCE:?} {left} orders or accounts still waited for money between shards, \
             by the ledger's own tables"
        ));
        Ok(Instant::now())
    }

    /// Waits until the ledger has everything that the log has; returns when it had.
    fn settle(&mut self) -> Result<Instant> {
        let began = Instant::now();
        let (mut moved_at, mut last) = (began, Vec::new());
        while moved_at.elapsed() < SETTLED_FOR && began.elapsed() < PATIENCE {
            let progress = evidence::progress(&mut self.platform)?;
            if progress != last {
                (moved_at, last) = (Instant::now(), progress);
            }
            let reached: Vec<u64> = last.iter().map(|reached| reached.next_offset).collect();
            if evidence::ends(&self.platform).as_ref() == Some(&reached) {
                break;
            }
            self.platform.tend()?;
            thread::sleep(ASK_EVERY);
        }
        Ok(moved_at)
    }

    /// The followers write their books down once more when they stop.
    fn until_gone(&self, connected: &AtomicUsize) {
        let began = Instant::now();
        while connected.load(Relaxed) > 0 && began.elapsed() < FOLLOWERS_PATIENCE {
            thread::sleep(LOOK_EVERY);
        }
    }
}
