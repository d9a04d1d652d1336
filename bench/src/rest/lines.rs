//! Connections on each of which one request at a time is on its way.
//!
//! Whoever sends takes one that is free and notes when its request was due; whoever hears the
//! answer takes that note and sets the connection free again. The one that was set free last is
//! taken first, so that no more of them are busy than need be.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpStream as Hearing;

/// How long an answer may take: longer than a gateway takes at the most.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// See the [module](self).
pub(super) struct Lines {
    address: SocketAddr,
    all: Vec<Mutex<Line>>,
    free: Mutex<Vec<usize>>,
    freed: Condvar,
}

/// One connection.
struct Line {
    socket: TcpStream,
    /// When the request was due that is on its way.
    due: Option<Instant>,
}

impl Lines {
    /// So many connections to `address`.
    ///
    /// # Errors
    /// Where nobody answers there.
    pub(super) fn open(address: SocketAddr, count: u16) -> Result<Lines> {
        let line = |_| Ok(Mutex::new(Line { socket: connect(address)?, due: None }));
        let all = (0..count).map(line).collect::<Result<Vec<_>>>()?;
        let free = Mutex::new((0..all.len()).collect());
        Ok(Lines { address, all, free, freed: Condvar::new() })
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Sends a request that was due then on a connection that is free, for which it waits.
    ///
    /// # Errors
    /// Where none becomes free.
    pub(super) fn send(&self, due: Instant, request: &[u8]) -> Result<()> {
        let Some(number) = self.take() else {
            bail!("no request was answered for {} s", ANSWER_WAIT.as_secs())
        };
        let mut line = self.line(number);
        line.due = Some(due);
        // Where the connection is broken, whoever hears it notices. There is room for a request on
        // one on which nothing else is.
        let _ = line.socket.write_all(request);
        Ok(())
    }

    fn take(&self) -> Option<usize> {
        let free = lock(&self.free);
        let waited = self.freed.wait_timeout_while(free, ANSWER_WAIT, |free| free.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.pop()
    }

    /// The side of a connection on which answers are heard. To be called in a runtime.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn hearing(&self, number: usize) -> Result<Hearing> {
        Ok(Hearing::from_std(self.line(number).socket.try_clone()?)?)
    }

    /// The request on this connection was answered: sets it free, and tells when that was due.
    /// `None` where there was none.
    pub(super) fn answered(&self, number: usize) -> Option<Instant> {
        let due = self.line(number).due.take();
        if due.is_some() {
            self.set_free(number);
        }
        due
    }

    /// Opens a connection again that is broken, and says whether a request is lost with it.
    ///
    /// # Errors
    /// Where nobody answers any more.
    pub(super) fn renew(&self, number: usize) -> Result<bool> {
        let is_lost = {
            let mut line = self.line(number);
            line.socket = connect(self.address)?;
            line.due.take().is_some()
        };
        if is_lost {
            self.set_free(number);
        }
        Ok(is_lost)
    }

    /// Waits until every request is answered, or time is up; returns how many are not.
    pub(super) fn rest(&self) -> usize {
        let (all, free) = (self.count(), lock(&self.free));
        let waited = self.freed.wait_timeout_while(free, ANSWER_WAIT, |free| free.len() < all);
        all - waited.unwrap_or_else(PoisonError::into_inner).0.len()
    }

    fn set_free(&self, number: usize) {
        lock(&self.free).push(number);
        self.freed.notify_one();
    }

    fn line(&self, number: usize) -> MutexGuard<'_, Line> {
        lock(&self.all[number])
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let socket =
        TcpStream::connect(address).with_context(|| format!("nobody answers at {address}"))?;
    socket.set_nodelay(true)?;
    // As the side on which answers are heard has to be; they are one socket.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
