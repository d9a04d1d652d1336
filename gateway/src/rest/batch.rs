//! Many orders in one request, each with a result of its own.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri},
};
use proto::trading::OrderStatus;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    body,
    body::OrderBody,
    changes::taken_view,
    orders::{idempotency_key, told_view},
    params::Params,
    problem::ProblemView,
    shape::{ChangeTakenView, OrderView, ReceiptView},
};
use crate::{
    entry::{self, Cancel, OrderFields, Placed},
    office::{Changed, Office, Told, check_count, generated_key},
    problem::Problem,
    trace,
};

/// The largest body: a hundred orders, each with every field at its longest, are below 200 KiB.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Orders as they are asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PlaceOrders)]
pub(super) struct BatchBody<'a> {
    /// 1 to 100 orders, each with all its fields.
    #[serde(borrow, default)]
    #[schema(value_type = Vec<OrderBody<'_>>)]
    orders: Option<&'a RawValue>,
}

/// What became of one order of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchPlaced)]
pub(super) struct PlacedView {
    /// The HTTP status that this order alone would have been answered with.
    #[schema(example = 201)]
    status: u16,
    /// The order, where it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderView>,
    /// What is wrong with it, where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<PartProblemView>,
}

/// What became of one cancel of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchCancelled)]
pub(super) struct CancelledView {
    /// The HTTP status that this cancel alone would have been answered with.
    #[schema(example = 202)]
    status: u16,
    /// The order as it was left, where the result was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderView>,
    /// The cancel, where it was not waited for or nobody knows what became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel: Option<ChangeTakenView>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<PartProblemView>,
}

/// What is wrong with one part of a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PartProblem)]
pub(super) struct PartProblemView {
    /// A word that programs can tell problems apart by.
    #[schema(example = "off_grid")]
    code: &'static str,
    /// The field at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "price")]
    field: Option<String>,
    /// What is wrong, what the limit is, and what to do.
    detail: String,
}

impl PartProblemView {
    fn of(problem: Problem) -> (u16, PartProblemView) {
        let Problem { kind, code, field, message } = problem;
        let field = field.map(std::borrow::Cow::into_owned);
        (kind.http_status(), PartProblemView { code, field, detail: message })
    }
}

/// Places up to 100 orders, each as if it had come alone.
///
/// They go into the log in their order, one record each. Some can be taken and others not: the
/// answer has one result for each, in the order of the request.
#[utoipa::path(
    post, path = "/api/v1/orders/batch", tag = "orders",
    params(
        ("wait" = Option<String>, Query, description = "`result`: wait up to 5 s for the outcomes"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry of the batch safe: the order at place n, from 0, has the key KEY:n where it has no client_order_id"),
    ),
    request_body = BatchBody<'_>,
    responses(
        (status = 200, body = Vec<PlacedView>, description = "A result for each order"),
        (status = 400, body = ProblemView<'_>, description = "There are no orders, or too many"),
    )
)]
pub(super) async fn place(
    State(office): State<Arc<Office>>,
    request: Request,
) -> Result<Json<Vec<PlacedView>>, Problem> {
    let (parts, body) = request.into_parts();
    let wait = Params::of(&parts.uri)?.waits()?;
    let bytes = body::read_up_to(BODY_BYTES_MAX, &parts.headers, body).await?;
    let orders = orders(&bytes, &parts.headers, &office)?;
    let told = office.place_each(orders, wait, trace::current()).await;
    Ok(Json(told.into_iter().map(|told| placed_view(told, wait)).collect()))
}

/// The orders of a batch, each as it came.
pub(super) fn listed(bytes: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    const FIELD: &str = "orders";
    let batch: BatchBody<'_> = body::object(bytes)?;
    let listed = batch.orders.ok_or_else(|| Problem::missing(FIELD))?;
    let listed: Vec<&RawValue> = serde_json::from_str(listed.get())
        .map_err(|_| Problem::field(FIELD, "wrong_type", "must be a list of orders"))?;
    check_count(FIELD, listed.len())?;
    Ok(listed)
}

/// The orders of a batch, and what is wrong with those that are none.
fn orders(
    bytes: &[u8],
    headers: &HeaderMap,
    office: &Office,
) -> Result<Vec<Result<Placed, Problem>>, Problem> {
    let listed = listed(bytes)?;
    let key = idempotency_key(headers)?;
    let (asker, catalogue) = (office.asker(), office.reference.loaded()?);
    let order = |(place, order): (usize, &RawValue)| {
        let key = key.map(|key| format!("{key}:{place}"));
        let order: OrderBody<'_> = body::object(order.get().as_bytes())?;
        let texts = order.texts()?;
        let fields = texts.fields(key.as_deref());
        let fields = OrderFields { client_id: asker.account(fields.client_id)?, ..fields };
        entry::place(&fields, catalogue.as_ref(), generated_key)
    };
    Ok(listed.into_iter().enumerate().map(order).collect())
}

fn placed_view(told: Result<Told, Problem>, wait: bool) -> PlacedView {
    match told {
        Ok(told) => {
            let (status, order) = told_view(told, wait);
            PlacedView { status: status.as_u16(), order: Some(order), problem: None }
        }
        Err(problem) => {
            let (status, problem) = PartProblemView::of(problem);
            PlacedView { status, order: None, problem: Some(problem) }
        }
    }
}

/// Cancels up to 100 orders of one client, each as if it had been cancelled alone.
#[utoipa::path(
    delete, path = "/api/v1/orders/batch", tag = "orders",
    params(
        ("client_id" = String, Query, description = "Whose orders"),
        ("ids" = String, Query, description = "1 to 100 ids of orders, with commas between them"),
        ("wait" = Option<String>, Query, description = "`result`: wait up to 5 s for the outcomes"),
    ),
    responses(
        (status = 200, body = Vec<CancelledView>, description = "A result for each id"),
        (status = 400, body = ProblemView<'_>, description = "There are no ids, or too many"),
    )
)]
pub(super) async fn cancel(
    State(office): State<Arc<Office>>,
    uri: Uri,
) -> Result<Json<Vec<CancelledView>>, Problem> {
    let params = Params::of(&uri)?;
    let wait = params.waits()?;
    let asker = office.asker();
    let client = entry::client(asker.account(params.get("client_id"))?)?;
    let ids = params.get("ids").ok_or_else(|| Problem::missing("ids"))?;
    check_count("ids", ids.split(',').count())?;
    let cancels = ids.split(',').map(|id| {
        let id = entry::order_id(id.trim())?;
        Ok(Cancel::of(client.clone(), id))
    });
    let done = office.cancel_each(cancels.collect(), wait, trace::current()).await;
    Ok(Json(done.into_iter().map(cancelled_view).collect()))
}

fn cancelled_view(done: Result<(Cancel, Changed), Problem>) -> CancelledView {
    let whole = |status: StatusCode| CancelledView {
        status: status.as_u16(),
        order: None,
        cancel: None,
        problem: None,
    };
    let taken = |cancel: &Cancel, status, receipt| CancelledView {
        cancel: Some(taken_view(&cancel.named, status, receipt)),
        ..whole(StatusCode::ACCEPTED)
    };
    match done {
        Ok((_, Changed::Done(order))) => {
            CancelledView { order: Some(OrderView::of(*order)), ..whole(StatusCode::OK) }
        }
        Ok((cancel, Changed::Taken(place))) => {
            taken(&cancel, OrderStatus::Pending, Some(ReceiptView::at(place)))
        }
        Ok((cancel, Changed::Unknown)) => taken(&cancel, OrderStatus::Unknown, None),
        Err(problem) => {
            let (status, problem) = PartProblemView::of(problem);
            CancelledView { status, problem: Some(problem), ..whole(StatusCode::OK) }
        }
    }
}
