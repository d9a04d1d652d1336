//! The platform's own code on a log in memory: in one thread, from one seed, with every fault that
//! an adversary can think of.
//!
//! A run builds a small platform out of the libraries that ship: desks of gateways, owners and
//! candidates of partitions, ledgers that project into one store, broadcasters with their
//! snapshots. Between them is a log of which every delivery is the seed's choice, and around them
//! time that passes when the seed says so. Clients want things, lose connections, and try again.
//! Then nothing disturbs any more, everything must come to its end, and what everybody was told is
//! held against the log. docs/simulation.md says how to read a failure.
//!
//! # Layout
//!
//! - `plan`: how large and how rough a run is. `random`, `timeline`: all chance, all time.
//! - `world`: who goes on next; what disturbs; how it ends. `process`: the five kinds of process.
//!   `running`: how their futures go on. `store`: a database across a network.
//! - `client`, `listener`: those outside. `story`: what clients wanted and heard. `venue`: what is
//!   traded.
//! - `check`: what must be so in the end. [`fault`]: what can be found wrong.
//! - [`broken`], `planted`: what is built wrong on purpose, to be found. [`tally`]: what happened
//!   how often. `history`: what happened, for people and as one hash.
//!
//! What will never live here: a second implementation of anything that ships, but for checks.

#![forbid(unsafe_code)]

pub mod broken;
mod check;
mod client;
pub mod fault;
mod history;
mod listener;
mod plan;
mod planted;
mod process;
mod random;
mod running;
mod store;
mod story;
pub mod tally;
mod timeline;
mod venue;
mod world;

use self::world::World;
pub use self::{broken::Broken, fault::Fault, tally::Tally};

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What was found wrong, if anything.
    pub verdict: Result<(), Fault>,
    /// What happened last, line by line.
    pub last_lines: Vec<String>,
    /// The hash of everything that happened and of all records and rows at the end.
    pub hash: [u8; 32],
    /// How often what happened.
    pub tally: Tally,
}

/// Runs the world of this seed, with something built wrong or not.
///
/// # Errors
/// [`Fault`] where not even its processes start.
pub fn run(seed: u64, broken: Broken) -> Result<Outcome, Fault> {
    let mut world = World::new(seed, broken)?;
    let ran = world.run().and_then(|()| world.heal());
    let verdict = ran.and_then(|()| check::check(&world));
    check::seal(&mut world);
    let (hash, tally) = (world.history.hash(), world.around.tally.clone());
    Ok(Outcome { verdict, last_lines: world.history.into_lines(), hash, tally })
}
