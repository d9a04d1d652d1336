//! Binds the ports, and runs everything until it is told to stop.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use daemon::ports;
use futures_util::Stream;
use proto::marketdata::market_data_service_server::MarketDataServiceServer;
use spine::{Log, genesis::Identity};
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time,
};
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::{
    Settings,
    following::{self, BeginError, FollowError, Following},
    grpc::{
        MarketData,
        entrance::{self, Connection},
    },
    hub::Hub,
    snapshot::{Directory, FilesError, Snapshot},
    websocket,
};

/// How long a stop waits for listeners to part: the time they have to answer a close, and some.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How often a quiet HTTP/2 connection is asked whether it is still there, and how long it may take
/// to answer: as for WebSockets.
const GRPC_PING_EVERY: Duration = Duration::from_secs(20);
const GRPC_PING_WAIT_MAX: Duration = Duration::from_secs(40);

/// How many streams one gRPC connection may have; a client has a feed or two an instrument.
const GRPC_STREAMS_MAX: u32 = 128;

/// What a broadcaster is given.
#[derive(Clone)]
pub struct Dependencies {
    /// The log that it follows.
    pub log: Arc<dyn Log>,
    /// Which log that is.
    pub identity: Identity,
}

/// Why a broadcaster could not begin.
#[derive(Debug, Error)]
pub enum BindError {
    /// A port is not to be had.
    #[error("{what} cannot listen on {address}: {source}")]
    Port {
        /// For what.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The directory of snapshots cannot be used.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// There is nowhere to begin to read.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// Reading a snapshot ended badly.
    #[error("reading the snapshots ended badly: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

/// Why a broadcaster ended before it was told to.
#[derive(Debug, Error)]
pub enum Error {
    /// The log cannot be followed.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The gRPC server failed.
    #[error("the gRPC server failed: {0}")]
    Grpc(#[from] tonic::transport::Error),
    /// A task ended badly.
    #[error("a task of the broadcaster ended badly: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

/// What both edges share.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    /// The market and who listens to it.
    pub(crate) hub: Arc<Hub>,
    /// Says that listeners should part.
    pub(crate) stop: CancellationToken,
    ready: watch::Receiver<bool>,
    places: Arc<Semaphore>,
}

/// A listener's place among all that there may be, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Edge {
    /// Whether the log was read to its end once.
    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// A place for a listener, where one is left.
    pub(crate) fn take_place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        metrics::gauge!("tradespine_broadcaster_listeners").increment(1);
        Some(Place { _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("tradespine_broadcaster_listeners").decrement(1);
    }
}

/// A broadcaster that has its ports and knows where to begin.
pub struct Service {
    settings: Settings,
    dependencies: Dependencies,
    http: TcpListener,
    grpc: TcpListener,
    following: Following,
}

/// Takes the ports, then finds where to begin to read.
///
/// # Errors
/// [`BindError`] where a port is taken, or where a snapshot and the log contradict each other.
pub async fn bind(settings: Settings, dependencies: Dependencies) -> Result<Service, BindError> {
    let http = listen("the WebSocket port", settings.http_address)?;
    let grpc = listen("the gRPC port of market data", settings.grpc_address)?;
    let directory = settings.snapshot_directory.as_deref().map(Directory::open).transpose()?;
    let found = {
        let (dependencies, directory) = (dependencies.clone(), directory.clone());
        tokio::task::spawn_blocking(move || {
            following::begin(&*dependencies.log, &dependencies.identity, directory.as_ref())
        })
    };
    let Snapshot { positions, market, .. } = found.await??;
    let following = Following {
        hub: Hub::new(market, settings.queue),
        identity: dependencies.identity.clone(),
        positions,
        directory,
        ready: watch::Sender::new(false),
    };
    Ok(Service { settings, dependencies, http, grpc, following })
}

fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    ports::listen(address).map_err(|source| BindError::Port { what, address, source })
}

impl Service {
    /// Where the HTTP port is.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn http_address(&self) -> io::Result<SocketAddr> {
        self.http.local_addr()
    }

    /// Where the gRPC port is.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn grpc_address(&self) -> io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// Whether it has caught up with every partition since it began: false, then true.
    pub fn readiness(&self) -> watch::Receiver<bool> {
        self.following.ready.subscribe()
    }

    /// Broadcasts until `stop`, then tells every listener to go and keeps a snapshot.
    ///
    /// # Errors
    /// [`Error`] where the log cannot be followed or a server failed; everything has stopped then.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), Error> {
        // Of our own: one part that fails stops the others, and nobody else.
        let stop = stop.child_token();
        let _stopped_at_the_end = stop.clone().drop_guard();
        let listeners_max = u32::try_from(self.settings.listeners_max).unwrap_or(u32::MAX);
        let connections_max = self.settings.grpc_connections_max;
        let edge = Edge {
            hub: Arc::clone(&self.following.hub),
            stop: stop.clone(),
            ready: self.following.ready.subscribe(),
            places: Arc::new(Semaphore::new(listeners_max as usize)),
        };
        let following = tokio::spawn({
            let stop = stop.clone();
            async move {
                let result = self.following.run(self.dependencies.log, stop.clone()).await;
                stop_others(&result, &stop);
                result
            }
        });
        let grpc = tokio::spawn({
            let edge = edge.clone();
            async move {
                let incoming = entrance::admitted(self.grpc, connections_max);
                let result = serve_grpc(incoming, &edge).await;
                stop_others(&result, &edge.stop);
                result
            }
        });
        websocket::serve(self.http, websocket::router(edge.clone()), DRAIN_MAX, &stop).await;
        drain(&edge, listeners_max).await;
        let (following, grpc) = (following.await, grpc.await);
        following??;
        Ok(grpc??)
    }
}

fn stop_others<E>(result: &Result<(), E>, stop: &CancellationToken) {
    if result.is_err() {
        stop.cancel();
    }
}

/// Waits until every listener has given its place back.
async fn drain(edge: &Edge, listeners_max: u32) {
    if time::timeout(DRAIN_MAX, edge.places.acquire_many(listeners_max)).await.is_err() {
        tracing::warn!("left listeners that did not part in time");
    }
}

async fn serve_grpc(
    incoming: impl Stream<Item = io::Result<Connection>>,
    edge: &Edge,
) -> Result<(), tonic::transport::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_not_serving::<MarketDataServiceServer<MarketData>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1()
        .expect("the descriptors were compiled with this program");
    let serving = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(GRPC_PING_EVERY))
        .http2_keepalive_timeout(Some(GRPC_PING_WAIT_MAX))
        .max_concurrent_streams(GRPC_STREAMS_MAX)
        .add_service(health_service)
        .add_service(reflection)
        .add_service(MarketDataServiceServer::new(MarketData::new(edge.clone())))
        .serve_with_incoming_shutdown(incoming, edge.stop.clone().cancelled_owned());
    let overdue = async {
        edge.stop.cancelled().await;
        time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        result = serving => result,
        () = overdue => {
            tracing::warn!("left gRPC connections that did not end in time");
            Ok(())
        }
        never = tell_health(&health, edge.ready.clone()) => never,
    }
}

/// Says over gRPC when the service is ready, and has nothing more to say then.
async fn tell_health<T>(health: &HealthReporter, mut ready: watch::Receiver<bool>) -> T {
    if ready.wait_for(|ready| *ready).await.is_ok() {
        health.set_serving::<MarketDataServiceServer<MarketData>>().await;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests;
