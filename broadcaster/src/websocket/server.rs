//! Accepts HTTP connections, so many at a time, and lets none of them linger.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time,
};
use tokio_util::sync::CancellationToken;

/// How many connections may be at HTTP at once; one that became a WebSocket no longer counts. More
/// wait in the kernel's own queue.
const CONNECTIONS_MAX: u32 = 1024;

/// How long a client may take to send the head of a request, and to send another one.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long accepting pauses where the system has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `stop`, then ends what is under way within `drain_max`.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    drain_max: Duration,
    stop: &CancellationToken,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    stop.run_until_cancelled(accept_all(&listener, &router, &room, stop)).await;
    drop(listener);
    if time::timeout(drain_max, room.acquire_many(CONNECTIONS_MAX)).await.is_err() {
        tracing::warn!("left HTTP connections that did not end in time");
    }
}

async fn accept_all(
    listener: &TcpListener,
    router: &Router,
    room: &Arc<Semaphore>,
    stop: &CancellationToken,
) {
    loop {
        let place = Arc::clone(room).acquire_owned().await.expect("it is never closed");
        match listener.accept().await {
            Ok((connection, _)) => {
                let (router, stop) = (router.clone(), stop.clone());
                tokio::spawn(async move {
                    serve_one(connection, router, &stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_one(connection: TcpStream, router: Router, stop: &CancellationToken) {
    // A frame is news: it must not wait for the next one to fill a packet.
    if let Err(error) = connection.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .serve_connection(TokioIo::new(connection), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
