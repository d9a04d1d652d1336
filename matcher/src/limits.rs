//! Every bound of a shard, with its reason.

use matcher_core::keys;

/// The most open orders of one account: a mass cancel of them fits one answer, and no account can
/// fill the book's memory.
pub const OPEN_ORDERS_PER_ACCOUNT_MAX: usize = 10_000;

/// The most assets and the most instruments that can be listed: a table that fits any cache line of
/// thought, and far more than a venue lists.
pub const LISTINGS_MAX: usize = 1_024;

/// The most accounts that one input sends out of memory, so that the work of an input has an end.
pub const COMPACTIONS_MAX: usize = 64;

/// The most grants that one input returns, counted by account and asset, over all accounts that it
/// sends out of memory. Each costs two legs and a balance in the answer, about 60 bytes: half a
/// megabyte in all, beside the two that a sweep of 5,000 makers takes. No less than the
/// grants of one account with all assets, or it could never go.
pub const GRANTS_RETURNED_MAX: usize = 8_192;
const _: () = assert!(GRANTS_RETURNED_MAX >= ledger_core::ASSETS_MAX);

/// How many accounts every input looks at in turn, whether they could go out of memory: all 2^20 in
/// nine minutes at 1,000 inputs a second, for some tens of nanoseconds each.
pub const REVISITS: usize = 2;

/// The most keys that a shard can have: those assured to each account, what accounts share beyond
/// them, and those of strangers. 22 GB (see [`matcher_core::keys`]), of which a shard takes what
/// its clients use.
pub const KEYS_MAX: usize = ledger_core::ACCOUNTS_MAX * keys::KEYS_ASSURED as usize
    + keys::KEYS_POOL as usize
    + keys::KEYS_OF_STRANGERS_MAX as usize;
const _: () = assert!(KEYS_MAX < 1 << 27);
