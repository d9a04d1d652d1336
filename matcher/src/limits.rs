//! Every bound of a shard, with its reason.

/// The most open orders of one account: a mass cancel of them fits one answer, and no account can
/// fill the book's memory.
pub const OPEN_ORDERS_PER_ACCOUNT_MAX: usize = 10_000;

/// The most assets and the most instruments that can be listed: a table that fits any cache line of
/// thought, and far more than a venue lists.
pub const LISTINGS_MAX: usize = 1_024;

/// The most accounts that one input sends out of memory. Each costs two legs and a balance for
/// every asset in the answer, which must fit a record also after a sweep of 5,000 makers; the
/// others go when they are touched next.
pub const COMPACTIONS_MAX: usize = 64;
