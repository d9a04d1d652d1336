//! What everybody may see: trades, books, instruments, the time.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use proto::ledger::ListTradesRequest;

use super::{
    NEXT_CURSOR,
    params::Params,
    problem::ProblemView,
    shape::{BookView, InstrumentView, TimeView},
    trade::TradeView,
};
use crate::{entry, office::Office, problem::Problem};

/// How many trades a page has where nothing is said.
const TRADES_DEFAULT: u32 = 50;

/// How many levels a book has where nothing is said, and at most.
const DEPTH_DEFAULT: u32 = 20;
const DEPTH_MAX: u32 = 5_000;

/// Lists trades, newest first.
#[utoipa::path(
    get, path = "/api/v1/trades", tag = "market",
    params(
        ("instrument" = Option<String>, Query, description = "Only of this instrument"),
        ("client_id" = Option<String>, Query, description = "Only of this client"),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 where nothing is said"),
        ("page" = Option<u32>, Query, description = "From 1, as far as 100000 rows"),
        ("cursor" = Option<String>, Query, description = "From the header x-next-cursor of the page before"),
    ),
    responses(
        (status = 200, body = Vec<TradeView>, description = "Trades"),
        (status = 400, body = ProblemView<'_>, description = "A parameter cannot be used"),
    )
)]
pub(super) async fn trades(
    State(office): State<Arc<Office>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(&uri)?;
    if params.get("instrument").is_some() {
        entry::instrument(params.get("instrument"), office.reference.loaded()?.as_ref())?;
    }
    if let Some(client_id) = params.get("client_id") {
        office.asker().account(Some(client_id))?;
        entry::client(Some(client_id))?;
    }
    let page = params.page(TRADES_DEFAULT)?;
    let request = ListTradesRequest {
        instrument: params.owned("instrument"),
        client_id: params.owned("client_id"),
        page_size: page.size,
        page_token: page.cursor,
        skip: page.skip,
        at_least: Vec::new(),
    };
    let found = office.trades(request).await?;
    let trades: Vec<_> = found.trades.into_iter().map(TradeView::of).collect();
    Ok(([(NEXT_CURSOR, found.next_page_token)], Json(trades)).into_response())
}

/// Answers the book of one instrument.
#[utoipa::path(
    get, path = "/api/v1/orderbook", tag = "market",
    params(
        ("instrument" = String, Query, description = "Of which instrument", example = "BTC-USDT"),
        ("depth" = Option<u32>, Query, description = "Levels a side, 1 to 5000, 20 where nothing is said"),
    ),
    responses(
        (status = 200, body = BookView, description = "The book"),
        (status = 400, body = ProblemView<'_>, description = "A parameter cannot be used"),
    )
)]
pub(super) async fn book(
    State(office): State<Arc<Office>>,
    uri: Uri,
) -> Result<Json<BookView>, Problem> {
    let params = Params::of(&uri)?;
    let symbol = {
        let catalogue = office.reference.loaded()?;
        entry::instrument(params.get("instrument"), &catalogue)?.symbol().to_owned()
    };
    let depth = params.number("depth", DEPTH_DEFAULT, DEPTH_MAX)?;
    Ok(Json(BookView::of(office.upstream.book(&symbol, depth).await?)))
}

/// Lists the instruments, by symbol.
#[utoipa::path(
    get, path = "/api/v1/instruments", tag = "market",
    responses(
        (status = 200, body = Vec<InstrumentView>, description = "All instruments"),
        (status = 503, body = ProblemView<'_>, description = "They were not read yet; try again"),
    )
)]
pub(super) async fn instruments(
    State(office): State<Arc<Office>>,
) -> Result<Json<Vec<InstrumentView>>, Problem> {
    let summaries = office.instruments().await?;
    Ok(Json(summaries.into_iter().map(InstrumentView::of).collect()))
}

/// Answers the time.
#[utoipa::path(
    get, path = "/api/v1/time", tag = "market",
    responses((status = 200, body = TimeView, description = "What this gateway's clock shows"))
)]
pub(super) async fn time(State(office): State<Arc<Office>>) -> Json<TimeView> {
    let now = office.desk.now();
    Json(TimeView { time: proto::text::rfc3339(now), unix_millis: now.unix_millis() })
}
