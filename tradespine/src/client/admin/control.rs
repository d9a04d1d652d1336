//! `tradespine admin account`, `kill` and `release`: what those who run the platform let accounts
//! do.

use clap::{Args, Subcommand, ValueEnum};
use proto::{
    admin::{SetAccountStateRequest, SetKillSwitchRequest, ShardResult},
    trading::AccountState,
};

use super::{
    super::{Output, problem},
    Admin, json, text,
};

#[derive(Debug, Subcommand)]
pub(super) enum AccountWord {
    /// Set what an account may do, on every shard
    ///
    /// What it has open stays: `tradespine admin kill --client` ends that.
    #[command(after_help = "Example:  tradespine admin account set alice --state reduce-only")]
    Set(StateArguments),
}

#[derive(Clone, Debug, Args)]
pub(super) struct StateArguments {
    /// Whose
    #[arg(value_name = "CLIENT")]
    client: String,

    /// What it may do
    #[arg(long, value_name = "STATE")]
    state: State,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// Everything
    Active,
    /// Sell, cancel, amend to less, send money out; not buy
    ReduceOnly,
    /// Cancel and amend to less
    Suspended,
}

#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct ScopeArguments {
    /// One account, on every shard
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,

    /// One instrument
    #[arg(long, value_name = "SYMBOL")]
    instrument: Option<String>,

    /// All trading
    #[arg(long)]
    venue: bool,
}

pub(super) async fn set_state(
    mut admin: Admin,
    operator: String,
    arguments: StateArguments,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    let StateArguments { client: client_id, state } = arguments;
    let (state, word) = match state {
        State::Active => (AccountState::Active, "active"),
        State::ReduceOnly => (AccountState::ReduceOnly, "reduce-only"),
        State::Suspended => (AccountState::Suspended, "suspended"),
    };
    let title = format!("account {client_id} {word}");
    let request = SetAccountStateRequest { operator, client_id, state: state.into() };
    let response = admin.set_account_state(request).await;
    let response = response.map_err(|status| problem::sentence("gateway", &status))?;
    print(&title, response.into_inner().results, output)
}

pub(super) async fn turn_switch(
    mut admin: Admin,
    operator: String,
    scope: ScopeArguments,
    engaged: bool,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    let ScopeArguments { client, instrument, venue } = scope;
    let what = client.as_ref().map(|client| format!("account {client}"));
    let what = what.or_else(|| instrument.as_ref().map(|symbol| format!("instrument {symbol}")));
    let verb = if engaged { "stop" } else { "release" };
    let title = format!("{verb} {}", what.unwrap_or_else(|| "all trading".to_owned()));
    let request = SetKillSwitchRequest {
        operator,
        client_id: client.unwrap_or_default(),
        instrument: instrument.unwrap_or_default(),
        venue,
        engaged,
    };
    let response = admin.set_kill_switch(request).await;
    let response = response.map_err(|status| problem::sentence("gateway", &status))?;
    print(&title, response.into_inner().results, output)
}

fn print(
    title: &str,
    results: Vec<ShardResult>,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    output.print(|| text(title, &results), || serde_json::json!({ "results": json(&results) }))?;
    Ok(results)
}
