//! The service: binds its ports, projects every partition, answers queries, drains.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use access::Access;
use daemon::{
    clock::{Clock, WallClock},
    health::Readiness,
};
use proto::ledger::ledger_service_server::LedgerServiceServer;
use spine::{
    Log,
    genesis::{self, GenesisError, Identity},
    log::LogError,
};
use thiserror::Error;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::{
    projecting::{ProjectingError, Reached, Task},
    query::Queries,
    store::Store,
    watching::watch,
};

/// How many queries one connection may have under way: enough for a busy gateway, and few enough
/// that one caller does not take every connection of the database.
const QUERIES_A_CONNECTION_MAX: usize = 256;

/// How long a query may take before it is given up: above the longest wait for the projection and
/// for a connection to the database together.
const QUERY_TIME_MAX: Duration = Duration::from_secs(10);

/// How long queries under way are waited for at the end.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// What can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where gRPC is served. Loopback by default: queries are not authorised in the sandbox.
    pub grpc_address: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` are served.
    pub health_address: SocketAddr,
}

impl Default for Settings {
    fn default() -> Settings {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Settings { grpc_address: loopback(50_052), health_address: loopback(9_103) }
    }
}

/// What the service works with.
#[derive(Clone)]
pub struct Dependencies {
    /// The log whose events are projected. It must be founded.
    pub log: Arc<dyn Log>,
    /// Where the rows are kept.
    pub store: Arc<dyn Store>,
    /// In which every partition says whether it is caught up: the process's own, where it has one.
    pub readiness: Readiness,
    /// Renders the metrics of the process.
    pub metrics: daemon::health::MetricsPage,
}

/// Why the service could not start.
#[derive(Debug, Error)]
pub enum BindError {
    /// A port could not be bound.
    #[error(transparent)]
    Port(#[from] daemon::ports::BindError),
    /// The log's identity is not known.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// Anything else.
    #[error("the ledger could not start: {0}")]
    Failed(String),
}

/// Why the service ended.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The projection stopped.
    #[error(transparent)]
    Projecting(#[from] ProjectingError),
    /// Who may ask could not be followed.
    #[error("the tokens could not be followed: {0}")]
    Credentials(LogError),
    /// gRPC could not be served.
    #[error("the ledger's gRPC server failed: {0}")]
    Grpc(#[from] tonic::transport::Error),
    /// The health pages could not be served.
    #[error("the ledger's health pages failed: {0}")]
    Health(#[from] std::io::Error),
}

/// A ledger whose ports are bound and whose log is known.
pub struct Service {
    grpc: TcpListener,
    health: TcpListener,
    grpc_address: SocketAddr,
    health_address: SocketAddr,
    identity: Identity,
    dependencies: Dependencies,
}

/// Binds the ports, then reads what the log is.
///
/// # Errors
/// [`BindError`], with the address and the setting where a port is taken.
pub async fn bind(settings: Settings, dependencies: Dependencies) -> Result<Service, BindError> {
    let grpc = daemon::ports::bind(settings.grpc_address, "ledger.grpc_address").await?;
    let health = daemon::ports::bind(settings.health_address, "ledger.health_address").await?;
    let failed = |error: &dyn std::fmt::Display| BindError::Failed(error.to_string());
    let grpc_address = grpc.local_addr().map_err(|error| failed(&error))?;
    let health_address = health.local_addr().map_err(|error| failed(&error))?;
    let log = dependencies.log.clone();
    let identity = tokio::task::spawn_blocking(move || genesis::identify(log.as_ref()))
        .await
        .map_err(|error| failed(&error))??;
    Ok(Service { grpc, health, grpc_address, health_address, identity, dependencies })
}

impl Service {
    /// Where gRPC is served.
    pub const fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where `/healthz`, `/readyz` and `/metrics` are served.
    pub const fn health_address(&self) -> SocketAddr {
        self.health_address
    }

    /// Projects and answers until `stop`, then lets queries under way finish.
    ///
    /// # Errors
    /// [`ServeError`] where any part of it fails; the others are then stopped.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), ServeError> {
        let stop = stop.child_token();
        let mut parts: JoinSet<Result<(), ServeError>> = JoinSet::new();
        let reached = project(&self.identity, &self.dependencies, &stop, &mut parts);
        let Dependencies { log, store, readiness, metrics } = self.dependencies;
        let watching = watch(Arc::clone(&store), stop.clone());
        parts.spawn(async {
            watching.await;
            Ok(())
        });
        let is_sandbox = self.identity.genesis.sandbox;
        let access = access(&log, is_sandbox, &stop, &mut parts)?;
        let queries = Queries::new(log, store, reached, is_sandbox).behind(access);
        parts.spawn(serve_grpc(self.grpc, queries, stop.clone()));
        let pages = daemon::health::serve(self.health, readiness, metrics, stop.clone());
        parts.spawn(async { Ok(pages.await?) });
        tracing::info!(grpc = %self.grpc_address, health = %self.health_address, "ledger serves");
        let mut ended = Ok(());
        while let Some(part) = parts.join_next().await {
            let part =
                part.unwrap_or_else(|error| Err(ProjectingError::Task(error.to_string()).into()));
            if let Err(error) = part {
                tracing::error!(%error, "a part of the ledger failed; it stops");
                ended = ended.and(Err(error));
            }
            // No part ends before the others by itself: one that did takes them along.
            stop.cancel();
        }
        ended
    }
}

/// Starts a task for each partition.
fn project(
    identity: &Identity,
    dependencies: &Dependencies,
    stop: &CancellationToken,
    parts: &mut JoinSet<Result<(), ServeError>>,
) -> Reached {
    let mut receivers = BTreeMap::new();
    for partition in identity.partitions() {
        let (reached, receiver) = watch::channel(None);
        receivers.insert(partition, receiver);
        let task = Task {
            log: dependencies.log.clone(),
            store: dependencies.store.clone(),
            log_id: identity.log_id,
            partition,
            reached,
            readiness: dependencies.readiness.register("ledger"),
            stop: stop.clone(),
        };
        parts.spawn(async { Ok(task.run().await?) });
    }
    Reached::new(receivers)
}

/// Whom the ledger believes.
fn access(
    log: &Arc<dyn Log>,
    is_sandbox: bool,
    stop: &CancellationToken,
    parts: &mut JoinSet<Result<(), ServeError>>,
) -> Result<Access, ServeError> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let opened = access::open(log, is_sandbox, false, &clock, stop);
    let opened = opened.map_err(ServeError::Credentials)?;
    if let Some(end) = opened.end {
        // Where it only ends, it was stopped like everything else.
        parts
            .spawn(async { end.await.map_or(Ok(()), |error| Err(ServeError::Credentials(error))) });
    }
    Ok(opened.access)
}

async fn serve_grpc(
    listener: TcpListener,
    queries: Queries,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<LedgerServiceServer<Queries>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1()
        .expect("our own descriptors are well formed");
    let server = Server::builder()
        .concurrency_limit_per_connection(QUERIES_A_CONNECTION_MAX)
        .timeout(QUERY_TIME_MAX)
        .add_service(health_service)
        .add_service(reflection)
        .add_service(LedgerServiceServer::new(queries))
        .serve_with_incoming_shutdown(
            TcpListenerStream::new(listener),
            stop.clone().cancelled_owned(),
        );
    tokio::select! {
        served = server => Ok(served?),
        () = async { stop.cancelled().await; tokio::time::sleep(DRAIN_MAX).await } => Ok(()),
    }
}
