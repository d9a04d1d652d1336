//! The thread that gives up for edges: a disk that hangs holds the writer, not their answers.

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::Shared;
use crate::log::{AppendError, LogError};

/// How often it looks: small beside the seconds that an edge is patient.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The running thread; it ends with this.
pub(super) struct Patience {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Patience {
    pub(super) fn start(shared: &Arc<Shared>) -> Result<Patience, LogError> {
        let (stop, stopped) = mpsc::channel::<()>();
        let shared = Arc::clone(shared);
        let run = move || {
            while stopped.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                give_up(&shared, Instant::now());
            }
        };
        let thread = thread::Builder::new()
            .name("journal-patience".to_owned())
            .spawn(run)
            .map_err(|error| LogError::Failed(error.to_string()))?;
        Ok(Patience { stop: Some(stop), thread: Some(thread) })
    }
}

/// Gives up what is late at `now`.
pub(super) fn give_up(shared: &Shared, now: Instant) {
    for acknowledge in shared.queue.give_up(now) {
        // It still stood in the line and will not be written: that much is known.
        acknowledge(Err(AppendError::Full));
    }
    for acknowledge in shared.in_flight.give_up(now) {
        acknowledge(Err(AppendError::Unknown));
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
