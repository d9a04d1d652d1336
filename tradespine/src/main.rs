//! The one binary: `tradespine up` runs everything; the other commands are clients and tools.
//!
//! # Layout
//!
//! - [`arguments`], [`settings`]: what can be said and set. [`complaint`]: how a failure is told.
//! - [`up`]: the whole platform in one process. [`services`]: its parts, and each as a process.
//! - [`client`]: orders, books and balances from a terminal, over the public gRPC API.
//! - [`dump`], [`verify`]: the log in words, and whether it is as it should be. [`inspect`]: how
//!   both open it.
//! - [`replay`]: a recorded market, traded through the public API. [`desk`]: one stream of orders.
//!
//! What will never live here: a rule of matching or money.

#![forbid(unsafe_code)]
#![allow(unreachable_pub, reason = "a program has no users of its modules but itself")]

mod arguments;
mod client;
mod complaint;
mod desk;
mod dump;
mod inspect;
mod replay;
mod services;
mod settings;
mod up;
mod verify;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use telemetry::logs;

use crate::{
    arguments::{
        Arguments, Command, LogCommand,
        services::{Mode, TopicsCommand},
    },
    services::Service,
    settings::{Flags, Settings},
};

/// Every order is made on one thread and freed on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = daemon::runtime::start();
    let result = runtime.context("no threads could be started").and_then(|runtime| {
        let result = runtime.block_on(Box::pin(obey(arguments)));
        // Work that an error left behind must not hold back the end of the process.
        runtime.shutdown_background();
        result
    });
    result.map_or_else(|error| complaint::complain(&error), |()| ExitCode::SUCCESS)
}

async fn obey(arguments: Arguments) -> anyhow::Result<()> {
    let settings = |flags| settings::load(arguments.config.as_deref(), &flags);
    match arguments.command {
        Command::Up(up) => {
            let settings = settings(up.into())?;
            let _flushed_at_the_end = logs::init(&settings.log, &settings.otlp.of("tradespine"))?;
            up::run(settings).await
        }
        Command::Gateway(said) => {
            serve(Service::Gateway, said.mode(), settings(said.into())?).await
        }
        Command::Matcher(said) => {
            serve(Service::Matcher, said.mode(), settings(said.into())?).await
        }
        Command::Ledger(said) => serve(Service::Ledger, said.mode(), settings(said.into())?).await,
        Command::Broadcaster(said) => {
            serve(Service::Broadcaster, said.mode(), settings(said.into())?).await
        }
        Command::Topics(TopicsCommand::Create(said)) => {
            let (mode, grants) = (said.mode(), said.grants());
            let settings = settings(said.into())?;
            let otlp = settings.otlp.of("tradespine-topics");
            let _flushed_at_the_end = logs::init(&settings.log, &otlp)?;
            match mode {
                Mode::Run => services::topics::create(&settings, grants).await,
                Mode::Check => services::topics::tell(&settings),
            }
        }
        Command::Migrate(said) => {
            let (mode, settings) = (said.mode(), settings(said.into())?);
            let otlp = settings.otlp.of("tradespine-migrate");
            let _flushed_at_the_end = logs::init(&settings.log, &otlp)?;
            match mode {
                Mode::Run => services::migration::run(&settings).await,
                Mode::Check => services::migration::check(&settings),
            }
        }
        Command::Probe(said) => {
            let question = said.question();
            services::probe::run(said.service, question, &settings(Flags::default())?).await
        }
        Command::Client(command) => client::run(command).await,
        Command::Admin(said) => {
            let settings = settings(said.flags())?;
            client::admin::run(said, &settings).await
        }
        Command::Log(LogCommand::Dump(dump)) => dump::run(&settings(dump.flags())?, dump).await,
        Command::Verify(said) => {
            let whose = said.whose();
            verify::run(&settings(said.into())?, whose).await
        }
        Command::Replay(replay) => replay::run(replay).await,
    }
}

async fn serve(service: Service, mode: Mode, settings: Settings) -> anyhow::Result<()> {
    let otlp = settings.otlp.of(format!("tradespine-{}", service.name()));
    let _flushed_at_the_end = logs::init(&settings.log, &otlp)?;
    match mode {
        Mode::Run => services::run(service, &settings).await,
        Mode::Check => services::tell(service, &settings),
    }
}
