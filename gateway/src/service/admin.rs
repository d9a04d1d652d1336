//! The listener for those who run the platform.

use std::{net::SocketAddr, sync::Arc};

use access::Credentials;
use daemon::{ports, settings::Secret};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{BindError, ServeError, serve_grpc};
use crate::{grpc, office::Office, settings::AdminSettings};

/// Where those who run the platform are heard.
pub(super) struct Admin {
    listener: TcpListener,
    token: Secret,
    pub(super) address: SocketAddr,
}

pub(super) async fn bind(settings: Option<AdminSettings>) -> Result<Option<Admin>, BindError> {
    let Some(AdminSettings { address, token }) = settings else { return Ok(None) };
    let listener = ports::bind(address, "gateway.admin.address").await?;
    let address = listener.local_addr()?;
    Ok(Some(Admin { listener, token, address }))
}

/// Ends at once where nobody is to be heard.
pub(super) async fn serve(
    admin: Option<Admin>,
    office: Arc<Office>,
    operators: Arc<Credentials>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let Some(Admin { listener, token, address }) = admin else { return Ok(()) };
    tracing::info!(%address, "the gateway hears those who run the platform");
    serve_grpc(listener, grpc::admin_router(&office, &token, operators), stop).await
}
