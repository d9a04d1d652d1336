//! The front door: REST and gRPC orders become records in the log, answers become results.
//!
//! An order is checked against the listed instruments, written to the partition of its instrument,
//! and told of once the log has acknowledged it, or once its shard has decided it. Nothing is
//! decided here: the shard alone says what became of an order, and this service reads its answers
//! from the log as everybody else does.
//!
//! # Layout
//!
//! - [`settings`]: addresses and limits. [`service`]: binds the ports, starts the parts, drains.
//! - [`problem`]: what can go wrong, said once for both protocols.
//! - [`mod@reference`]: the listed instruments and assets.
//! - `caller`: who calls, and what that opens.
//! - [`entry`]: the fields of a request become a command, or a problem; pure.
//! - [`desk`]: registers who waits, appends, follows the answers, sheds load.
//! - [`result`](mod@result): an answer becomes an order as clients see it; pure.
//! - [`idempotency`]: answers that are known already.
//! - `journal`: an order's own record, read back from the log. `upstream`: history and books,
//!   asked of the ledger and the broadcaster. `office`: what both protocols do with all of these.
//! - `rest`, `grpc`: the two protocols.
//!
//! What will never live here: a book, a balance, or a rule of matching or money.

#![forbid(unsafe_code)]

mod caller;
pub mod desk;
pub mod entry;
#[cfg(fuzzing)]
pub mod fuzzed;
mod grpc;
pub mod idempotency;
mod journal;
mod office;
pub mod problem;
pub mod reference;
mod rest;
pub mod result;
pub mod service;
pub mod settings;
mod trace;
mod upstream;

pub use crate::{
    service::{BindError, Dependencies, ServeError, Service, bind},
    settings::{AdminSettings, Settings},
};
