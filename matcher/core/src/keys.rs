//! Keys that make a retry safe: which order a key was used for, with what content, and which other
//! ids its retries were given.
//!
//! # Rules
//!
//! 1. A key is (account, instrument, name space, text). Used for the first time it is
//!    [`KeyCheck::New`]; with the same content again [`KeyCheck::Same`], which tells the original;
//!    with other content [`KeyCheck::OtherContent`].
//! 2. A duplicate's own id can be kept as an alias of the original: [`Keys::resolve`] turns it into
//!    the original's for look-ups and cancels. Aliases live as long as their key.
//! 3. A key is kept until its instant has passed *and* its order is no longer open. One whose order
//!    is open at its instant is asked about again every [`RECHECK`], so it may outlive the order by
//!    that, never the reverse.
//! 4. Keys expire in order of their instants, then of their orders, at most [`EXPIRIES_MAX`] a
//!    call; one that is due but not yet expired still counts. So a call with every command removes
//!    more than one command adds, and none waits long.
//! 5. Bounds. A key takes a place, and so does each alias. An account has [`KEYS_ASSURED`] places
//!    that nobody else can take, and up to [`KEYS_PER_ACCOUNT_MAX`] while the [`KEYS_POOL`] lasts
//!    that all accounts share. At its bound only that account is refused; a retry is answered as a
//!    duplicate still, but gets no alias. A key has at most [`ALIASES_PER_KEY_MAX`] of them.
//! 6. *Strangers* are names that have keys and no account: their orders were refused, or their
//!    account was compacted away. Together they have [`KEYS_OF_STRANGERS_MAX`] places, each no more
//!    than would be assured to it as an account. So a client with a new name for every order uses
//!    up what strangers have, and no account notices. An account that would not fit among them is
//!    not compacted until its keys have expired: [`Keys::close_account`] says no.
//!
//! # Memory
//!
//! Computed from the sizes, before tables grow by doubling: 64 bytes a key for the entry, which is
//! one line of memory, 24 for its place in the order of expiry, 6 to 12 for the index, and for a
//! text of more than 23 bytes 16 and its length, rounded up by the allocator. That is about 160
//! bytes with a UUID as text: 160 MB for a million keys, so 1.4 GB for 24 hours at a steady 100
//! orders a second; and 100 bytes with a short one. Generated keys live for seconds and cost next
//! to nothing. An alias costs about 60 bytes, a name about 120. At the bounds of rules 5 and 6,
//! with all of a shard's 2^20 accounts at work, there are 109 million keys: 18 GB, and no client
//! can add to that.
//!
//! What will never live here: keys of deposits and withdrawals (those belong to money and are never
//! forgotten), clocks, and hashing of content.

use alloc::string::String;

mod due;
mod image;
mod index;
mod share;

use model::{AccountName, InstrumentId, KeyText, OrderId, Span, Timestamp, keyed::NameHash};
use thiserror::Error;

pub use image::{KeyImage, KeysImage, KeysRestoreError};
pub use share::{
    Holder, KEYS_ASSURED, KEYS_OF_STRANGERS_MAX, KEYS_PER_ACCOUNT_MAX, KEYS_POOL, KeyLimits,
};

use due::{Due, Dues};
use index::{Index, KeyHash};

/// How long a client's key is kept if nothing else is set: 24 hours of the log's time.
pub const KEEP_DEFAULT: Span = Span::from_secs(24 * 60 * 60);

/// How many retries of one order get an alias. A client that has not understood after so many will
/// not need the next one's id.
pub const ALIASES_PER_KEY_MAX: usize = 64;

/// How many keys one call to [`Keys::expire`] looks at: some microseconds of work.
pub const EXPIRIES_MAX: usize = 32;

/// After how long a key whose order was still open is looked at again.
pub const RECHECK: Span = Span::from_secs(60 * 60);

/// A key that makes a retry of an order safe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// Whose key it is: by name, since a shard's handles are used again.
    pub account: AccountName,
    /// For which instrument.
    pub instrument: InstrumentId,
    /// In which name space.
    pub space: KeySpace,
    /// Its text.
    pub text: KeyText,
}

/// The name spaces of keys: the same text in two of them is two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySpace {
    /// The client's own id of the order.
    ClientOrderId,
    /// The Idempotency-Key header.
    IdempotencyKey,
    /// Made up by a gateway for one request.
    Generated,
}

/// The hash of a decoded command without what differs between retries of it.
pub type ContentHash = [u8; 16];

/// What a key has been used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCheck {
    /// Nothing that is remembered.
    New,
    /// The same content: this is a retry.
    Same {
        /// The order that the first one made.
        original: OrderId,
    },
    /// Something else.
    OtherContent,
}

/// Why a key is not taken; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyRefused {
    /// The account is at [`KEYS_PER_ACCOUNT_MAX`].
    #[error("the account has as many keys as one may")]
    TooManyOfAccount,
    /// The account is beyond [`KEYS_ASSURED`], and the [`KEYS_POOL`] is used up.
    #[error("the account has the keys assured to it, and no more are left for all accounts")]
    PoolUsedUp,
    /// The name has no account and is at [`KEYS_ASSURED`].
    #[error("the name has no account, and as many keys as one without may")]
    TooManyOfStranger,
    /// The name has no account, and those without are at [`KEYS_OF_STRANGERS_MAX`].
    #[error("the name has no account, and those without have as many keys as they may")]
    TooManyOfStrangers,
    /// The key is there: [`Keys::check`] tells before.
    #[error("the key is there already")]
    Taken,
}

/// All keys of a shard.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    index: Index,
    due: Dues,
}

/// What is remembered of a key. One line of memory, since of many keys nearly each is a wait for
/// it.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Entry {
    text: KeyText,
    content: ContentHash,
    /// Of the key, so that nobody has to read the text again to find it.
    hash: KeyHash,
    order: OrderId,
    account: u32,
    instrument: InstrumentId,
    space: KeySpace,
}

const _: () = assert!(size_of::<Option<Entry>>() == 64, "an entry is one line of memory");

impl Keys {
    /// No keys, and an index whose places anybody can foresee: for tests and tools.
    pub fn new() -> Keys {
        Keys::default()
    }

    /// No keys, and an index whose places depend on `seed`: with one that clients cannot know, such
    /// as the log's id, none can choose keys that all fall into one place of it. The seed never
    /// changes an answer.
    pub fn seeded(seed: u128) -> Keys {
        Keys::limited(seed, KeyLimits::STANDARD)
    }

    /// The same with other bounds, for tests and tools.
    pub fn limited(seed: u128, limits: KeyLimits) -> Keys {
        Keys { index: Index::new(seed, limits), due: Dues::default() }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A command of this name begins: its keys are found at once from here on. Changes no answer.
    pub fn expect(&mut self, name: &AccountName, hash: NameHash) {
        self.index.expect(name, hash);
    }

    /// What `key` has been used for.
    pub fn check(&self, key: &OrderKey, content: &ContentHash) -> KeyCheck {
        match self.index.find(key).map(|place| self.index.entry(place)) {
            None => KeyCheck::New,
            Some(entry) if entry.content == *content => KeyCheck::Same { original: entry.order },
            Some(_) => KeyCheck::OtherContent,
        }
    }

    /// The order that `key` was used for, while that is remembered.
    pub fn find(&self, key: &OrderKey) -> Option<OrderId> {
        self.index.find(key).map(|place| self.index.entry(place).order)
    }

    /// Remembers that `key` was used for `order`, of which there is no other key, until
    /// `keep_until` has passed and the order is no longer open. `holder` is what the key's name
    /// will be after the order: one that opens an account counts as having it.
    ///
    /// # Errors
    /// [`KeyRefused`], with nothing changed.
    pub fn insert(
        &mut self,
        key: OrderKey,
        content: ContentHash,
        order: OrderId,
        keep_until: Timestamp,
        holder: Holder,
    ) -> Result<(), KeyRefused> {
        let place = self.index.insert(key, content, order, holder)?;
        self.due.push(Due { at: keep_until, order, place });
        Ok(())
    }

    /// Remembers that `duplicate`, the id of a retry's record, means the order of `key`. Tells
    /// whether it does: not where there is no such key any more, where it has
    /// [`ALIASES_PER_KEY_MAX`] of them or its name no place for one more, or where the id is an
    /// alias already.
    pub fn alias(&mut self, key: &OrderKey, duplicate: OrderId) -> bool {
        self.index.alias(key, duplicate)
    }

    /// The order that an id means: the original of an alias, and every other id itself.
    pub fn resolve(&self, id: OrderId) -> OrderId {
        self.index.resolve(id)
    }

    /// Forgets keys whose instant has passed and whose order is not open, and tells how many. Looks
    /// at no more than [`EXPIRIES_MAX`] of them.
    pub fn expire(&mut self, now: Timestamp, is_open: impl Fn(OrderId) -> bool) -> usize {
        let before = self.len();
        for _ in 0..EXPIRIES_MAX {
            let Some(due) = self.due.pop_before(now) else { break };
            if is_open(due.order) {
                self.due.push(Due { at: now.plus(RECHECK), ..due });
            } else {
                self.index.remove(due.place);
            }
        }
        before - self.len()
    }

    /// The name has an account from now on, with whatever keys it has.
    pub fn open_account(&mut self, name: &AccountName) {
        self.index.open_account(name);
    }

    /// The name has no account from now on. Tells whether its keys have room among those of
    /// strangers; where not, nothing has changed and the account must stay.
    pub fn close_account(&mut self, name: &AccountName) -> bool {
        self.index.close_account(name)
    }

    /// Checks that what was taken is what is there, and that just the names with an account are
    /// held to have one. Costs a pass over everything.
    ///
    /// # Errors
    /// A sentence about the first breach.
    pub fn check_invariants(
        &self,
        has_account: impl Fn(&AccountName) -> bool,
    ) -> Result<(), String> {
        self.index.check_invariants(has_account)
    }

    /// Whether a key waits to be looked at by [`Keys::expire`].
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due.first().is_some_and(|due| due.at < now)
    }
}
