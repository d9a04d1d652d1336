//! Lists of orders: place, look up, cancel.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use model::OrderId;
use proto::{
    text,
    trading::{OrderList, OrderStatus},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    body,
    body::{OrderBody, OrderTexts},
    orders::idempotency_key,
    params::{Params, PathText},
    problem::ProblemView,
    shape::{OrderView, ReceiptView, contingency_word, instant, some},
};
use crate::{
    entry::{self, ListFields, OrderFields, Word},
    office::{CancelledList, Office, ToldList, generated_key},
    problem::Problem,
    trace,
};

/// A list of orders as it is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PlaceOrderList)]
pub(super) struct ListBody<'a> {
    /// Whose orders they are.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "alice")]
    client_id: Option<&'a RawValue>,
    /// The client's own id of the list, which its orders show too. It makes a retry safe.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "alice-list-1")]
    client_order_id: Option<&'a RawValue>,
    /// The symbol of a listed instrument.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "BTC-USDT")]
    instrument: Option<&'a RawValue>,
    /// oco (with above and below: one cancels the other), oto (with working and pending: pending is
    /// placed once working was filled whole), or otoco (with working, above and below).
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "oco")]
    contingency: Option<&'a RawValue>,
    /// A limit order that is placed at once.
    #[serde(borrow, default)]
    #[schema(value_type = Option<OrderBody<'_>>)]
    working: Option<&'a RawValue>,
    /// The order that waits for it.
    #[serde(borrow, default)]
    #[schema(value_type = Option<OrderBody<'_>>)]
    pending: Option<&'a RawValue>,
    /// The order above the price: to sell, a post-only limit order or a take-profit; to buy, a
    /// stop-loss. It has the side and the quantity of the one below.
    #[serde(borrow, default)]
    #[schema(value_type = Option<OrderBody<'_>>)]
    above: Option<&'a RawValue>,
    /// The order below the price: the other way round.
    #[serde(borrow, default)]
    #[schema(value_type = Option<OrderBody<'_>>)]
    below: Option<&'a RawValue>,
}

/// A list of orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderList)]
pub(super) struct ListView {
    /// The list's id, exact in JavaScript; null only where the outcome is unknown.
    #[schema(example = 42)]
    id: Option<u64>,
    /// The same again.
    list_id: Option<u64>,
    client_id: String,
    client_order_id: Option<String>,
    instrument: Option<String>,
    /// oco, oto or otoco.
    contingency: Option<&'static str>,
    /// pending, executing, all_done, rejected or unknown.
    #[schema(example = "executing")]
    status: &'static str,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    reject_reason: Option<String>,
    /// Of an oco the order above and the one below; of an oto the working and the pending one; of
    /// an otoco the working one, the one above and the one below.
    orders: Vec<OrderView>,
    created_at: Option<String>,
    receipt: Option<ReceiptView>,
    /// Where the outcome can be looked up, where it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    look_up: Option<String>,
}

/// A list's cancel that the log has and its shard has not answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListCancelTaken)]
pub(super) struct ListCancelTakenView {
    /// The list that is to be cancelled.
    id: u64,
    client_id: String,
    /// pending, or unknown where the log did not confirm the cancel.
    status: &'static str,
    /// Where the cancel's own record stands.
    receipt: Option<ReceiptView>,
    /// Where the list can be looked up.
    look_up: String,
}

impl ListView {
    fn of(list: OrderList, with_fills: bool) -> ListView {
        let id = (list.receipt.is_some() || list.id > 0).then_some(list.id);
        let status = text::order_list_status(list.status());
        let order = if with_fills { OrderView::with_fills } else { OrderView::of };
        ListView {
            id,
            list_id: id,
            client_id: list.client_id,
            client_order_id: some(list.client_order_id),
            instrument: some(list.instrument),
            contingency: contingency_word(list.contingency),
            status,
            reject_reason: some(list.reject_reason),
            orders: list.orders.into_iter().map(order).collect(),
            created_at: instant(list.created_at.as_ref()),
            receipt: list.receipt.map(ReceiptView::from),
            look_up: None,
        }
    }

    fn unknown(list: OrderList) -> ListView {
        let view = ListView::of(list, false);
        let look_up = match view.id {
            Some(id) => format!("/api/v1/order_lists/{id}"),
            None => format!("/api/v1/orders?client_id={}", view.client_id),
        };
        ListView { look_up: Some(look_up), ..view }
    }
}

/// Places a list of orders, all of them or none.
///
/// Answers once the log has acknowledged it, or, with `wait=result`, once it is decided.
#[utoipa::path(
    post, path = "/api/v1/order_lists", tag = "order lists",
    params(
        ("wait" = Option<String>, Query, description = "`result`: wait up to 5 s for the outcome"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe where there is no client_order_id"),
    ),
    request_body = ListBody<'_>,
    responses(
        (status = 201, body = ListView, description = "The list, pending, or with its result"),
        (status = 202, body = ListView, description = "The outcome is unknown; look_up says where to look"),
        (status = 400, body = ProblemView<'_>, description = "A field cannot be used"),
        (status = 422, body = ProblemView<'_>, description = "The same key with another list or order"),
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
        let texts = body::object::<ListBody<'_>>(&bytes)?.texts()?;
        let fields = texts.fields(idempotency_key(&parts.headers)?);
        let asker = office.asker();
        let fields = ListFields { client_id: asker.account(fields.client_id)?, ..fields };
        entry::place_list(&fields, office.reference.loaded()?.as_ref(), generated_key)?
    };
    Ok(match office.place_list(&placed, wait, trace::current()).await? {
        ToldList::Taken(list) => created(ListView::of(list, false)),
        ToldList::Decided(list) => created(ListView::of(list, wait)),
        ToldList::Unknown(list) => {
            (StatusCode::ACCEPTED, Json(ListView::unknown(list))).into_response()
        }
    })
}

fn created(view: ListView) -> Response {
    (StatusCode::CREATED, Json(view)).into_response()
}

/// The text of every field of a list.
pub(super) struct ListTexts<'a> {
    client_id: Option<Cow<'a, str>>,
    client_order_id: Option<Cow<'a, str>>,
    instrument: Option<Cow<'a, str>>,
    contingency: Option<Cow<'a, str>>,
    working: Option<OrderTexts<'a>>,
    pending: Option<OrderTexts<'a>>,
    above: Option<OrderTexts<'a>>,
    below: Option<OrderTexts<'a>>,
}

impl<'a> ListBody<'a> {
    pub(super) fn texts(&self) -> Result<ListTexts<'a>, Problem> {
        Ok(ListTexts {
            working: order_texts("working", self.working)?,
            pending: order_texts("pending", self.pending)?,
            above: order_texts("above", self.above)?,
            below: order_texts("below", self.below)?,
            client_id: body::text("client_id", self.client_id)?,
            client_order_id: body::text("client_order_id", self.client_order_id)?,
            instrument: body::text("instrument", self.instrument)?,
            contingency: body::text("contingency", self.contingency)?,
        })
    }
}

impl ListTexts<'_> {
    pub(super) fn fields<'b>(&'b self, idempotency_key: Option<&'b str>) -> ListFields<'b> {
        ListFields {
            client_id: self.client_id.as_deref(),
            client_order_id: self.client_order_id.as_deref(),
            idempotency_key,
            instrument: self.instrument.as_deref(),
            contingency: Word::text(self.contingency.as_deref()),
            working: order_fields(self.working.as_ref()),
            pending: order_fields(self.pending.as_ref()),
            above: order_fields(self.above.as_ref()),
            below: order_fields(self.below.as_ref()),
        }
    }
}

/// The texts of one order of a list, where it is given.
fn order_texts<'a>(
    name: &'static str,
    raw: Option<&'a RawValue>,
) -> Result<Option<OrderTexts<'a>>, Problem> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    let order = || -> Result<OrderTexts<'a>, Problem> {
        let order: OrderBody<'a> = body::object(raw.get().as_bytes())?;
        order.texts()
    };
    order().map(Some).map_err(|problem| entry::within(name, problem))
}

fn order_fields<'a>(texts: Option<&'a OrderTexts<'_>>) -> Option<OrderFields<'a>> {
    texts.map(|texts| texts.fields(None))
}

/// Answers one list by its id, also one that was acknowledged and is not decided yet.
#[utoipa::path(
    get, path = "/api/v1/order_lists/{id}", tag = "order lists",
    params(("id" = u64, Path, description = "The list's id, or that of one of its orders")),
    responses(
        (status = 200, body = ListView, description = "The list"),
        (status = 404, body = ProblemView<'_>, description = "There is no such list"),
    )
)]
pub(super) async fn one(
    State(office): State<Arc<Office>>,
    PathText(id): PathText,
) -> Result<Json<ListView>, Problem> {
    let list = office.order_list(entry::order_id(&id)?).await?;
    Ok(Json(ListView::of(list, false)))
}

/// Cancels all that is open of a list.
#[utoipa::path(
    delete, path = "/api/v1/order_lists/{id}", tag = "order lists",
    params(
        ("id" = u64, Path, description = "The list's id, or that of one of its orders"),
        ("client_id" = String, Query, description = "Whose list it is"),
        ("wait" = Option<String>, Query, description = "`result`: wait up to 5 s for the outcome"),
    ),
    responses(
        (status = 200, body = ListView, description = "The list as it was left"),
        (status = 202, body = ListCancelTakenView, description = "The log has the cancel"),
        (status = 404, body = ProblemView<'_>, description = "This client has no such open list"),
        (status = 409, body = ProblemView<'_>, description = "Nothing of the list is open any more"),
    )
)]
pub(super) async fn cancel(
    State(office): State<Arc<Office>>,
    PathText(id): PathText,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(&uri)?;
    let wait = params.waits()?;
    let id = entry::order_id(&id)?.record();
    let asker = office.asker();
    let client = entry::client(asker.account(params.get("client_id"))?)?;
    let client_id = client.as_str().to_owned();
    Ok(match office.cancel_list(client, id, wait, trace::current()).await? {
        CancelledList::Done(list) => Json(ListView::of(list, false)).into_response(),
        CancelledList::Taken(place) => taken(id, client_id, Some(place)),
        CancelledList::Unknown => taken(id, client_id, None),
    })
}

/// A cancel that the log has at `place`, or of which nobody knows whether it has it.
fn taken(id: OrderId, client_id: String, place: Option<OrderId>) -> Response {
    let status = if place.is_some() { OrderStatus::Pending } else { OrderStatus::Unknown };
    let view = ListCancelTakenView {
        id: id.number(),
        client_id,
        status: text::order_status(status),
        receipt: place.map(ReceiptView::at),
        look_up: format!("/api/v1/order_lists/{id}"),
    };
    (StatusCode::ACCEPTED, Json(view)).into_response()
}
