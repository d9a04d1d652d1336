//! How many keys there may be, and who has taken how much of that.
//!
//! Every key takes a place, and so does every alias. The bounds are made so that nobody's keys can
//! keep another account from trading, and yet all of them together have an end: see the rules in
//! [`keys`](super).

use super::KeyRefused;

/// How many keys one account can have at once: about 160 MB. A client that needs more in 24 hours
/// leaves keys to the gateway, which makes up short-lived ones.
pub const KEYS_PER_ACCOUNT_MAX: u32 = 1_000_000;

/// How many keys every account can have whatever others do: half a minute's orders of a busy
/// person, and for the 2^20 accounts that a shard has at most 5.4 GB.
pub const KEYS_ASSURED: u32 = 32;

/// How many keys all accounts together can have beyond those assured to them: 11 GB, which 780
/// orders a second with keys of their own fill in 24 hours. Where it is used up, accounts that are
/// within what is assured to them notice nothing.
pub const KEYS_POOL: u32 = 1 << 26;

/// How many keys all strangers together can have: 1.4 GB, and 1 GB for as many names. A hundred new
/// names a second that never come back fill it in 24 hours.
pub const KEYS_OF_STRANGERS_MAX: u32 = 1 << 23;

/// The bounds on keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLimits {
    /// See [`KEYS_PER_ACCOUNT_MAX`].
    pub of_account: u32,
    /// See [`KEYS_ASSURED`]; also the most of one stranger.
    pub assured: u32,
    /// See [`KEYS_POOL`].
    pub pool: u32,
    /// See [`KEYS_OF_STRANGERS_MAX`].
    pub of_strangers: u32,
}

impl KeyLimits {
    /// Those of every shard.
    pub const STANDARD: KeyLimits = KeyLimits {
        of_account: KEYS_PER_ACCOUNT_MAX,
        assured: KEYS_ASSURED,
        pool: KEYS_POOL,
        of_strangers: KEYS_OF_STRANGERS_MAX,
    };
}

impl Default for KeyLimits {
    fn default() -> KeyLimits {
        KeyLimits::STANDARD
    }
}

/// Whose a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A name that has an account here.
    Account,
    /// A name that has none: all its orders were refused, or its account was compacted away.
    Stranger,
}

/// What has been taken of what several share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    pub(super) limits: KeyLimits,
    /// Places of accounts beyond those assured to them.
    pub(super) pooled: u32,
    /// Places of strangers.
    pub(super) strangers: u32,
}

impl Shares {
    pub(super) fn new(limits: KeyLimits) -> Shares {
        Shares { limits, pooled: 0, strangers: 0 }
    }

    /// Whether a name with so many places may take one more.
    pub(super) fn check(&self, holder: Holder, places: u32) -> Result<(), KeyRefused> {
        let KeyLimits { of_account, assured, pool, of_strangers } = self.limits;
        match holder {
            Holder::Account if places >= of_account => Err(KeyRefused::TooManyOfAccount),
            Holder::Account if places >= assured && self.pooled >= pool => {
                Err(KeyRefused::PoolUsedUp)
            }
            Holder::Stranger if places >= assured => Err(KeyRefused::TooManyOfStranger),
            Holder::Stranger if self.strangers >= of_strangers => {
                Err(KeyRefused::TooManyOfStrangers)
            }
            Holder::Account | Holder::Stranger => Ok(()),
        }
    }

    /// A name takes one place more than the `places` that it had.
    pub(super) fn take(&mut self, holder: Holder, places: u32) {
        match holder {
            Holder::Account => self.pooled += u32::from(places >= self.limits.assured),
            Holder::Stranger => self.strangers += 1,
        }
    }

    /// A name gives back so many of the `places` that it had.
    pub(super) fn give(&mut self, holder: Holder, places: u32, given: u32) {
        let beyond = |places: u32| places.saturating_sub(self.limits.assured);
        match holder {
            Holder::Account => self.pooled -= beyond(places) - beyond(places - given),
            Holder::Stranger => self.strangers -= given,
        }
    }

    /// A stranger with so many places opens an account. It has no more than is assured to it then.
    pub(super) fn move_in(&mut self, places: u32) {
        self.strangers -= places;
    }

    /// An account with so many places becomes a stranger; tells whether strangers have room.
    pub(super) fn move_out(&mut self, places: u32) -> bool {
        let KeyLimits { assured, of_strangers, .. } = self.limits;
        let has_room = places <= assured && of_strangers - self.strangers >= places;
        if has_room {
            self.strangers += places;
        }
        has_room
    }
}
