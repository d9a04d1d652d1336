//! History and balances, asked of the ledger, and books, asked of the broadcaster. Connections are
//! made when they are first needed and again when they break.

use std::{collections::BTreeMap, time::Duration};

use axum::http::HeaderValue;
use model::OrderId;
use proto::{
    ledger::{
        AtLeast, GetAccountControlsRequest, GetAccountControlsResponse, GetAccountFeesRequest,
        GetAccountFeesResponse, GetBalancesRequest, GetBalancesResponse, GetOrderRequest,
        ListOrdersRequest, ListOrdersResponse, ListTierChangesRequest, ListTierChangesResponse,
        ListTradesRequest, ListTradesResponse, ledger_service_client::LedgerServiceClient,
    },
    marketdata::{
        GetOrderBookRequest, GetOrderBookResponse, ListMarketsRequest,
        market_data_service_client::MarketDataServiceClient,
    },
    trading::{MarketState, Order},
};
use thiserror::Error;
use tonic::{
    Code, Request, Status,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};

use crate::{
    caller::authorization,
    problem::{Kind, Problem},
};

/// How long a connection may take to be made.
const CONNECT_WAIT: Duration = Duration::from_secs(1);

/// How long an answer may take. Longer than the ledger waits to have read what a client wrote.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// How long the ledger may take to add up what everybody has traded in thirty days.
const SUMMING_WAIT: Duration = Duration::from_secs(300);

/// How long the broadcaster may take to say what markets are open for: it has it in memory.
const STATES_WAIT: Duration = Duration::from_secs(1);

/// An address that is not one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{setting} is {uri:?}, which is not an address such as http://127.0.0.1:50052")]
pub struct BadUri {
    /// The setting that it came from.
    pub setting: &'static str,
    /// What it says.
    pub uri: String,
}

/// Clients of the other services.
#[derive(Clone)]
pub(crate) struct Upstream {
    ledger: LedgerServiceClient<Channel>,
    /// The same, for what may take long.
    patient: LedgerServiceClient<Channel>,
    market_data: MarketDataServiceClient<Channel>,
}

impl Upstream {
    pub(crate) fn new(ledger_uri: &str, market_data_uri: &str) -> Result<Upstream, BadUri> {
        let ledger = |wait| channel("gateway.ledger_uri", ledger_uri, wait);
        let market_data = channel("gateway.market_data_uri", market_data_uri, ANSWER_WAIT)?;
        Ok(Upstream {
            ledger: LedgerServiceClient::new(ledger(ANSWER_WAIT)?),
            patient: LedgerServiceClient::new(ledger(SUMMING_WAIT)?),
            market_data: MarketDataServiceClient::new(market_data),
        })
    }

    /// The order with this id, or the one that it is a duplicate of; `None` where the ledger has
    /// not seen it.
    pub(crate) async fn order(&self, id: OrderId) -> Result<Option<Order>, Problem> {
        self.get_order(GetOrderRequest { order_id: id.number(), ..Default::default() }).await
    }

    /// The order of this client under its own id of it.
    pub(crate) async fn order_of(
        &self,
        client_id: &str,
        client_order_id: &str,
    ) -> Result<Option<Order>, Problem> {
        let (client_id, client_order_id) = (client_id.to_owned(), client_order_id.to_owned());
        self.get_order(GetOrderRequest { order_id: 0, client_id, client_order_id }).await
    }

    async fn get_order(&self, request: GetOrderRequest) -> Result<Option<Order>, Problem> {
        match self.ledger.clone().get_order(asking(request)).await {
            Ok(response) => Ok(response.into_inner().order),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(problem("ledger", &status)),
        }
    }

    /// Orders, newest first.
    pub(crate) async fn orders(
        &self,
        request: ListOrdersRequest,
    ) -> Result<ListOrdersResponse, Problem> {
        let mut ledger = self.ledger.clone();
        let mut response = ledger.list_orders(asking(request.clone())).await;
        if is_behind(&response) && !request.at_least.is_empty() {
            let at_least = Vec::new();
            response = ledger.list_orders(asking(ListOrdersRequest { at_least, ..request })).await;
        }
        response.map(tonic::Response::into_inner).map_err(|status| problem("ledger", &status))
    }

    /// Waits until the ledger has read all of `at_least`; whether it has.
    pub(crate) async fn has_read(&self, at_least: Vec<AtLeast>) -> bool {
        let request = ListOrdersRequest { page_size: 1, at_least, ..Default::default() };
        self.ledger.clone().list_orders(asking(request)).await.is_ok()
    }

    /// Trades, newest first.
    pub(crate) async fn trades(
        &self,
        request: ListTradesRequest,
    ) -> Result<ListTradesResponse, Problem> {
        let mut ledger = self.ledger.clone();
        let mut response = ledger.list_trades(asking(request.clone())).await;
        if is_behind(&response) && !request.at_least.is_empty() {
            let at_least = Vec::new();
            response = ledger.list_trades(asking(ListTradesRequest { at_least, ..request })).await;
        }
        response.map(tonic::Response::into_inner).map_err(|status| problem("ledger", &status))
    }

    /// The balances of one account, with all of `at_least` in them, or, where the ledger does not
    /// get there in time, as it knows them.
    pub(crate) async fn balances(
        &self,
        client_id: &str,
        at_least: Vec<AtLeast>,
    ) -> Result<GetBalancesResponse, Problem> {
        let client_id = client_id.to_owned();
        let mut ledger = self.ledger.clone();
        let request = GetBalancesRequest { client_id, at_least };
        let mut response = ledger.get_balances(asking(request.clone())).await;
        if is_behind(&response) && !request.at_least.is_empty() {
            let at_least = Vec::new();
            let request = GetBalancesRequest { at_least, ..request };
            response = ledger.get_balances(asking(request)).await;
        }
        response.map(tonic::Response::into_inner).map_err(|status| problem("ledger", &status))
    }

    /// What an account is charged and has traded.
    pub(crate) async fn account_fees(
        &self,
        client_id: &str,
    ) -> Result<GetAccountFeesResponse, Problem> {
        let client_id = client_id.to_owned();
        let request = GetAccountFeesRequest { client_id, at_least: Vec::new() };
        let response = self.ledger.clone().get_account_fees(asking(request)).await;
        response.map(tonic::Response::into_inner).map_err(|status| problem("ledger", &status))
    }

    /// What an account may do and risk.
    pub(crate) async fn account_controls(
        &self,
        client_id: &str,
    ) -> Result<GetAccountControlsResponse, Problem> {
        let client_id = client_id.to_owned();
        let request = GetAccountControlsRequest { client_id, at_least: Vec::new() };
        let response = self.ledger.clone().get_account_controls(asking(request)).await;
        response.map(tonic::Response::into_inner).map_err(|status| problem("ledger", &status))
    }

    /// Whose volume gives another tier than it has, asked in the name of who bears this.
    pub(crate) async fn tier_changes(
        &self,
        request: ListTierChangesRequest,
        bearer: Option<AsciiMetadataValue>,
    ) -> Result<ListTierChangesResponse, Problem> {
        let mut request = asking(request);
        if let Some(mut bearer) = bearer {
            bearer.set_sensitive(true);
            request.metadata_mut().insert("authorization", bearer);
        }
        let response = self.patient.clone().list_tier_changes(request).await;
        response.map(tonic::Response::into_inner).map_err(|status| match status.code() {
            Code::Unauthenticated => {
                let message = "the ledger knows operators by their own tokens only, and not by \
                               that of the settings; make one with `tradespine admin token create \
                               --for-operator`";
                Problem::new(Kind::Forbidden, "own_token_needed", message)
            }
            _ => problem("ledger", &status),
        })
    }

    /// What each instrument's market is open for, by symbol; nothing where the broadcaster does not
    /// say so in time: what is listed is told all the same.
    pub(crate) async fn market_states(&self) -> BTreeMap<String, MarketState> {
        let mut market_data = self.market_data.clone();
        let asked = market_data.list_markets(asking(ListMarketsRequest {}));
        let Ok(Ok(response)) = tokio::time::timeout(STATES_WAIT, asked).await else {
            return BTreeMap::new();
        };
        let markets = response.into_inner().markets.into_iter();
        markets.map(|market| (market.instrument.clone(), market.state())).collect()
    }

    /// The book of one instrument.
    pub(crate) async fn book(
        &self,
        instrument: &str,
        depth: u32,
    ) -> Result<GetOrderBookResponse, Problem> {
        let request = GetOrderBookRequest { instrument: instrument.to_owned(), depth };
        let response = self.market_data.clone().get_order_book(asking(request)).await;
        response.map(tonic::Response::into_inner).map_err(|status| problem("broadcaster", &status))
    }
}

fn channel(setting: &'static str, uri: &str, wait: Duration) -> Result<Channel, BadUri> {
    let bad = || BadUri { setting, uri: uri.to_owned() };
    let endpoint = Endpoint::from_shared(uri.to_owned()).map_err(|_| bad())?;
    if endpoint.uri().host().is_none() {
        return Err(bad());
    }
    let endpoint = endpoint.connect_timeout(CONNECT_WAIT).timeout(wait).tcp_nodelay(true);
    Ok(endpoint.connect_lazy())
}

fn ascii(authorization: HeaderValue) -> Option<AsciiMetadataValue> {
    let mut value = AsciiMetadataValue::try_from(authorization.as_bytes()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A request in the name of whoever this is done for.
fn asking<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    telemetry::propagation::inject_request(&mut request);
    if let Some(authorization) = authorization().and_then(ascii) {
        request.metadata_mut().insert("authorization", authorization);
    }
    request
}

/// Whether the ledger answered that it has not read far enough.
fn is_behind<T>(response: &Result<T, Status>) -> bool {
    let codes = [Code::Unavailable, Code::DeadlineExceeded, Code::FailedPrecondition];
    response.as_ref().is_err_and(|status| codes.contains(&status.code()))
}

fn problem(service: &'static str, status: &Status) -> Problem {
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange => {
            Problem::new(Kind::Malformed, "bad_request", status.message())
        }
        Code::NotFound => Problem::new(Kind::NotFound, "not_found", status.message()),
        Code::ResourceExhausted => {
            Problem::overloaded(format!("the {service} has too much to do; try again"))
        }
        code => {
            tracing::warn!(service, ?code, message = status.message(), "a service did not answer");
            let code = if service == "ledger" { "ledger_unavailable" } else { "book_unavailable" };
            Problem::unavailable(code, format!("the {service} does not answer; try again"))
        }
    }
}
