//! Many orders in one call, each with a result of its own.

use model::OrderId;
use proto::orders::{
    CancelOrdersRequest, CancelOrdersResponse, CancelOrdersResult, PlaceOrdersRequest,
    PlaceOrdersResponse, PlaceOrdersResult, cancel_orders_result, place_orders_result,
};

use super::{
    given,
    orders::{cancelled_order, placed},
};
use crate::{
    entry,
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
    let account = entry::client(given(client_id))?;
    let ids: Vec<Result<OrderId, Problem>> =
        order_ids.iter().map(|id| entry::order_id_of(*id)).collect();
    let done = office.cancel_each(&account, ids, *wait_for_result, trace::current()).await;
    let results = order_ids.iter().zip(done).map(|(id, done)| {
        let became = match done {
            Ok(cancelled) => Became::Order(cancelled_order(client_id, *id, cancelled)),
            Err(problem) => Became::Error(problem.into()),
        };
        CancelOrdersResult { result: Some(became) }
    });
    Ok(CancelOrdersResponse { results: results.collect() })
}
