//! Every bound of a shard, with its reason.

/// The most open orders of one account: a mass cancel of them fits one answer, and no account can
/// fill the book's memory.
pub const OPEN_ORDERS_PER_ACCOUNT_MAX: usize = 10_000;

/// The most assets and the most instruments that can be listed: a table that fits any cache line of
/// thought, and far more than a venue lists.
pub const LISTINGS_MAX: usize = 1_024;

/// The most accounts that one input sends out of memory, so that the work of an input has an end;
/// the others go when they are touched next.
pub const COMPACTIONS_MAX: usize = 64;

/// The most grants that one input returns, counted by account and asset, over all accounts that it
/// sends out of memory. Each costs two legs and a balance in the answer, about 60 bytes: half a
/// megabyte in all, beside the two that a sweep of 5,000 makers takes. No less than the
/// grants of one account with all assets, or it could never go.
pub const GRANTS_RETURNED_MAX: usize = 8_192;
const _: () = assert!(GRANTS_RETURNED_MAX >= ledger_core::ASSETS_MAX);
