//! Money, as double entry: accounts, holds, settlement, and proof that nothing is ever lost.
//!
//! # The rules
//!
//! 1. Every change is one [`Posting`] whose legs sum to zero for each asset, and every change goes
//!    through one function that applies a leg and records it. So a balance *is* the fold of the
//!    postings, and the sum over all buckets of an asset is always zero.
//! 2. An account has two buckets for each asset, [`Bucket::Available`] and [`Bucket::Held`].
//!    Neither is ever negative. What comes from outside comes out of [`Bucket::External`], what a
//!    sandbox gives away out of [`Bucket::Faucet`]; these two go below zero instead. Corrections
//!    come out of [`Bucket::Adjustments`] or go into it.
//! 3. An order holds its worst case when it enters ([`hold_for`], [`hold_for_market`]), pays and
//!    delivers only from what it holds, and lets go of the rest when it ends. A limit buyer who
//!    pays less than the limit, or a lower fee than at worst, gets the difference back with the
//!    fill. After an order's end nothing of its hold is left.
//! 4. A refused operation changes nothing. Operations that could be refused can be asked first
//!    (`check_…`, [`Accounts::available_to`]) without opening an account.
//! 5. Deposits, withdrawals, transfers and adjustments carry an id from outside that is remembered
//!    for good: the same again is [`Movement::AlreadyApplied`], the same id with other content an
//!    error. Each of the four has ids of its own in each account; those of a transfer are the
//!    sender's.
//! 6. What an account's shard sends to others is in [`Bucket::Link`] until it comes back, so that
//!    the sum stays zero on every shard. Over all shards an account's links are what is on its way.
//! 7. In a sandbox an account that does not exist is at its grant. One that is back at its grant
//!    can be compacted away, so that clients who invent a new name with every order fill no memory.
//! 8. Each trade is charged by itself, on its notional in whole units: charges are rounded up and
//!    rebates down. A side pays the rate of its role under the schedule of its own order, in the
//!    quote asset or in what it receives; it goes to [`Bucket::Fees`], in the posting of the trade.
//!    A rebate is at most what the other side of the same trade pays in that asset, so
//!    [`Bucket::Fees`] is never below zero.
//! 9. A buyer who is charged in the quote asset holds the fee with the price, for each lot by
//!    itself and rounded up by itself, at the dearer of its two rates. Nobody knows how many trades
//!    will fill an order, and each may round up; that covers all of them, and what is held for a
//!    part of an order does not depend on the rest. Sellers, and buyers who are charged in what
//!    they receive, pay out of the proceeds and hold nothing for it.
//!
//! 10. A transfer is decided at the sender's home. Who is at home there too has the money at once;
//!     else it goes into the receiver's link, and comes back where there is no such account.
//!
//! # Why nothing overflows
//!
//! What has come in from outside through all shards together is at most [`SUPPLY_MAX`], and so is
//! what was corrected; all grants of a shard are at most [`ACCOUNTS_MAX`] times [`GRANT_MAX`].
//! Client balances are never negative and add up to no more than these three of all shards, so each
//! is below 2^122 and any sum of a few of them below 2^127. A link grows with what goes to and fro:
//! it would take all of a supply of 2^120 more than a hundred times. Arithmetic is checked all the
//! same, and a breach stops the shard rather than losing a unit.
//!
//! # Layout
//!
//! - [`account`]: one account. [`accounts`]: the table of them: finding, opening, reading
//!   balances, applying a posting.
//! - [`movements`]: what moves money by an id from outside, once for each. [`funding`]: deposits
//!   and withdrawals. [`transfers`]: between accounts. [`adjustments`]: corrections.
//! - [`trading`]: hold, settle, release, and what an order must hold. [`fees`]: what a trade costs
//!   its two sides.
//! - [`links`]: what goes to other shards and comes from them.
//! - [`sandbox`]: grants from the faucet, and compaction back into it.
//! - [`postings`]: what every change is written as.
//! - [`assets`]: listed assets and what the world outside and the faucet have given of each.
//! - [`image`]: the whole state as plain data, and back with everything checked.
//! - [`audit`]: totals and invariants.
//! - [`error`]: why an operation is refused.
//!
//! What will never live here: order books, clocks, randomness, IO, floats, and wire formats.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

extern crate alloc;

pub mod account;
pub mod accounts;
pub mod adjustments;
pub mod assets;
pub mod audit;
pub mod error;
pub mod fees;
pub mod funding;
pub mod image;
pub mod links;
pub mod movements;
pub mod postings;
pub mod sandbox;
pub mod trading;
pub mod transfers;

pub use account::Balance;
pub use accounts::{ACCOUNTS_MAX, Accounts};
pub use assets::{ASSET_NUMBER_MAX, ASSETS_MAX, ListAssetError, SUPPLY_MAX};
pub use error::MoneyError;
pub use fees::{Fee, Settled};
pub use image::{AccountImage, AccountsImage, AssetImage, MovementImage, RestoreError};
pub use movements::{Movement, MovementKind};
pub use postings::{Bucket, Cause, Leg, Posting, Postings};
pub use sandbox::{GRANT_MAX, Grant};
pub use trading::{MarketSize, Settlement, hold_for, hold_for_market};
pub use transfers::Transfer;
