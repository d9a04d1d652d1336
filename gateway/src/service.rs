//! Binds the ports, starts the parts, and drains them.

mod admin;

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use access::{Credentials, Opened};
use axum::{ServiceExt, extract::Request, serve::ListenerExt};
use daemon::{
    clock::Clock,
    health::{self, Part, Readiness},
    ports,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use model::Span;
use spine::{Log, Position, genesis::Identity, log::LogError, tail::TailError};
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    time::{Duration, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic_health::{ServingStatus, server::HealthReporter};

use self::admin::Admin;
use crate::{
    caller::Gate,
    desk::{Desk, DeskLimits, Followers, Machine},
    grpc,
    idempotency::Cache,
    journal::Journal,
    office::Office,
    reference::{self, Reference},
    rest,
    settings::Settings,
    upstream::{BadUri, Upstream},
};

/// How often those whose time is up are told, and readiness is looked at: a client that waits
/// notices no tenth of a second.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// How many streams and calls one gRPC connection may have open at once.
const GRPC_STREAMS_MAX: u32 = 1_024;

/// What a gRPC connection may send that was not read yet. HTTP/2 libraries end a connection whose
/// unread frames are many and small, beyond half of this at 256 bytes each, which is what a stream
/// of orders looks like where this gateway is not scheduled for a moment: a stream's own window of
/// 64 KiB, full of the smallest requests, stays below it.
const GRPC_CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// What the health page calls this part of the process.
const PART: &str = "gateway";

/// What the gateway is given.
pub struct Dependencies {
    /// The log.
    pub log: Arc<dyn Log>,
    /// What the log is.
    pub identity: Identity,
    /// The clock that stamps requests.
    pub clock: Arc<dyn Clock>,
    /// Where it says whether it is ready.
    pub readiness: Readiness,
    /// For every partition, in order, where its events are read from: the accepted end as of now,
    /// or anything before it.
    pub positions: Vec<Position>,
    /// Answers that are known already.
    pub cache: Arc<dyn Cache>,
}

/// Why the gateway could not start.
#[derive(Debug, Error)]
pub enum BindError {
    /// A port could not be bound.
    #[error(transparent)]
    Port(#[from] ports::BindError),
    /// An address of another service is not one.
    #[error(transparent)]
    Uri(#[from] BadUri),
    /// The log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is not one position for each partition.
    #[error("{positions} positions were given for {partitions} partitions")]
    Positions {
        /// How many positions.
        positions: usize,
        /// How many partitions.
        partitions: u16,
    },
    /// The descriptors for gRPC reflection cannot be used.
    #[error("gRPC reflection could not be built: {0}")]
    Reflection(String),
    /// The operating system does not tell what was bound.
    #[error("the address that was bound is not known: {0}")]
    Address(#[from] io::Error),
}

/// Why the gateway ended without being asked to.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The answers could not be followed.
    #[error(transparent)]
    Tail(#[from] TailError),
    /// The answers ended, which they never do.
    #[error("the followers of the answers ended")]
    TailsEnded,
    /// The reference topic could not be followed.
    #[error("the instruments could not be followed: {0}")]
    Reference(LogError),
    /// Who may call could not be followed.
    #[error("the tokens could not be followed: {0}")]
    Credentials(LogError),
    /// Nothing more can be appended.
    #[error("the producer of the gateway has failed; start again, recovery is from the log")]
    Producer,
    /// REST could no longer be served.
    #[error("REST could not be served: {0}")]
    Rest(#[from] io::Error),
    /// gRPC could no longer be served.
    #[error("gRPC could not be served: {0}")]
    Grpc(#[from] tonic::transport::Error),
}

/// The gateway, bound and not yet serving.
pub struct Service {
    office: Arc<Office>,
    followers: Followers,
    reference_end: oneshot::Receiver<LogError>,
    credentials: Arc<Credentials>,
    /// Where nobody is asked it never comes.
    credentials_end: Option<oneshot::Receiver<LogError>>,
    part: Part,
    readiness: Readiness,
    rest: TcpListener,
    rest_requests_max: usize,
    grpc: TcpListener,
    grpc_bounds: grpc::Bounds,
    grpc_router: GrpcParts,
    admin: Option<Admin>,
    rest_address: SocketAddr,
    grpc_address: SocketAddr,
    /// Ends the threads that follow the log.
    followers_stop: CancellationToken,
}

/// What gRPC serves beside our own services.
struct GrpcParts {
    router: tonic::transport::server::Router,
    health: HealthReporter,
}

/// Binds the ports first, so that a busy one is told before anything starts; then opens the log.
///
/// # Errors
/// [`BindError`], which says what to do.
pub async fn bind(settings: Settings, dependencies: Dependencies) -> Result<Service, BindError> {
    let rest = ports::bind(settings.rest_address, "gateway.rest_address").await?;
    let grpc = ports::bind(settings.grpc_address, "gateway.grpc_address").await?;
    let admin = admin::bind(settings.admin).await?;
    let upstream = Upstream::new(&settings.ledger_uri, &settings.market_data_uri)?;
    let Dependencies { log, identity, clock, readiness, positions, cache } = dependencies;
    let partitions = identity.partition_count;
    if positions.len() != usize::from(partitions) {
        return Err(BindError::Positions { positions: positions.len(), partitions });
    }
    let part = readiness.register(PART);
    let limits = DeskLimits {
        unanswered_max: settings.unanswered_max,
        unanswered_age_max: settings.unanswered_age_max,
    };
    let (log_id, kept) = (identity.log_id, Arc::clone(&cache));
    let machine = Machine::default();
    let followers_stop = CancellationToken::new();
    let (is_sandbox, hears) = (identity.genesis.sandbox, admin.is_some());
    let Opened { access, credentials, end: credentials_end } =
        access::open(&log, is_sandbox, hears, &clock, &followers_stop)?;
    let gate = Gate::of(access);
    let desk = Desk::open(log.as_ref(), log_id, partitions, clock, machine, kept, limits)?;
    let desk = desk.behind(gate.clone());
    let reference = Arc::new(Reference::default());
    let reference_end = reference::follow(&log, Arc::clone(&reference), followers_stop.clone())?;
    let followers = Followers::start(&log, &positions, desk.bell(), &followers_stop)?;
    let journal = Journal::new(log, partitions);
    let key_retention = Span::from_nanos(identity.genesis.key_retention_nanos);
    let office = Office { gate, desk, reference, cache, journal, upstream, key_retention };
    Ok(Service {
        office: Arc::new(office),
        followers,
        reference_end,
        credentials,
        credentials_end,
        part,
        readiness,
        rest_address: rest.local_addr()?,
        grpc_address: grpc.local_addr()?,
        rest,
        rest_requests_max: settings.rest_requests_max,
        grpc,
        grpc_bounds: grpc::Bounds {
            calls_max: settings.grpc_calls_max,
            order_streams_max: settings.order_streams_max,
        },
        grpc_router: grpc_parts().await?,
        admin,
        followers_stop,
    })
}

async fn grpc_parts() -> Result<GrpcParts, BindError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    tell_health(&health, false).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| BindError::Reflection(error.to_string()))?;
    let router = tonic::transport::Server::builder()
        .max_concurrent_streams(GRPC_STREAMS_MAX)
        .initial_connection_window_size(GRPC_CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(grpc::PING_EVERY))
        .http2_keepalive_timeout(Some(grpc::PING_WAIT))
        .add_service(health_service)
        .add_service(reflection);
    Ok(GrpcParts { router, health })
}

async fn tell_health(health: &HealthReporter, is_ready: bool) {
    let status = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    for name in grpc::HEALTH_NAMES {
        health.set_service_status(name, status).await;
    }
}

impl Service {
    /// Where REST is served.
    pub fn rest_address(&self) -> SocketAddr {
        self.rest_address
    }

    /// Where gRPC is served.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where those who run the platform are heard, if anywhere.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|admin| admin.address)
    }

    /// Serves until `stop`; then takes no new requests, and returns once those in progress have
    /// their answers.
    ///
    /// # Errors
    /// [`ServeError`] where it ended without being asked to.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), ServeError> {
        let Service { office, mut followers, part, followers_stop, .. } = self;
        let _followers_end_with_this = followers_stop.drop_guard();
        let answers = follow_all(followers.run(&office.desk));
        let edges = {
            let rest = serve_rest(
                self.rest,
                Arc::clone(&office),
                self.rest_requests_max,
                self.readiness,
                stop.clone(),
            );
            let router = self.grpc_router.router;
            let router = grpc::add_services(router, &office, self.grpc_bounds, stop.clone());
            let grpc = serve_grpc(self.grpc, router, stop.clone());
            let admin =
                admin::serve(self.admin, Arc::clone(&office), self.credentials, stop.clone());
            async { tokio::try_join!(rest, grpc, admin).map(|_| ()) }
        };
        let watch = Watch {
            office,
            followers,
            part,
            health: self.grpc_router.health,
            reference_end: self.reference_end,
            credentials_end: self.credentials_end,
            is_ready: false,
            stop,
        };
        tracing::info!(rest = %self.rest_address, grpc = %self.grpc_address, "the gateway serves");
        tokio::select! {
            ended = edges => ended,
            ended = answers => ended,
            ended = watch.run() => ended,
        }
    }
}

/// Follows all partitions; ends with the first that does.
async fn follow_all(
    followers: Vec<impl Future<Output = Result<(), TailError>> + Send + 'static>,
) -> Result<(), ServeError> {
    let mut running: FuturesUnordered<_> = followers.into_iter().map(tokio::spawn).collect();
    match running.next().await {
        Some(Ok(Err(error))) => Err(error.into()),
        _ => Err(ServeError::TailsEnded),
    }
}

async fn serve_rest(
    listener: TcpListener,
    office: Arc<Office>,
    requests_max: usize,
    readiness: Readiness,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let health = health::router(readiness, telemetry::metrics::render);
    let is_sandbox = office.gate.trusts();
    let front = rest::front(office, requests_max, health);
    let listener = listener.tap_io(|connection| {
        // Without it answers wait for acknowledgements of earlier ones; a failure only costs time.
        let _ = connection.set_nodelay(true);
    });
    let stop = stop.cancelled_owned();
    if is_sandbox {
        let service = ServiceExt::<Request>::into_make_service(front);
        axum::serve(listener, service).with_graceful_shutdown(stop).await?;
        return Ok(());
    }
    // Whoever shows tokens that are none is counted by where it comes from.
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(front);
    axum::serve(listener, service).with_graceful_shutdown(stop).await?;
    Ok(())
}

async fn serve_grpc(
    listener: TcpListener,
    router: tonic::transport::server::Router,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    router.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await?;
    Ok(())
}

/// Sweeps the desk and says whether the gateway is ready.
struct Watch {
    office: Arc<Office>,
    followers: Followers,
    part: Part,
    health: HealthReporter,
    reference_end: oneshot::Receiver<LogError>,
    credentials_end: Option<oneshot::Receiver<LogError>>,
    is_ready: bool,
    stop: CancellationToken,
}

impl Watch {
    async fn run(mut self) -> Result<(), ServeError> {
        let mut ticks = interval(SWEEP_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.office.desk.sweep(Instant::now());
            if let Ok(error) = self.reference_end.try_recv() {
                return Err(ServeError::Reference(error));
            }
            if let Some(Ok(error)) = self.credentials_end.as_mut().map(|end| end.try_recv()) {
                return Err(ServeError::Credentials(error));
            }
            if self.office.desk.has_failed() {
                self.part.not_ready("the producer has failed");
                return Err(ServeError::Producer);
            }
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let objection = self.objection();
        let is_ready = objection.is_none();
        match objection {
            None => self.part.ready(),
            Some(reason) => self.part.not_ready(reason),
        }
        if is_ready != self.is_ready {
            self.is_ready = is_ready;
            tell_health(&self.health, is_ready).await;
        }
    }

    fn objection(&self) -> Option<String> {
        if self.stop.is_cancelled() {
            return Some("is stopping".to_owned());
        }
        let reference = self.office.reference.objection();
        let gate = self.office.gate.objection();
        let objection = reference.or(gate).map(str::to_owned);
        objection.or_else(|| self.followers.objection())
    }
}
