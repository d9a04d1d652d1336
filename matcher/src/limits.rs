//! Every bound of a shard, with its reason.

/// The most open orders of one account: a mass cancel of them fits one answer, and no account can
/// fill the book's memory.
pub const OPEN_ORDERS_PER_ACCOUNT_MAX: usize = 10_000;

/// The most assets and the most instruments that can be listed: a table that fits any cache line of
/// thought, and far more than a venue lists.
pub const LISTINGS_MAX: usize = 1_024;
