//! Every way to ask for something of an account: over REST, and over the gRPC of the gateway and
//! of the ledger.

use futures_util::stream;
use proto::{
    funding::{
        DepositRequest, TransferRequest, WithdrawRequest,
        funding_service_client::FundingServiceClient,
    },
    ledger::{
        GetAccountControlsRequest, GetAccountFeesRequest, GetBalancesRequest, GetOrderRequest,
        ListOrdersRequest, ListTradesRequest, ledger_service_client::LedgerServiceClient,
    },
    orders::{
        AmendOrderRequest, CancelAfterRequest, CancelAllOrdersRequest, CancelOrderListRequest,
        CancelOrderRequest, CancelOrdersRequest, GetOrderListRequest, PlaceOrderRequest,
        PlaceOrdersRequest, ReplaceOrderRequest, SetTradeGroupRequest, StreamOrdersRequest,
        order_entry_service_client::OrderEntryServiceClient, stream_orders_request,
        stream_orders_response,
    },
    trading::{OrderType, Side, TimeInForce},
};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::{Response, Status, transport::Channel};

use crate::stage::{Stage, bearing};

/// Who asks.
pub(crate) struct Bearer {
    pub account: String,
    pub token: String,
}

impl Bearer {
    /// Whoever claims to be this one, with a token that is another by its last digit.
    pub(crate) fn forged(&self) -> Bearer {
        let mut token = self.token.clone();
        let last = token.pop();
        token.push(if last == Some('0') { '1' } else { '0' });
        Bearer { account: self.account.clone(), token }
    }
}

/// Whose thing is asked for, and which.
#[derive(Clone)]
pub(crate) struct Target {
    pub account: String,
    pub order: u64,
    pub key: String,
    pub list: u64,
}

/// What was answered: its status, and its words without numbers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: String,
    pub words: String,
}

/// The connections that all of them use.
pub(crate) struct Clients {
    orders: OrderEntryServiceClient<Channel>,
    funding: FundingServiceClient<Channel>,
    ledger: LedgerServiceClient<Channel>,
}

impl Clients {
    pub(crate) async fn of(stage: &Stage) -> Clients {
        let orders = OrderEntryServiceClient::connect(stage.grpc.clone()).await;
        let funding = FundingServiceClient::connect(stage.grpc.clone()).await;
        let ledger = LedgerServiceClient::connect(stage.ledger.clone()).await;
        Clients {
            orders: orders.expect("the gateway answers"),
            funding: funding.expect("the gateway answers"),
            ledger: ledger.expect("the ledger answers"),
        }
    }
}

/// How many ways there are over REST, and over gRPC after them.
const REST: usize = 24;
pub(crate) const SURFACES: usize = REST + 22;

/// Asks in one of the ways.
pub(crate) async fn ask(
    stage: &Stage,
    clients: &Clients,
    surface: usize,
    who: &Bearer,
    target: &Target,
) -> Answer {
    if surface < REST {
        rest(stage, surface, who, target).await
    } else {
        grpc(clients, surface - REST, who, target).await
    }
}

pub(crate) fn order_of(account: &str) -> Value {
    json!({
        "client_id": account, "instrument": "BTC-USDT", "side": "buy", "type": "limit",
        "price": "100.01", "quantity": "0.5",
    })
}

async fn rest(stage: &Stage, surface: usize, who: &Bearer, target: &Target) -> Answer {
    let Target { account, order, key, list } = target;
    let own = &who.account;
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let (method, path, body) = match surface {
        0 => (get, format!("orders/{order}"), None),
        1 => (delete, format!("orders/{order}?client_id={own}&wait=result"), None),
        2 => (delete, format!("orders/{order}?client_id={account}&wait=result"), None),
        3 => (delete, format!("orders/{order}?wait=result"), None),
        4 => (
            Method::PATCH,
            format!("orders/{order}?wait=result"),
            Some(json!({
                "client_id": own, "quantity": "0.25",
            })),
        ),
        5 => (post, format!("orders/{order}/replace?wait=result"), Some(order_of(own))),
        6 => (get, format!("orders?client_id={account}&client_order_id={key}"), None),
        7 => (get, format!("orders?client_id={account}"), None),
        8 => (delete, format!("orders?client_id={account}&wait=result"), None),
        9 => (delete, format!("orders?client_id={account}&instrument=BTC-USDT"), None),
        10 => (get, format!("accounts/{account}"), None),
        11 => (
            post,
            format!("accounts/{account}/deposits"),
            Some(json!({
                "asset": "USDT", "amount": "1", "deposit_id": "mine",
            })),
        ),
        12 => (
            post,
            format!("accounts/{account}/withdrawals"),
            Some(json!({
                "asset": "USDT", "amount": "1", "withdrawal_id": "mine",
            })),
        ),
        13 => (
            put,
            format!("accounts/{account}/trade_group"),
            Some(json!({
                "trade_group_id": 4711,
            })),
        ),
        14 => (
            post,
            format!("accounts/{account}/cancel_after"),
            Some(json!({
                "timeout_seconds": 1,
            })),
        ),
        15 => (get, format!("trades?client_id={account}"), None),
        16 => (post, "orders?wait=result".to_owned(), Some(order_of(account))),
        17 => (get, format!("order_lists/{list}"), None),
        18 => (delete, format!("order_lists/{list}?client_id={own}&wait=result"), None),
        19 => (
            post,
            "orders/batch?wait=result".to_owned(),
            Some(json!({
                "orders": [order_of(account)],
            })),
        ),
        20 => (delete, format!("orders/batch?client_id={own}&ids={order}&wait=result"), None),
        21 => (
            post,
            format!("accounts/{account}/transfers"),
            Some(json!({
                "asset": "USDT", "amount": "1", "transfer_id": "mine", "to": "somebody",
            })),
        ),
        22 => (get, format!("accounts/{account}/fees"), None),
        23 => (get, format!("accounts/{account}/limits"), None),
        _ => unreachable!("there are no more"),
    };
    let path = format!("/api/v1/{path}");
    let (status, text) = stage.ask(method, &path, Some(&who.token), body.as_ref()).await;
    Answer { status: status.to_string(), words: words(&text) }
}

fn placing(account: &str) -> PlaceOrderRequest {
    PlaceOrderRequest {
        client_id: account.to_owned(),
        instrument: "BTC-USDT".to_owned(),
        side: Side::Buy.into(),
        r#type: OrderType::Limit.into(),
        time_in_force: TimeInForce::Gtc.into(),
        price: "100.01".to_owned(),
        quantity: "0.5".to_owned(),
        wait_for_result: true,
        ..PlaceOrderRequest::default()
    }
}

/// A call in the name of `who`.
macro_rules! call {
    ($who:expr, $client:expr, $method:ident, $message:expr) => {
        told($client.clone().$method(bearing(&$who.token, $message)).await)
    };
}

async fn grpc(clients: &Clients, surface: usize, who: &Bearer, target: &Target) -> Answer {
    let Clients { orders, funding, ledger } = clients;
    let Target { account, order, key, list } = target.clone();
    let own = who.account.clone();
    match surface {
        0 => call!(who, orders, place_order, placing(&account)),
        1 => call!(who, orders, cancel_order, cancelling(own, order)),
        2 => call!(who, orders, cancel_order, cancelling(account, order)),
        3 => call!(who, orders, amend_order, amending(&own, order)),
        4 => call!(
            who,
            orders,
            replace_order,
            ReplaceOrderRequest {
                replaced_order_id: order,
                order: Some(placing(&account)),
                ..Default::default()
            }
        ),
        5 => call!(
            who,
            orders,
            place_orders,
            PlaceOrdersRequest { orders: vec![placing(&account)], wait_for_result: true }
        ),
        6 => call!(
            who,
            orders,
            cancel_orders,
            CancelOrdersRequest { client_id: own, order_ids: vec![order], wait_for_result: true }
        ),
        7 => call!(
            who,
            orders,
            cancel_all_orders,
            CancelAllOrdersRequest { client_id: account, ..Default::default() }
        ),
        8 => call!(who, orders, get_order_list, GetOrderListRequest { list_id: list }),
        9 => call!(
            who,
            orders,
            cancel_order_list,
            CancelOrderListRequest { client_id: own, list_id: list, wait_for_result: true }
        ),
        10 => call!(
            who,
            orders,
            set_trade_group,
            SetTradeGroupRequest { client_id: account, trade_group_id: 4711 }
        ),
        11 => call!(
            who,
            orders,
            cancel_after,
            CancelAfterRequest { client_id: account, timeout_seconds: 1, ..Default::default() }
        ),
        12 => call!(
            who,
            funding,
            deposit,
            DepositRequest {
                client_id: account,
                asset: "USDT".to_owned(),
                amount: "1".to_owned(),
                deposit_id: "mine".to_owned(),
            }
        ),
        13 => call!(
            who,
            funding,
            withdraw,
            WithdrawRequest {
                client_id: account,
                asset: "USDT".to_owned(),
                amount: "1".to_owned(),
                withdrawal_id: "mine".to_owned(),
            }
        ),
        14 => {
            call!(who, ledger, get_order, GetOrderRequest { order_id: order, ..Default::default() })
        }
        15 => call!(
            who,
            ledger,
            get_order,
            GetOrderRequest { order_id: 0, client_id: account, client_order_id: key }
        ),
        16 => call!(
            who,
            ledger,
            list_orders,
            ListOrdersRequest { client_id: account, ..Default::default() }
        ),
        17 => call!(
            who,
            ledger,
            list_trades,
            ListTradesRequest { client_id: account, ..Default::default() }
        ),
        18 => call!(
            who,
            ledger,
            get_balances,
            GetBalancesRequest { client_id: account, ..Default::default() }
        ),
        19 => call!(
            who,
            funding,
            transfer,
            TransferRequest {
                client_id: account,
                to: "somebody".to_owned(),
                asset: "USDT".to_owned(),
                amount: "1".to_owned(),
                transfer_id: "mine".to_owned(),
            }
        ),
        20 => call!(
            who,
            ledger,
            get_account_fees,
            GetAccountFeesRequest { client_id: account, at_least: Vec::new() }
        ),
        21 => call!(
            who,
            ledger,
            get_account_controls,
            GetAccountControlsRequest { client_id: account, at_least: Vec::new() }
        ),
        _ => unreachable!("there are no more"),
    }
}

fn cancelling(client_id: String, order_id: u64) -> CancelOrderRequest {
    CancelOrderRequest { client_id, order_id, wait_for_result: true, ..Default::default() }
}

fn amending(account: &str, order_id: u64) -> AmendOrderRequest {
    AmendOrderRequest {
        client_id: account.to_owned(),
        order_id,
        quantity: "0.25".to_owned(),
        instrument: "BTC-USDT".to_owned(),
        wait_for_result: true,
    }
}

fn told<T: std::fmt::Debug>(response: Result<Response<T>, Status>) -> Answer {
    match response {
        Ok(response) => {
            Answer { status: "Ok".to_owned(), words: words(&format!("{:?}", response.get_ref())) }
        }
        Err(status) => {
            let (message, details) = (status.message(), status.details());
            let words = words(&format!("{message} {details:?}"));
            Answer { status: format!("{:?}", status.code()), words }
        }
    }
}

/// Asks for both things over one stream of orders, and tells the codes of the answers.
pub(crate) async fn over_a_stream(
    clients: &Clients,
    who: &Bearer,
    targets: &[Target],
) -> Vec<String> {
    use stream_orders_request::Request as Asked;
    let asked = targets.iter().flat_map(|target| {
        let all =
            CancelAllOrdersRequest { client_id: target.account.clone(), ..Default::default() };
        [
            Asked::Place(placing(&target.account)),
            Asked::Cancel(cancelling(target.account.clone(), target.order)),
            Asked::Cancel(cancelling(who.account.clone(), target.order)),
            Asked::CancelAll(all),
            Asked::Amend(amending(&target.account, target.order)),
            Asked::Amend(amending(&who.account, target.order)),
            Asked::Replace(ReplaceOrderRequest {
                replaced_order_id: target.order,
                order: Some(placing(&target.account)),
                ..ReplaceOrderRequest::default()
            }),
        ]
    });
    let requests: Vec<_> = asked
        .zip(1..)
        .map(|(request, correlation_id)| StreamOrdersRequest {
            correlation_id,
            request: Some(request),
        })
        .collect();
    let count = requests.len();
    let mut client = clients.orders.clone();
    let opened = client.stream_orders(bearing(&who.token, stream::iter(requests))).await;
    let mut results = opened.expect("it is opened").into_inner();
    let mut codes = vec![String::new(); count];
    while let Some(result) = results.message().await.expect("it goes on") {
        let place = usize::try_from(result.correlation_id).expect("small") - 1;
        codes[place] = match result.result {
            Some(stream_orders_response::Result::Error(error)) => error.code,
            other => format!("{other:?}"),
        };
    }
    codes
}

/// A text without its numbers, which are those of the asker's own records.
fn words(text: &str) -> String {
    let mut words = String::new();
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            true if words.ends_with('#') => {}
            true => words.push('#'),
            false => words.push(letter),
        }
    }
    words
}
