//! Tokens, as those who run the platform ask for them.

use model::{AccountName, KeyText, OperatorName};
use proto::{
    admin::{
        CreateTokenRequest, CreateTokenResponse, ListTokensRequest, ListTokensResponse,
        RevokeTokenRequest, RevokeTokenResponse, TokenSummary,
    },
    convert::{from_proto_timestamp, to_proto_timestamp},
    credential::{Credential, Scope, scope_to_wire},
    reference::CredentialScope,
};

use super::given;
use crate::{
    office::{Office, TokenWanted},
    problem::Problem,
};

pub(super) async fn create(
    office: &Office,
    by: &OperatorName,
    request: &CreateTokenRequest,
) -> Result<CreateTokenResponse, Problem> {
    let wanted = TokenWanted {
        account: account(given(&request.account))?.ok_or_else(|| Problem::missing("account"))?,
        label: given(&request.label)
            .map(KeyText::new)
            .transpose()
            .map_err(|error| Problem::field("label", "bad_label", error))?,
        scope: scope(request.scope)?,
        expires_at: match &request.expires_at {
            None => None,
            Some(at) => Some(from_proto_timestamp(at).ok_or_else(|| {
                Problem::field("expires_at", "bad_instant", "is not an instant from 1970 to 2554")
            })?),
        },
    };
    let (credential, token) = office.create_token(by, wanted).await?;
    Ok(CreateTokenResponse { token: Some(summary(&credential)), secret: token.reveal().to_owned() })
}

pub(super) async fn revoke(
    office: &Office,
    by: &OperatorName,
    request: &RevokeTokenRequest,
) -> Result<RevokeTokenResponse, Problem> {
    let id = given(&request.token_id).ok_or_else(|| Problem::missing("token_id"))?;
    let id = KeyText::new(id).map_err(|error| Problem::field("token_id", "bad_name", error))?;
    let (credential, already_revoked) = office.revoke_token(by, &id).await?;
    Ok(RevokeTokenResponse { token: Some(summary(&credential)), already_revoked })
}

pub(super) async fn list(
    office: &Office,
    request: &ListTokensRequest,
) -> Result<ListTokensResponse, Problem> {
    let account = account(given(&request.account))?;
    let found = office.tokens(account.as_ref()).await?;
    Ok(ListTokensResponse { tokens: found.iter().map(summary).collect() })
}

fn account(text: Option<&str>) -> Result<Option<AccountName>, Problem> {
    let name = text.map(AccountName::new).transpose();
    name.map_err(|error| Problem::field("account", "bad_name", error))
}

fn scope(wire: i32) -> Result<Scope, Problem> {
    match CredentialScope::try_from(wire) {
        Ok(CredentialScope::Read) => Ok(Scope::Read),
        Ok(CredentialScope::Trade) => Ok(Scope::Trade),
        Ok(CredentialScope::Fund) => Ok(Scope::Fund),
        Ok(CredentialScope::Unspecified) => Err(Problem::missing("scope")),
        Err(_) => Err(Problem::field("scope", "unknown_word", "is none of: read, trade, fund")),
    }
}

fn summary(credential: &Credential) -> TokenSummary {
    TokenSummary {
        id: credential.id.as_str().to_owned(),
        account: credential.account.as_str().to_owned(),
        label: credential.label.as_ref().map(ToString::to_string).unwrap_or_default(),
        scope: scope_to_wire(credential.scope).into(),
        created_at: Some(to_proto_timestamp(credential.created_at)),
        created_by: credential.created_by.as_str().to_owned(),
        expires_at: credential.expires_at.map(to_proto_timestamp),
        revoked: credential.is_revoked,
    }
}
