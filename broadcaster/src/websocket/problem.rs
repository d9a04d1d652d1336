//! What a client is told when its request is refused: RFC 9457 problem+json.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// A refusal.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(skip)]
    status_code: StatusCode,
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    detail: String,
}

impl Problem {
    /// A request that cannot be understood, by the field at fault.
    pub(super) fn bad_request(field: &'static str, code: &'static str, detail: &str) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, Some(field), detail)
    }

    /// Something asked for that there is not.
    pub(super) fn not_found(field: &'static str, detail: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", Some(field), detail)
    }

    /// A path that is only read.
    pub(super) fn method_not_allowed() -> Problem {
        let detail = "this path is only read, by GET";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", None, detail)
    }

    /// A WebSocket's path, asked for without an upgrade.
    pub(super) fn upgrade_required() -> Problem {
        let detail = "open a WebSocket here: GET with Upgrade: websocket and version 13";
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", None, detail)
    }

    /// The log is still being read.
    pub(super) fn not_ready() -> Problem {
        let detail = "not caught up with the log yet";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", None, detail)
    }

    /// As many listeners as there may be.
    pub(super) fn too_many_listeners() -> Problem {
        let detail = "there are as many listeners as there may be";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_listeners", None, detail)
    }

    fn new(
        status: StatusCode,
        code: &'static str,
        field: Option<&'static str>,
        detail: &str,
    ) -> Problem {
        Problem {
            status_code: status,
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("refused"),
            status: status.as_u16(),
            code,
            field,
            detail: detail.to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).expect("plain fields always encode");
        let mut response = (self.status_code, body).into_response();
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, content_type);
        match self.status_code {
            StatusCode::SERVICE_UNAVAILABLE => {
                let seconds = HeaderValue::from_static(RETRY_AFTER_SECONDS);
                headers.insert(header::RETRY_AFTER, seconds);
            }
            StatusCode::UPGRADE_REQUIRED => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            }
            _ => {}
        }
        response
    }
}
