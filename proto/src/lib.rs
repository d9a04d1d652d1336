//! The contracts between the services: what is on the wire, and what is in the log.
//!
//! The `.proto` files beside this crate are the source; the modules below are generated from them
//! at build time. Nothing outside this crate spells a topic name or the layout of a message.
//!
//! # Layout
//!
//! - [`trading`], [`orders`], [`funding`], [`reference`], [`ledger`], [`marketdata`]: the public
//!   gRPC packages; [`admin`]: that of those who run the platform; [`log`]: the values of the
//!   log's records.
//! - [`topic`]: the topic table.
//! - [`command`]: what a client asks of a shard, as checked domain values.
//! - [`mod@link`]: what one shard says to another, as checked domain values.
//! - [`credential`]: who may do what with an account, as checked domain values.
//! - [`draft`]: the body of an answer while it is written.
//! - [`listing`]: under which keys reference data is listed.
//! - [`convert`]: between wire numbers and `model` types, in both directions.
//! - [`text`]: words and instants as the edges write them.
//!
//! What will never live here: IO, and any rule of matching or money.

#![forbid(unsafe_code)]

pub mod command;
pub mod convert;
pub mod credential;
pub mod draft;
pub mod link;
pub mod listing;
pub mod text;
pub mod topic;

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
mod generated {
    pub mod admin {
        pub mod v1 {
            tonic::include_proto!("tradespine.admin.v1");
        }
    }
    pub mod trading {
        pub mod v1 {
            tonic::include_proto!("tradespine.trading.v1");
        }
    }
    pub mod orders {
        pub mod v1 {
            tonic::include_proto!("tradespine.orders.v1");
        }
    }
    pub mod funding {
        pub mod v1 {
            tonic::include_proto!("tradespine.funding.v1");
        }
    }
    pub mod reference {
        pub mod v1 {
            tonic::include_proto!("tradespine.reference.v1");
        }
    }
    pub mod ledger {
        pub mod v1 {
            tonic::include_proto!("tradespine.ledger.v1");
        }
    }
    pub mod marketdata {
        pub mod v1 {
            tonic::include_proto!("tradespine.marketdata.v1");
        }
    }
    pub mod log {
        pub mod v1 {
            tonic::include_proto!("tradespine.log.v1");
        }
    }
}

pub use generated::{
    admin::v1 as admin, funding::v1 as funding, ledger::v1 as ledger, log::v1 as log,
    marketdata::v1 as marketdata, orders::v1 as orders, reference::v1 as reference,
    trading::v1 as trading,
};

/// The descriptors of all packages, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
