//! Standing for ownership: probing, taking over, stepping back.

use std::time::Duration;

use model::Timestamp;
use proto::log::{self, input};

use super::{
    AppendedFor, PROBE_WAIT, STEP_BACK_WAIT, Shard, ShardError, Stage, settings::CLOCKS_APART_MAX,
};
use crate::core::Core;

impl<C: Core> Shard<C> {
    pub(super) fn probe(&mut self) {
        self.append_input(input::Kind::Tick(log::Tick {}), AppendedFor::Candidacy);
        self.stage = Stage::Probing { since: None, accepted: self.accepted() };
    }

    /// Somebody else's answer means that the partition has an owner; quiet means that it has none.
    pub(super) fn watch_probe(
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
    pub(super) fn step_back_until(
        &mut self,
        now: Duration,
        until: Duration,
    ) -> Result<bool, ShardError> {
        let worked = self.follow()?;
        if now >= until && !worked {
            self.probe();
            return Ok(true);
        }
        Ok(worked)
    }

    /// Applies inputs up to what was accepted, publishing nothing.
    pub(super) fn follow(&mut self) -> Result<bool, ShardError> {
        let mut worked = false;
        while self.replica.out_seq() < self.accepted() {
            self.read_inputs(Duration::ZERO)?;
            let Some(stored) = self.unanswered.pop_front() else { break };
            self.apply(&stored)?;
            worked = true;
        }
        Ok(worked)
    }

    pub(super) fn take_over(&mut self) {
        let take_over = log::TakeOver {
            expect_epoch: self.replica.epoch(),
            incarnation: self.settings.incarnation,
        };
        self.append_input(input::Kind::TakeOver(take_over), AppendedFor::Candidacy);
        self.stage = Stage::TakingOver;
    }

    pub(super) fn watch_take_over(&mut self) -> bool {
        if self.appends.candidacy().is_none() {
            return false;
        }
        self.stage = Stage::Owning;
        true
    }

    /// A candidate whose own clock differs from the log's must not move the log's time: it alarms
    /// and stays a candidate. The record was appended between being sent and being acknowledged.
    pub(super) fn clocks_agree(&self, appended_at: Option<Timestamp>) -> bool {
        let Some(log_clock) = appended_at else { return true };
        let (sent_at, own_clock) = (self.stood_at, (self.settings.wall_clock)());
        let apart = sent_at.since(log_clock).max(log_clock.since(own_clock));
        let agree = apart <= CLOCKS_APART_MAX;
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
}
