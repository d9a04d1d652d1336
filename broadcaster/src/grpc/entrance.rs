//! Takes gRPC connections in, so many at a time.
//!
//! One that is too many is taken in for a moment only, to be told so in gRPC's own words: left
//! waiting, or closed at once, its client could not tell a full broadcaster from a dead one.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, stream};
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tonic::{
    body::Body,
    transport::server::{Connected, TcpConnectInfo},
};

use super::refusal;

/// How many connections are told at once that they are too many; more are closed without a word.
const TURNED_AWAY_MAX: usize = 64;

/// How long a connection that is too many may take to ask for something and to be told.
const TURNED_AWAY_WAIT_MAX: Duration = Duration::from_secs(1);

/// How long accepting pauses where the system has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The connections that come to `listener`, at most `connections_max` at a time.
pub(crate) fn admitted(
    listener: TcpListener,
    connections_max: usize,
) -> impl Stream<Item = io::Result<Connection>> + Send {
    let [places, turned_away] =
        [connections_max, TURNED_AWAY_MAX].map(|most| Arc::new(Semaphore::new(most)));
    stream::unfold(Entrance { listener, places, turned_away }, |entrance| async move {
        let connection = entrance.next().await;
        Some((Ok(connection), entrance))
    })
}

struct Entrance {
    listener: TcpListener,
    places: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
}

impl Entrance {
    async fn next(&self) -> Connection {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(place) => return Connection::new(stream, place),
                    Err(_) => self.turn_away(stream),
                },
                Err(error) => {
                    tracing::warn!(%error, "a gRPC connection was not accepted");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn turn_away(&self, stream: TcpStream) {
        metrics::counter!("tradespine_broadcaster_grpc_connections_refused_total").increment(1);
        let Ok(place) = Arc::clone(&self.turned_away).try_acquire_owned() else { return };
        tokio::spawn(async move {
            let refuse = service_fn(async |_request| {
                io::Result::Ok(refusal::too_many_connections().into_http::<Body>())
            });
            let telling = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), refuse);
            // Whether it was told or not: what remains is closed.
            let _ = time::timeout(TURNED_AWAY_WAIT_MAX, telling).await;
            drop(place);
        });
    }
}

/// A connection, and its place among all that there may be.
pub(crate) struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Connection {
        // A frame is news: it must not wait for the next one to fill a packet.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        Connection { stream, _place: place }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}
