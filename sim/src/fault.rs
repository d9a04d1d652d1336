//! What a run can find wrong.

use thiserror::Error;

/// Something that must never be, and is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// An owner ended itself for a reason that no adversary gave it.
    #[error("the owner of partition {partition} ended: {why}")]
    OwnerEnded {
        /// The partition.
        partition: u16,
        /// What it said.
        why: String,
    },
    /// The sender of a partition's links ended.
    #[error("the sender of partition {partition} ended: {why}")]
    SenderEnded {
        /// The partition.
        partition: u16,
        /// What it said.
        why: String,
    },
    /// A gateway's followers ended.
    #[error("a gateway ended: {0}")]
    GatewayEnded(String),
    /// A ledger's task ended.
    #[error("a projector ended: {0}")]
    ProjectorEnded(String),
    /// A broadcaster ended.
    #[error("a broadcaster ended: {0}")]
    BroadcasterEnded(String),
    /// What readers accept is not what the inputs come to.
    #[error("not the one true sequence: {0}")]
    Sequence(String),
    /// Money was made or lost.
    #[error("money is not conserved: {0}")]
    Money(String),
    /// A client was told what is not so.
    #[error("a client was told wrongly: {0}")]
    Told(String),
    /// A command had more than its one effect, or less.
    #[error("not done exactly once: {0}")]
    Once(String),
    /// The ledger's rows are not the fold of the log.
    #[error("the ledger is not the fold of the log: {0}")]
    Ledger(String),
    /// A public book or tape is not the fold of the log.
    #[error("the public market is not the fold of the log: {0}")]
    Market(String),
    /// Nothing disturbs any more, and something does not go on.
    #[error("stuck: {0}")]
    Stuck(String),
}
