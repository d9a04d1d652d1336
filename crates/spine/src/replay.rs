//! How a state is found again: from a snapshot and the log, checking every step against what was
//! published.
//!
//! A replay holds a [`Replica`], follows the accepted answers of its partition, applies the input
//! of each, and compares the chain that it computes with the one in the log. The same code recovers
//! a shard, keeps the snapshotter's copy, and verifies a whole log: there is one way to rebuild a
//! state, and it never trusts what it can check.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use model::Partition;
use thiserror::Error;

use crate::{
    acceptor::{Acceptor, NotAnswers, Position},
    answer::Sealed,
    chain::Chain,
    core::Core,
    genesis::Identity,
    log::{Log, LogError, Pace, Place, ReachedEnd, ReadLimit, Reader, Stored, Visibility},
    quarantine::{self, Quarantines},
    replica::{Computed, Replica, ReplicaError},
    snapshot::{self, Decoded, Snapshot, SnapshotStore, StoreError},
    tail,
};

/// How much one poll of the log brings.
pub(crate) const POLL_LIMIT: ReadLimit = ReadLimit { records: 4096, bytes: 8 * 1024 * 1024 };

/// How long the input of an accepted answer may take to come. An answer is appended after its
/// input, so what is missing for so long is lost.
const INPUT_WAIT: Duration = Duration::from_secs(5);

/// One poll of it.
pub(crate) const POLL_WAIT: Duration = Duration::from_millis(50);

/// Why a state could not be rebuilt. Every variant stops the shard: nothing is published on doubt.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ReplayError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An input could not be applied.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The snapshot store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was published is not what this binary computes.
    #[error(
        "answer {out_seq} to input {in_offset} was published with chain {published}, but replaying \
         the input gives {computed}: another binary or a changed log; nothing is published"
    )]
    Diverged {
        /// The answer's number.
        out_seq: u64,
        /// The input.
        in_offset: u64,
        /// The chain in the log.
        published: Chain,
        /// The chain computed.
        computed: Chain,
    },
    /// An answer to an input that is not there.
    #[error(
        "answer {out_seq} was published for input {in_offset}, which is not in the log: a log was lost"
    )]
    AnswerWithoutInput {
        /// The answer's number.
        out_seq: u64,
        /// The input.
        in_offset: u64,
    },
    /// A good snapshot of a state that the log does not hold.
    #[error(
        "snapshot {out_seq} is beyond or beside the log: a log was lost or replaced; restore it, or remove the snapshots on purpose"
    )]
    SnapshotNotInLog {
        /// The number of the snapshot's last answer.
        out_seq: u64,
    },
    /// A good snapshot of another log.
    #[error("snapshot {out_seq} is of another log; this directory was used with it")]
    ForeignSnapshot {
        /// The number of the snapshot's last answer.
        out_seq: u64,
    },
}

/// A state that follows the accepted answers of its partition.
pub struct Replay<C> {
    replica: Replica<C>,
    acceptor: Acceptor,
    events: Box<dyn Reader>,
    inputs: Box<dyn Reader>,
    /// Inputs that were read and have no accepted answer yet.
    unanswered: VecDeque<Stored>,
    polled: Vec<Stored>,
    quarantines: Quarantines,
    /// One more than the last physical offset of the events that was looked at.
    read_to: u64,
}

/// Where a replay begins.
pub enum Begin {
    /// At the newest valid snapshot of this store, else at the first input.
    Newest(Arc<dyn SnapshotStore>),
    /// At the first input.
    First,
}

/// How soon the readers of a replay look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paces {
    /// Of the answers.
    pub events: Pace,
    /// Of the inputs.
    pub inputs: Pace,
}

impl Paces {
    /// Both at once.
    pub const EAGER: Paces = Paces { events: Pace::Eager, inputs: Pace::Eager };
}

/// What one step of a replay did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How many accepted answers it applied and found equal.
    pub answers: u64,
    /// Whether the end of the events was reached.
    pub reached_end: bool,
}

impl<C: Core> Replay<C> {
    /// Finds the state to begin with and reads ahead for quarantines.
    ///
    /// # Errors
    /// [`ReplayError`] where there is doubt about what the log holds.
    pub fn open(
        log: &dyn Log,
        identity: &Identity,
        partition: Partition,
        begin: &Begin,
        visibility: Visibility,
    ) -> Result<Replay<C>, ReplayError> {
        Replay::open_at(log, identity, partition, begin, visibility, Paces::EAGER)
    }

    /// The same, and reads at these paces.
    ///
    /// # Errors
    /// [`ReplayError`] where there is doubt about what the log holds.
    pub fn open_at(
        log: &dyn Log,
        identity: &Identity,
        partition: Partition,
        begin: &Begin,
        visibility: Visibility,
        paces: Paces,
    ) -> Result<Replay<C>, ReplayError> {
        let start = match begin {
            Begin::First => None,
            Begin::Newest(store) => newest(log, identity, partition, store.as_ref())?,
        };
        let Snapshot { replica, position } = start.unwrap_or_else(|| Snapshot {
            replica: Replica::new(identity, partition),
            position: Position::start(identity.log_id, partition),
        });
        let quarantines = Quarantines::ahead(log, partition, replica.next_offset(), visibility)?;
        let (events, inputs) = (Place::events(partition), Place::orders(partition));
        let (from, input_from) = (position.next_offset, replica.next_offset());
        Ok(Replay {
            acceptor: Acceptor::at(position),
            events: log.reader_at(events, from, visibility, paces.events)?,
            inputs: log.reader_at(inputs, input_from, visibility, paces.inputs)?,
            replica,
            unanswered: VecDeque::new(),
            polled: Vec::new(),
            quarantines,
            read_to: position.next_offset,
        })
    }

    /// Applies what was accepted next, waiting up to `wait` for it.
    ///
    /// # Errors
    /// [`ReplayError`]; the replay is then finished.
    pub fn advance(&mut self, wait: Duration) -> Result<Replayed, ReplayError> {
        self.advance_with(wait, &mut |_, _| {})
    }

    /// The same, and shows each input with its accepted answer.
    ///
    /// # Errors
    /// [`ReplayError`]; the replay is then finished.
    pub fn advance_with(
        &mut self,
        wait: Duration,
        seen: &mut dyn FnMut(&Stored, &tail::Accepted<Sealed>),
    ) -> Result<Replayed, ReplayError> {
        let mut polled = std::mem::take(&mut self.polled);
        let reached = self.events.poll(POLL_LIMIT, wait, &mut polled)?;
        let mut answers = 0;
        for stored in polled.drain(..) {
            self.read_to = stored.offset + 1;
            let partition = self.replica.partition();
            if let Some(accepted) = tail::accept(&mut self.acceptor, partition, stored) {
                let input = self.apply_answered(&accepted.answer)?;
                seen(&input, &accepted);
                answers += 1;
            }
        }
        self.polled = polled;
        Ok(Replayed { answers, reached_end: reached == ReachedEnd::Yes })
    }

    /// Applies until the end of the events as it is now.
    ///
    /// # Errors
    /// [`ReplayError`]; the replay is then finished.
    pub fn advance_to_end(
        &mut self,
        log: &dyn Log,
        visibility: Visibility,
    ) -> Result<(), ReplayError> {
        let end = log.end(Place::events(self.replica.partition()), visibility)?;
        while self.read_to < end {
            self.advance(POLL_WAIT)?;
        }
        Ok(())
    }

    fn apply_answered(&mut self, answer: &Sealed) -> Result<Stored, ReplayError> {
        let stored = self.next_input(answer)?;
        let computed = self.apply_as_published(&stored, answer)?;
        if computed.chain != answer.chain {
            return Err(ReplayError::Diverged {
                out_seq: answer.out_seq,
                in_offset: stored.offset,
                published: answer.chain,
                computed: computed.chain,
            });
        }
        Ok(stored)
    }

    /// Inside the accepted prefix the logged answer rules: an input was quarantined where its
    /// answer says so, whatever a later record asks for.
    fn apply_as_published(
        &mut self,
        stored: &Stored,
        answer: &Sealed,
    ) -> Result<Computed, ReplicaError> {
        self.quarantines.take(stored.offset);
        if quarantine::was_quarantined(answer) {
            self.replica.apply_quarantined(stored)
        } else {
            self.replica.apply(stored)
        }
    }

    fn next_input(&mut self, answer: &Sealed) -> Result<Stored, ReplayError> {
        let polls = INPUT_WAIT.as_millis() / POLL_WAIT.as_millis();
        for _ in 0..polls {
            if let Some(stored) = self.unanswered.pop_front() {
                return Ok(stored);
            }
            let mut polled = Vec::new();
            self.inputs.poll(POLL_LIMIT, POLL_WAIT, &mut polled)?;
            self.quarantines.note(&polled, self.replica.next_offset());
            self.unanswered.extend(polled);
        }
        self.unanswered.pop_front().ok_or(ReplayError::AnswerWithoutInput {
            out_seq: answer.out_seq,
            in_offset: answer.in_offset,
        })
    }
}

impl<C> Replay<C> {
    /// The state so far.
    pub fn replica(&self) -> &Replica<C> {
        &self.replica
    }

    /// How far the accepted answers go.
    pub fn position(&self) -> Position {
        self.acceptor.position()
    }

    /// What stood among the answers and was none.
    pub fn not_answers(&self) -> &NotAnswers {
        self.acceptor.not_answers()
    }

    /// Takes it apart for an owner: the state, the rule, the two readers, what was read ahead, and
    /// what is quarantined.
    pub(crate) fn into_parts(self) -> ReplayParts<C> {
        ReplayParts {
            replica: self.replica,
            acceptor: self.acceptor,
            events: self.events,
            inputs: self.inputs,
            unanswered: self.unanswered,
            quarantines: self.quarantines,
        }
    }
}

/// The parts of a replay that an owner goes on with.
pub(crate) struct ReplayParts<C> {
    pub(crate) replica: Replica<C>,
    pub(crate) acceptor: Acceptor,
    pub(crate) events: Box<dyn Reader>,
    pub(crate) inputs: Box<dyn Reader>,
    pub(crate) unanswered: VecDeque<Stored>,
    pub(crate) quarantines: Quarantines,
}

/// The newest snapshot that is valid and of what the log holds.
fn newest<C: Core>(
    log: &dyn Log,
    identity: &Identity,
    partition: Partition,
    store: &dyn SnapshotStore,
) -> Result<Option<Snapshot<C>>, ReplayError> {
    for out_seq in store.list(partition)?.into_iter().rev() {
        let bytes = store.get(partition, out_seq)?;
        match snapshot::decode(identity, partition, &bytes) {
            Ok(Decoded::Ours(snapshot)) => {
                check_in_log(log, partition, &snapshot.position)?;
                return Ok(Some(*snapshot));
            }
            Ok(Decoded::Foreign) => return Err(ReplayError::ForeignSnapshot { out_seq }),
            Err(error) => {
                tracing::warn!(%partition, out_seq, %error, "a snapshot cannot be used; trying an older one");
            }
        }
    }
    Ok(None)
}

/// A good snapshot must end with an answer that stands in the log where it says.
fn check_in_log(
    log: &dyn Log,
    partition: Partition,
    position: &Position,
) -> Result<(), ReplayError> {
    let lost = ReplayError::SnapshotNotInLog { out_seq: position.out_seq };
    let place = Place::events(partition);
    let end = log.end(place, Visibility::Synced)?;
    let last = match position.next_offset.checked_sub(1) {
        Some(last) if last < end => last,
        _ => return Err(lost),
    };
    let mut reader = log.reader(place, last, Visibility::Synced)?;
    let mut polled = Vec::new();
    let limit = ReadLimit { records: 1, bytes: 1 };
    let polls = INPUT_WAIT.as_millis() / POLL_WAIT.as_millis();
    for _ in 0..polls {
        reader.poll(limit, POLL_WAIT, &mut polled)?;
        if let Some(stored) = polled.pop() {
            let same = Sealed::read(&stored.record.value)
                .is_ok_and(|answer| answer.chain == position.chain);
            return if same { Ok(()) } else { Err(lost) };
        }
    }
    Err(lost)
}
