//! What an owner is told, its limits, and why it ends.

use std::{fmt, sync::Arc, time::Duration};

use model::{Span, Timestamp};
use proto::topic::RECORD_BYTES_MAX;
use thiserror::Error;

use crate::{
    chain::Chain,
    log::{AppendError, LogError, ReadLimit},
    replay::ReplayError,
    replica::ReplicaError,
};

/// How often an owner appends a tick: the grain of everything that expires.
pub const TICK_EVERY: Duration = Duration::from_secs(1);

/// How long a starter watches for somebody else's answer to its tick: several hops of a healthy
/// log.
pub const PROBE_WAIT: Duration = Duration::from_millis(250);

/// How long one that found another owner waits before it looks again.
pub const STEP_BACK_WAIT: Duration = Duration::from_secs(1);

/// How long an acknowledged answer may be unreadable before its owner ends itself, counted over
/// polls that would have shown it.
pub const UNREADABLE_AFTER: Duration = Duration::from_secs(5);

/// How many answers may be computed ahead of what the log has confirmed: a tenth of a second of
/// work at full rate, and the bound of the owner's memory for them.
pub const UNCONFIRMED_MAX: usize = 20_000;

/// How many bytes of answers may be: eight of the largest. That is half of what a log's producer
/// takes before it holds its caller up, so that an owner that is ahead waits where it hears what
/// was accepted.
pub const UNCONFIRMED_BYTES_MAX: usize = 8 * RECORD_BYTES_MAX;

/// How far a candidate's clock and the log's may be apart for it to move the log's time.
pub(super) const CLOCKS_APART_MAX: Span = Span::from_secs(2);

/// Reads the wall clock; a value in tests.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What an owner is told.
#[derive(Clone)]
pub struct ShardSettings {
    /// A random number of this process, by which it knows its own takeover.
    pub incarnation: u64,
    /// Compared with the log's clock before time is moved, and used for nothing else.
    pub wall_clock: WallClock,
    /// How much is read and applied in one step; [`READ_LIMIT`](super::READ_LIMIT) but in tests.
    pub read_limit: ReadLimit,
}

impl fmt::Debug for ShardSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ShardSettings")
            .field("incarnation", &self.incarnation)
            .field("read_limit", &self.read_limit)
            .finish_non_exhaustive()
    }
}

/// Why an owner ended. The log has everything: start again and it recovers.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ShardError {
    /// The state could not be rebuilt, or is in doubt.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// An input could not be applied.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record was not appended, or it is not known whether it was.
    #[error("an append failed, so this owner ends and recovers from the log: {0}")]
    Append(AppendError),
    /// The log's answer is not the one that was computed here.
    #[error(
        "answer {out_seq} was accepted with chain {accepted}, but this owner computed {computed}"
    )]
    Contradicted {
        /// The answer's number.
        out_seq: u64,
        /// The chain that readers accepted.
        accepted: Chain,
        /// The chain computed here.
        computed: Chain,
    },
    /// The log acknowledged an answer that cannot be read back.
    #[error("answer {out_seq} was acknowledged but cannot be read from the log after {} s", UNREADABLE_AFTER.as_secs())]
    Unreadable {
        /// The answer's number.
        out_seq: u64,
    },
    /// Another owner began a later epoch.
    #[error("stepped down: {winner:016x} took over and began epoch {epoch}")]
    SteppedDown {
        /// The later epoch.
        epoch: u32,
        /// Who began it.
        winner: u64,
    },
    /// Rebuilding the state panicked: at inputs that are answered already, so that no quarantine
    /// helps; another binary or a damaged snapshot may be at fault.
    #[error("recovering the shard panicked: {message}; nothing is published")]
    RecoveryPanicked {
        /// What the panic said.
        message: String,
    },
    /// The owner's thread panicked. The input at fault stays unanswered; see Quarantine.
    #[error(
        "applying the input at offset {offset} panicked: {message}; an operator can quarantine that offset"
    )]
    Panicked {
        /// The input that was due.
        offset: u64,
        /// What the panic said.
        message: String,
    },
}
