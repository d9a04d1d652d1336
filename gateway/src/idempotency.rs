//! Answers that are known already, so that most retries cost no record in the log.
//!
//! This only saves time. The shard alone decides what is a retry, from the log: nothing here is
//! claimed before an append, nothing here can hold an append back, and losing all of it changes no
//! outcome. What is kept is an *accepted answer*, with the identity of the log and the place of the
//! record that it answers, put here by the follower that read it from the log. A cache that others
//! can write to must confirm that place from the log before an answer is used.

mod memory;

use std::{future::Future, pin::Pin, sync::Arc};

use model::{AccountName, InstrumentId};
use proto::{
    command::{ClientCommand, Key, Stamp},
    log,
};
use spine::LogId;

use crate::{desk::Answered, entry::Placed};

pub use self::memory::MemoryCache;

/// Under what a retry is known: the shard's own scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetryKey {
    /// Whose.
    pub account: AccountName,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// The key, with its name space.
    pub key: Key,
}

/// A hash of an order's content, without what differs between attempts.
pub type Content = [u8; 16];

/// What an order's answer is to be kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The key of retries.
    pub key: RetryKey,
    /// What was asked under it.
    pub content: Content,
}

impl Claim {
    /// The claim of an order that has a key of its client's own; others cannot be repeated.
    pub fn of(placed: &Placed) -> Option<Claim> {
        placed.has_own_key().then(|| Claim {
            key: RetryKey {
                account: placed.account.clone(),
                instrument: placed.order.instrument,
                key: placed.order.key.clone(),
            },
            content: content(placed),
        })
    }
}

/// An answer that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What was asked.
    pub content: Content,
    /// The log that the answer stands in.
    pub log_id: LogId,
    /// The answer, and with it the receipt: partition and offset of the record that it answers.
    pub answered: Arc<Answered>,
}

/// Looks up answers, and keeps them. Never fails: what cannot be found is not there.
pub trait Cache: Send + Sync {
    /// The answer that is kept under this key.
    fn find<'a>(
        &'a self,
        key: &'a RetryKey,
    ) -> Pin<Box<dyn Future<Output = Option<Kept>> + Send + 'a>>;

    /// Keeps an accepted answer. Must not block.
    fn keep(&self, claim: Claim, log_id: LogId, answered: &Arc<Answered>);
}

fn content(placed: &Placed) -> Content {
    use prost::Message;
    let command = ClientCommand {
        stamp: Stamp::default(),
        account: placed.account.clone(),
        command: placed.command(),
    };
    let bytes = log::ClientCommand::from(&command).encode_to_vec();
    let mut content = Content::default();
    content.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
    content
}
