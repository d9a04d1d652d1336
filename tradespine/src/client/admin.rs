//! `tradespine admin`: words of those who run the platform, over the gateway's admin listener.

mod adjust;
mod audit;
mod control;
mod fees;
mod instrument;
mod market;
mod token;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use proto::admin::{
    ShardOutcome, ShardResult, UpgradeRequest, admin_service_client::AdminServiceClient,
};
use serde_json::{Value, json};
use tonic::service::interceptor::InterceptedService;

use self::{
    audit::AuditWord,
    instrument::{InstrumentWord, SetArguments},
    market::MarketWord,
    token::TokenWord,
};
use super::{
    CALL_WAIT, Output, SUMMING_WAIT,
    bearer::{Bearer, Borne},
    connect_for, problem,
};
use crate::settings::{Flags, Settings};

/// The gateway's admin address, where nobody says another.
pub const ADMIN: &str = "http://127.0.0.1:50054";

/// What those who run the platform can say.
#[derive(Debug, Args)]
pub struct AdminArguments {
    #[command(flatten)]
    pub with: WithArguments,

    /// What to say.
    #[command(subcommand)]
    word: Word,
}

impl AdminArguments {
    /// What they say about settings.
    pub fn flags(&self) -> Flags {
        match &self.word {
            Word::Audit(audit) => audit.flags(),
            _ => Flags::default(),
        }
    }
}

/// To whom, by whom and how.
#[derive(Clone, Debug, Args)]
pub struct WithArguments {
    /// The gateway's admin address
    #[arg(long, value_name = "URL", default_value = ADMIN, global = true)]
    admin: String,

    /// Who says so; it stands in the log [default: the name of this user]
    #[arg(long, value_name = "NAME", global = true)]
    operator: Option<String>,

    /// A file with the token [default: the setting gateway.admin.token]
    ///
    /// Every user of this machine can read a command line, so that there is no flag for the token
    /// itself.
    #[arg(long, value_name = "FILE", global = true)]
    pub token_file: Option<PathBuf>,

    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Raise the behaviour that is in force, in every shard
    ///
    /// Run binaries that have it first: a shard whose binary does not have it stops there. What is
    /// in force already is left as it is, so it can be said again at any time.
    #[command(after_help = "Example:  tradespine admin upgrade --behaviour 4")]
    Upgrade(UpgradeArguments),

    /// Change how an instrument is listed
    #[command(subcommand)]
    Instrument(InstrumentWord),

    /// Set what an account may do
    #[command(subcommand)]
    Account(control::AccountWord),

    /// Stop trading: no order is taken, and all that is open ends
    ///
    /// Cancels are taken, and so is money. It stays so until it is released.
    #[command(after_help = "\
Examples:  tradespine admin kill --client alice
           tradespine admin kill --instrument BTC-USDT
           tradespine admin kill --venue")]
    Kill(control::ScopeArguments),

    /// Let trading go on that was stopped
    #[command(after_help = "Example:  tradespine admin release --instrument BTC-USDT")]
    Release(control::ScopeArguments),

    /// Say by what volume fee tiers are reached, and give accounts theirs
    #[command(subcommand)]
    Fees(fees::FeesWord),

    /// Correct what an account has available, up or down
    #[command(after_help = "Example:  tradespine admin adjust alice USDT -12.5 --id ticket-4711")]
    Adjust(adjust::AdjustArguments),
    /// Make, revoke and list the tokens that clients bear
    #[command(subcommand)]
    Token(TokenWord),

    /// Open an instrument's market, or close it
    #[command(subcommand)]
    Market(MarketWord),
    /// Show the audit trail, or prove that nothing of it is missing or was changed
    ///
    /// It is read from the log itself, and no gateway is asked.
    #[command(subcommand)]
    Audit(AuditWord),
}

#[derive(Clone, Debug, Args)]
struct UpgradeArguments {
    /// Which
    #[arg(long, value_name = "NUMBER")]
    behaviour: u32,
}

/// Says it, waits for the shards and prints what they did.
///
/// # Errors
/// Where the gateway does not answer or refuses, and where a shard did not do it.
pub async fn run(arguments: AdminArguments, settings: &Settings) -> anyhow::Result<()> {
    let AdminArguments { with, word } = arguments;
    let word = match word {
        Word::Audit(audit) => return audit::run(audit, settings).await,
        word => word,
    };
    let bearer = bearer(&with, settings)?;
    let operator = operator(with.operator)?;
    let is_summing = matches!(word, Word::Fees(fees::FeesWord::Recompute));
    let wait = if is_summing { SUMMING_WAIT } else { CALL_WAIT };
    let channel = connect_for(&with.admin, wait).await?;
    let admin = AdminServiceClient::new(InterceptedService::new(channel, bearer));
    let results = match word {
        Word::Upgrade(upgrade) => self::upgrade(admin, operator, &upgrade, with.output).await?,
        Word::Instrument(InstrumentWord::Set(set)) => {
            self::set(admin, operator, *set, with.output).await?
        }
        Word::Account(control::AccountWord::Set(set)) => {
            control::set_state(admin, operator, set, with.output).await?
        }
        Word::Account(control::AccountWord::Reset(reset)) => {
            control::reset(admin, operator, reset, with.output).await?
        }
        Word::Account(control::AccountWord::Limit(limit)) => {
            control::set_limits(admin, operator, limit, with.output).await?
        }
        Word::Kill(scope) => {
            control::turn_switch(admin, operator, scope, true, with.output).await?
        }
        Word::Release(scope) => {
            control::turn_switch(admin, operator, scope, false, with.output).await?
        }
        Word::Fees(word) => fees::run(admin, operator, word, with.output).await?,
        Word::Adjust(arguments) => adjust::adjust(admin, operator, arguments, with.output).await?,
        Word::Market(word) => market::run(admin, operator, word, with.output).await?,
        Word::Token(word) => return token::run(admin, operator, word, with.output).await,
        // Done above.
        Word::Audit(_) => return Ok(()),
    };
    let is_whole = results.iter().all(|result| result.problem.is_empty());
    ensure!(is_whole, "not every shard has done it; repeating the command is safe");
    Ok(())
}

type Admin = AdminServiceClient<Borne>;

async fn upgrade(
    mut admin: Admin,
    operator: String,
    arguments: &UpgradeArguments,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    let behaviour = arguments.behaviour;
    let response = admin.upgrade(UpgradeRequest { operator, behaviour }).await;
    let results = response.map_err(|status| problem::sentence("gateway", &status))?;
    let results = results.into_inner().results;
    let title = format!("behaviour {behaviour}");
    output.print(|| text(&title, &results), || json!({ "results": json(&results) }))?;
    Ok(results)
}

async fn set(
    mut admin: Admin,
    operator: String,
    arguments: SetArguments,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    let instrument = arguments.instrument.clone();
    let response = admin.set_instrument(arguments.request(operator)).await;
    let response = response.map_err(|status| problem::sentence("gateway", &status))?.into_inner();
    let (version, results) = (response.version, response.results);
    let title = format!("{instrument} version {version}");
    let json = || json!({ "version": version, "results": json(&results) });
    output.print(|| text(&title, &results), json)?;
    Ok(results)
}

fn bearer(with: &WithArguments, settings: &Settings) -> anyhow::Result<Bearer> {
    let mut admin = settings.gateway.admin.clone();
    if let Some(file) = &with.token_file {
        admin.token = None;
        admin.token_file = Some(file.clone());
    }
    let token = admin.token()?.context(
        "there is no token; set gateway.admin.token as the gateway has it, or give --token-file",
    )?;
    Bearer::bearing(&token)
}

fn operator(said: Option<String>) -> anyhow::Result<String> {
    let of_machine = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    said.or_else(of_machine).context("nobody knows who says so; give --operator")
}

fn text(title: &str, results: &[ShardResult]) -> String {
    let lines = results.iter().map(|result| {
        let what = match result.outcome() {
            ShardOutcome::Done => "done".to_owned(),
            ShardOutcome::DoneBefore => "done before".to_owned(),
            _ => result.problem.clone(),
        };
        format!("shard {}: {what}", result.partition)
    });
    std::iter::once(title.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

fn json(results: &[ShardResult]) -> Value {
    let result = |result: &ShardResult| {
        let outcome = match result.outcome() {
            ShardOutcome::Done => "done",
            ShardOutcome::DoneBefore => "done_before",
            ShardOutcome::Refused => "refused",
            ShardOutcome::Unknown | ShardOutcome::Unspecified => "unknown",
        };
        let problem = (!result.problem.is_empty()).then_some(&result.problem);
        json!({ "partition": result.partition, "outcome": outcome, "problem": problem })
    };
    Value::from(results.iter().map(result).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_is_told() {
        let of = |partition, outcome: ShardOutcome, problem: &str| ShardResult {
            partition,
            outcome: outcome.into(),
            problem: problem.to_owned(),
        };
        let results = [
            of(0, ShardOutcome::Done, ""),
            of(1, ShardOutcome::DoneBefore, ""),
            of(2, ShardOutcome::Unknown, "no answer came in time"),
        ];
        let told =
            "behaviour 4\nshard 0: done\nshard 1: done before\nshard 2: no answer came in time";
        assert_eq!(text("behaviour 4", &results), told);
        assert_eq!(json(&results)[2]["outcome"], "unknown");
    }
}
