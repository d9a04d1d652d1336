//! What an account is charged, has traded, and may risk.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{
    params::PathText,
    problem::ProblemView,
    shape::fees::{AccountFeesView, AccountLimitsView, ThresholdView},
};
use crate::{entry, office::Office, problem::Problem};

/// Answers what an account is charged, and what it has traded in thirty days.
#[utoipa::path(
    get, path = "/api/v1/accounts/{client_id}/fees", tag = "accounts",
    params(("client_id" = String, Path, description = "Whose")),
    responses(
        (status = 200, body = AccountFeesView, description = "Its fee tier, volumes and rates"),
        (status = 503, body = ProblemView<'_>, description = "The ledger does not answer; try again"),
    )
)]
pub(super) async fn account_fees(
    State(office): State<Arc<Office>>,
    PathText(client_id): PathText,
) -> Result<Json<AccountFeesView>, Problem> {
    office.asker().account(Some(&client_id))?;
    let client = entry::client(Some(&client_id))?;
    let fees = office.upstream.account_fees(client.as_str()).await?;
    Ok(Json(AccountFeesView::of(fees)))
}

/// Answers what an account may do and risk.
#[utoipa::path(
    get, path = "/api/v1/accounts/{client_id}/limits", tag = "accounts",
    params(("client_id" = String, Path, description = "Whose")),
    responses(
        (status = 200, body = AccountLimitsView, description = "Its state, its switch and its limits"),
        (status = 503, body = ProblemView<'_>, description = "The ledger does not answer; try again"),
    )
)]
pub(super) async fn account_limits(
    State(office): State<Arc<Office>>,
    PathText(client_id): PathText,
) -> Result<Json<AccountLimitsView>, Problem> {
    office.asker().account(Some(&client_id))?;
    let client = entry::client(Some(&client_id))?;
    let controls = office.upstream.account_controls(client.as_str()).await?;
    Ok(Json(AccountLimitsView::of(controls)))
}

/// Lists by what volume of thirty days each fee tier is reached.
#[utoipa::path(
    get, path = "/api/v1/fee_tiers", tag = "market",
    responses(
        (status = 200, body = Vec<ThresholdView>, description = "By tier and asset"),
        (status = 503, body = ProblemView<'_>, description = "They were not read yet; try again"),
    )
)]
pub(super) async fn tiers(
    State(office): State<Arc<Office>>,
) -> Result<Json<Vec<ThresholdView>>, Problem> {
    let thresholds = office.tier_thresholds()?;
    Ok(Json(thresholds.into_iter().map(ThresholdView::of).collect()))
}
