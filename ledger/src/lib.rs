//! History and balances: projects the events into SQL and answers gRPC queries.
//!
//! The log is the truth; the tables are what can be asked quickly. They are the fold of the answers
//! and nothing else, can be made again from the log at any time, and say how far they have come.
//!
//! # Layout
//!
//! - [`projection`]: answers folded into rows; pure. [`row`]: the rows, in the words of `model`.
//! - [`store`]: what keeps them: a trait, in SQL and in memory. The schema is in
//!   `ledger-migration`.
//! - [`solvency`]: of each asset what came in beside what is there. [`control`]: what accounts may
//!   do. [`volume`]: how much they have traded.
//! - [`tables`]: a whole ledger in canonical form, for comparison and for sums.
//! - [`projecting`]: follows the log and writes batches; tells how far it has come.
//! - [`query`]: the gRPC queries, which wait for what a caller wrote before.
//! - `watching`: whether every asset is sound, for the metrics.
//! - [`service`]: binds, serves, drains.
//!
//! What will never live here: a rule of matching or money, and any write that is not a fold of an
//! answer.

#![forbid(unsafe_code)]

pub mod control;
pub mod projecting;
pub mod projection;
pub mod query;
pub mod row;
pub mod service;
pub mod solvency;
pub mod store;
pub mod tables;
pub mod volume;
mod watching;

pub use crate::service::{BindError, Dependencies, ServeError, Service, Settings, bind};
