//! A problem as REST answers it: problem+json (RFC 9457) with the id of the request.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{Kind, Problem};

/// The media type of problems.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem as REST answers it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemView<'a> {
    /// A URN that ends in the code.
    #[schema(value_type = String, example = "urn:tradespine:problem:unknown_instrument")]
    r#type: String,
    /// The status in words.
    #[schema(value_type = String)]
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// A word that programs can tell problems apart by.
    #[schema(value_type = String, example = "unknown_instrument")]
    code: &'a str,
    /// The field at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "instrument")]
    field: Option<&'a str>,
    /// What is wrong, what the limit is, and what to do.
    #[schema(value_type = String)]
    detail: &'a str,
    /// The id of the request, as in the x-request-id header.
    #[schema(value_type = String)]
    request_id: &'a str,
}

/// Carries the problem to the reception, which knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = StatusCode::OK.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer to the request of this id.
pub(super) fn render(problem: &Problem, request_id: &str) -> Response {
    let view = ProblemView {
        r#type: format!("urn:tradespine:problem:{}", problem.code),
        title: problem.kind.title(),
        status: problem.kind.http_status(),
        code: problem.code,
        field: problem.field.as_deref(),
        detail: &problem.message,
        request_id,
    };
    let status = StatusCode::from_u16(view.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if problem.kind == Kind::Internal {
        tracing::error!(request_id, %problem, "a request failed");
    }
    let mut response = (status, Json(&view)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    if problem.kind == Kind::Unauthenticated {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = problem.kind.retry_after_secs() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
