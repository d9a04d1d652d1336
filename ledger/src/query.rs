//! The gRPC queries: history and balances, as of a position of the log that the caller may name.
//!
//! **Reading one's own writes.** An order's id is the place of its record, so a look-up by id waits
//! until that place is projected; lists and balances do so for the positions in `at_least`. A wait
//! is bounded, and ends in `UNAVAILABLE` with a hint to try again. Absence is told only by a ledger
//! that has come as far as the log was when it was asked: what is not projected yet is never
//! `NOT_FOUND`.
//!
//! **Whose it is.** Outside of a sandbox callers bear tokens, gateways those of their callers. What
//! is another account's is answered as what is not there, by the same path.

mod asker;
mod controls;
mod fees;
mod page;
mod present;
mod refusal;
mod waiting;

use std::sync::{Arc, PoisonError, RwLock};

use access::Access;
use model::{AccountName, InstrumentId, KeyText, OrderId, Partition};
use proto::{
    ledger::{
        GetAccountControlsRequest, GetAccountControlsResponse, GetAccountFeesRequest,
        GetAccountFeesResponse, GetBalancesRequest, GetBalancesResponse, GetFeeIncomeRequest,
        GetFeeIncomeResponse, GetOrderRequest, GetOrderResponse, GetProgressRequest,
        GetProgressResponse, GetSolvencyRequest, GetSolvencyResponse, GetTradingControlsRequest,
        GetTradingControlsResponse, ListOrdersRequest, ListOrdersResponse, ListPostingsRequest,
        ListPostingsResponse, ListTierChangesRequest, ListTierChangesResponse, ListTradesRequest,
        ListTradesResponse, ledger_service_server::LedgerService,
    },
    trading::OrderStatus,
};
use spine::Log;
use tonic::{Request, Response, Status, async_trait};

#[cfg(fuzzing)]
pub use self::page::fuzzed;
use self::{
    asker::Asker,
    page::{PostingCursor, Wanted},
};
use crate::{
    projecting::Reached,
    row::OrderRow,
    solvency::Cut,
    store::{Catalog, OrderCursor, OrdersQuery, PostingsQuery, Store, TradeCursor, TradesQuery},
};

/// How many orders a page has where the caller names no size.
const ORDERS_DEFAULT: u32 = 10;

/// How many trades a page has where the caller names no size.
const TRADES_DEFAULT: u32 = 50;

/// How many postings a page has where the caller names no size.
const POSTINGS_DEFAULT: u32 = 50;

/// Answers queries from a store.
pub struct Queries {
    access: Access,
    log: Arc<dyn Log>,
    store: Arc<dyn Store>,
    reached: Reached,
    is_sandbox: bool,
    /// What was listed when it was last looked at; listed things never go.
    catalog: RwLock<Arc<Catalog>>,
}

impl Queries {
    /// Answers from `store`, which is projected from `log` as far as `reached` says.
    pub fn new(
        log: Arc<dyn Log>,
        store: Arc<dyn Store>,
        reached: Reached,
        is_sandbox: bool,
    ) -> Queries {
        let access = Access::Trusts;
        Queries { access, log, store, reached, is_sandbox, catalog: RwLock::default() }
    }

    /// The same, which believe whom `access` believes.
    #[must_use]
    pub fn behind(self, access: Access) -> Queries {
        Queries { access, ..self }
    }

    fn asker<T>(&self, request: &Request<T>) -> Asker {
        Asker::of(&self.access, request)
    }

    async fn order_by_id(&self, number: u64) -> Result<OrderRow, Status> {
        let id = OrderId::from_number(number)
            .ok_or_else(|| refusal::field("order_id", "is not an order's id"))?;
        let (partition, offset) = (id.partition(), id.offset());
        if !self.reached.has_passed(partition, offset) {
            let is_taken = self.reached.has(partition) && offset < self.end_of(partition).await?;
            if !is_taken {
                return Err(refusal::no_order());
            }
            self.wait_for_all(vec![(partition, offset)]).await?;
        }
        let found = self.store.order(id).await.map_err(refusal::store)?;
        found.ok_or_else(refusal::no_order)
    }

    async fn order_by_client_id(&self, request: &GetOrderRequest) -> Result<OrderRow, Status> {
        let account = account(&request.client_id)?;
        let key = KeyText::new(&request.client_order_id)
            .map_err(|error| refusal::field("client_order_id", &error.to_string()))?;
        let find = || self.store.order_by_client_id(&account, &key);
        if let Some(row) = find().await.map_err(refusal::store)? {
            return Ok(row);
        }
        self.wait_for_everything().await?;
        find().await.map_err(refusal::store)?.ok_or_else(refusal::no_order)
    }

    fn known_catalog(&self) -> Arc<Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn fresh_catalog(&self) -> Result<Arc<Catalog>, Status> {
        let fresh = Arc::new(self.store.catalog().await.map_err(refusal::store)?);
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        Ok(fresh)
    }

    /// A catalog in which all of `instruments` are listed, as far as they are listed at all.
    async fn catalog_for(
        &self,
        mut instruments: impl Iterator<Item = InstrumentId>,
    ) -> Result<Arc<Catalog>, Status> {
        let known = self.known_catalog();
        if instruments.all(|id| known.instruments.contains_key(&id)) {
            return Ok(known);
        }
        self.fresh_catalog().await
    }

    /// The instrument with this symbol; `None` where the text is empty.
    async fn instrument(&self, symbol: &str) -> Result<Option<InstrumentId>, Status> {
        if symbol.is_empty() {
            return Ok(None);
        }
        if let Some(instrument) = self.known_catalog().by_symbol(symbol) {
            return Ok(Some(instrument.id));
        }
        let fresh = self.fresh_catalog().await?;
        let found = fresh.by_symbol(symbol).map(|instrument| instrument.id);
        found.map(Some).ok_or_else(|| refusal::field("instrument", "is not a listed instrument"))
    }
}

fn account(name: &str) -> Result<AccountName, Status> {
    AccountName::new(name).map_err(|error| refusal::field("client_id", &error.to_string()))
}

/// The account; `None` where the text is empty.
fn some_account(name: &str) -> Result<Option<AccountName>, Status> {
    if name.is_empty() { Ok(None) } else { account(name).map(Some) }
}

fn some_status(number: i32) -> Result<Option<OrderStatus>, Status> {
    match OrderStatus::try_from(number) {
        Ok(OrderStatus::Unspecified) => Ok(None),
        Ok(status) => Ok(Some(status)),
        Err(_) => Err(refusal::field("status", "is not the status of an order")),
    }
}

#[async_trait]
impl LedgerService for Queries {
    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let asker = self.asker(&request);
        let mut request = request.into_inner();
        if request.order_id == 0 {
            request.client_id = asker.account(request.client_id, refusal::no_order)?;
        } else {
            asker.check_known()?;
        }
        let row = match request.order_id {
            0 => self.order_by_client_id(&request).await?,
            number => self.order_by_id(number).await?,
        };
        if !asker.may_see(&row.account) {
            return Err(refusal::no_order());
        }
        let catalog = self.catalog_for(std::iter::once(row.instrument)).await?;
        Ok(Response::new(GetOrderResponse { order: Some(present::order(&row, &catalog)) }))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let asker = self.asker(&request);
        let mut request = request.into_inner();
        request.client_id = asker.account(request.client_id, refusal::no_account)?;
        let wanted = Wanted::<OrderCursor>::read(
            request.page_size,
            ORDERS_DEFAULT,
            &request.page_token,
            request.skip,
        )?;
        let account = some_account(&request.client_id)?;
        let status = some_status(request.status)?;
        self.wait_for(&request.at_least).await?;
        let instrument = self.instrument(&request.instrument).await?;
        let query = OrdersQuery { account, instrument, status, page: wanted.page() };
        let rows = self.store.orders(&query).await.map_err(refusal::store)?;
        let (rows, next_page_token) = wanted.cut(rows, OrderCursor::of);
        let catalog = self.catalog_for(rows.iter().map(|row| row.instrument)).await?;
        let orders = rows.iter().map(|row| present::order(row, &catalog)).collect();
        Ok(Response::new(ListOrdersResponse { orders, next_page_token }))
    }

    async fn list_trades(
        &self,
        request: Request<ListTradesRequest>,
    ) -> Result<Response<ListTradesResponse>, Status> {
        let asker = self.asker(&request);
        let mut request = request.into_inner();
        // Trades are public; whose they are is not.
        if !request.client_id.is_empty() {
            request.client_id = asker.account(request.client_id, refusal::no_account)?;
        }
        let wanted = Wanted::<TradeCursor>::read(
            request.page_size,
            TRADES_DEFAULT,
            &request.page_token,
            request.skip,
        )?;
        let account = some_account(&request.client_id)?;
        self.wait_for(&request.at_least).await?;
        let instrument = self.instrument(&request.instrument).await?;
        let query = TradesQuery { account, instrument, page: wanted.page() };
        let rows = self.store.trades(&query).await.map_err(refusal::store)?;
        let (rows, next_page_token) = wanted.cut(rows, TradeCursor::of);
        let catalog = self.catalog_for(rows.iter().map(|row| row.instrument)).await?;
        let asker = query.account.as_ref();
        let trades = rows.iter().map(|row| present::trade(row, asker, &catalog)).collect();
        Ok(Response::new(ListTradesResponse { trades, next_page_token }))
    }

    async fn list_postings(
        &self,
        request: Request<ListPostingsRequest>,
    ) -> Result<Response<ListPostingsResponse>, Status> {
        let asker = self.asker(&request);
        let mut request = request.into_inner();
        request.client_id = asker.account(request.client_id, refusal::no_account)?;
        let partition = u16::try_from(request.partition).ok().and_then(Partition::new);
        let partition = partition.filter(|partition| self.reached.has(*partition));
        let partition = partition
            .ok_or_else(|| refusal::field("partition", "is not a partition of this log"))?;
        let wanted = Wanted::<PostingCursor>::read(
            request.page_size,
            POSTINGS_DEFAULT,
            &request.page_token,
            0,
        )?;
        let account = some_account(&request.client_id)?;
        self.wait_for(&request.at_least).await?;
        let out_seq = self.reached.of(partition).map_or(0, |progress| progress.out_seq);
        let after = wanted.after(|cursor| cursor.in_partition(partition))?;
        let limit = wanted.size();
        let query = PostingsQuery { partition, account, after, limit, out_seq };
        let found = self.store.postings(&query).await.map_err(refusal::store)?;
        let catalog = self.fresh_catalog().await?;
        let (postings, next) = present::postings(found, &catalog, |account| match account {
            Some(account) => asker.may_see(account),
            None => asker.check_is_of_the_house().is_ok(),
        });
        let next_page_token = next.map(|key| page::write_token(&PostingCursor(key)));
        let next_page_token = next_page_token.unwrap_or_default();
        Ok(Response::new(ListPostingsResponse { postings, next_page_token }))
    }

    async fn get_balances(
        &self,
        request: Request<GetBalancesRequest>,
    ) -> Result<Response<GetBalancesResponse>, Status> {
        let asker = self.asker(&request);
        let mut request = request.into_inner();
        request.client_id = asker.account(request.client_id, refusal::no_account)?;
        let account = account(&request.client_id)?;
        self.wait_for(&request.at_least).await?;
        let mut rows = self.store.balances(&account).await.map_err(refusal::store)?;
        if rows.is_empty() && !self.is_sandbox {
            self.wait_for_everything().await?;
            rows = self.store.balances(&account).await.map_err(refusal::store)?;
            if rows.is_empty() {
                return Err(refusal::no_account());
            }
        }
        let catalog = self.fresh_catalog().await?;
        let partition_count = u16::try_from(self.reached.partitions().count()).unwrap_or(u16::MAX);
        let is_sandbox = self.is_sandbox;
        let owner = present::Owner { account: &account, partition_count, is_sandbox };
        let balances = present::balances(&rows, &catalog, &owner)
            .ok_or_else(|| Status::data_loss("a balance is beyond what an amount holds"))?;
        Ok(Response::new(GetBalancesResponse { client_id: request.client_id, balances }))
    }

    async fn get_fee_income(
        &self,
        request: Request<GetFeeIncomeRequest>,
    ) -> Result<Response<GetFeeIncomeResponse>, Status> {
        self.asker(&request).check_is_of_the_house()?;
        self.wait_for(&request.into_inner().at_least).await?;
        let rows = self.store.fee_income().await.map_err(refusal::store)?;
        let catalog = self.fresh_catalog().await?;
        let income = present::fee_income(&rows, &catalog)
            .ok_or_else(|| Status::data_loss("an income is beyond what an amount holds"))?;
        Ok(Response::new(GetFeeIncomeResponse { income }))
    }

    async fn get_solvency(
        &self,
        request: Request<GetSolvencyRequest>,
    ) -> Result<Response<GetSolvencyResponse>, Status> {
        self.asker(&request).check_is_of_the_house()?;
        self.wait_for(&request.into_inner().at_least).await?;
        let Cut { as_of, sums } = self.store.cut().await.map_err(refusal::store)?;
        let catalog = self.fresh_catalog().await?;
        let as_of = as_of.into_iter().map(|(partition, at)| present::progress(partition, Some(at)));
        Ok(Response::new(GetSolvencyResponse {
            assets: present::solvency(&sums, &catalog),
            as_of: as_of.collect(),
        }))
    }

    async fn get_account_fees(
        &self,
        request: Request<GetAccountFeesRequest>,
    ) -> Result<Response<GetAccountFeesResponse>, Status> {
        let asker = self.asker(&request);
        let mut request = request.into_inner();
        request.client_id = asker.account(request.client_id, refusal::no_account)?;
        self.fees_of(request).await.map(Response::new)
    }

    async fn get_account_controls(
        &self,
        request: Request<GetAccountControlsRequest>,
    ) -> Result<Response<GetAccountControlsResponse>, Status> {
        let asker = self.asker(&request);
        let mut request = request.into_inner();
        request.client_id = asker.account(request.client_id, refusal::no_account)?;
        self.controls_of(request).await.map(Response::new)
    }

    async fn get_trading_controls(
        &self,
        request: Request<GetTradingControlsRequest>,
    ) -> Result<Response<GetTradingControlsResponse>, Status> {
        self.asker(&request).check_is_of_the_house()?;
        self.trading_controls(request.into_inner()).await.map(Response::new)
    }

    async fn list_tier_changes(
        &self,
        request: Request<ListTierChangesRequest>,
    ) -> Result<Response<ListTierChangesResponse>, Status> {
        self.asker(&request).check_is_of_the_house()?;
        self.tier_changes(request.into_inner()).await.map(Response::new)
    }

    async fn get_progress(
        &self,
        _request: Request<GetProgressRequest>,
    ) -> Result<Response<GetProgressResponse>, Status> {
        let partitions = self.reached.partitions();
        let partitions = partitions.map(|one| present::progress(one, self.reached.of(one)));
        Ok(Response::new(GetProgressResponse { partitions: partitions.collect() }))
    }
}
