//! Many orders in one call, each with a result of its own.

use proto::orders::{
    CancelOrdersRequest, CancelOrdersResponse, CancelOrdersResult, PlaceOrdersRequest,
    PlaceOrdersResponse, PlaceOrdersResult, cancel_orders_result, place_orders_result,
};

use super::{
    given,
    orders::{changed_order, placed},
};
use crate::{
    entry::{self, Cancel},
    office::{Office, check_count},
    problem::Problem,
    trace,
};

pub(super) async fn place(
    office: &Office,
    request: &PlaceOrdersRequest,
) -> Result<PlaceOrdersResponse, Problem> {
    use place_orders_result::Result as Became;
    check_count("orders", request.orders.len())?;
    office.reference.loaded()?;
    let orders = request.orders.iter().map(|order| placed(order, office)).collect();
    let told = office.place_each(orders, request.wait_for_result, trace::current()).await;
    let results = told.into_iter().map(|told| {
        let became = match told {
            Ok(told) => Became::Order(told.into_order()),
            Err(problem) => Became::Error(problem.into()),
        };
        PlaceOrdersResult { result: Some(became) }
    });
    Ok(PlaceOrdersResponse { results: results.collect() })
}

pub(super) async fn cancel(
    office: &Office,
    request: &CancelOrdersRequest,
) -> Result<CancelOrdersResponse, Problem> {
    use cancel_orders_result::Result as Became;
    let CancelOrdersRequest { client_id, order_ids, wait_for_result } = request;
    check_count("order_ids", order_ids.len())?;
    let asker = office.asker();
    let account = entry::client(asker.account(given(client_id))?)?;
    let cancels = order_ids.iter().map(|id| {
        let id = entry::order_id_of(*id)?;
        Ok(Cancel::of(account.clone(), id))
    });
    let done = office.cancel_each(cancels.collect(), *wait_for_result, trace::current()).await;
    let results = done.into_iter().map(|done| {
        let became = match done {
            Ok((cancel, changed)) => Became::Order(changed_order(changed, &cancel.named)),
            Err(problem) => Became::Error(problem.into()),
        };
        CancelOrdersResult { result: Some(became) }
    });
    Ok(CancelOrdersResponse { results: results.collect() })
}
