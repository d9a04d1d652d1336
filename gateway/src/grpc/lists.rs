//! Lists of orders.

use proto::{
    orders::{
        CancelOrderListRequest, CancelOrderListResponse, GetOrderListRequest, GetOrderListResponse,
        PlaceOrderListRequest, PlaceOrderListResponse, PlaceOrderRequest,
    },
    trading::{OrderList, OrderListStatus},
};

use super::{given, orders::order_fields};
use crate::{
    entry::{self, ListFields, OrderFields, Word},
    office::{CancelledList, Office, generated_key},
    problem::Problem,
    result, trace,
};

pub(super) async fn place(
    office: &Office,
    request: &PlaceOrderListRequest,
) -> Result<PlaceOrderListResponse, Problem> {
    let asker = office.asker();
    let fields = list_fields(request);
    let fields = ListFields { client_id: asker.account(fields.client_id)?, ..fields };
    let placed = entry::place_list(&fields, office.reference.loaded()?.as_ref(), generated_key)?;
    let told = office.place_list(&placed, request.wait_for_result, trace::current()).await?;
    Ok(PlaceOrderListResponse { list: Some(told.into_list()) })
}

/// The fields of a list as they came.
pub(super) fn list_fields(request: &PlaceOrderListRequest) -> ListFields<'_> {
    ListFields {
        client_id: given(&request.client_id),
        client_order_id: given(&request.client_order_id),
        idempotency_key: given(&request.idempotency_key),
        instrument: given(&request.instrument),
        contingency: Word::contingency(request.contingency),
        working: request.working.as_ref().map(bare),
        pending: request.pending.as_ref().map(bare),
        above: request.above.as_ref().map(bare),
        below: request.below.as_ref().map(bare),
    }
}

/// The fields of an order without what is the list's.
fn bare(order: &PlaceOrderRequest) -> OrderFields<'_> {
    OrderFields {
        client_id: None,
        client_order_id: None,
        idempotency_key: None,
        instrument: None,
        ..order_fields(order)
    }
}

pub(super) async fn get(
    office: &Office,
    request: &GetOrderListRequest,
) -> Result<GetOrderListResponse, Problem> {
    let list = office.order_list(entry::order_id_of(request.list_id)?).await?;
    Ok(GetOrderListResponse { list: Some(list) })
}

pub(super) async fn cancel(
    office: &Office,
    request: &CancelOrderListRequest,
) -> Result<CancelOrderListResponse, Problem> {
    let CancelOrderListRequest { client_id, list_id, wait_for_result } = request;
    let asker = office.asker();
    let account = entry::client(asker.account(given(client_id))?)?;
    let id = entry::order_id_of(*list_id)?.record();
    let status = |status: OrderListStatus| OrderList {
        id: id.number(),
        client_id: account.as_str().to_owned(),
        status: status.into(),
        receipt: result::receipt(id.number()),
        ..OrderList::default()
    };
    let cancelled =
        office.cancel_list(account.clone(), id, *wait_for_result, trace::current()).await?;
    let list = match cancelled {
        CancelledList::Done(list) => list,
        CancelledList::Taken(_) => status(OrderListStatus::Pending),
        CancelledList::Unknown => status(OrderListStatus::Unknown),
    };
    Ok(CancelOrderListResponse { list: Some(list) })
}
