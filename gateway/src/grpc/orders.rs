//! Order entry.

use std::sync::Arc;

use model::AccountName;
use proto::{
    orders::{
        CancelAllOrdersRequest, CancelAllOrdersResponse, CancelOrderListRequest,
        CancelOrderListResponse, CancelOrderRequest, CancelOrderResponse, CancelOrdersRequest,
        CancelOrdersResponse, GetOrderListRequest, GetOrderListResponse, PlaceOrderListRequest,
        PlaceOrderListResponse, PlaceOrderRequest, PlaceOrderResponse, PlaceOrdersRequest,
        PlaceOrdersResponse, SetTradeGroupRequest, SetTradeGroupResponse, StreamOrdersRequest,
        order_entry_service_server::{OrderEntryService, SERVICE_NAME},
    },
    trading::{Order, OrderStatus},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    batch, given, lists,
    stream::{self, Results},
    trace::{Method, answer, join, traceparent},
};
use crate::{
    entry::{self, OrderFields, Placed, Word},
    office::{Cancelled, Office, generated_key},
    problem::Problem,
    reference::Listed,
    result, trace,
};

/// A method of this service, as traces call it.
pub(super) const fn method(name: &'static str) -> Method {
    Method { service: SERVICE_NAME, name }
}

/// The order entry service.
pub(super) struct OrderEntry {
    office: Arc<Office>,
    /// A permit for each stream that may be open.
    streams: Arc<Semaphore>,
    order_streams_max: usize,
    stop: CancellationToken,
}

impl OrderEntry {
    /// With at most so many streams of orders at once.
    pub(super) fn new(
        office: Arc<Office>,
        order_streams_max: usize,
        stop: CancellationToken,
    ) -> OrderEntry {
        let streams = Arc::new(Semaphore::new(order_streams_max));
        OrderEntry { office, streams, order_streams_max, stop }
    }

    fn stream_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            let most = self.order_streams_max;
            let message = format!("{most} streams of orders are open, as many as may be");
            Problem::overloaded(message)
        })
    }
}

#[tonic::async_trait]
impl OrderEntryService for OrderEntry {
    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let trace = join(method("PlaceOrder"), traceparent(&request));
        let request = request.into_inner();
        let office = Arc::clone(&self.office);
        let place = async move {
            let placed = placed(&request, &office)?;
            office.place(&placed, request.wait_for_result, trace::current()).await
        };
        let told = answer(trace, place).await?;
        Ok(Response::new(PlaceOrderResponse { order: Some(told.into_order()) }))
    }

    async fn cancel_order(
        &self,
        request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        let trace = join(method("CancelOrder"), traceparent(&request));
        let request = request.into_inner();
        let office = &self.office;
        let cancel = async {
            let account = entry::client(given(&request.client_id))?;
            let id = entry::order_id_of(request.order_id)?;
            office.cancel(account, id, request.wait_for_result, trace::current()).await
        };
        let cancelled = answer(trace, cancel).await?;
        let order = cancelled_order(&request.client_id, request.order_id, cancelled);
        Ok(Response::new(CancelOrderResponse { order: Some(order) }))
    }

    async fn place_orders(
        &self,
        request: Request<PlaceOrdersRequest>,
    ) -> Result<Response<PlaceOrdersResponse>, Status> {
        let trace = join(method("PlaceOrders"), traceparent(&request));
        let placed = batch::place(&self.office, request.get_ref());
        Ok(Response::new(answer(trace, placed).await?))
    }

    async fn place_order_list(
        &self,
        request: Request<PlaceOrderListRequest>,
    ) -> Result<Response<PlaceOrderListResponse>, Status> {
        let trace = join(method("PlaceOrderList"), traceparent(&request));
        let placed = lists::place(&self.office, request.get_ref());
        Ok(Response::new(answer(trace, placed).await?))
    }

    async fn get_order_list(
        &self,
        request: Request<GetOrderListRequest>,
    ) -> Result<Response<GetOrderListResponse>, Status> {
        let trace = join(method("GetOrderList"), traceparent(&request));
        let found = lists::get(&self.office, request.get_ref());
        Ok(Response::new(answer(trace, found).await?))
    }

    async fn cancel_order_list(
        &self,
        request: Request<CancelOrderListRequest>,
    ) -> Result<Response<CancelOrderListResponse>, Status> {
        let trace = join(method("CancelOrderList"), traceparent(&request));
        let cancelled = lists::cancel(&self.office, request.get_ref());
        Ok(Response::new(answer(trace, cancelled).await?))
    }

    async fn cancel_orders(
        &self,
        request: Request<CancelOrdersRequest>,
    ) -> Result<Response<CancelOrdersResponse>, Status> {
        let trace = join(method("CancelOrders"), traceparent(&request));
        let cancelled = batch::cancel(&self.office, request.get_ref());
        Ok(Response::new(answer(trace, cancelled).await?))
    }

    async fn cancel_all_orders(
        &self,
        request: Request<CancelAllOrdersRequest>,
    ) -> Result<Response<CancelAllOrdersResponse>, Status> {
        let trace = join(method("CancelAllOrders"), traceparent(&request));
        let office = &self.office;
        let cancel = async {
            let (account, listed) = cancel_all(request.get_ref(), office)?;
            Ok(office.cancel_all(&account, listed.as_deref(), true, trace::current()).await)
        };
        let results = answer(trace, cancel).await?.results;
        Ok(Response::new(CancelAllOrdersResponse { results }))
    }

    async fn set_trade_group(
        &self,
        request: Request<SetTradeGroupRequest>,
    ) -> Result<Response<SetTradeGroupResponse>, Status> {
        let trace = join(method("SetTradeGroup"), traceparent(&request));
        let request = request.into_inner();
        let set = async {
            let account = entry::client(given(&request.client_id))?;
            let group = entry::trade_group_of(request.trade_group_id)?;
            self.office.set_trade_group(&account, group, trace::current()).await
        };
        answer(trace, set).await?;
        Ok(Response::new(SetTradeGroupResponse {}))
    }

    type StreamOrdersStream = Results;

    async fn stream_orders(
        &self,
        request: Request<Streaming<StreamOrdersRequest>>,
    ) -> Result<Response<Results>, Status> {
        let place = self.stream_place()?;
        let traceparent = traceparent(&request).map(str::to_owned);
        let requests = request.into_inner();
        let office = Arc::clone(&self.office);
        let results = stream::serve(office, requests, traceparent, place, self.stop.clone());
        Ok(Response::new(results))
    }
}

/// An order as far as what became of its cancel tells.
pub(super) fn cancelled_order(client_id: &str, order_id: u64, cancelled: Cancelled) -> Order {
    let status = |status: OrderStatus| Order {
        id: order_id,
        client_id: client_id.to_owned(),
        status: status.into(),
        receipt: result::receipt(order_id),
        ..Order::default()
    };
    match cancelled {
        Cancelled::Done(order) => *order,
        Cancelled::Taken(_) => status(OrderStatus::Pending),
        Cancelled::Unknown => status(OrderStatus::Unknown),
    }
}

/// Checks a request to place an order.
pub(super) fn placed(request: &PlaceOrderRequest, office: &Office) -> Result<Placed, Problem> {
    let fields = order_fields(request);
    entry::place(&fields, office.reference.loaded()?.as_ref(), generated_key)
}

/// The fields of an order as they came.
pub(super) fn order_fields(request: &PlaceOrderRequest) -> OrderFields<'_> {
    OrderFields {
        client_id: given(&request.client_id),
        client_order_id: given(&request.client_order_id),
        idempotency_key: given(&request.idempotency_key),
        instrument: given(&request.instrument),
        side: Word::side(request.side),
        order_type: Word::order_type(request.r#type),
        time_in_force: Word::time_in_force(request.time_in_force),
        price: given(&request.price),
        quantity: given(&request.quantity),
        quote_quantity: given(&request.quote_quantity),
        stop_price: given(&request.stop_price),
        display_quantity: given(&request.display_quantity),
        trailing_delta_bps: Word::basis_points(request.trailing_delta_bps),
        post_only: request.post_only,
        self_trade_prevention: Word::self_trade_prevention(request.self_trade_prevention),
        expires_at: Word::instant(request.expires_at.as_ref()),
    }
}

/// Checks a request to cancel all orders.
pub(super) fn cancel_all(
    request: &CancelAllOrdersRequest,
    office: &Office,
) -> Result<(AccountName, Option<Arc<Listed>>), Problem> {
    let account = entry::client(given(&request.client_id))?;
    let listed = match given(&request.instrument) {
        None => None,
        symbol => Some(entry::instrument(symbol, office.reference.loaded()?.as_ref())?.clone()),
    };
    Ok((account, listed))
}
