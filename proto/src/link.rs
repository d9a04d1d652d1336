//! What one shard says to another about an account's money, as checked values.
//!
//! Whoever needs money asks the account's home. Home grants it, and first recalls what other shards
//! do not hold where it has too little itself. Every ask has one grant and every recall one return,
//! of nothing if need be, so that nobody waits for a message that nobody owes. A transfer between
//! accounts that are at home on two shards goes from the one to the other, and has one reply.

use model::{AccountName, Amount, AssetId, KeyText};

/// One item of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkItem {
    /// Whose money.
    pub account: AccountName,
    /// Of what.
    pub asset: AssetId,
    /// What is said.
    pub kind: LinkKind,
}

/// What an item says. Amounts that move are zero or more, those that are wanted above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// To the home: send so much here.
    Asked {
        /// How much.
        wanted: Amount,
        /// Less than this is of no use; above zero, and no more than `wanted`.
        least: Amount,
    },
    /// From the home: send back up to so much of what is not held.
    Recalled {
        /// How much.
        wanted: Amount,
    },
    /// To the home: the reply to a recall.
    Returned {
        /// How much comes with it.
        amount: Amount,
    },
    /// From the home: the reply to an ask.
    Granted {
        /// How much comes with it.
        amount: Amount,
    },
    /// To the receiver's home: a transfer from an account that is at home at the source.
    Transferred {
        /// How much comes with it.
        amount: Amount,
        /// Who sends it.
        sender: AccountName,
        /// The sender's id for it.
        id: KeyText,
    },
    /// To the sender's home: the reply to a transfer.
    TransferAnswered {
        /// All of it, or nothing where the receiver has it now.
        returned: Amount,
        /// Who sent it.
        sender: AccountName,
        /// The sender's id for it.
        id: KeyText,
    },
}

impl LinkKind {
    /// The money that goes with it.
    pub const fn amount(&self) -> Amount {
        match self {
            LinkKind::Asked { .. } | LinkKind::Recalled { .. } => Amount::ZERO,
            LinkKind::Returned { amount }
            | LinkKind::Granted { amount }
            | LinkKind::Transferred { amount, .. }
            | LinkKind::TransferAnswered { returned: amount, .. } => *amount,
        }
    }
}
