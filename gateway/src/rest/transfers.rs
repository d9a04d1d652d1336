//! Money from one account to another.

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::{Request, State},
    response::Response,
};
use proto::command::Command;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    accounts::moved,
    body::{self, MovementTexts},
    params::PathText,
    problem::ProblemView,
    shape::AccountView,
};
use crate::{entry, office::Office, problem::Problem};

/// A transfer as it is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Transfer)]
pub(super) struct TransferBody<'a> {
    /// Who is sent it. Outside a sandbox it must be an account that was opened before.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "bob")]
    to: Option<&'a RawValue>,
    /// The code of the asset.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "USDT")]
    asset: Option<&'a RawValue>,
    /// A number or text, above zero.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "100.5")]
    amount: Option<&'a RawValue>,
    /// The sender's own id of it, never used twice: the same one again is answered as done before.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "transfer-1")]
    transfer_id: Option<&'a RawValue>,
}

impl<'a> TransferBody<'a> {
    /// What is sent, and to whom.
    pub(super) fn texts(&self) -> Result<(MovementTexts<'a>, Option<Cow<'a, str>>), Problem> {
        let to = body::text("to", self.to)?;
        let id = ("transfer_id", self.transfer_id);
        Ok((MovementTexts::read(self.asset, self.amount, id)?, to))
    }
}

/// Sends what is available in an account to another.
///
/// Where the receiver's money is kept by another shard it is there a moment later; where there is
/// no such account, all of it comes back.
#[utoipa::path(
    post, path = "/api/v1/accounts/{client_id}/transfers", tag = "accounts",
    params(("client_id" = String, Path, description = "Who sends it")),
    request_body = TransferBody<'_>,
    responses(
        (status = 201, body = AccountView, description = "Done; the sender's balances after it"),
        (status = 200, body = AccountView, description = "Had been done before"),
        (status = 202, body = AccountView, description = "The outcome is unknown; send the same again"),
        (status = 400, body = ProblemView<'_>, description = "A field cannot be used"),
        (status = 409, body = ProblemView<'_>, description = "There is less available, or nobody to take it"),
        (status = 422, body = ProblemView<'_>, description = "The same id with another transfer"),
    )
)]
pub(super) async fn transfer(
    State(office): State<Arc<Office>>,
    PathText(client_id): PathText,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body).await?;
    office.asker().account(Some(&client_id))?;
    let (sender, transfer) = {
        let (texts, to) = body::object::<TransferBody<'_>>(&bytes)?.texts()?;
        let catalogue = office.reference.loaded()?;
        entry::transfer(&texts.fields(&client_id), to.as_deref(), catalogue.as_ref())?
    };
    moved(&office, Command::Transfer(transfer), &sender).await
}
