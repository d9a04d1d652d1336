//! A platform from a terminal, over its public API: one file a command, each with its arguments,
//! its call and its words.
//!
//! - `place`, `batch`, `list`, `amend`, `cancel`, `group`, `after`: order entry, at the gateway.
//!   [`admin`]: words of those who run it.
//! - `orders`, `trades`, `balances`, `fees`: history and what is in force, at the ledger.
//! - `book`, `watch`: market data, at the broadcaster.
//! - `order`, `trade`: an order and a trade, as text and as JSON. `table`, `problem`: how answers
//!   and refusals read. `bearer`: what a caller bears.

pub mod admin;
mod after;
mod amend;
mod balances;
mod batch;
mod bearer;
mod book;
mod cancel;
mod fees;
mod group;
mod list;
mod order;
mod orders;
mod place;
mod problem;
mod solvency;
mod table;
mod trade;
mod trades;
mod watch;

use std::{
    io::{self, Write},
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use tonic::transport::Channel;

use self::bearer::{Borne, WithToken};
use crate::complaint::written;

/// The gateway's gRPC address, where nobody says another.
pub const GATEWAY: &str = "http://127.0.0.1:50051";
/// The ledger's.
pub const LEDGER: &str = "http://127.0.0.1:50052";
/// The broadcaster's.
pub const MARKET_DATA: &str = "http://127.0.0.1:50053";
/// The broadcaster's WebSocket address.
pub const WEBSOCKET: &str = "ws://127.0.0.1:8081";

/// What a connection may bring that was not read yet: an HTTP/2 library ends one whose unread
/// frames are many and small, beyond half of this at 256 bytes each, and results are small.
pub(crate) const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// How long a service may take to accept a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// How long one call may take: well beyond the 5 s for which a gateway waits for a result.
const CALL_WAIT: Duration = Duration::from_secs(20);

/// How long those calls may take in which the ledger adds up what everybody has traded.
const SUMMING_WAIT: Duration = Duration::from_secs(600);

/// The commands of a client.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Place an order and show what became of it
    ///
    /// The exit status is 0 only where the order was accepted.
    #[command(after_help = "\
Examples:  tradespine place BTC-USDT buy 0.01 61837.63 --client alice
           tradespine place BTC-USDT sell 0.01 --market --client alice
           tradespine place BTC-USDT buy --quote 100 --client alice")]
    Place(place::PlaceArguments),

    /// Place many orders in one request and show what became of each
    ///
    /// FILE has an order a line, written as `place` takes it, without --client. The exit status is
    /// 0 only where every order was accepted.
    #[command(after_help = "\
Example:  printf '%s\\n' 'BTC-USDT buy 0.01 61800' 'ETH-USDT sell 1 --market' |
              tradespine batch - --client alice")]
    Batch(batch::BatchArguments),

    /// Place orders of which one decides what becomes of the others: OCO, OTO or OTOCO
    ///
    /// All of them are accepted or none. The exit status is 0 only where they were.
    #[command(after_help = "\
Examples:
  tradespine list BTC-USDT oco 'sell 1 65000' 'sell 1 57000 --stop-loss 58000' --client alice
  tradespine list BTC-USDT oto 'buy 0.01 60000' 'sell 0.01 65000' --client alice")]
    List(list::ListArguments),

    /// Lower the quantity of an open order, which keeps its place in the queue
    #[command(after_help = "Example:  tradespine amend 1042 0.005 --client alice")]
    Amend(amend::AmendArguments),

    /// Cancel open orders by their ids, or all of a client's
    #[command(after_help = "\
Examples:  tradespine cancel 1042 --client alice
           tradespine cancel 1042 1043 1044 --client alice
           tradespine cancel --client-order-id a-1 --instrument BTC-USDT --client alice
           tradespine cancel --all --instrument BTC-USDT --client alice")]
    Cancel(cancel::CancelArguments),

    /// Put a client into a group, whose orders self-trade prevention takes for one client's
    #[command(after_help = "\
Examples:  tradespine group 4711 --client alice
           tradespine group --none --client alice")]
    Group(group::GroupArguments),

    /// Set when all of a client's open orders end, unless it is said again: a dead man's switch
    #[command(after_help = "\
Examples:  tradespine cancel-after 30 --client alice
           tradespine cancel-after 0 --client alice      (no longer)")]
    CancelAfter(after::CancelAfterArguments),

    /// List a client's orders, newest first
    #[command(after_help = "Example:  tradespine orders --client alice --status open")]
    Orders(orders::OrdersArguments),

    /// Show an instrument's order book
    #[command(after_help = "Example:  tradespine book BTC-USDT --depth 5")]
    Book(book::BookArguments),

    /// List trades, newest first
    #[command(after_help = "Example:  tradespine trades BTC-USDT --limit 20")]
    Trades(trades::TradesArguments),

    /// Show what a client has
    #[command(after_help = "Example:  tradespine balances --client alice")]
    Balances(balances::BalancesArguments),

    /// Show what a client is charged, and what it has traded in thirty days
    #[command(after_help = "Example:  tradespine fees --client alice")]
    Fees(fees::AccountArguments),

    /// Show what a client may do and risk
    #[command(after_help = "Example:  tradespine limits --client alice")]
    Limits(fees::AccountArguments),

    /// Show what trading is stopped, and what markets are open for
    #[command(after_help = "Example:  tradespine controls --token-file olga.token")]
    Controls(fees::ControlsArguments),

    /// Show of each asset what came in beside what is there
    ///
    /// The exit status tells whether the two are equal.
    #[command(after_help = "Example:  tradespine solvency")]
    Solvency(solvency::SolvencyArguments),

    /// Follow trades, or an order book, as they happen
    #[command(after_help = "\
Examples:  tradespine watch
           tradespine watch BTC-USDT --depth")]
    Watch(watch::WatchArguments),
}

/// Where orders are placed.
#[derive(Clone, Debug, Args)]
struct AtGateway {
    /// The gateway's gRPC address
    #[arg(long, value_name = "URL", default_value = GATEWAY)]
    gateway: String,

    #[command(flatten)]
    token: WithToken,
}

impl AtGateway {
    async fn connect(&self) -> anyhow::Result<Borne> {
        self.token.on(connect(&self.gateway).await?)
    }
}

/// Where history is.
#[derive(Clone, Debug, Args)]
struct AtLedger {
    /// The ledger's gRPC address
    #[arg(long, value_name = "URL", default_value = LEDGER)]
    ledger: String,

    #[command(flatten)]
    token: WithToken,
}

impl AtLedger {
    async fn connect(&self) -> anyhow::Result<Borne> {
        self.token.on(connect(&self.ledger).await?)
    }
}

/// For whom the answer is.
#[derive(Clone, Copy, Debug, Args)]
struct Output {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Does what was asked, and prints the answer.
///
/// # Errors
/// Where the platform does not answer or refuses.
pub async fn run(command: ClientCommand) -> anyhow::Result<()> {
    match command {
        ClientCommand::Place(place) => place::run(place).await,
        ClientCommand::Batch(batch) => batch::run(batch).await,
        ClientCommand::List(list) => list::run(list).await,
        ClientCommand::Amend(amend) => amend::run(amend).await,
        ClientCommand::Cancel(cancel) => cancel::run(cancel).await,
        ClientCommand::Group(group) => group::run(group).await,
        ClientCommand::CancelAfter(after) => after::run(after).await,
        ClientCommand::Orders(orders) => orders::run(orders).await,
        ClientCommand::Book(book) => book::run(book).await,
        ClientCommand::Trades(trades) => trades::run(trades).await,
        ClientCommand::Balances(balances) => balances::run(balances).await,
        ClientCommand::Fees(whose) => fees::fees(whose).await,
        ClientCommand::Limits(whose) => fees::limits(whose).await,
        ClientCommand::Controls(controls) => fees::controls(controls).await,
        ClientCommand::Solvency(solvency) => solvency::run(solvency).await,
        ClientCommand::Watch(watch) => watch::run(watch).await,
    }
}

/// A connection to the service at `address`.
async fn connect(address: &str) -> anyhow::Result<Channel> {
    connect_for(address, CALL_WAIT).await
}

/// The same, whose calls may take so long.
async fn connect_for(address: &str, wait: Duration) -> anyhow::Result<Channel> {
    let endpoint = Channel::from_shared(address.to_owned())
        .with_context(|| format!("{address:?} is not an address; give one like {GATEWAY}"))?;
    let has_scheme = endpoint.uri().scheme_str() == Some("http");
    ensure!(has_scheme, "{address:?} does not begin with http://; give an address like {GATEWAY}");
    let endpoint = endpoint
        .connect_timeout(CONNECT_WAIT)
        .timeout(wait)
        .initial_connection_window_size(WINDOW_BYTES);
    endpoint.connect().await.with_context(|| nobody_at(address))
}

fn nobody_at(address: &str) -> String {
    format!("nobody answers at {address}; start the platform with `tradespine up`")
}

impl Output {
    /// Prints the answer in the one form or the other.
    fn print(
        self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> serde_json::Value,
    ) -> anyhow::Result<()> {
        say(&if self.json { json().to_string() } else { text() })
    }
}

/// Prints a line, or several.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    written(writeln!(out, "{text}").and_then(|()| out.flush()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(address: &str) -> String {
        connect(address).await.expect_err("nobody is there").to_string()
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_used_is_told_with_one_that_can() {
        for bad in ["127.0.0.1:50051", "https://127.0.0.1:50051", "not an address"] {
            let text = refusal(bad).await;
            assert!(text.contains(bad) && text.contains(GATEWAY), "{text}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_told_with_what_to_start() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let text = refusal(&address).await;
        assert!(text.contains(&address) && text.contains("tradespine up"), "{text}");
    }
}
