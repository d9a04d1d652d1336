//! The description of this API for programs, made from the handlers themselves, and a page of it
//! for people. The page is one file without anything from elsewhere.

use std::sync::LazyLock;

use axum::{
    http::header,
    response::{Html, IntoResponse},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

use super::{accounts, batch, changes, fees, lists, market, orders, transfers};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tradespine",
        description = "Orders in, trades out. Prices and quantities are decimal numbers or text in, \
                       decimal text out; instants are RFC 3339 in UTC. A sandbox believes the \
                       client_id that it is told; anywhere else a request bears the token of its \
                       account, and client_id may be left out."
    ),
    modifiers(&Tokens),
    security((), ("token" = [])),
    paths(
        orders::place,
        orders::list,
        orders::one,
        orders::cancel,
        orders::cancel_all,
        changes::amend,
        changes::replace,
        batch::place,
        batch::cancel,
        lists::place,
        lists::one,
        lists::cancel,
        market::trades,
        market::book,
        market::instruments,
        market::time,
        accounts::balances,
        accounts::deposit,
        accounts::withdraw,
        transfers::transfer,
        accounts::set_trade_group,
        accounts::cancel_after,
        fees::account_fees,
        fees::account_limits,
        fees::tiers,
    )
)]
struct Description;

/// How a token is borne.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

static OPENAPI: LazyLock<String> =
    LazyLock::new(|| Description::openapi().to_json().unwrap_or_default());

const PAGE: &str = include_str!("docs.html");

pub(super) async fn page() -> Html<&'static str> {
    Html(PAGE)
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_described_with_its_shapes() {
        let openapi: serde_json::Value = serde_json::from_str(&OPENAPI).expect("it is JSON");
        let paths = openapi["paths"].as_object().expect("paths");
        assert_eq!(paths.len(), 19);
        assert!(paths["/api/v1/orders"]["post"]["requestBody"].is_object());
        let token = &openapi["components"]["securitySchemes"]["token"];
        assert_eq!([&token["type"], &token["scheme"]], ["http", "bearer"]);
        assert_eq!(openapi["security"].as_array().map(Vec::len), Some(2), "a sandbox needs none");
        let schemas = openapi["components"]["schemas"].as_object().expect("schemas");
        for name in ["Order", "PlaceOrder", "Problem", "Trade", "OrderBook", "Account"] {
            assert!(schemas.contains_key(name), "{name}");
        }
        let order = &schemas["PlaceOrder"]["properties"];
        let is_told = |field: &str| order[field].is_object();
        for field in ["price", "post_only", "stop_price", "display_quantity", "trailing_delta_bps"]
        {
            assert!(is_told(field), "{field}");
        }
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        assert!(!PAGE.contains("http://") && !PAGE.contains("https://"));
    }
}
