//! A thread that follows a partition from its beginning, whatever its records say, and hands them
//! on as they come. Which answers are accepted nobody is told here: that is [`tail`](crate::tail).

use std::{thread, time::Duration};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::{
    Log, Place, Stored, Visibility,
    log::{LogError, ReachedEnd, ReadLimit},
};

/// How much one poll may bring; the whole reference topic of a young platform is one poll.
const POLL_LIMIT: ReadLimit = ReadLimit { records: 4_096, bytes: 1 << 20 };

/// How long a poll waits for a record before it looks whether it should stop.
const POLL_WAIT: Duration = Duration::from_millis(200);

/// Starts the thread. After each poll `hear` is given what it has brought, to take all of it, and
/// whether that was the end. The thread ends with `stop`, or after having told why the partition
/// can no longer be read.
///
/// # Errors
/// [`LogError`] where it cannot be read at all.
pub fn follow(
    log: &dyn Log,
    place: Place,
    name: &str,
    stop: CancellationToken,
    mut hear: impl FnMut(&mut Vec<Stored>, ReachedEnd) + Send + 'static,
) -> Result<oneshot::Receiver<LogError>, LogError> {
    let mut reader = log.reader(place, 0, Visibility::Synced)?;
    let (sender, receiver) = oneshot::channel();
    let run = move || {
        let mut polled = Vec::new();
        while !stop.is_cancelled() {
            match reader.poll(POLL_LIMIT, POLL_WAIT, &mut polled) {
                Ok(reached) => hear(&mut polled, reached),
                Err(error) => {
                    let _ = sender.send(error);
                    return;
                }
            }
            polled.clear();
        }
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| LogError::Failed(error.to_string()))?;
    Ok(receiver)
}
