//! History and balances: projects the events into SQL and answers gRPC queries.

#![forbid(unsafe_code)]

pub mod projection;
pub mod row;
pub mod store;
pub mod tables;
