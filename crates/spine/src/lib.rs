//! The spine: the log, and the protocol that makes shards of it.
//!
//! A shard is a deterministic state machine over one partition of a log: it reads inputs in order,
//! applies each to a pure [`Core`], and appends exactly one answer for each to the output partition
//! of the same number. This crate is the only one that knows Kafka, and the only one that knows how
//! answers are numbered, chained, accepted, snapshotted and recovered.
//!
//! # Layout
//!
//! - [`log`]: what a log is, and its three backends: `memory`, `embedded`, `kafka`.
//! - [`answer`], [`chain`]: the value of an answer, and the hash chain through all of them.
//! - [`acceptor`]: the readers' rule. [`tail`]: a thread or a task that applies it to a partition
//!   and hands on accepted answers only. `overdue`: how long one that is missing was looked
//!   for. [`follow`]: a thread that hands on any partition's records as they are.
//! - [`replica`]: one shard's state, advanced by its inputs; pure. [`core`]: what it is made of.
//! - [`link`]: what goes between shards, by number; pure. `link::sender`: what copies it.
//! - [`genesis`]: how a log begins. [`snapshot`], [`snapshotter`]: how a state is kept. [`replay`]:
//!   how it is found again. `quarantine`: which inputs an operator has set aside. [`shard`]: the
//!   owner of a partition: takes over, applies, publishes,
//!   checks itself.
//! - [`trace`]: records of the log in traces.
//!
//! What will never live here: an order, a price, a balance.

#![forbid(unsafe_code)]

pub mod acceptor;
pub mod answer;
pub mod chain;
pub mod core;
pub mod follow;
pub mod genesis;
pub mod header;
pub mod link;
pub mod log;
mod overdue;
mod quarantine;
pub mod replay;
pub mod replica;
pub mod shard;
pub mod snapshot;
pub mod snapshotter;
pub mod tail;
pub mod trace;

pub use crate::{
    acceptor::{Acceptor, Judged, Position, Verdict},
    answer::Answer,
    chain::{Chain, LogId},
    core::{ClientInput, Core, LinkInput, OperatorInput},
    log::{Log, Place, Record, Stored, Visibility},
    replica::{BEHAVIOUR, Replica},
};
