//! The schema of the ledger's tables, one migration a file.
//!
//! The same statements make the tables of SQLite and of PostgreSQL. Every number is an integer:
//!
//! - ids, ticks, lots and counters are `bigint`, a partition is a `smallint`; words such as a side
//!   or a status are `smallint`, with the numbers of the enums of `tradespine.trading.v1` and
//!   `tradespine.log.v1`;
//! - an instant is `..._nanos`, nanoseconds since 1970;
//! - an amount has up to 127 bits and is two columns, as it is two fields in the log: it is
//!   `x_units + x_units_high * 2^63`, both of one sign. `x_units_high` is 0 for every amount below
//!   2^63 units, so that people can read and add up `x_units`; ordering by (`x_units_high`,
//!   `x_units`) orders by amount, and the two columns can be summed apart and exactly.
//!
//! A migration that was released never changes; a new one comes after it.
//!
//! # Layout
//!
//! - [`m0001_progress`]: how far each partition is projected.
//! - [`m0002_reference`]: assets and instruments.
//! - [`m0003_orders`]: orders, and the ids that duplicates of them were given.
//! - [`m0004_trades`]: what was traded, by instrument and number.
//! - [`m0005_money`]: balances, postings and their legs.
//! - [`m0006_links`]: what is on its way between shards.
//! - [`m0007_instructions`]: what orders say beyond side, size, price and time in force.
//! - [`m0008_order_lists`]: which orders came as a list.
//! - [`m0009_icebergs`]: how much of an iceberg order is shown at a time.
//! - [`m0010_trailing`]: by how much the price has to turn to wake an order that trails.
//! - [`m0014_fees`]: what trading costs, and what the house has earned.
//! - [`m0020_outside`]: what crossed the border of the ledger, found quickly.
//! - [`m0021_crossed`]: the same, added up from the index alone.
//! - [`m0040_controls`]: what accounts may do and are charged, and what is stopped.
//! - [`m0050_auctions`]: which trades were those of an auction.
//! - [`m0060_storage`]: how PostgreSQL keeps what changes, and what is only added to.

#![forbid(unsafe_code)]
// A migration's methods repeat the signature of a trait that elides the manager's lifetime.
#![allow(elided_lifetimes_in_paths)]

pub mod m0001_progress;
pub mod m0002_reference;
pub mod m0003_orders;
pub mod m0004_trades;
pub mod m0005_money;
pub mod m0006_links;
pub mod m0007_instructions;
pub mod m0008_order_lists;
pub mod m0009_icebergs;
pub mod m0010_trailing;
pub mod m0014_fees;
pub mod m0020_outside;
pub mod m0021_crossed;
pub mod m0040_controls;
pub mod m0050_auctions;
pub mod m0060_storage;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// All migrations, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_progress::Migration),
            Box::new(m0002_reference::Migration),
            Box::new(m0003_orders::Migration),
            Box::new(m0004_trades::Migration),
            Box::new(m0005_money::Migration),
            Box::new(m0006_links::Migration),
            Box::new(m0007_instructions::Migration),
            Box::new(m0008_order_lists::Migration),
            Box::new(m0009_icebergs::Migration),
            Box::new(m0010_trailing::Migration),
            Box::new(m0014_fees::Migration),
            Box::new(m0020_outside::Migration),
            Box::new(m0021_crossed::Migration),
            Box::new(m0040_controls::Migration),
            Box::new(m0050_auctions::Migration),
            Box::new(m0060_storage::Migration),
        ]
    }
}
