//! The core against its rules: tables that a trader can read, a naive second implementation, and
//! images good and bad.
//!
//! # Layout
//!
//! - `rules`: runs the tables of `tests/rules/`; `filter_words`: filters in their words.
//! - `naive`: the second implementation. `flow`: random commands. `compare`: both on the same ones.
//!   `laws`: what must be true of any answer, whichever rules it follows. `prove`: runs of any
//!   length, in rounds that each begin anew from a seed; `examples/prove.rs` is its long form.
//!   `mutants`: cores that are built wrong, each of which is found.
//! - `questions`: what flows do not ask. `images`, `sweeps`: states restored, and states at their
//!   bounds. `trails`: many that trail. `keys`, `shares`: retries.

#![allow(missing_docs, unreachable_pub, reason = "nobody imports a test")]
#![allow(clippy::cast_possible_truncation, reason = "random draws are cut on purpose")]

mod compare;
mod filter_words;
mod flow;
mod images;
mod keys;
mod laws;
mod mutants;
mod naive;
mod prove;
mod questions;
mod rules;
mod setup;
mod shares;
mod sweeps;
mod trails;
