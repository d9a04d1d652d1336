//! Answers that are known already, so that most retries cost no record in the log.
//!
//! This only saves time. The shard alone decides what is a retry, from the log: a claim here keeps
//! nobody from appending for longer than a moment, and losing all of it changes no outcome. What is
//! kept is an *accepted answer*, with the identity of the log and the place of the record that it
//! answers, put here by the follower that read it from the log. What others can write to is never
//! believed: it says where to look, and what a client is told was read from the log here.
//!
//! - [`MemoryCache`]: of one gateway alone, in this process.
//! - [`FleetCache`]: of one gateway of many. `recent`: what the log answered lately, to whomever.
//!   `asked`: what an answer says that it answers; pure. [`redis`]: what the gateways tell one
//!   another.

mod asked;
mod fleet;
mod memory;
mod recent;
pub mod redis;

use std::{future::Future, pin::Pin, sync::Arc};

use model::{AccountName, InstrumentId, OrderId, Partition};
use proto::{
    command::{ClientCommand, Command, Key, PlaceOrder, Stamp},
    log,
};
use spine::{LogId, answer::Sealed};

use crate::{
    desk::{Answered, Waits},
    entry::{Placed, PlacedList},
};

pub use self::{fleet::FleetCache, memory::MemoryCache};

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
        placed.has_own_key().then(|| Claim::new(&placed.account, &placed.order))
    }

    /// The same of a list.
    pub fn of_list(placed: &PlacedList) -> Option<Claim> {
        let (account, list) = (placed.account.clone(), &placed.list);
        placed.has_own_key().then(|| {
            let content = content(&account, placed.command());
            let (instrument, key) = (list.instrument, list.key.clone());
            Claim { key: RetryKey { account, instrument, key }, content }
        })
    }

    fn new(account: &AccountName, order: &PlaceOrder) -> Claim {
        let (account, instrument) = (account.clone(), order.instrument);
        let content = content(&account, Command::Place(order.clone()));
        Claim { key: RetryKey { account, instrument, key: order.key.clone() }, content }
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

/// What will be found.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Option<Kept>> + Send + 'a>>;

/// Looks up answers, and keeps them. Never fails: what cannot be found is not there.
pub trait Cache: Send + Sync {
    /// The answer to what was asked under this key. Who finds none goes on to append; gateways that
    /// share a cache know that of each other from here on, until the answer is kept or the claim is
    /// let go of, and wait a moment for it.
    fn find<'a>(&'a self, claim: &'a Claim) -> Finding<'a>;

    /// The answer to the order of this id, which the log says was the first under this key.
    fn first(&self, claim: &Claim, original: OrderId) -> Option<Kept>;

    /// Hears every accepted answer to a command, and every other with which a wait for money ends,
    /// whoever's they are, before who waits for them does. Must not block.
    fn hear(&self, _partition: Partition, _answer: &Sealed, _waits: &Waits) {}

    /// Keeps an accepted answer, if it used the key up. Must not block.
    fn keep(&self, claim: Claim, log_id: LogId, answered: &Arc<Answered>);

    /// Nothing was written under this claim. Must not block.
    fn let_go(&self, _claim: &Claim) {}
}

fn content(account: &AccountName, command: Command) -> Content {
    use prost::Message;
    let command = ClientCommand { stamp: Stamp::default(), account: account.clone(), command };
    let bytes = log::ClientCommand::from(&command).encode_to_vec();
    let mut content = Content::default();
    content.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
    content
}
