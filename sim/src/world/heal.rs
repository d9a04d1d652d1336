//! Nothing disturbs any more: everything must come to its end within a bounded time.

use std::time::Duration;

use ledger::store::Store;
use spine::{Place, Visibility, log::memory::Delivery};

use super::World;
use crate::{fault::Fault, process::ProcessId, running::at_once};

/// How much time passes between two rounds.
const ROUND: Duration = Duration::from_millis(20);

/// How many steps everybody does in a round.
const ROUND_STEPS: usize = 3;

/// How many rounds it may take: a minute and a half, in which a record becomes late, its client
/// asks again, and a ledger that was refused again and again comes to its longest pause.
const ROUNDS_MAX: usize = 4_500;

/// How many turns broadcasters get at the end: each folds some of a batch in one.
const TURNS_MAX: usize = 200;

impl World {
    /// Everybody is there, everything is delivered, all clients come to their end.
    pub(crate) fn heal(&mut self) -> Result<(), Fault> {
        self.note(format_args!("nothing disturbs any more"));
        self.healed_at = Some(self.around.timeline.now());
        self.paused_until.clear();
        self.clogged_until.clear();
        self.far_store.heal();
        self.clients.iter_mut().for_each(|client| client.left = 0);
        for _ in 0..ROUNDS_MAX {
            (0..ROUND_STEPS).try_for_each(|_| self.round())?;
            if self.unfinished().is_none() {
                return self.tell_everything();
            }
            self.around.timeline.pass(ROUND);
        }
        Err(Fault::Stuck(self.unfinished().unwrap_or_default()))
    }

    fn round(&mut self) -> Result<(), Fault> {
        for process in self.processes() {
            if self.is_running(process) {
                self.step(process)?;
            } else {
                self.start(process)?;
            }
        }
        for lane in self.around.memory.lanes() {
            while self.around.memory.in_flight(lane) > 0 {
                self.around.memory.deliver(lane, Delivery::Land);
            }
        }
        for number in self.around.memory.walkers() {
            self.walk(number, 1_024);
        }
        (0..self.clients.len()).for_each(|client| self.step_client(client));
        (0..self.listeners.len()).try_for_each(|listener| self.step_listener(listener))
    }

    /// What broadcasters have not told yet they tell, a turn at a time.
    fn tell_everything(&mut self) -> Result<(), Fault> {
        for _ in 0..TURNS_MAX {
            for number in self.around.memory.walkers() {
                self.walk(number, 1_024);
            }
            for broadcaster in 0..self.broadcasters.len() {
                self.step(ProcessId::Broadcaster(broadcaster))?;
            }
        }
        (0..self.listeners.len()).try_for_each(|listener| self.step_listener(listener))
    }

    /// What is not done yet, if anything.
    fn unfinished(&self) -> Option<String> {
        if let Some(client) = self.clients.iter().find(|client| !client.is_idle()) {
            return Some(format!("{} still waits", client.account.as_str()));
        }
        if let Some(lane) = self.around.memory.lanes().first() {
            return Some(format!("{lane:?} has records in flight"));
        }
        for partition in self.around.partitions() {
            let inputs = self.around.log.end(Place::orders(partition), Visibility::Synced);
            let inputs = inputs.unwrap_or(u64::MAX);
            let seats = self.seats.iter().filter(|seat| seat.partition == partition);
            let owner = seats.filter_map(|seat| seat.shard.as_ref()).find(|shard| {
                shard.is_owner()
                    && shard.accepted() == inputs
                    && shard.replica().out_seq() == inputs
            });
            let Some(owner) = owner else {
                return Some(format!("nobody has answered all {inputs} inputs of {partition}"));
            };
            let replica = owner.replica();
            if replica.core().exchange().waits_for_links() {
                return Some(format!("something waits for money on {partition}"));
            }
            if let Some((to, number, _)) = replica.links().unacknowledged().next() {
                return Some(format!("item {number} of {partition} to {to} was not taken"));
            }
            let progress = at_once(self.store.progress()).and_then(Result::ok).unwrap_or_default();
            let projected = progress.get(&partition).map_or(0, |progress| progress.out_seq);
            if projected != inputs {
                return Some(format!("the ledger has {projected} of {inputs} of {partition}"));
            }
        }
        None
    }
}
