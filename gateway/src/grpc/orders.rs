//! Order entry.

use std::sync::Arc;

use model::OrderId;
use proto::{
    command::OrderName,
    orders::{
        AmendOrderRequest, AmendOrderResponse, CancelAfterRequest, CancelAfterResponse,
        CancelAllOrdersRequest, CancelAllOrdersResponse, CancelOrderListRequest,
        CancelOrderListResponse, CancelOrderRequest, CancelOrderResponse, CancelOrdersRequest,
        CancelOrdersResponse, GetOrderListRequest, GetOrderListResponse, PlaceOrderListRequest,
        PlaceOrderListResponse, PlaceOrderRequest, PlaceOrderResponse, PlaceOrdersRequest,
        PlaceOrdersResponse, ReplaceOrderRequest, ReplaceOrderResponse, SetTradeGroupRequest,
        SetTradeGroupResponse, StreamOrdersRequest,
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
    entry::{
        self, AfterFields, Cancel, CancelAll, FilterFields, NameFields, Named, OrderFields, Placed,
        Replacing, Word,
    },
    office::{Changed, Office, generated_key},
    problem::Problem,
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
            let cancel = cancel_one(&request, office)?;
            let changed = office.cancel(&cancel, request.wait_for_result, trace::current()).await?;
            Ok(changed_order(changed, &cancel.named))
        };
        let order = Some(answer(trace, cancel).await?);
        Ok(Response::new(CancelOrderResponse { order }))
    }

    async fn amend_order(
        &self,
        request: Request<AmendOrderRequest>,
    ) -> Result<Response<AmendOrderResponse>, Status> {
        let trace = join(method("AmendOrder"), traceparent(&request));
        let request = request.into_inner();
        let office = &self.office;
        let amend = async {
            let id = entry::order_id_of(request.order_id)?;
            let asker = office.asker();
            let client_id = asker.account(given(&request.client_id))?;
            let quantity = given(&request.quantity);
            let wait = request.wait_for_result;
            let changed = office.amend(client_id, id, quantity, wait, trace::current()).await?;
            let account = entry::client(client_id)?;
            let named = Named { account, order: OrderName::Id(id), partition: id.partition() };
            Ok(changed_order(changed, &named))
        };
        let order = Some(answer(trace, amend).await?);
        Ok(Response::new(AmendOrderResponse { order }))
    }

    async fn replace_order(
        &self,
        request: Request<ReplaceOrderRequest>,
    ) -> Result<Response<ReplaceOrderResponse>, Status> {
        let trace = join(method("ReplaceOrder"), traceparent(&request));
        let request = request.into_inner();
        let office = &self.office;
        let replace = async {
            let wait = request.order.as_ref().is_some_and(|order| order.wait_for_result);
            office.replace(&replacing(&request, office)?, wait, trace::current()).await
        };
        let replaced = answer(trace, replace).await?;
        Ok(Response::new(ReplaceOrderResponse {
            cancel_result: replaced.cancel.into(),
            new_order_result: replaced.place.into(),
            order: Some(replaced.order.into_order()),
        }))
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
            let all = cancel_all(request.get_ref(), office)?;
            Ok(office.cancel_all(&all, true, trace::current()).await)
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
            let asker = self.office.asker();
            let account = entry::client(asker.account(given(&request.client_id))?)?;
            let group = entry::trade_group_of(request.trade_group_id)?;
            self.office.set_trade_group(&account, group, trace::current()).await
        };
        answer(trace, set).await?;
        Ok(Response::new(SetTradeGroupResponse {}))
    }

    async fn cancel_after(
        &self,
        request: Request<CancelAfterRequest>,
    ) -> Result<Response<CancelAfterResponse>, Status> {
        let trace = join(method("CancelAfter"), traceparent(&request));
        let request = request.into_inner();
        let office = &self.office;
        let set = async {
            let seconds = request.timeout_seconds.to_string();
            let asker = office.asker();
            let fields = AfterFields {
                client_id: asker.account(given(&request.client_id))?,
                instrument: given(&request.instrument),
                timeout_seconds: Some(&seconds),
            };
            let ending = entry::cancel_after(&fields, office.reference.loaded()?.as_ref())?;
            office.cancel_after(&ending, trace::current()).await
        };
        let results = answer(trace, set).await?;
        Ok(Response::new(CancelAfterResponse { results }))
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
        let caller = office.asker().caller()?;
        let served = stream::Served { caller, traceparent, place, stop: self.stop.clone() };
        let results = stream::serve(office, requests, served);
        Ok(Response::new(results))
    }
}

/// Checks a request to place an order.
pub(super) fn placed(request: &PlaceOrderRequest, office: &Office) -> Result<Placed, Problem> {
    let asker = office.asker();
    let fields = order_fields(request);
    let fields = OrderFields { client_id: asker.account(fields.client_id)?, ..fields };
    entry::place(&fields, office.reference.loaded()?.as_ref(), generated_key)
}

/// Checks a request to replace an order.
pub(super) fn replacing(
    request: &ReplaceOrderRequest,
    office: &Office,
) -> Result<Replacing, Problem> {
    let order = request.order.as_ref().ok_or_else(|| Problem::missing("order"))?;
    let id = entry::order_id_of(request.replaced_order_id)?;
    let asker = office.asker();
    let (mode, fields) = (Word::replace_mode(request.mode), order_fields(order));
    let fields = OrderFields { client_id: asker.account(fields.client_id)?, ..fields };
    entry::replace(id, mode, &fields, office.reference.loaded()?.as_ref(), generated_key)
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

/// Checks a request to cancel one order.
pub(super) fn cancel_one(request: &CancelOrderRequest, office: &Office) -> Result<Cancel, Problem> {
    let asker = office.asker();
    let fields = NameFields {
        client_id: asker.account(given(&request.client_id))?,
        id: match request.order_id {
            0 => None,
            number => Some(entry::order_id_of(number)?),
        },
        client_order_id: given(&request.client_order_id),
        instrument: given(&request.instrument),
    };
    let only = Word::cancel_only(request.only);
    entry::cancel(&fields, only, office.reference.loaded()?.as_ref())
}

/// The order after a change, as far as that is known.
pub(super) fn changed_order(changed: Changed, named: &Named) -> Order {
    match changed {
        Changed::Done(order) => *order,
        Changed::Taken(_) => named_order(named, OrderStatus::Pending),
        Changed::Unknown => named_order(named, OrderStatus::Unknown),
    }
}

/// An order of which nothing is known but its names.
pub(super) fn named_order(named: &Named, status: OrderStatus) -> Order {
    let id = named.id().map_or(0, OrderId::number);
    let own = match &named.order {
        OrderName::Id(_) => "",
        OrderName::Own { key, .. } | OrderName::Both { key, .. } => key.as_str(),
    };
    Order {
        id,
        client_id: named.account.as_str().to_owned(),
        client_order_id: own.to_owned(),
        status: status.into(),
        receipt: named.id().and_then(|id| result::receipt(id.number())),
        ..Order::default()
    }
}

/// Checks a request to cancel all orders.
pub(super) fn cancel_all(
    request: &CancelAllOrdersRequest,
    office: &Office,
) -> Result<CancelAll, Problem> {
    let asker = office.asker();
    let fields = FilterFields {
        client_id: asker.account(given(&request.client_id))?,
        instrument: given(&request.instrument),
        side: Word::side(request.side),
        price_from: given(&request.price_from),
        price_to: given(&request.price_to),
    };
    let all = entry::cancel_all(&fields, office.reference.loaded()?.as_ref())?;
    office.gate.check(&all.account, &all.command())?;
    Ok(all)
}
