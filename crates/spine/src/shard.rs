//! The owner of a partition: takes it over, applies its inputs, publishes the answers, and checks
//! itself against the log.
//!
//! The owner is a machine of small steps, driven by [`Shard::step`] with the time that has passed,
//! so that the simulator can stop it between any two. [`thread::spawn`](spawn) drives it for real.
//!
//! 1. **Probing.** A starter has replayed the accepted answers. It appends a tick and watches for
//!    [`PROBE_WAIT`] whether somebody else answers it. Where the log is held by a lock there is
//!    nobody else.
//! 2. **Taking over.** It appends `TakeOver` and publishes once that is acknowledged. Two that do
//!    so at once publish the same values; the first in the log wins and the other steps back.
//! 3. **Owning.** Inputs are applied in order and their answers appended, a bounded number ahead of
//!    what the log has confirmed. Every second it appends a tick, which carries time.
//!
//! It ends itself when anything is in doubt: a failed append, an accepted answer that differs from
//! what it computed, an acknowledged answer that nobody can read, a lost epoch. Recovery is from
//! the log, by whoever starts next.

mod appends;
mod candidate;
mod confirm;
mod heed;
mod meters;
mod publish;
mod settings;
mod thread;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use model::{Partition, Timestamp};
use prost::Message;
use proto::log::{self, input};
use telemetry::propagation;

use self::{
    appends::Appends,
    confirm::{Accepted, Confirmations},
};
pub use self::{
    settings::{
        PROBE_WAIT, STEP_BACK_WAIT, ShardError, ShardSettings, TICK_EVERY, UNCONFIRMED_BYTES_MAX,
        UNCONFIRMED_MAX, UNREADABLE_AFTER, WallClock,
    },
    thread::{ShardHandle, Status, spawn},
};
use crate::{
    acceptor::Acceptor,
    chain::Link,
    core::Core,
    genesis::Identity,
    log::{Log, Pace, Place, ReadLimit, Reader, Record, Stored, Visibility, WriterRole},
    quarantine::{self, Quarantines},
    replay::{Paces, Replay, ReplayError},
    replica::{Notice, Replica},
    tail,
    trace::Tracer,
};

/// How soon an owner looks again. Orders wait for it to see its inputs. Nobody waits for it to hear
/// of its own answers, of which it may have many unconfirmed; and a request for them that comes to
/// a broker in front of the next order, or of its answer, makes that wait.
const PACES: Paces =
    Paces { events: Pace::AtMostEvery(Duration::from_millis(50)), inputs: Pace::Eager };

/// The owner of one partition, or a candidate for it.
pub struct Shard<C> {
    settings: ShardSettings,
    partition: Partition,
    replica: Replica<C>,
    acceptor: Acceptor,
    events: Box<dyn Reader>,
    inputs: Box<dyn Reader>,
    /// Inputs that were read and not applied yet.
    unanswered: VecDeque<Stored>,
    quarantines: Quarantines,
    appends: Appends,
    confirmations: Confirmations,
    tracer: Tracer,
    stage: Stage,
    /// The epoch that this owner began, once its own takeover was applied and had won.
    own_epoch: Option<u32>,
    next_tick_at: Duration,
    /// This machine's clock when the last record was appended to the input.
    stood_at: Timestamp,
    /// Whether a takeover that only moves time is appended and not applied yet.
    time_takeover_pending: bool,
    polled: Vec<Stored>,
}

/// What a candidate or owner is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits before it looks again: somebody else owns the partition.
    SteppedBack { until: Duration },
    /// Its tick is appended, acknowledged at `since`; does anybody else answer it?
    Probing { since: Option<Duration>, accepted: u64 },
    /// Its takeover is appended; not acknowledged yet.
    TakingOver,
    /// Publishes.
    Owning,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something; step again at once.
    Worked,
    /// Nothing to do until a record comes or time passes.
    Idle,
}

impl<C: Core> Shard<C> {
    /// A candidate for the partition that `replay` has recovered; `now` is the time of its first
    /// step.
    ///
    /// # Errors
    /// [`ShardError`] where the log cannot be written.
    pub fn new(
        log: &dyn Log,
        replay: Replay<C>,
        settings: ShardSettings,
        now: Duration,
    ) -> Result<Shard<C>, ShardError> {
        let producer = log.producer(WriterRole::Shard).map_err(ReplayError::Log)?;
        let parts = replay.into_parts();
        let partition = parts.replica.partition();
        let mut shard = Shard {
            partition,
            confirmations: Confirmations::default(),
            replica: parts.replica,
            acceptor: parts.acceptor,
            events: parts.events,
            inputs: parts.inputs,
            unanswered: parts.unanswered,
            quarantines: parts.quarantines,
            appends: Appends::new(producer, settings.incarnation, Place::events(partition)),
            tracer: Tracer::of(log),
            stage: Stage::TakingOver,
            own_epoch: None,
            next_tick_at: now + TICK_EVERY,
            stood_at: Timestamp::EPOCH,
            time_takeover_pending: false,
            polled: Vec::new(),
            settings,
        };
        if log.is_exclusive() {
            shard.take_over();
        } else {
            shard.probe();
        }
        Ok(shard)
    }

    /// Recovers the state of `partition` and stands for its ownership.
    ///
    /// # Errors
    /// [`ShardError`] where the state is in doubt or the log does not answer.
    pub fn recover(
        log: &Arc<dyn Log>,
        identity: &Identity,
        partition: Partition,
        begin: &crate::replay::Begin,
        settings: ShardSettings,
        now: Duration,
    ) -> Result<Shard<C>, ShardError> {
        let seen = Visibility::Written;
        let mut replay = Replay::open_at(log.as_ref(), identity, partition, begin, seen, PACES)?;
        replay.advance_to_end(log.as_ref(), seen)?;
        Shard::new(log.as_ref(), replay, settings, now)
    }

    /// Does what there is to do at `now`, a bounded amount of it, waiting up to `wait` where there
    /// is nothing else: for an input, or for an answer to be accepted where that must come first.
    ///
    /// # Errors
    /// [`ShardError`]; the shard must not be used again: recover from the log.
    pub fn step(&mut self, now: Duration, wait: Duration) -> Result<Progress, ShardError> {
        self.appends.check()?;
        let confirmed = self.confirm(now, wait)?;
        let worked = match self.stage {
            Stage::SteppedBack { until } => self.step_back_until(now, until)?,
            Stage::Probing { since, accepted } => self.watch_probe(now, since, accepted)?,
            Stage::TakingOver => self.watch_take_over(),
            Stage::Owning => self.own(now, if confirmed { Duration::ZERO } else { wait })?,
        };
        Ok(if worked || confirmed { Progress::Worked } else { Progress::Idle })
    }

    /// Whether it publishes.
    pub fn is_owner(&self) -> bool {
        self.stage == Stage::Owning
    }

    /// Its state so far.
    pub fn replica(&self) -> &Replica<C> {
        &self.replica
    }

    /// When the oldest input was appended of which this owner does not know yet that it is
    /// answered: it was not applied, or its answer was not accepted. `None` where it owns nothing,
    /// or has answered all that it has read.
    pub fn oldest_unanswered(&self) -> Option<Timestamp> {
        let unread = || self.unanswered.front().map(|stored| stored.appended_at);
        let oldest = self.confirmations.oldest().or_else(unread);
        oldest.filter(|_| self.is_owner())
    }

    /// When the inputs were appended whose answers of this owner were accepted since the last call.
    pub fn take_answered(&mut self) -> std::vec::Drain<'_, Timestamp> {
        self.confirmations.take_answered()
    }

    /// How many of its answers were accepted from the log.
    pub fn accepted(&self) -> u64 {
        self.acceptor.position().out_seq
    }

    /// Reads accepted answers and compares each with what was computed for its number.
    fn confirm(&mut self, now: Duration, wait: Duration) -> Result<bool, ShardError> {
        if self.confirmations.is_far_ahead() {
            return Ok(false);
        }
        let wait = if self.waits_for_answers() { wait } else { Duration::ZERO };
        let mut polled = std::mem::take(&mut self.polled);
        let reached = self.events.poll(self.settings.read_limit, wait, &mut polled)?;
        let worked = !polled.is_empty();
        for stored in polled.drain(..) {
            if self.confirm_own(&stored)? {
                continue;
            }
            if let Some(read) = tail::accept(&mut self.acceptor, self.partition, stored) {
                self.confirmations.accepted(Accepted {
                    out_seq: read.answer.out_seq,
                    chain: read.answer.chain,
                    was_quarantined: quarantine::was_quarantined(&read.answer),
                })?;
            }
        }
        self.polled = polled;
        self.confirmations.check_readable(self.appends.acknowledged(), now, reached)?;
        Ok(worked)
    }

    /// Whether the record is the very answer that this owner published next, and is accepted.
    fn confirm_own(&mut self, stored: &Stored) -> Result<bool, ShardError> {
        let Some(link) = self.confirmations.recognise(&stored.record.value) else {
            return Ok(false);
        };
        if link.out_seq != self.accepted() + 1 || link.prev_chain != self.acceptor.position().chain
        {
            return Ok(false);
        }
        self.acceptor.judge(stored.offset, link);
        let Link { out_seq, chain, .. } = link;
        self.confirmations.accepted(Accepted { out_seq, chain, was_quarantined: false })?;
        Ok(true)
    }

    /// Whether there is nothing better to do than to hear what was accepted.
    fn waits_for_answers(&self) -> bool {
        self.is_owner() && (self.confirmations.is_full() || self.confirmations.is_late())
    }

    fn own(&mut self, now: Duration, wait: Duration) -> Result<bool, ShardError> {
        let ticked = self.tick(now);
        if self.confirmations.is_full() {
            return Ok(ticked);
        }
        let wait = if self.unanswered.is_empty() { wait } else { Duration::ZERO };
        self.read_inputs(wait)?;
        let applied = self.apply_unanswered();
        // Whatever came after them, these answers are right.
        self.appends.flush();
        // By itself: behind a tick, `||` would pass over what ends this owner.
        let applied = applied?;
        Ok(ticked || applied)
    }

    fn apply_unanswered(&mut self) -> Result<bool, ShardError> {
        let mut applied = false;
        for _ in 0..self.settings.read_limit.records {
            if self.confirmations.is_full() || !self.is_owner() {
                break;
            }
            let Some(stored) = self.unanswered.pop_front() else { break };
            self.apply(&stored)?;
            applied = true;
        }
        Ok(applied)
    }

    fn read_inputs(&mut self, wait: Duration) -> Result<(), ShardError> {
        if !self.unanswered.is_empty() {
            return Ok(());
        }
        let mut polled = std::mem::take(&mut self.polled);
        self.inputs.poll(self.settings.read_limit, wait, &mut polled)?;
        self.quarantines.note(&polled, self.replica.next_offset());
        self.unanswered.extend(polled.drain(..));
        self.polled = polled;
        Ok(())
    }

    fn apply(&mut self, stored: &Stored) -> Result<(), ShardError> {
        // Whoever only follows has no part in the trace.
        let place = Place::orders(self.partition);
        let headers = &stored.record.headers;
        let span =
            if self.is_owner() { self.tracer.process(place, stored.offset, headers) } else { None };
        let computed = if self.is_quarantined(stored.offset) {
            self.replica.apply_quarantined(stored)?
        } else {
            self.replica.apply(stored)?
        };
        if let Some(Notice::Poison(reason)) = &computed.notice {
            self.copy_to_dead_letters(stored, reason);
        }
        let around = span.as_ref().and_then(propagation::inject);
        let published = self.publish(stored, &computed, around.as_deref());
        drop(span);
        self.confirmations.computed(confirm::Computed {
            link: computed.link(),
            published,
            input_at: stored.appended_at,
        })?;
        match computed.notice {
            Some(notice) => self.heed(notice),
            None => {
                self.watch_time(stored);
                Ok(())
            }
        }
    }

    /// Where the answer to the next input, which is at `offset`, was accepted already, it rules:
    /// this follows somebody who may have known more of quarantines than is read here so far, or
    /// less. Else the operator's word does.
    fn is_quarantined(&mut self, offset: u64) -> bool {
        let asked_for = self.quarantines.take(offset);
        self.confirmations.accepted_next().map_or(asked_for, |accepted| accepted.was_quarantined)
    }

    /// Time is an input: one tick a second, and back to back while expiries are left over.
    fn tick(&mut self, now: Duration) -> bool {
        let is_due = now >= self.next_tick_at;
        let is_owed = self.replica.core().has_more_to_expire() && self.unanswered.is_empty();
        if !(is_due || is_owed) || self.appends.tick_in_flight() {
            return false;
        }
        self.next_tick_at = now + TICK_EVERY;
        self.append_input(input::Kind::Tick(log::Tick {}), AppendedFor::Tick);
        true
    }

    fn append_input(&mut self, kind: input::Kind, purpose: AppendedFor) {
        self.stood_at = (self.settings.wall_clock)();
        let value = log::Input { kind: Some(kind) }.encode_to_vec();
        let place = Place::orders(self.partition);
        match purpose {
            AppendedFor::Candidacy => self.appends.stand(place, Record::of(value)),
            AppendedFor::Tick => self.appends.tick(place, Record::of(value)),
        }
    }
}

/// Why an owner writes to its own input.
#[derive(Clone, Copy)]
enum AppendedFor {
    Candidacy,
    Tick,
}

/// How much an owner reads at once: a millisecond of work or so, and one fetch of a log.
pub const READ_LIMIT: ReadLimit = ReadLimit { records: 512, bytes: 1024 * 1024 };

#[cfg(test)]
mod tests;
