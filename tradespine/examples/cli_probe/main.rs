#![allow(missing_docs, dead_code, unreachable_pub)]
mod arguments;
mod client;
mod complaint;
mod dump;
mod settings;
use clap::Parser;
use arguments::{Arguments, Command, LogCommand};
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let settings = |flags| settings::load(arguments.config.as_deref(), &flags);
    match arguments.command {
        Command::Client(c) => client::run(c).await,
        Command::Log(LogCommand::Dump(dump)) => dump::run(&settings(dump.data.clone().into())?.data_dir, &dump),
        other => { println!("{other:?}"); Ok(()) }
    }
}
