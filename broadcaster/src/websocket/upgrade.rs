//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).
//!
//! Done by hand on hyper's upgrade, because axum's own brings another version of the WebSocket
//! library than clients and tests here use.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{client, problem::Problem};
use crate::{
    hub::Feed,
    service::{Edge, Place},
};

/// The largest message a client may send. It has nothing to say but pings and a close.
const INBOUND_BYTES_MAX: usize = 4 * 1024;

/// What is written to the socket at once while a burst is coalesced.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// Answers with the upgrade, and serves `feed` over it once it has happened.
pub(super) fn upgrade(edge: &Edge, mut request: Request, feed: Feed) -> Result<Response, Problem> {
    let accept = accept_key(request.headers()).ok_or_else(Problem::upgrade_required)?;
    let upgraded =
        request.extensions_mut().remove::<OnUpgrade>().ok_or_else(Problem::upgrade_required)?;
    if !edge.is_ready() {
        return Err(Problem::not_ready());
    }
    let place = edge.take_place().ok_or_else(Problem::too_many_listeners)?;
    tokio::spawn(serve(edge.clone(), upgraded, feed, place));
    Ok(switching_protocols(&accept))
}

async fn serve(edge: Edge, upgraded: OnUpgrade, feed: Feed, _place: Place) {
    let connection = match upgraded.await {
        Ok(connection) => TokioIo::new(connection),
        Err(error) => return tracing::debug!(%error, "a client left during the upgrade"),
    };
    let socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(limits())).await;
    client::serve(socket, edge.hub.subscribe(feed), &edge.stop).await;
}

pub(super) fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(INBOUND_BYTES_MAX)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(INBOUND_BYTES_MAX))
        .max_frame_size(Some(INBOUND_BYTES_MAX))
}

/// The answer to the client's key, where the headers ask for a WebSocket of the version there is.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket")
        && has_token(headers, &header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asks)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn switching_protocols(accept: &HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept.clone());
    response
}
