//! Tokens, as those who run the platform ask for them.

use model::{AccountName, KeyText, OperatorName};
use proto::{
    admin::{
        CreateTokenRequest, CreateTokenResponse, ListTokensRequest, ListTokensResponse,
        RevokeTokenRequest, RevokeTokenResponse, TokenSummary,
    },
    convert::{from_proto_timestamp, to_proto_timestamp},
    credential::{Credential, Holder, Role, Scope, role_from_wire, scope_from_wire},
    reference::{self, CredentialScope, OperatorRole},
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
        holder: holder(request)?,
        label: given(&request.label)
            .map(KeyText::new)
            .transpose()
            .map_err(|error| Problem::field("label", "bad_label", error))?,
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

/// Whose the token is to be: an account's, or one's of those who run the platform.
fn holder(request: &CreateTokenRequest) -> Result<Holder, Problem> {
    let account = account(given(&request.account))?;
    match (account, given(&request.for_operator)) {
        (Some(name), None) => Ok(Holder::Account { name, scope: scope(request.scope)? }),
        (None, Some(name)) => {
            let name = OperatorName::new(name);
            let name = name.map_err(|error| Problem::field("for_operator", "bad_name", error))?;
            Ok(Holder::Operator { name, role: role(request.role)? })
        }
        (Some(_), Some(_)) => {
            let advice = "is given beside account; give only one of the two";
            Err(Problem::field("for_operator", "two_holders", advice))
        }
        (None, None) => Err(Problem::missing("account")),
    }
}

fn scope(wire: i32) -> Result<Scope, Problem> {
    match CredentialScope::try_from(wire).map(scope_from_wire) {
        Ok(Some(scope)) => Ok(scope),
        Ok(None) => Err(Problem::missing("scope")),
        Err(_) => Err(Problem::field("scope", "unknown_word", "is none of: read, trade, fund")),
    }
}

fn role(wire: i32) -> Result<Role, Problem> {
    match OperatorRole::try_from(wire).map(role_from_wire) {
        Ok(Some(role)) => Ok(role),
        Ok(None) => Err(Problem::missing("role")),
        Err(_) => {
            Err(Problem::field("role", "unknown_word", "is none of: viewer, operator, admin"))
        }
    }
}

fn summary(credential: &Credential) -> TokenSummary {
    let wire = reference::Credential::from(credential);
    TokenSummary {
        id: credential.id.as_str().to_owned(),
        account: wire.account,
        label: credential.label.as_ref().map(ToString::to_string).unwrap_or_default(),
        scope: wire.scope,
        created_at: Some(to_proto_timestamp(credential.created_at)),
        created_by: credential.created_by.as_str().to_owned(),
        expires_at: credential.expires_at.map(to_proto_timestamp),
        revoked: credential.is_revoked,
        for_operator: wire.operator,
        role: wire.role,
    }
}
