//! An HTTP route that answers with the body it was sent, and does nothing else: what the REST edge
//! is measured beside. See docs/benchmarks.md.

use axum::{Router, body::Bytes, routing::post};

/// The platform's own, so that the difference is not the allocator's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("echoes on http://{address}/api/v1/orders");
    let router = Router::new().route("/api/v1/orders", post(async |body: Bytes| body));
    axum::serve(listener, router).await
}
