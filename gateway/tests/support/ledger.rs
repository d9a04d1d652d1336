//! A ledger that knows what a test tells it, and remembers what it was asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use proto::{
    ledger::{
        Balance, GetAccountControlsRequest, GetAccountControlsResponse, GetAccountFeesRequest,
        GetAccountFeesResponse, GetBalancesRequest, GetBalancesResponse, GetFeeIncomeRequest,
        GetFeeIncomeResponse, GetOrderRequest, GetOrderResponse, GetProgressRequest,
        GetProgressResponse, GetSolvencyRequest, GetSolvencyResponse, GetTradingControlsRequest,
        GetTradingControlsResponse, ListOrdersRequest, ListOrdersResponse, ListPostingsRequest,
        ListPostingsResponse, ListTierChangesRequest, ListTierChangesResponse, ListTradesRequest,
        ListTradesResponse,
        ledger_service_server::{LedgerService, LedgerServiceServer},
    },
    trading::{Order, Trade},
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// Clones are the same ledger.
#[derive(Clone, Default)]
pub struct FakeLedger {
    pub uri: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    orders: BTreeMap<u64, Order>,
    is_down: bool,
    listed: Vec<ListOrdersRequest>,
}

impl FakeLedger {
    pub async fn start() -> FakeLedger {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let ledger = FakeLedger { uri: format!("http://{address}"), ..FakeLedger::default() };
        let service = LedgerServiceServer::new(ledger.clone());
        let router = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
        ledger
    }

    /// From now on it knows this order.
    pub fn knows(&self, order: Order) {
        self.state.lock().unwrap().orders.insert(order.id, order);
    }

    /// From now on it answers nothing.
    pub fn goes_down(&self) {
        self.state.lock().unwrap().is_down = true;
    }

    /// The last question for a list of orders.
    pub fn last_list(&self) -> Option<ListOrdersRequest> {
        self.state.lock().unwrap().listed.last().cloned()
    }

    fn check(&self) -> Result<(), Status> {
        if self.state.lock().unwrap().is_down { Err(Status::unavailable("down")) } else { Ok(()) }
    }
}

#[tonic::async_trait]
impl LedgerService for FakeLedger {
    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        self.check()?;
        let request = request.into_inner();
        let state = self.state.lock().unwrap();
        let found = state.orders.values().find(|order| {
            order.id == request.order_id
                || request.order_id == 0
                    && order.client_id == request.client_id
                    && order.client_order_id == request.client_order_id
        });
        let order = found.cloned().ok_or_else(|| Status::not_found("no such order"))?;
        Ok(Response::new(GetOrderResponse { order: Some(order) }))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        self.check()?;
        let mut state = self.state.lock().unwrap();
        state.listed.push(request.into_inner());
        let orders = state.orders.values().rev().cloned().collect();
        let next_page_token = "more".to_owned();
        Ok(Response::new(ListOrdersResponse { orders, next_page_token }))
    }

    async fn list_trades(
        &self,
        _request: Request<ListTradesRequest>,
    ) -> Result<Response<ListTradesResponse>, Status> {
        self.check()?;
        let trade = Trade {
            id: "BTC-USDT-17".to_owned(),
            instrument: "BTC-USDT".to_owned(),
            sequence: 17,
            price: "100".to_owned(),
            quantity: "0.5".to_owned(),
            buy_order_id: 2,
            sell_order_id: 1,
            taker_side: 1,
            executed_at: Some(prost_types::Timestamp { seconds: 1, nanos: 5_000 }),
            fee: "0.05".to_owned(),
            fee_asset: "USDT".to_owned(),
            auction: true,
        };
        Ok(Response::new(ListTradesResponse {
            trades: vec![trade],
            next_page_token: String::new(),
        }))
    }

    async fn get_fee_income(
        &self,
        _request: Request<GetFeeIncomeRequest>,
    ) -> Result<Response<GetFeeIncomeResponse>, Status> {
        self.check()?;
        Ok(Response::new(GetFeeIncomeResponse::default()))
    }

    async fn list_postings(
        &self,
        _request: Request<ListPostingsRequest>,
    ) -> Result<Response<ListPostingsResponse>, Status> {
        self.check()?;
        Ok(Response::new(ListPostingsResponse::default()))
    }

    async fn get_solvency(
        &self,
        _request: Request<GetSolvencyRequest>,
    ) -> Result<Response<GetSolvencyResponse>, Status> {
        self.check()?;
        Ok(Response::new(GetSolvencyResponse::default()))
    }

    async fn get_balances(
        &self,
        request: Request<GetBalancesRequest>,
    ) -> Result<Response<GetBalancesResponse>, Status> {
        self.check()?;
        let client_id = request.into_inner().client_id;
        let (available, held) = ("12.5".to_owned(), "0".to_owned());
        let in_flight = String::new();
        let balances = vec![Balance { asset: "USDT".to_owned(), available, held, in_flight }];
        Ok(Response::new(GetBalancesResponse { client_id, balances }))
    }

    async fn get_account_fees(
        &self,
        _request: Request<GetAccountFeesRequest>,
    ) -> Result<Response<GetAccountFeesResponse>, Status> {
        self.check()?;
        Ok(Response::new(GetAccountFeesResponse::default()))
    }

    async fn get_account_controls(
        &self,
        _request: Request<GetAccountControlsRequest>,
    ) -> Result<Response<GetAccountControlsResponse>, Status> {
        self.check()?;
        Ok(Response::new(GetAccountControlsResponse::default()))
    }

    async fn get_trading_controls(
        &self,
        _request: Request<GetTradingControlsRequest>,
    ) -> Result<Response<GetTradingControlsResponse>, Status> {
        self.check()?;
        Ok(Response::new(GetTradingControlsResponse::default()))
    }

    async fn list_tier_changes(
        &self,
        _request: Request<ListTierChangesRequest>,
    ) -> Result<Response<ListTierChangesResponse>, Status> {
        self.check()?;
        Ok(Response::new(ListTierChangesResponse::default()))
    }

    async fn get_progress(
        &self,
        _request: Request<GetProgressRequest>,
    ) -> Result<Response<GetProgressResponse>, Status> {
        Ok(Response::new(GetProgressResponse::default()))
    }
}
