//! `tradespine admin account`, `kill` and `release`: what those who run the platform let accounts
//! do.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};
use proto::{
    admin::{
        AssetRisk, ResetAccountRequest, SetAccountStateRequest, SetKillSwitchRequest,
        SetRiskLimitsRequest, ShardResult,
    },
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

    /// Let an account of a sandbox begin anew, on every shard
    ///
    /// All that it has open ends, and it has what a new account has.
    #[command(after_help = "Example:  tradespine admin account reset alice --id monday")]
    Reset(ResetArguments),

    /// Set all limits of what an account may risk, on every shard
    ///
    /// They take the place of those before: what is not said is bounded no more. What it has open
    /// stays.
    #[command(after_help = "\
Example:  tradespine admin account limit alice --max-order-notional USDT=10000 \
          --max-position BTC=5 --orders-per-second 10 --order-burst 20")]
    Limit(LimitArguments),
}

#[derive(Clone, Debug, Args)]
pub(super) struct ResetArguments {
    /// Whose
    #[arg(value_name = "CLIENT")]
    client: String,

    /// Its own id: the same again changes nothing
    #[arg(long, value_name = "ID")]
    id: String,
}

#[derive(Clone, Debug, Args)]
pub(super) struct LimitArguments {
    /// Whose
    #[arg(value_name = "CLIENT")]
    client: String,

    /// The most that one order may be worth that is paid in this asset; for each asset
    #[arg(long, value_name = "ASSET=AMOUNT", value_parser = of_asset)]
    max_order_notional: Vec<(String, String)>,

    /// The most of this asset that it may come to have by buying; for each asset
    #[arg(long, value_name = "ASSET=AMOUNT", value_parser = of_asset)]
    max_position: Vec<(String, String)>,

    /// How many orders it may have open on a shard
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    max_open_orders: u32,

    /// How many orders it may place a second
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    orders_per_second: u32,

    /// How many at once, after a pause [default: as many as a second]
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    order_burst: u32,

    /// How far beyond the last trade's price a limit may be, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 0)]
    price_collar_bps: u32,
}

fn of_asset(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(asset, amount)| (asset.to_owned(), amount.to_owned()));
    pair.ok_or_else(|| "write an asset and an amount, such as USDT=10000".to_owned())
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

pub(super) async fn reset(
    mut admin: Admin,
    operator: String,
    arguments: ResetArguments,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    let ResetArguments { client: client_id, id: reset_id } = arguments;
    let title = format!("reset {client_id}");
    let request = ResetAccountRequest { operator, client_id, reset_id };
    let response = admin.reset_account(request).await;
    let response = response.map_err(|status| problem::sentence("gateway", &status))?;
    print(&title, response.into_inner().results, output)
}

fn risk_of(assets: &mut BTreeMap<String, AssetRisk>, asset: String) -> &mut AssetRisk {
    let none = AssetRisk { asset: asset.clone(), ..AssetRisk::default() };
    assets.entry(asset).or_insert(none)
}

pub(super) async fn set_limits(
    mut admin: Admin,
    operator: String,
    arguments: LimitArguments,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    let mut assets: BTreeMap<String, AssetRisk> = BTreeMap::new();
    for (asset, amount) in arguments.max_order_notional {
        risk_of(&mut assets, asset).max_order_notional = amount;
    }
    for (asset, amount) in arguments.max_position {
        risk_of(&mut assets, asset).max_position = amount;
    }
    let title = format!("limits of account {}", arguments.client);
    let request = SetRiskLimitsRequest {
        operator,
        client_id: arguments.client,
        assets: assets.into_values().collect(),
        max_open_orders: arguments.max_open_orders,
        orders_per_second: arguments.orders_per_second,
        order_burst: arguments.order_burst,
        price_collar_bps: arguments.price_collar_bps,
    };
    let response = admin.set_risk_limits(request).await;
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
