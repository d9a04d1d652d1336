//! `tradespine admin market`: what markets are open for.

use clap::{Args, Subcommand, ValueEnum};
use model::MarketState;
use proto::{
    admin::{SetMarketStateRequest, ShardResult},
    convert, text as words,
};

use super::{Admin, json, problem, text};
use crate::client::Output;

#[derive(Debug, Subcommand)]
pub(super) enum MarketWord {
    /// Say what it is open for
    ///
    /// Orders that are open stay as they are; stops that woke and may not go on wait. A delisted
    /// market ends all its orders and stays delisted. The same again tells that it is done.
    #[command(after_help = "Example:  tradespine admin market set BTC-USDT halted")]
    Set(SetArguments),
}

#[derive(Clone, Debug, Args)]
pub(super) struct SetArguments {
    /// Which instrument
    #[arg(value_name = "SYMBOL")]
    instrument: String,

    /// What for
    #[arg(value_enum)]
    state: State,
}

/// What a market can be open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// Everything
    Trading,
    /// Post-only orders, amends of what rests, cancels
    PostOnly,
    /// Orders with a limit, amends of them, cancels
    LimitOnly,
    /// Cancels
    CancelOnly,
    /// Cancels, until it trades again
    Halted,
    /// Nothing, ever again: all that is open ends
    Delisted,
    /// Limit orders that collect until it opens, by auction where they cross
    PreOpen,
}

impl From<State> for MarketState {
    fn from(state: State) -> MarketState {
        match state {
            State::Trading => MarketState::Trading,
            State::PostOnly => MarketState::PostOnly,
            State::LimitOnly => MarketState::LimitOnly,
            State::CancelOnly => MarketState::CancelOnly,
            State::Halted => MarketState::Halted,
            State::Delisted => MarketState::Delisted,
            State::PreOpen => MarketState::PreOpen,
        }
    }
}

pub(super) async fn run(
    mut admin: Admin,
    operator: String,
    MarketWord::Set(set): MarketWord,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    let state = MarketState::from(set.state);
    let request = SetMarketStateRequest {
        operator,
        instrument: set.instrument.clone(),
        state: convert::market_state_to_wire(state).into(),
    };
    let response = admin.set_market_state(request).await;
    let response = response.map_err(|status| problem::sentence("gateway", &status))?;
    let results: Vec<ShardResult> = response.into_inner().result.into_iter().collect();
    let title = format!("{} {}", set.instrument, words::market_state(state));
    output.print(|| text(&title, &results), || json!({ "results": json(&results) }))?;
    Ok(results)
}
