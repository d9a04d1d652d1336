//! Orders: place, look up, cancel.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use model::OrderId;
use proto::ledger::ListOrdersRequest;

use super::{
    IDEMPOTENCY_KEY, NEXT_CURSOR, body,
    body::OrderBody,
    changes::changed_response,
    params::{Params, PathText},
    problem::ProblemView,
    shape::{CancelAllResultView, CancelledAllView, ChangeTakenView, OrderView},
};
use crate::{
    entry::{self, FilterFields, NameFields, OrderFields, Word},
    office::{Office, Told, generated_key},
    problem::Problem,
    trace,
};

/// How many orders a page has where nothing is said.
const LIMIT_DEFAULT: u32 = 10;

/// Places an order.
///
/// Answers once the log has acknowledged it, or, with `wait=result`, once it is decided.
#[utoipa::path(
    post, path = "/api/v1/orders", tag = "orders",
    params(
        ("wait" = Option<String>, Query, description = "`result`: wait up to 5 s for the outcome"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe where there is no client_order_id"),
    ),
    request_body = OrderBody<'_>,
    responses(
        (status = 201, body = OrderView, description = "The order, pending, or with its result"),
        (status = 202, body = OrderView, description = "The outcome is unknown; look_up says where to look"),
        (status = 400, body = ProblemView<'_>, description = "A field cannot be used"),
        (status = 422, body = ProblemView<'_>, description = "The same key with another order"),
        (status = 503, body = ProblemView<'_>, description = "Nothing was written; try again"),
    )
)]
pub(super) async fn place(
    State(office): State<Arc<Office>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let wait = Params::of(&parts.uri)?.waits()?;
    let bytes = body::read(&parts.headers, body).await?;
    let placed = {
        let order: OrderBody<'_> = body::object(&bytes)?;
        let texts = order.texts()?;
        let fields = texts.fields(idempotency_key(&parts.headers)?);
        let asker = office.asker();
        let fields = OrderFields { client_id: asker.account(fields.client_id)?, ..fields };
        entry::place(&fields, office.reference.loaded()?.as_ref(), generated_key)?
    };
    let told = office.place(&placed, wait, trace::current()).await?;
    let (status, order) = told_view(told, wait);
    Ok((status, Json(order)).into_response())
}

/// What a client is told of its order, and with which status.
pub(super) fn told_view(told: Told, wait: bool) -> (StatusCode, OrderView) {
    match told {
        Told::Decided(order) if wait => (StatusCode::CREATED, OrderView::with_fills(order)),
        Told::Taken(order) | Told::Decided(order) => (StatusCode::CREATED, OrderView::of(order)),
        Told::Unknown(order) => (StatusCode::ACCEPTED, OrderView::unknown(order)),
    }
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().map_err(|_| {
        Problem::field("idempotency_key", "bad_key", "has a character that is not ASCII")
    })?;
    Ok(Some(text))
}

/// Lists orders, newest first; or, with `client_order_id`, answers the one order of that id.
#[utoipa::path(
    get, path = "/api/v1/orders", tag = "orders",
    params(
        ("client_id" = Option<String>, Query, description = "Only of this client"),
        ("client_order_id" = Option<String>, Query, description = "The one order of this client under its own id"),
        ("instrument" = Option<String>, Query, description = "Only of this instrument"),
        ("status" = Option<String>, Query, description = "Only in this status"),
        ("limit" = Option<u32>, Query, description = "1 to 500, 10 where nothing is said"),
        ("page" = Option<u32>, Query, description = "From 1, as far as 100000 rows"),
        ("cursor" = Option<String>, Query, description = "From the header x-next-cursor of the page before"),
    ),
    responses(
        (status = 200, body = Vec<OrderView>, description = "Orders"),
        (status = 400, body = ProblemView<'_>, description = "A parameter cannot be used"),
    )
)]
pub(super) async fn list(State(office): State<Arc<Office>>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::of(&uri)?;
    let asker = office.asker();
    let client_id = asker.account(params.get("client_id"))?;
    if let Some(own) = params.get("client_order_id") {
        let client = entry::client(client_id)?;
        let own = entry::key("client_order_id", own)?;
        let order = office.order_of(&client, &own).await?;
        return Ok(Json(OrderView::of(order)).into_response());
    }
    if client_id.is_some() {
        entry::client(client_id)?;
    }
    if params.get("instrument").is_some() {
        entry::instrument(params.get("instrument"), office.reference.loaded()?.as_ref())?;
    }
    let page = params.page(LIMIT_DEFAULT)?;
    let request = ListOrdersRequest {
        client_id: client_id.unwrap_or_default().to_owned(),
        instrument: params.owned("instrument"),
        status: params.status()?.into(),
        page_size: page.size,
        page_token: page.cursor,
        skip: page.skip,
        at_least: Vec::new(),
    };
    let found = office.orders(request).await?;
    let orders: Vec<_> = found.orders.into_iter().map(OrderView::of).collect();
    Ok(([(NEXT_CURSOR, found.next_page_token)], Json(orders)).into_response())
}

/// Answers one order by its id, also one that was acknowledged and is not decided yet.
#[utoipa::path(
    get, path = "/api/v1/orders/{id}", tag = "orders",
    params(("id" = u64, Path, description = "The order's id, or that of a duplicate of it")),
    responses(
        (status = 200, body = OrderView, description = "The order"),
        (status = 404, body = ProblemView<'_>, description = "There is no such order"),
    )
)]
pub(super) async fn one(
    State(office): State<Arc<Office>>,
    PathText(id): PathText,
) -> Result<Json<OrderView>, Problem> {
    let order = office.order(entry::order_id(&id)?).await?;
    Ok(Json(OrderView::of(order)))
}

/// Cancels one order.
#[utoipa::path(
    delete, path = "/api/v1/orders/{id}", tag = "orders",
    params(
        ("id" = u64, Path, description = "The order's id, or that of a duplicate of it"),
        ("client_id" = String, Query, description = "Whose order it is"),
        ("client_order_id" = Option<String>, Query, description = "Also this one's: both must be those of one order"),
        ("only" = Option<String>, Query, description = "new or partially_filled: not cancelled in any other state"),
        ("wait" = Option<String>, Query, description = "`result`: wait up to 5 s for the outcome"),
    ),
    responses(
        (status = 200, body = OrderView, description = "The order as it was left"),
        (status = 202, body = ChangeTakenView, description = "The log has the cancel"),
        (status = 404, body = ProblemView<'_>, description = "This client has no such open order"),
        (status = 409, body = ProblemView<'_>, description = "The order is not open any more, or not in that state"),
    )
)]
pub(super) async fn cancel(
    State(office): State<Arc<Office>>,
    PathText(id): PathText,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(&uri)?;
    cancel_one(&office, Some(entry::order_id(&id)?), &params).await
}

/// Cancels the order that `id` and the parameters name.
async fn cancel_one(
    office: &Office,
    id: Option<OrderId>,
    params: &Params,
) -> Result<Response, Problem> {
    let wait = params.waits()?;
    let asker = office.asker();
    let fields = NameFields {
        client_id: asker.account(params.get("client_id"))?,
        id,
        client_order_id: params.get("client_order_id"),
        instrument: params.get("instrument"),
    };
    let only = Word::text(params.get("only"));
    let cancel = entry::cancel(&fields, only, office.reference.loaded()?.as_ref())?;
    let changed = office.cancel(&cancel, wait, trace::current()).await?;
    Ok(changed_response(changed, &cancel.named))
}

/// Cancels all open orders of a client, or those that fit what is given; or, with
/// `client_order_id`, the one order of that id, which `DELETE /api/v1/orders/{id}` tells the
/// answers of.
#[utoipa::path(
    delete, path = "/api/v1/orders", tag = "orders",
    params(
        ("client_id" = String, Query, description = "Whose orders"),
        ("instrument" = Option<String>, Query, description = "Only of this instrument"),
        ("side" = Option<String>, Query, description = "Only those that buy, or sell"),
        ("price_from" = Option<String>, Query, description = "With instrument: only those whose limit is this or higher"),
        ("price_to" = Option<String>, Query, description = "With instrument: only those whose limit is this or lower"),
        ("client_order_id" = Option<String>, Query, description = "The one order of this instrument under the client's own id"),
        ("only" = Option<String>, Query, description = "With client_order_id: new or partially_filled"),
        ("wait" = Option<String>, Query, description = "`result`: wait up to 5 s for the outcome"),
    ),
    responses(
        (status = 200, body = CancelledAllView, description = "Every partition has done it"),
        (status = 202, body = CancelledAllView, description = "The log has it, or a partition did not answer"),
    )
)]
pub(super) async fn cancel_all(
    State(office): State<Arc<Office>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(&uri)?;
    if params.get("client_order_id").is_some() {
        return cancel_one(&office, None, &params).await;
    }
    if params.get("only").is_some() {
        let advice = "is only for one order; give client_order_id with it, or leave it out";
        return Err(Problem::field("only", "only_for_one", advice));
    }
    let wait = params.waits()?;
    let asker = office.asker();
    let fields = FilterFields {
        client_id: asker.account(params.get("client_id"))?,
        instrument: params.get("instrument"),
        side: Word::text(params.get("side")),
        price_from: params.get("price_from"),
        price_to: params.get("price_to"),
    };
    let all = entry::cancel_all(&fields, office.reference.loaded()?.as_ref())?;
    office.gate.check(&all.account, &all.command())?;
    let done = office.cancel_all(&all, wait, trace::current()).await;
    let is_done = wait && done.is_complete;
    let status = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    let results = done.results.into_iter().map(CancelAllResultView::of).collect();
    let view = CancelledAllView { client_id: all.account.as_str().to_owned(), results };
    Ok((status, Json(view)).into_response())
}
