//! The owner of a partition: takes it over, applies its inputs, publishes the answers, and checks
//! itself against the log.
//!
//! The owner is a machine of small steps, driven by [`Shard::step`] with the time that has passed,
//! so that the simulator can stop it between any two. [`thread::spawn`](spawn) drives it for real.
//!
//! 1. **Probing.** A starter has replayed the accepted answers. It appends a tick and watches for
//!    [`PROBE_WAIT`] whether somebody else answers it. Where the log is held by a lock there is
//!    nobody else.
//! 2. **Taking over.** It appends `TakeOver` and publishes once that is acknowledged. Two that do so
//!    at once publish the same values; the first in the log wins and the other steps back.
//! 3. **Owning.** Inputs are applied in order and their answers appended, a bounded number ahead of
//!    what the log has confirmed. Every second it appends a tick, which carries time.
//!
//! It ends itself when anything is in doubt: a failed append, an accepted answer that differs from
//! what it computed, an acknowledged answer that nobody can read, a lost epoch. Recovery is from the
//! log, by whoever starts next.

mod appends;
mod confirm;
mod settings;
mod thread;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use model::{Partition, Timestamp};
use prost::Message;
use proto::{
    log::{self, input},
    topic::Topic,
};

use self::{
    appends::Appends,
    confirm::{Confirmations, Published},
};
pub use self::{
    settings::{
        PROBE_WAIT, STEP_BACK_WAIT, ShardError, ShardSettings, TICK_EVERY, UNCONFIRMED_MAX,
        UNREADABLE_AFTER, WallClock,
    },
    thread::{ShardHandle, Status, spawn},
};
use crate::{
    acceptor::Acceptor,
    core::Core,
    genesis::Identity,
    header::{self, Headers},
    log::{Log, Place, ReadLimit, Reader, Record, Stored, Visibility, WriterRole},
    replay::{Replay, ReplayError, quarantine_in},
    replica::{Computed, Notice, Replica},
    tail,
};

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
    quarantined: BTreeSet<u64>,
    appends: Appends,
    confirmations: Confirmations,
    stage: Stage,
    /// The epoch that this owner began, once its own takeover was applied and had won.
    own_epoch: Option<u32>,
    next_tick_at: Duration,
    /// This machine's clock when the last record was appended to the input.
    stood_at: Timestamp,
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
    /// A candidate for the partition that `replay` has recovered; `now` is the time of its first step.
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
        let mut shard = Shard {
            partition: parts.replica.partition(),
            confirmations: Confirmations::after(parts.acceptor.position().out_seq),
            replica: parts.replica,
            acceptor: parts.acceptor,
            events: parts.events,
            inputs: parts.inputs,
            unanswered: parts.unanswered,
            quarantined: parts.quarantined,
            appends: Appends::new(producer, settings.incarnation),
            stage: Stage::TakingOver,
            own_epoch: None,
            next_tick_at: now + TICK_EVERY,
            stood_at: Timestamp::EPOCH,
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
        let mut replay = Replay::open(log.as_ref(), identity, partition, begin, seen)?;
        replay.advance_to_end(log.as_ref(), seen)?;
        Shard::new(log.as_ref(), replay, settings, now)
    }

    /// Does what there is to do at `now`, a bounded amount of it, waiting up to `wait` for an input
    /// where there is nothing else.
    ///
    /// # Errors
    /// [`ShardError`]; the shard must not be used again: recover from the log.
    pub fn step(&mut self, now: Duration, wait: Duration) -> Result<Progress, ShardError> {
        self.appends.check()?;
        let confirmed = self.confirm(now)?;
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

    /// How many of its answers were accepted from the log.
    pub fn accepted(&self) -> u64 {
        self.acceptor.position().out_seq
    }

    /// Reads accepted answers and compares each with what was computed for its number.
    fn confirm(&mut self, now: Duration) -> Result<bool, ShardError> {
        if self.confirmations.is_far_ahead() {
            return Ok(false);
        }
        let mut polled = std::mem::take(&mut self.polled);
        self.events.poll(self.settings.read_limit, Duration::ZERO, &mut polled)?;
        let worked = !polled.is_empty();
        for stored in polled.drain(..) {
            let accepted = tail::accept(&mut self.acceptor, self.partition, stored)?;
            if let Some(accepted) = accepted {
                self.confirmations.accepted(accepted.answer.out_seq, accepted.answer.chain)?;
            }
        }
        self.polled = polled;
        self.confirmations.check_readable(now)?;
        Ok(worked)
    }

    fn probe(&mut self) {
        self.append_input(input::Kind::Tick(log::Tick {}), AppendedFor::Candidacy);
        self.stage = Stage::Probing { since: None, accepted: self.accepted() };
    }

    /// Somebody else's answer means that the partition has an owner; quiet means that it has none.
    fn watch_probe(
        &mut self,
        now: Duration,
        since: Option<Duration>,
        accepted: u64,
    ) -> Result<bool, ShardError> {
        let Some(appended_at) = self.appends.candidacy() else { return Ok(false) };
        let Some(since) = since else {
            self.stage = if self.clocks_agree(appended_at) {
                Stage::Probing { since: Some(now), accepted }
            } else {
                Stage::SteppedBack { until: now + STEP_BACK_WAIT }
            };
            return Ok(true);
        };
        if self.accepted() > accepted {
            tracing::info!(partition = %self.partition, "somebody else answers this partition; stepping back");
            self.stage = Stage::SteppedBack { until: now + STEP_BACK_WAIT };
        } else if now >= since + PROBE_WAIT {
            self.take_over();
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Keeps up with what the owner publishes, and looks again later.
    fn step_back_until(&mut self, now: Duration, until: Duration) -> Result<bool, ShardError> {
        let worked = self.follow()?;
        if now >= until && !worked {
            self.probe();
            return Ok(true);
        }
        Ok(worked)
    }

    /// Applies inputs up to what was accepted, publishing nothing.
    fn follow(&mut self) -> Result<bool, ShardError> {
        let mut worked = false;
        while self.replica.out_seq() < self.accepted() {
            self.read_inputs(Duration::ZERO)?;
            let Some(stored) = self.unanswered.pop_front() else { break };
            self.apply(&stored, Duration::ZERO)?;
            worked = true;
        }
        Ok(worked)
    }

    fn take_over(&mut self) {
        let take_over = log::TakeOver {
            expect_epoch: self.replica.epoch(),
            incarnation: self.settings.incarnation,
        };
        self.append_input(input::Kind::TakeOver(take_over), AppendedFor::Candidacy);
        self.stage = Stage::TakingOver;
    }

    fn watch_take_over(&mut self) -> bool {
        if self.appends.candidacy().is_none() {
            return false;
        }
        self.stage = Stage::Owning;
        true
    }

    /// A candidate whose own clock differs from the log's must not move the log's time: it alarms and
    /// stays a candidate. The record was appended between being sent and being acknowledged.
    fn clocks_agree(&self, appended_at: Option<Timestamp>) -> bool {
        let Some(log_clock) = appended_at else { return true };
        let (sent_at, own_clock) = (self.stood_at, (self.settings.wall_clock)());
        let apart = sent_at.since(log_clock).max(log_clock.since(own_clock));
        let agree = apart <= settings::CLOCKS_APART_MAX;
        if !agree {
            tracing::error!(
                partition = %self.partition,
                own_clock_ms = own_clock.unix_millis(),
                log_clock_ms = log_clock.unix_millis(),
                "this machine's clock and the log's are more than 2 s apart; not taking over until they agree"
            );
        }
        agree
    }

    fn own(&mut self, now: Duration, wait: Duration) -> Result<bool, ShardError> {
        let ticked = self.tick(now);
        if self.confirmations.is_full() {
            return Ok(ticked);
        }
        let wait = if self.unanswered.is_empty() { wait } else { Duration::ZERO };
        self.read_inputs(wait)?;
        let mut applied = false;
        for _ in 0..self.settings.read_limit.records {
            let Some(stored) = self.unanswered.pop_front() else { break };
            self.apply(&stored, now)?;
            applied = true;
            if self.stage != Stage::Owning {
                break;
            }
        }
        Ok(ticked || applied)
    }

    fn read_inputs(&mut self, wait: Duration) -> Result<(), ShardError> {
        if !self.unanswered.is_empty() {
            return Ok(());
        }
        let mut polled = std::mem::take(&mut self.polled);
        self.inputs.poll(self.settings.read_limit, wait, &mut polled)?;
        self.quarantined.extend(polled.iter().filter_map(quarantine_in));
        self.unanswered.extend(polled.drain(..));
        self.polled = polled;
        Ok(())
    }

    fn apply(&mut self, stored: &Stored, now: Duration) -> Result<(), ShardError> {
        let computed = if self.is_quarantined(stored.offset) {
            self.replica.apply_quarantined(stored)?
        } else {
            self.replica.apply(stored)?
        };
        let published = self.publish(stored, &computed, now);
        self.confirmations.computed(computed.out_seq, computed.chain, published)?;
        match computed.notice {
            Some(notice) => self.heed(stored, notice),
            None => {
                self.watch_time(stored);
                Ok(())
            }
        }
    }

    /// An accepted answer rules: what it did not answer as poison is not poison here either. What is
    /// accepted already is compared, so a wrong guess stops the shard and the restart replays it.
    fn is_quarantined(&self, offset: u64) -> bool {
        self.replica.out_seq() >= self.accepted() && self.quarantined.contains(&offset)
    }

    /// Appends the answer, unless somebody's was accepted already or this is not the owner.
    fn publish(&mut self, stored: &Stored, computed: &Computed, now: Duration) -> Published {
        if self.stage != Stage::Owning || computed.out_seq <= self.accepted() {
            return Published::BySomebody;
        }
        let headers = self.headers_like(stored);
        let record = Record { key: None, value: computed.value.clone(), headers };
        let acknowledged = self.appends.publish(Place::events(self.partition), record);
        Published::ByUs { acknowledged, at: now }
    }

    /// The trace goes on in the answer, and whoever reads knows who wrote it.
    fn headers_like(&self, stored: &Stored) -> Headers {
        let mut headers = Headers::default();
        for name in [header::TRACE_PARENT, header::TRACE_STATE] {
            if let Some(value) = stored.record.headers.text(name) {
                headers.push(name, value.to_owned());
            }
        }
        headers.with(header::INCARNATION, self.appends.incarnation_text())
    }

    fn heed(&mut self, stored: &Stored, notice: Notice) -> Result<(), ShardError> {
        let incarnation = self.settings.incarnation;
        match notice {
            Notice::TakenOver { epoch, incarnation: winner } if winner == incarnation => {
                tracing::info!(partition = %self.partition, epoch, "took over");
                self.own_epoch = Some(epoch);
            }
            Notice::TakenOver { epoch, incarnation: winner } => {
                if self.stage == Stage::Owning && self.own_epoch.is_some_and(|own| epoch > own) {
                    return Err(ShardError::SteppedDown { epoch, winner });
                }
            }
            Notice::TakeOverStale { incarnation: loser } if loser == incarnation => {
                tracing::info!(partition = %self.partition, "another took over first; stepping back");
                self.own_epoch = None;
                self.stage = Stage::SteppedBack { until: Duration::ZERO };
            }
            Notice::TakeOverStale { .. } => {}
            Notice::Poison(reason) => self.copy_to_dead_letters(stored, &reason),
        }
        Ok(())
    }

    /// Untouched, with where it came from and why. A restart may copy it again; people do not mind.
    fn copy_to_dead_letters(&mut self, stored: &Stored, reason: &str) {
        tracing::warn!(partition = %self.partition, offset = stored.offset, reason, "an input was answered as poison");
        metrics::counter!("tradespine_shard_poison_total").increment(1);
        if self.stage != Stage::Owning {
            return;
        }
        let mut record = stored.record.clone();
        record.headers.push(header::DEAD_LETTER_TOPIC, Topic::Orders.name());
        record.headers.push(header::DEAD_LETTER_PARTITION, self.partition.to_string());
        record.headers.push(header::DEAD_LETTER_OFFSET, stored.offset.to_string());
        record.headers.push(header::DEAD_LETTER_REASON, reason.to_owned());
        let place = Place { topic: Topic::OrdersDeadLetters, partition: Partition::FIRST };
        self.appends.publish(place, record);
    }

    /// After a pause of the whole process the log's time needs a takeover to move on; the owner that
    /// was paused and is still the owner gives it one.
    fn watch_time(&mut self, stored: &Stored) {
        let owns = self.stage == Stage::Owning && self.own_epoch == Some(self.replica.epoch());
        if owns && self.replica.is_time_step(stored.appended_at) && self.appends.is_settled() {
            if !self.clocks_agree_now(stored.appended_at) {
                return;
            }
            let take_over = log::TakeOver {
                expect_epoch: self.replica.epoch(),
                incarnation: self.settings.incarnation,
            };
            self.append_input(input::Kind::TakeOver(take_over), AppendedFor::Candidacy);
        }
    }

    fn clocks_agree_now(&mut self, appended_at: Timestamp) -> bool {
        self.stood_at = (self.settings.wall_clock)();
        self.clocks_agree(Some(appended_at))
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
