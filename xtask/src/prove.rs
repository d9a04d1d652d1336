//! `cargo xtask prove`: the matching core held against its naive reference, in release, for as long
//! as one likes. The program is an example of the core's tests.
//!
//! `cargo xtask prove --bytes` is another matter: whether the whole shard answers the same bytes in
//! both builds. Its test knows the hash of all answers, and is run as it is built for writing and
//! as it is built for people.

use std::path::{PathBuf, absolute};

use anyhow::{Context, Result};
use clap::Args;

use crate::cargo;

/// How much to prove.
#[derive(Args)]
pub(crate) struct Proof {
    /// How many commands, those before a resumption included.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    commands: u64,
    /// The seed of the first round; the others follow from it.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The most orders that the books keep open. Everything is searched and checked after every
    /// command, so that large books take long.
    #[arg(long, value_name = "N", default_value_t = 200)]
    orders: u64,
    /// Keeps the progress in this file, and goes on from it where it is there.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Instead: answers the same logs with a shard of each build, debug and release, and compares
    /// the bytes of all answers with those that are written down.
    #[arg(long, conflicts_with_all = ["commands", "seed", "orders", "resume"])]
    bytes: bool,
}

/// Runs it.
///
/// # Errors
/// Where the core and the reference differ, an invariant does not hold, or it cannot be built.
pub(crate) fn run(proof: &Proof) -> Result<()> {
    if proof.bytes {
        return bytes();
    }
    let program = ["--package", "tradespine-matcher-core", "--example", "prove"];
    let mut command = cargo::command(["run", "--quiet", "--release"]);
    command.args(program).arg("--");
    for (name, number) in
        [("--commands", proof.commands), ("--seed", proof.seed), ("--orders", proof.orders)]
    {
        command.arg(name).arg(number.to_string());
    }
    if let Some(file) = &proof.resume {
        command.arg("--resume").arg(absolute(file)?);
    }
    cargo::run(&mut command)
}

/// The test of the same bytes in both builds.
fn bytes() -> Result<()> {
    for build in ["debug", "release"] {
        eprintln!("\n== {build}");
        let mut command = cargo::command(["test", "--workspace", "--test", "exchange"]);
        if build == "release" {
            command.arg("--release");
        }
        cargo::run(command.args(["determinism", "--", "--nocapture"])).context(build)?;
    }
    Ok(())
}
