//! Tells the world: trades and depth over WebSocket and gRPC streams.
//!
//! A broadcaster reads every accepted answer of every partition, folds it into the market as the
//! public may see it, and hands each change to whoever listens. It decides nothing and counts
//! nothing of its own: every sequence in its frames was counted by a shard, so that two
//! broadcasters, or one before and after a restart, tell the same story under the same numbers.
//!
//! A frame is encoded once, when its first reader wants it, and shared by all of them; what a
//! listener costs a frame is a push of a pointer to its own bounded queue. A listener that is too
//! slow loses its queue, is told so, and at last is cut; it holds back nobody.
//!
//! # Layout
//!
//! - [`market`]: PURE: books, last trades and listings, folded from answers; the frames that come
//!   of it, as JSON text and as gRPC messages.
//! - [`hub`]: the market behind one lock with everybody who listens to it.
//! - [`following`]: reads the log, feeds the hub, keeps snapshots.
//! - [`snapshot`]: a market and its positions in a file, and how one is chosen at the start.
//! - [`websocket`]: the HTTP port: `/ws/trades`, `/ws/depth`, and the pages of every service.
//! - [`mod@grpc`]: the same over gRPC: `MarketDataService`.
//! - `trace`: what a traced answer comes to, up to the sockets.
//! - [`service`]: binds the ports and runs all of it until it is told to stop. [`settings`]: the
//!   numbers somebody may want to choose.
//!
//! What will never live here: an order, an account, a balance, or anything that is appended to a
//! log.

#![forbid(unsafe_code)]

#[cfg(test)]
mod fixture;
pub mod following;
pub mod grpc;
pub mod hub;
pub mod market;
pub mod service;
pub mod settings;
pub mod snapshot;
mod trace;
pub mod websocket;

pub use crate::{
    service::{BindError, Dependencies, Error, Service, bind},
    settings::Settings,
};
