//! `tradespine admin token`: who may call.

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use model::Timestamp;
use proto::{
    admin::{CreateTokenRequest, ListTokensRequest, RevokeTokenRequest, TokenSummary},
    convert::{from_proto_timestamp, to_proto_timestamp},
    reference::{CredentialScope, OperatorRole},
    text,
};
use serde_json::{Value, json};

use super::{
    super::{Output, problem},
    Admin,
};

/// What can be said of tokens.
#[derive(Debug, Subcommand)]
pub(super) enum TokenWord {
    /// Make a token for an account, and show it: this once
    ///
    /// What is kept is a hash. A client bears it as `authorization: Bearer TOKEN`.
    #[command(after_help = "\
Examples:  tradespine admin token create alice --label trading-bot
           tradespine admin token create alice --scope read --until 2027-01-01T00:00:00Z
           tradespine admin token create --for-operator olga --role operator")]
    Create(CreateArguments),

    /// Put an end to a token, everywhere; what was opened with it ends
    #[command(after_help = "Example:  tradespine admin token revoke 5f0c3a9be1d27784")]
    Revoke(RevokeArguments),

    /// List the tokens that open something, without the tokens themselves
    #[command(after_help = "Example:  tradespine admin token list --account alice")]
    List(ListArguments),
}

#[derive(Clone, Debug, Args)]
pub(super) struct CreateArguments {
    /// Whose orders and money it opens
    #[arg(value_name = "ACCOUNT", required_unless_present = "for_operator")]
    account: Option<String>,

    /// Instead: who of those who run the platform bears it
    #[arg(long, value_name = "NAME", requires = "role", conflicts_with = "account")]
    for_operator: Option<String>,

    /// What they may do
    #[arg(long, requires = "for_operator")]
    role: Option<RoleWord>,

    /// What to call it
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,

    /// What its bearer may do
    #[arg(long, default_value = "trade", conflicts_with = "for_operator")]
    scope: ScopeWord,

    /// When it expires [default: when it is revoked]
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    until: Option<Timestamp>,
}

/// What a token lets its bearer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScopeWord {
    /// Look
    Read,
    /// Look, trade, and withdraw
    Trade,
    /// The same, and book deposits, which are believed
    Fund,
}

/// What one of those who run the platform may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleWord {
    /// Look
    Viewer,
    /// Look, and run the market
    Operator,
    /// The same, make and revoke tokens, and correct balances
    Admin,
}

#[derive(Clone, Debug, Args)]
pub(super) struct RevokeArguments {
    /// Which token, by its id
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ListArguments {
    /// Only those of this account
    #[arg(long, value_name = "NAME", default_value = "")]
    account: String,
}

/// Says it, and prints what became of it.
pub(super) async fn run(
    admin: Admin,
    operator: String,
    word: TokenWord,
    output: Output,
) -> anyhow::Result<()> {
    match word {
        TokenWord::Create(create) => self::create(admin, operator, create, output).await,
        TokenWord::Revoke(revoke) => self::revoke(admin, operator, revoke, output).await,
        TokenWord::List(list) => self::list(admin, operator, list, output).await,
    }
}

async fn create(
    mut admin: Admin,
    operator: String,
    arguments: CreateArguments,
    output: Output,
) -> anyhow::Result<()> {
    let CreateArguments { account, for_operator, role, label, scope, until } = arguments;
    let role = match role {
        None => OperatorRole::Unspecified,
        Some(RoleWord::Viewer) => OperatorRole::Viewer,
        Some(RoleWord::Operator) => OperatorRole::Operator,
        Some(RoleWord::Admin) => OperatorRole::Admin,
    };
    let scope = match scope {
        ScopeWord::Read => CredentialScope::Read,
        ScopeWord::Trade => CredentialScope::Trade,
        ScopeWord::Fund => CredentialScope::Fund,
    };
    let expires_at = until.map(to_proto_timestamp);
    let request = CreateTokenRequest {
        operator,
        account: account.unwrap_or_default(),
        label,
        scope: scope.into(),
        expires_at,
        for_operator: for_operator.unwrap_or_default(),
        role: role.into(),
    };
    let response = admin.create_token(request).await;
    let response = response.map_err(|status| problem::sentence("gateway", &status))?.into_inner();
    let token = response.token.context("the gateway answered without the token")?;
    let secret = response.secret;
    let words = "keep it now, it is not shown again";
    output.print(
        || format!("token {} of {}; {words}\n{secret}", token.id, holder_of(&token)),
        || json!({ "token": json_of(&token), "secret": secret }),
    )
}

async fn revoke(
    mut admin: Admin,
    operator: String,
    arguments: RevokeArguments,
    output: Output,
) -> anyhow::Result<()> {
    let request = RevokeTokenRequest { operator, token_id: arguments.id };
    let response = admin.revoke_token(request).await;
    let response = response.map_err(|status| problem::sentence("gateway", &status))?.into_inner();
    let token = response.token.context("the gateway answered without the token")?;
    let already = response.already_revoked;
    let what = if already { "had been revoked before" } else { "is revoked" };
    output.print(
        || format!("token {} of {} {what}", token.id, holder_of(&token)),
        || json!({ "token": json_of(&token), "already_revoked": already }),
    )
}

async fn list(
    mut admin: Admin,
    operator: String,
    arguments: ListArguments,
    output: Output,
) -> anyhow::Result<()> {
    let request = ListTokensRequest { operator, account: arguments.account };
    let response = admin.list_tokens(request).await;
    let response = response.map_err(|status| problem::sentence("gateway", &status))?.into_inner();
    let tokens = response.tokens;
    output.print(
        || if tokens.is_empty() { "no token is in force".to_owned() } else { text_of(&tokens) },
        || tokens.iter().map(json_of).collect(),
    )
}

fn text_of(tokens: &[TokenSummary]) -> String {
    let lines = tokens.iter().map(|token| {
        let end = instant_of(token.expires_at.as_ref()).unwrap_or_else(|| "revoked".to_owned());
        let TokenSummary { id, label, created_by, .. } = token;
        let holder = holder_of(token);
        let label = if label.is_empty() { "-" } else { label };
        format!("{id}  {holder}  {}  {label}  by {created_by}, until {end}", scope_of(token))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn json_of(token: &TokenSummary) -> Value {
    let label = (!token.label.is_empty()).then_some(&token.label);
    let is_of_account = token.for_operator.is_empty();
    json!({
        "id": token.id,
        "account": is_of_account.then_some(&token.account),
        "operator": (!is_of_account).then_some(&token.for_operator),
        "label": label,
        "scope": is_of_account.then(|| scope_of(token)),
        "role": (!is_of_account).then(|| scope_of(token)),
        "created_at": instant_of(token.created_at.as_ref()),
        "created_by": token.created_by,
        "expires_at": instant_of(token.expires_at.as_ref()),
        "revoked": token.revoked,
    })
}

/// Whose it is.
fn holder_of(token: &TokenSummary) -> &str {
    if token.for_operator.is_empty() { &token.account } else { &token.for_operator }
}

/// What its bearer may do.
fn scope_of(token: &TokenSummary) -> &'static str {
    match (token.scope(), token.role()) {
        (CredentialScope::Read, _) => "read",
        (CredentialScope::Trade, _) => "trade",
        (CredentialScope::Fund, _) => "fund",
        (CredentialScope::Unspecified, OperatorRole::Viewer) => "viewer",
        (CredentialScope::Unspecified, OperatorRole::Operator) => "operator",
        (CredentialScope::Unspecified, OperatorRole::Admin) => "admin",
        (CredentialScope::Unspecified, OperatorRole::Unspecified) => "unknown",
    }
}

fn instant_of(wire: Option<&prost_types::Timestamp>) -> Option<String> {
    wire.and_then(from_proto_timestamp).map(text::rfc3339)
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let instant = text::parse_rfc3339(text);
    instant.ok_or_else(|| "is not an instant; write one as 2027-01-01T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_without_themselves() {
        let token = TokenSummary {
            id: "5f0c".to_owned(),
            account: "alice".to_owned(),
            scope: CredentialScope::Read.into(),
            created_by: "olga".to_owned(),
            ..TokenSummary::default()
        };
        assert_eq!(
            text_of(std::slice::from_ref(&token)),
            "5f0c  alice  read  -  by olga, until revoked"
        );
        assert_eq!(json_of(&token)["scope"], "read");
        let at = to_proto_timestamp(instant("2027-01-01T00:00:00Z").expect("a good instant"));
        let token = TokenSummary { expires_at: Some(at), label: "bot".to_owned(), ..token };
        assert!(text_of(&[token]).ends_with("bot  by olga, until 2027-01-01T00:00:00.000000Z"));
    }
}
