//! What an owner does about inputs that concern itself: takeovers, poison, and time that stands
//! still.

use std::time::Duration;

use model::{Partition, Timestamp};
use proto::{
    log::{self, input},
    topic::Topic,
};

use super::{AppendedFor, Shard, ShardError, Stage};
use crate::{
    core::Core,
    header,
    log::{Place, Stored},
    replica::Notice,
};

impl<C: Core> Shard<C> {
    pub(super) fn heed(&mut self, notice: Notice) -> Result<(), ShardError> {
        let incarnation = self.settings.incarnation;
        match notice {
            Notice::TakenOver { epoch, incarnation: winner } if winner == incarnation => {
                tracing::info!(partition = %self.partition, epoch, "took over");
                self.own_epoch = Some(epoch);
                self.time_takeover_pending = false;
            }
            Notice::TakenOver { epoch, incarnation: winner } => {
                if self.stage == Stage::Owning && self.own_epoch.is_some_and(|own| epoch > own) {
                    return Err(ShardError::SteppedDown { epoch, winner });
                }
            }
            // One of several of its own: it owns the epoch in force all the same.
            Notice::TakeOverStale { incarnation: loser }
                if loser == incarnation && self.own_epoch == Some(self.replica.epoch()) =>
            {
                self.time_takeover_pending = false;
            }
            Notice::TakeOverStale { incarnation: loser } if loser == incarnation => {
                tracing::info!(partition = %self.partition, "another took over first; stepping back");
                self.own_epoch = None;
                self.stage = Stage::SteppedBack { until: Duration::ZERO };
            }
            Notice::TakeOverStale { .. } => {}
            // Copied before it was answered.
            Notice::Poison(_) => {}
        }
        Ok(())
    }

    /// Untouched, with where it came from and why, before the answer says so. A restart may copy it
    /// again; people do not mind.
    pub(super) fn copy_to_dead_letters(&mut self, stored: &Stored, reason: &str) {
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
        self.appends.copy(place, record);
    }

    /// After a pause of the whole process the log's time needs a takeover to move on; the owner
    /// that was paused and is still the owner gives it one.
    pub(super) fn watch_time(&mut self, stored: &Stored) {
        let owns = self.stage == Stage::Owning && self.own_epoch == Some(self.replica.epoch());
        if owns && self.needs_time(stored) {
            if !self.clocks_agree_now(stored.appended_at) {
                return;
            }
            let take_over = log::TakeOver {
                expect_epoch: self.replica.epoch(),
                incarnation: self.settings.incarnation,
            };
            self.time_takeover_pending = true;
            self.append_input(input::Kind::TakeOver(take_over), AppendedFor::Candidacy);
        }
    }

    /// One takeover at a time, and only for the newest record: the clock of now says nothing about
    /// a backlog.
    pub(super) fn needs_time(&self, stored: &Stored) -> bool {
        self.replica.is_time_step(stored.appended_at)
            && self.unanswered.is_empty()
            && !self.time_takeover_pending
    }

    pub(super) fn clocks_agree_now(&mut self, appended_at: Timestamp) -> bool {
        self.stood_at = (self.settings.wall_clock)();
        self.clocks_agree(Some(appended_at))
    }
}
