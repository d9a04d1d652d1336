//! Accounts: balances, deposits, withdrawals.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use model::AccountName;
use proto::command::Command;

use super::{
    body::{self, AfterBody, MovementBody, TradeGroupBody},
    created,
    params::PathText,
    problem::ProblemView,
    shape::{AccountView, CancelAfterView, TradeGroupView},
};
use crate::{
    entry::{self, AfterFields},
    office::{Moved, Office},
    problem::Problem,
    trace,
};

/// Answers the balances of an account.
#[utoipa::path(
    get, path = "/api/v1/accounts/{client_id}", tag = "accounts",
    params(("client_id" = String, Path, description = "Whose")),
    responses((status = 200, body = AccountView, description = "The balances"))
)]
pub(super) async fn balances(
    State(office): State<Arc<Office>>,
    PathText(client_id): PathText,
) -> Result<Json<AccountView>, Problem> {
    office.asker().account(Some(&client_id))?;
    let client = entry::client(Some(&client_id))?;
    let found = office.balances(client.as_str()).await?;
    Ok(Json(AccountView::of(client_id, found.balances)))
}

/// Credits an account.
#[utoipa::path(
    post, path = "/api/v1/accounts/{client_id}/deposits", tag = "accounts",
    params(("client_id" = String, Path, description = "Whose")),
    request_body = MovementBody<'_>,
    responses(
        (status = 201, body = AccountView, description = "Done; the balances after it"),
        (status = 200, body = AccountView, description = "Had been done before"),
        (status = 202, body = AccountView, description = "The outcome is unknown; send the same again"),
        (status = 400, body = ProblemView<'_>, description = "A field cannot be used"),
        (status = 422, body = ProblemView<'_>, description = "The same id with another deposit"),
    )
)]
pub(super) async fn deposit(
    State(office): State<Arc<Office>>,
    PathText(client_id): PathText,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body).await?;
    office.asker().account(Some(&client_id))?;
    let (client, movement) = {
        let texts = body::object::<MovementBody<'_>>(&bytes)?.deposit()?;
        entry::movement(&texts.fields(&client_id), office.reference.loaded()?.as_ref())?
    };
    moved(&office, Command::Deposit(movement), &client).await
}

/// Debits what is available in an account.
#[utoipa::path(
    post, path = "/api/v1/accounts/{client_id}/withdrawals", tag = "accounts",
    params(("client_id" = String, Path, description = "Whose")),
    request_body = MovementBody<'_>,
    responses(
        (status = 201, body = AccountView, description = "Done; the balances after it"),
        (status = 200, body = AccountView, description = "Had been done before"),
        (status = 202, body = AccountView, description = "The outcome is unknown; send the same again"),
        (status = 409, body = ProblemView<'_>, description = "The account has less available"),
        (status = 422, body = ProblemView<'_>, description = "The same id with another withdrawal"),
    )
)]
pub(super) async fn withdraw(
    State(office): State<Arc<Office>>,
    PathText(client_id): PathText,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body).await?;
    office.asker().account(Some(&client_id))?;
    let (client, movement) = {
        let texts = body::object::<MovementBody<'_>>(&bytes)?.withdrawal()?;
        entry::movement(&texts.fields(&client_id), office.reference.loaded()?.as_ref())?
    };
    moved(&office, Command::Withdraw(movement), &client).await
}

/// Puts an account into a group, or takes it out of its own: self-trade prevention takes the orders
/// of accounts of one group for those of one account. The same again is safe.
#[utoipa::path(
    put, path = "/api/v1/accounts/{client_id}/trade_group", tag = "accounts",
    params(("client_id" = String, Path, description = "Whose")),
    request_body = TradeGroupBody<'_>,
    responses(
        (status = 200, body = TradeGroupView, description = "Every shard has done it"),
        (status = 400, body = ProblemView<'_>, description = "A field cannot be used"),
        (status = 503, body = ProblemView<'_>, description = "A shard did not do it; send the same again"),
    )
)]
pub(super) async fn set_trade_group(
    State(office): State<Arc<Office>>,
    PathText(client_id): PathText,
    request: Request,
) -> Result<Json<TradeGroupView>, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body).await?;
    office.asker().account(Some(&client_id))?;
    let client = entry::client(Some(&client_id))?;
    let group = {
        let text = body::object::<TradeGroupBody<'_>>(&bytes)?.text()?;
        entry::trade_group(text.as_deref())?
    };
    office.set_trade_group(&client, group, trace::current()).await?;
    Ok(Json(TradeGroupView { client_id, trade_group_id: group.unwrap_or(0) }))
}

/// Sets when all open orders of an account end, or those of one instrument, unless it is said
/// again: a dead man's switch.
///
/// Repeated, the instant moves on; with 0 the orders end no longer by themselves. What is set for
/// all instruments and for each of them is apart.
#[utoipa::path(
    post, path = "/api/v1/accounts/{client_id}/cancel_after", tag = "accounts",
    params(("client_id" = String, Path, description = "Whose")),
    request_body = AfterBody<'_>,
    responses(
        (status = 200, body = CancelAfterView, description = "Every partition has done it"),
        (status = 202, body = CancelAfterView, description = "A partition did not answer; say it again"),
        (status = 400, body = ProblemView<'_>, description = "A field cannot be used"),
        (status = 503, body = ProblemView<'_>, description = "No partition has done it; try again"),
    )
)]
pub(super) async fn cancel_after(
    State(office): State<Arc<Office>>,
    PathText(client_id): PathText,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body).await?;
    office.asker().account(Some(&client_id))?;
    let ending = {
        let [instrument, timeout_seconds] = body::object::<AfterBody<'_>>(&bytes)?.texts()?;
        let fields = AfterFields {
            client_id: Some(&client_id),
            instrument: instrument.as_deref(),
            timeout_seconds: timeout_seconds.as_deref(),
        };
        entry::cancel_after(&fields, office.reference.loaded()?.as_ref())?
    };
    let results = office.cancel_after(&ending, trace::current()).await?;
    let is_done = results.iter().all(|result| result.problem.is_empty());
    let status = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(CancelAfterView::of(&ending, results))).into_response())
}

/// Moves money and tells the balances after it.
pub(super) async fn moved(
    office: &Office,
    command: Command,
    client: &AccountName,
) -> Result<Response, Problem> {
    let client_id = client.as_str().to_owned();
    Ok(match office.move_money(client, command, trace::current()).await? {
        Moved::Done { already_applied, balances } => {
            let view = AccountView::of(client_id, balances);
            (created(!already_applied), Json(view)).into_response()
        }
        Moved::Unknown => {
            (StatusCode::ACCEPTED, Json(AccountView::unknown(client_id))).into_response()
        }
    })
}
