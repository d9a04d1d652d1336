//! Every bound of a shard, with its reason.

use matcher_core::keys;
use model::Span;

/// The most open orders of one account: a mass cancel of them fits one answer, and no account can
/// fill the book's memory.
pub const OPEN_ORDERS_PER_ACCOUNT_MAX: usize = 10_000;

/// The most accounts of a shard that can be in groups: some 10 MB, and far more than firms have.
pub const GROUPED_ACCOUNTS_MAX: usize = 1 << 16;

/// The most accounts of a shard that can have a state, a switch or limits of their own: some 10 MB.
pub const CONTROLLED_ACCOUNTS_MAX: usize = 1 << 16;

/// The most accounts of a shard that can have a fee tier of their own: some 40 MB. They are those
/// that trade much, so they are few of all.
pub const TIERED_ACCOUNTS_MAX: usize = 1 << 18;

/// The most resets of sandbox accounts that a shard remembers: some 10 MB, and a hundred a day for
/// two years.
pub const RESETS_MAX: usize = 1 << 16;

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

/// The most orders and withdrawals of one account that may wait for money from other shards: as
/// many as one stream of orders has on its way, so that a program may begin on a new shard at full
/// speed; and what one cancel of all can end beside what is open.
pub const PARKED_PER_ACCOUNT_MAX: usize = 4_096;

/// The most that may wait on a shard: about 120 MB. Nothing waits for more than 11 seconds, so that
/// is 24,000 a second whose answers do not come at all.
pub const PARKED_MAX: usize = 1 << 18;

/// The most asks that a shard may have out, one for each account and asset. With what is recalled
/// this bounds what is sent and not taken: who gets an answer has taken what came before it, so
/// there is no more on a link than both its shards have out.
pub const ASKS_MAX: usize = 1 << 16;

/// The most returns that may be owed to a shard. Beyond it an ask is decided by what is there.
pub const RECALLS_MAX: usize = 1 << 16;

/// The most transfers to other shards that may be on their way: each waits for one reply, so this
/// bounds what is sent and not taken together with the two above. About 20 MB.
pub const TRANSFERS_ON_THEIR_WAY_MAX: usize = 1 << 16;

/// How long the home of an account waits for what it recalled: several times what a round over a
/// healthy log takes, and well within what a parked order waits.
pub const RECALL_WAIT: Span = Span::from_secs(3);

/// The most asks that one input works.
pub const ASKS_WORKED_MAX: usize = 1_024;

/// The most items to other shards that one input sends before it recalls money once more, from as
/// many shards as there are: 3,071 of some 120 bytes in all.
pub const LINKS_SENT_MAX: usize = 2_048;

/// The most that one input wakes, and how many trades of what it wakes are enough for it: with one
/// sweep on top they are not many more than an order of its own may make.
pub const WOKEN_MAX: usize = 256;
/// See [`WOKEN_MAX`].
pub const WOKEN_FILLS_MAX: usize = 500;

/// The most orders that one step of an auction lets meet: two for each trade, so that its answer is
/// no longer than that of a sweep.
pub const UNCROSSED_MAX: usize = matcher_core::FILLS_MAX;

/// The most markets that one input opens after a halt by their price bands. Each may look at all
/// orders that cross and at all that have woken, so others follow with ticks that come at once.
pub const REOPENED_MAX: usize = 4;

/// The most that one input ends because it has waited too long, or its account was not heard of.
pub const PARKED_EXPIRIES_MAX: usize = 256;

/// The most instants at which accounts' orders end unless they are heard of. Each goes off in some
/// hundred nanoseconds, so that all of them in one input, as after a day of standing still, take
/// ten milliseconds; and they take 15 MB.
pub const SWITCHES_MAX: usize = 1 << 16;

/// The most orders that one input ends because their time is up, on top of what it does itself:
/// some 400 bytes of its answer each. At the end of a day there can be more; the rest go with the
/// next inputs, ticks among them that come at once, and none of them trades meanwhile.
pub const ORDER_EXPIRIES_MAX: usize = 1_024;

/// The most keys that a shard can have: those assured to each account, what accounts share beyond
/// them, and those of strangers. 18 GB (see [`matcher_core::keys`]), of which a shard takes what
/// its clients use.
pub const KEYS_MAX: usize = ledger_core::ACCOUNTS_MAX * keys::KEYS_ASSURED as usize
    + keys::KEYS_POOL as usize
    + keys::KEYS_OF_STRANGERS_MAX as usize;
const _: () = assert!(KEYS_MAX < 1 << 27);
