//! One shard's state, advanced by its inputs. Pure: the same records give the same answers on every
//! replica, at every batch size, forever.
//!
//! The protocol's own part is small: numbering, the chain, the epoch, and time. What trading means
//! is the [`Core`]'s.
//!
//! **Time.** `now` is the log's: the largest append time so far. A step of more than
//! [`TIME_STEP_MAX`] does not move it, unless the record is a winning `TakeOver`, whose writer has
//! compared its own clock with the log's. So a broken clock of a log cannot expire a book.

mod behaviour;
mod image;
mod links;
mod operator;
mod outcome;

use std::mem;

use model::{Partition, RequestId, Span, Timestamp};
use prost::Message;
use proto::{
    command::ClientCommand,
    draft::Draft,
    log::{self, event, input},
};
use thiserror::Error;

pub use self::behaviour::BEHAVIOUR;
pub(crate) use self::image::ReplicaImage;
use self::outcome::{applied, poisoned, stale};
use crate::{
    answer::{self, Preamble},
    chain::{Chain, Link, LogId},
    core::{ClientInput, Core},
    genesis::Identity,
    link::{LinkError, Links},
    log::Stored,
};

/// The largest step of time that any record but a winning takeover makes: ten ticks.
pub const TIME_STEP_MAX: Span = Span::from_secs(10);

/// How long after its append a client's record can still be valid at most. A gateway gives its
/// records ten seconds and this leaves one for clocks that differ. Whatever a record asks for
/// beyond it is cut, so that nothing that is kept until its `valid_until` is kept for ever.
pub const VALID_FOR_MAX: Span = Span::from_secs(11);

/// A shard's state: the protocol's part and the core.
#[derive(Clone, Debug)]
pub struct Replica<C> {
    log_id: LogId,
    partition: Partition,
    genesis: log::Genesis,
    next_offset: u64,
    out_seq: u64,
    chain: Chain,
    epoch: u32,
    behaviour: u32,
    now: Timestamp,
    links: Links,
    core: C,
    /// The last answer's body, whose memory the next one's uses again.
    draft: Draft,
}

/// An answer that was just computed.
#[derive(Clone, Debug)]
pub struct Computed {
    /// Its number.
    pub out_seq: u64,
    /// The input that it answers.
    pub in_offset: u64,
    /// The chain of the answer before.
    pub prev_chain: Chain,
    /// The chain up to and with it.
    pub chain: Chain,
    /// Its bytes.
    pub value: bytes::Bytes,
    /// What the protocol's caller may have to act on.
    pub notice: Option<Notice>,
}

impl Computed {
    /// Where it stands in the sequence.
    pub fn link(&self) -> Link {
        Link { out_seq: self.out_seq, prev_chain: self.prev_chain, chain: self.chain }
    }
}

/// What an input meant for whoever runs the replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A takeover won: the epoch that began, and who began it.
    TakenOver {
        /// The new epoch.
        epoch: u32,
        /// The winner's number.
        incarnation: u64,
    },
    /// A takeover lost: who lost.
    TakeOverStale {
        /// The loser's number.
        incarnation: u64,
    },
    /// The input was answered as poison: why.
    Poison(String),
}

/// Why a replica cannot apply an input. It must stop: nothing may be published on doubt.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReplicaError {
    /// The input is not the one after the last.
    #[error("input {found} came where {expected} was due: the log has a gap")]
    Gap {
        /// The offset that was due.
        expected: u64,
        /// The offset that came.
        found: u64,
    },
    /// An upgrade to a behaviour that this binary does not have.
    #[error(
        "the log asks for behaviour {asked} from offset {offset}; this binary has {BEHAVIOUR}: run a newer one"
    )]
    NewerBehaviour {
        /// The behaviour asked for.
        asked: u32,
        /// The offset of the upgrade.
        offset: u64,
    },
    /// A record of a link that cannot be applied. The state is then of no further use.
    #[error("the run of a link at offset {offset}: {error}")]
    Link {
        /// The offset of the run.
        offset: u64,
        /// What is wrong with it.
        error: LinkError,
    },
}

impl<C: Core> Replica<C> {
    /// The state before the first input of `partition`.
    pub fn new(identity: &Identity, partition: Partition) -> Replica<C> {
        Replica {
            log_id: identity.log_id,
            partition,
            genesis: identity.genesis.clone(),
            next_offset: 0,
            out_seq: 0,
            chain: Chain::start(identity.log_id, partition),
            epoch: 0,
            // Logs from before there was a second do not say it.
            behaviour: identity.genesis.behaviour.max(1),
            now: Timestamp::EPOCH,
            links: Links::default(),
            core: C::new(&identity.genesis, partition),
            draft: Draft::default(),
        }
    }

    /// Applies the next input and answers it.
    ///
    /// # Errors
    /// [`ReplicaError`] where the replica must stop.
    pub fn apply(&mut self, stored: &Stored) -> Result<Computed, ReplicaError> {
        self.check_next(stored)?;
        behaviour::check(self.behaviour, stored)?;
        let decoded = log::Input::decode(stored.record.value.as_ref()).ok();
        match decoded.and_then(|input| input.kind) {
            Some(kind) => self.apply_kind(stored, kind),
            None => {
                let reason = "the record is not an input of this platform";
                Ok(self.poison(stored, RequestId(0), reason))
            }
        }
    }

    /// Answers the next input as poison, whatever it is: an operator has quarantined it.
    ///
    /// The core is not shown the record, not even converted. Time passes in it as with every other
    /// input: the append time is the log's word and not the record's, its effects come before any
    /// record's own, and were they at fault the next input would only meet them again. Whoever
    /// waits for the answer is told, where the record says who that is.
    ///
    /// # Errors
    /// [`ReplicaError`] where it is not the next input.
    pub fn apply_quarantined(&mut self, stored: &Stored) -> Result<Computed, ReplicaError> {
        self.check_next(stored)?;
        let decoded = log::Input::decode(stored.record.value.as_ref()).ok();
        let request_id = match decoded.and_then(|input| input.kind) {
            Some(input::Kind::Client(wire)) => request_id_of(wire.stamp.as_ref()),
            Some(input::Kind::Operator(wire)) => operator::request_id_of(wire.by.as_ref()),
            _ => RequestId(0),
        };
        Ok(self.poison(stored, request_id, QUARANTINED))
    }

    fn check_next(&self, stored: &Stored) -> Result<(), ReplicaError> {
        if stored.offset == self.next_offset {
            return Ok(());
        }
        Err(ReplicaError::Gap { expected: self.next_offset, found: stored.offset })
    }

    fn apply_kind(&mut self, stored: &Stored, kind: input::Kind) -> Result<Computed, ReplicaError> {
        use input::Kind;
        match kind {
            Kind::Genesis(genesis) => Ok(self.found(stored, genesis)),
            Kind::Tick(_) => Ok(self.tick(stored)),
            Kind::LinkRun(run) => self.link_run(stored, &run),
            Kind::TakeOver(take_over) => Ok(self.take_over(stored, &take_over)),
            // Its effect was on an input before it, by those who read ahead.
            Kind::Quarantine(_) => Ok(self.control(stored, applied())),
            Kind::Upgrade(upgrade) => self.upgrade(stored, &upgrade),
            Kind::Operator(wire) => Ok(self.operator(stored, wire)),
            Kind::ReferenceChanged(change) => {
                let mut body = self.body_after_time(stored, false);
                self.core.change_reference(&change, &mut body);
                Ok(self.answer(stored, RequestId(0), body, None))
            }
            Kind::Client(wire) => Ok(self.client(stored, wire)),
        }
    }

    fn found(&mut self, stored: &Stored, genesis: log::Genesis) -> Computed {
        if stored.offset > 0 || genesis != self.genesis {
            return self.control(stored, stale());
        }
        let mut body = self.body_after_time(stored, true);
        body.event(&event::Kind::Founded(genesis));
        body.outcome = Some(applied());
        self.answer(stored, RequestId(0), body, None)
    }

    /// Carries time, and lets the core go on with what did not fit the answers before.
    fn tick(&mut self, stored: &Stored) -> Computed {
        let mut body = self.body_with(stored, false, applied());
        self.core.go_on(self.now, &mut body);
        self.answer(stored, RequestId(0), body, None)
    }

    fn take_over(&mut self, stored: &Stored, take_over: &log::TakeOver) -> Computed {
        let incarnation = take_over.incarnation;
        if take_over.expect_epoch != self.epoch {
            let body = self.body_with(stored, false, stale());
            let notice = Notice::TakeOverStale { incarnation };
            return self.answer(stored, RequestId(0), body, Some(notice));
        }
        let epoch = self.epoch + 1;
        let mut body = self.body_with(stored, true, applied());
        self.epoch = epoch;
        let taken_over = log::TakenOver { epoch, incarnation };
        body.event(&event::Kind::TakenOver(taken_over));
        let notice = Notice::TakenOver { epoch, incarnation };
        self.answer(stored, RequestId(0), body, Some(notice))
    }

    fn client(&mut self, stored: &Stored, wire: log::ClientCommand) -> Computed {
        let request_id = request_id_of(wire.stamp.as_ref());
        match ClientCommand::try_from(wire) {
            Ok(mut command) => {
                let valid_until_max = stored.appended_at.plus(VALID_FOR_MAX);
                command.stamp.valid_until = command.stamp.valid_until.min(valid_until_max);
                let mut body = self.body_after_time(stored, false);
                let input = ClientInput {
                    offset: stored.offset,
                    appended_at: stored.appended_at,
                    now: self.now,
                    behaviour: self.behaviour,
                    command: &command,
                };
                self.core.apply(&input, &mut body);
                self.answer(stored, request_id, body, None)
            }
            Err(malformed) => self.poison(stored, request_id, &malformed.to_string()),
        }
    }

    fn poison(&mut self, stored: &Stored, request_id: RequestId, reason: &str) -> Computed {
        let body = self.body_with(stored, false, poisoned(reason));
        self.answer(stored, request_id, body, Some(Notice::Poison(reason.to_owned())))
    }

    fn control(&mut self, stored: &Stored, outcome: log::Outcome) -> Computed {
        let body = self.body_with(stored, false, outcome);
        self.answer(stored, RequestId(0), body, None)
    }

    fn body_with(&mut self, stored: &Stored, may_step: bool, outcome: log::Outcome) -> Draft {
        let mut body = self.body_after_time(stored, may_step);
        body.outcome = Some(outcome);
        body
    }

    /// Moves time on and lets it take effect, before the input's own.
    fn body_after_time(&mut self, stored: &Stored, may_step: bool) -> Draft {
        let mut body = mem::take(&mut self.draft);
        body.clear();
        if may_step || !self.is_time_step(stored.appended_at) {
            self.now = self.now.max(stored.appended_at);
        }
        self.core.pass_time(self.now, &mut body);
        body
    }

    /// Whether a record appended at this instant needs a takeover to move time on.
    pub fn is_time_step(&self, appended_at: Timestamp) -> bool {
        appended_at.since(self.now) > TIME_STEP_MAX
    }

    fn answer(
        &mut self,
        stored: &Stored,
        request_id: RequestId,
        mut body: Draft,
        notice: Option<Notice>,
    ) -> Computed {
        debug_assert!(body.outcome.is_some(), "every input has an outcome");
        self.number_links(&mut body);
        let preamble = Preamble {
            out_seq: self.out_seq + 1,
            in_offset: stored.offset,
            epoch: self.epoch,
            behaviour: self.behaviour,
            input_hash: Chain::of_input(&stored.record.value, stored.appended_at),
            prev_chain: self.chain,
            now: self.now,
            request_id,
        };
        let (value, chain) = answer::write(&preamble, &body);
        self.draft = body;
        self.out_seq = preamble.out_seq;
        self.next_offset = stored.offset + 1;
        self.chain = chain;
        let Preamble { out_seq, in_offset, prev_chain, .. } = preamble;
        Computed { out_seq, in_offset, prev_chain, chain, value, notice }
    }
}

impl<C> Replica<C> {
    /// The identity of its log.
    pub fn log_id(&self) -> LogId {
        self.log_id
    }

    /// Its partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The offset of the input that is due.
    pub fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// How many inputs it has answered.
    pub fn out_seq(&self) -> u64 {
        self.out_seq
    }

    /// The chain up to its last answer.
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// The epoch in force.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The log's own time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What it is the state of.
    pub fn core(&self) -> &C {
        &self.core
    }
}

/// The reason in the answer to a quarantined input; how others know that it was.
pub(crate) const QUARANTINED: &str = "quarantined by an operator";

fn request_id_of(stamp: Option<&log::Stamp>) -> RequestId {
    stamp.map_or(RequestId(0), |stamp| {
        RequestId(u128::from(stamp.request_id_high) << 64 | u128::from(stamp.request_id_low))
    })
}

#[cfg(test)]
mod tests;
