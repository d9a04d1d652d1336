//! The commands that do everything else: `cargo xtask up`, `test`, `tidy`, `bench`, `prove`,
//! `mutants`, `fuzz`, `torture`, `profiled`, `with-servers`, `manifests`.
//!
//! # Layout
//!
//! - [`up`]: builds the platform as people run it, and runs it.
//! - [`test`]: everything that must hold before a change goes in, step by step.
//! - [`servers`]: the private servers that tests speak to: [`kafka`], [`postgres`], [`redis`],
//!   [`jaeger`]. [`keeper`] holds their processes, [`packages`] finds or installs them.
//! - [`manifests`]: what the platform is deployed with, rendered and checked. [`tools`]: where what
//!   is fetched or built once is kept.
//! - [`tidy`]: what neither the compiler nor clippy says: arrows between rooms, sizes, leftovers.
//! - [`bench`]: every benchmark of the workspace. [`prove`]: the matching core held against its
//!   naive reference. [`mutants`]: whether tests notice what is changed in the cores.
//!   [`fuzz`]: every decoder fed with what leads somewhere new.
//! - [`profiled`]: builds the platform by what it does under load.
//! - [`torture`]: prepares servers, each as a [`recipe`], for the program that kills them.
//! - [`workspace`], [`cargo`]: where things are, and how cargo is run.
//!
//! It depends on little, so that it is built in a moment on a machine that has nothing yet.

mod bench;
mod cargo;
mod fuzz;
mod jaeger;
mod kafka;
mod keeper;
mod manifests;
mod mutants;
mod packages;
mod postgres;
mod profiled;
mod prove;
mod recipe;
mod redis;
mod servers;
mod test;
mod tidy;
mod tools;
mod torture;
mod up;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

/// What to do.
#[derive(Parser)]
#[command(about)]
enum Task {
    /// Builds the platform in release and runs `tradespine up` with these arguments.
    Up {
        /// For `tradespine up`: try `--help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Checks everything: format, tidiness, lints, and all tests against private real servers.
    Test(test::Selection),
    /// Checks sizes, leftovers and the arrows between rooms.
    Tidy,
    /// Renders the compose file and the Kubernetes overlays and checks them against their schemas.
    Manifests,
    /// Runs every benchmark, or those of one package.
    Bench(bench::Selection),
    /// Holds the matching core against its naive reference on as many random commands as one likes.
    Prove(prove::Proof),
    /// Changes single places of the cores, and tells which changes no test notices.
    Mutants(mutants::Mutants),
    #[command(hide = true)]
    TestsOfAMutant(mutants::Tests),
    /// Feeds every decoder with whatever leads somewhere new.
    Fuzz(fuzz::Fuzz),
    /// Builds the platform by what it does under load, which takes half an hour, and tells where it
    /// is.
    Profiled,
    /// Kills every part of the platform under load, again and again, and checks what is left.
    Torture(torture::Torture),
    /// Runs a command beside real servers, whose addresses are in TRADESPINE_TEST_KAFKA,
    /// TRADESPINE_TEST_POSTGRES, TRADESPINE_TEST_REDIS and TRADESPINE_TEST_JAEGER.
    WithServers(servers::Beside),
    /// The same with Apache Kafka alone.
    WithKafka {
        /// The command and its arguments, after `--`.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Up { arguments } => up::run(&arguments),
        Task::Test(selection) => test::run(&selection),
        Task::Tidy => tidy::run(),
        Task::Manifests => manifests::run(),
        Task::Bench(selection) => bench::run(&selection),
        Task::Prove(proof) => prove::run(&proof),
        Task::Mutants(mutants) => mutants::run(&mutants),
        Task::TestsOfAMutant(tests) => mutants::run_tests(&tests),
        Task::Fuzz(fuzz) => fuzz::run(&fuzz),
        Task::Profiled => profiled::run(),
        Task::Torture(torture) => torture::run(&torture),
        Task::WithServers(beside) => servers::run_beside(&beside),
        Task::WithKafka { command } => servers::run_beside_kafka(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
