//! The shard: checks, matches and settles in one `apply`.
//!
//! [`Exchange`] is the state that the spine replicates: the order books of a partition, the
//! accounts that trade in them, and the keys that make retries safe. One input is one step of it:
//! either it is refused and changes no book, balance or order, or everything it causes happens in
//! that step.
//!
//! # Layout
//!
//! - [`exchange`]: the state, and how the spine drives it.
//! - `place`, `amend`, `replace`, `cancel`, `fund`, `group`, `list`, `operate`: what each kind of
//!   input does. `find`: which order a client means. `terms`: how an order is written down.
//!   `sleep`: orders that wait for a price. `order_list`: lists of orders, and the holds that two
//!   of them share.
//! - `transfer`: money from one account to another.
//! - `credential`: which tokens there are, as the first shard decides. [`trail`]: what those who
//!   run the platform asked for.
//! - `reset`: sandbox accounts that begin anew.
//! - `control`, `risk`: what those who run the platform let accounts do and risk. `tier`: which fee
//!   tier they say accounts have.
//! - `market`: what markets are open for. `indication`: what their auctions would do.
//! - `switch`: orders that end unless their account is heard of in time.
//! - `park`: what waits for money from other shards, and how shards ask each other for it.
//! - `fees`: what orders are charged by. `filter`: what of them the instrument takes.
//! - `trade`, `answer`: how what happened is settled and written down. `content`: what a retry
//!   repeats. `compact`: sandbox accounts that go out of memory.
//! - `image`: the state as a snapshot keeps it.
//! - [`limits`]: every bound of a shard, with its reason.
//!
//! What will never live here: IO, clocks, and the rules of matching and of money themselves, which
//! are `matcher-core`'s and `ledger-core`'s.

#![forbid(unsafe_code)]

mod amend;
mod answer;
mod cancel;
mod compact;
mod content;
mod control;
mod credential;
pub mod exchange;
mod fees;
mod filter;
mod find;
mod fund;
mod group;
mod image;
mod indication;
pub mod limits;
mod list;
mod market;
mod operate;
mod order_list;
mod park;
mod place;
mod replace;
mod reset;
mod risk;
mod room;
mod sleep;
mod switch;
mod terms;
mod tier;
mod trade;
pub mod trail;
mod transfer;

pub use exchange::Exchange;
