//! Changes of orders that are open.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use proto::{command::OrderName, trading::OrderStatus};

use super::{
    body,
    body::{AmendBody, ModeBody, OrderBody},
    orders::idempotency_key,
    params::{Params, PathText},
    problem::ProblemView,
    shape::{ChangeTakenView, OrderView, ReceiptView, ReplacedView},
};
use crate::{
    entry::{self, Named, OrderFields, Word},
    office::{Changed, Office, Told, generated_key},
    problem::Problem,
    trace,
};

/// Lowers the quantity of one order, which keeps its place in the queue.
///
/// Anything else that is to change about an order takes a new one.
#[utoipa::path(
    patch, path = "/api/v1/orders/{id}", tag = "orders",
    params(
        ("id" = u64, Path, description = "The order's id, or that of a duplicate of it"),
        ("wait" = Option<String>, Query, description = "`result`: wait up to 5 s for the outcome"),
    ),
    request_body = AmendBody<'_>,
    responses(
        (status = 200, body = OrderView, description = "The order as it is now"),
        (status = 202, body = ChangeTakenView, description = "The log has the amend"),
        (status = 400, body = ProblemView<'_>, description = "A field cannot be used"),
        (status = 404, body = ProblemView<'_>, description = "This client has no such open order"),
        (status = 409, body = ProblemView<'_>, description = "The order is not open any more, or the quantity is not lower, or too low"),
    )
)]
pub(super) async fn amend(
    State(office): State<Arc<Office>>,
    PathText(id): PathText,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let wait = Params::of(&parts.uri)?.waits()?;
    let id = entry::order_id(&id)?;
    let bytes = body::read(&parts.headers, body).await?;
    let [client_id, quantity] = body::object::<AmendBody<'_>>(&bytes)?.texts()?;
    let asker = office.asker();
    let client_id = asker.account(client_id.as_deref())?;
    let changed = office.amend(client_id, id, quantity.as_deref(), wait, trace::current()).await?;
    let account = entry::client(client_id)?;
    let named = Named { account, order: OrderName::Id(id), partition: id.partition() };
    Ok(changed_response(changed, &named))
}

/// Cancels one order and places a new one in its instrument, in one step.
///
/// The new order is checked before anything is done, with what the old one holds counted as
/// available: where it is refused, nothing has changed.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/replace", tag = "orders",
    params(
        ("id" = u64, Path, description = "The id of the order that goes, or that of a duplicate of it"),
        ("wait" = Option<String>, Query, description = "`result`: wait up to 5 s for the outcome"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe where there is no client_order_id"),
    ),
    request_body(content = OrderBody<'_>, description = "The order that comes, and beside its fields `mode`: \
        stop_on_failure (the default), it is refused where the old order is not open any more; or \
        allow_failure, it is placed all the same"),
    responses(
        (status = 201, body = ReplacedView, description = "Both halves, pending, or with their results"),
        (status = 202, body = ReplacedView, description = "The outcome is unknown; look_up says where to look"),
        (status = 400, body = ProblemView<'_>, description = "A field cannot be used"),
        (status = 409, body = ReplacedView, description = "The new order was refused, and nothing has changed"),
        (status = 422, body = ProblemView<'_>, description = "The same key with something else"),
    )
)]
pub(super) async fn replace(
    State(office): State<Arc<Office>>,
    PathText(id): PathText,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let wait = Params::of(&parts.uri)?.waits()?;
    let id = entry::order_id(&id)?;
    let bytes = body::read(&parts.headers, body).await?;
    let replacing = {
        let order: OrderBody<'_> = body::object(&bytes)?;
        let mode = body::object::<ModeBody<'_>>(&bytes)?.text()?;
        let texts = order.texts()?;
        let fields = texts.fields(idempotency_key(&parts.headers)?);
        let asker = office.asker();
        let fields = OrderFields { client_id: asker.account(fields.client_id)?, ..fields };
        let mode = Word::text(mode.as_deref());
        let catalogue = office.reference.loaded()?;
        entry::replace(id, mode, &fields, catalogue.as_ref(), generated_key)?
    };
    let replaced = office.replace(&replacing, wait, trace::current()).await?;
    let [cancel_result, new_order_result] =
        [replaced.cancel, replaced.place].map(proto::text::half_result);
    let (status, order) = match replaced.order {
        Told::Decided(order) if order.status() == OrderStatus::Rejected => {
            (StatusCode::CONFLICT, OrderView::with_fills(order))
        }
        Told::Decided(order) => (StatusCode::CREATED, OrderView::with_fills(order)),
        Told::Taken(order) => (StatusCode::CREATED, OrderView::of(order)),
        Told::Unknown(order) => (StatusCode::ACCEPTED, OrderView::unknown(order)),
    };
    let view = ReplacedView { cancel_result, new_order_result, order };
    Ok((status, Json(view)).into_response())
}

/// What a client is answered about a change of one order.
pub(super) fn changed_response(changed: Changed, named: &Named) -> Response {
    match changed {
        Changed::Done(order) => Json(OrderView::of(*order)).into_response(),
        Changed::Taken(place) => {
            let receipt = Some(ReceiptView::at(place));
            accepted(taken_view(named, OrderStatus::Pending, receipt))
        }
        Changed::Unknown => accepted(taken_view(named, OrderStatus::Unknown, None)),
    }
}

fn accepted(view: ChangeTakenView) -> Response {
    (StatusCode::ACCEPTED, Json(view)).into_response()
}

/// A change that the log has, or of which nobody knows whether it has it.
pub(super) fn taken_view(
    named: &Named,
    status: OrderStatus,
    receipt: Option<ReceiptView>,
) -> ChangeTakenView {
    let id = named.id().map(|id| id.number());
    let client_id = named.account.as_str().to_owned();
    let client_order_id = match &named.order {
        OrderName::Id(_) => None,
        OrderName::Own { key, .. } | OrderName::Both { key, .. } => Some(key.as_str().to_owned()),
    };
    let look_up = match (id, &client_order_id) {
        (Some(id), _) => format!("/api/v1/orders/{id}"),
        (None, own) => {
            let own = own.as_deref().unwrap_or_default();
            format!("/api/v1/orders?client_id={client_id}&client_order_id={own}")
        }
    };
    let status = proto::text::order_status(status);
    ChangeTakenView { id, order_id: id, client_id, client_order_id, status, receipt, look_up }
}
