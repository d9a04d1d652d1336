//! One call of gRPC, as any client may make it: a path, the bytes of a message, and those of the
//! answer. No generated code and no type of the platform.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::{HeaderMap, Request};
use tokio::net::TcpStream;

/// What stands before every message: whether it is packed, and its length.
const HEAD_BYTES: usize = 5;

/// A connection to a server.
#[derive(Clone)]
pub(crate) struct Channel {
    address: String,
    requests: SendRequest<Bytes>,
}

impl Channel {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// Where nobody is there.
    pub(crate) async fn connect(address: &str) -> Result<Channel> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = client::handshake(stream).await?;
        // It ends with the last of those who use it, or with the server: then calls say so.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Channel { address: address.to_owned(), requests })
    }

    /// Calls `path` with a message; the answer's.
    ///
    /// # Errors
    /// Where the connection is lost or the call is not answered with success.
    pub(crate) async fn call(&self, path: &str, message: &[u8]) -> Result<Vec<u8>> {
        let mut requests = self.requests.clone().ready().await?;
        let request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let (response, mut body) = requests.send_request(request, false)?;
        body.send_data(framed(message)?, true)?;
        let response = response.await?;
        // A call that fails at once has its status among the headers.
        check(response.headers())?;
        let mut stream = response.into_body();
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.data().await {
            let chunk = chunk?;
            stream.flow_control().release_capacity(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        let trailers = stream.trailers().await?.context("an answer without its status")?;
        ensure!(trailers.contains_key("grpc-status"), "an answer without its status");
        check(&trailers)?;
        ensure!(bytes.len() >= HEAD_BYTES && bytes[0] == 0, "no plain message is in the answer");
        Ok(bytes.split_off(HEAD_BYTES))
    }
}

fn framed(message: &[u8]) -> Result<Bytes> {
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(message.len())?.to_be_bytes());
    bytes.extend_from_slice(message);
    Ok(bytes.into())
}

/// Fails where these headers tell another status than success.
fn check(headers: &HeaderMap) -> Result<()> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let status = text("grpc-status").unwrap_or("0");
    ensure!(status == "0", "status {status}: {}", text("grpc-message").unwrap_or_default());
    Ok(())
}
