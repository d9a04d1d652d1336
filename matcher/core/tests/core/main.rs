//! The core against its rules: tables that a trader can read, a naive second implementation, and
//! images good and bad.

#![allow(missing_docs, unreachable_pub, reason = "nobody imports a test")]
#![allow(clippy::cast_possible_truncation, reason = "random draws are cut on purpose")]

mod flow;
mod images;
mod keys;
mod naive;
mod rules;
mod setup;
mod shares;
mod sweeps;
