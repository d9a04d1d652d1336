//! Drives a sender on a thread of its own.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use model::Partition;
use tokio_util::sync::CancellationToken;

use super::{LinkSender, SenderError};
use crate::{genesis::Identity, log::Log, snapshot::SnapshotStore};

/// How long one step waits for an answer: the grain of everything that is due by time.
const STEP_WAIT: Duration = Duration::from_millis(50);

/// How long after a failure another sender begins.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Starts a thread that sends what the shard of `partition` has for others, until `stop`, and only
/// while `is_owner` says so: of several processes that run the shard, one is enough.
///
/// # Errors
/// Where no thread can be started.
pub fn spawn(
    log: Arc<dyn Log>,
    identity: Identity,
    partition: Partition,
    store: Arc<dyn SnapshotStore>,
    is_owner: impl Fn() -> bool + Send + 'static,
    stop: CancellationToken,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(format!("links-{partition}")).spawn(move || {
        while !stop.is_cancelled() {
            let opened = LinkSender::open(log.as_ref(), &identity, partition, store.as_ref());
            let ended = opened.and_then(|sender| run(sender, &is_owner, &stop));
            if let Err(error) = ended {
                tracing::error!(%partition, %error, "the links of this shard begin anew");
                metrics::counter!("tradespine_link_sender_failures_total").increment(1);
                thread::sleep(RETRY_AFTER);
            }
        }
    })
}

fn run(
    mut sender: LinkSender,
    is_owner: &impl Fn() -> bool,
    stop: &CancellationToken,
) -> Result<(), SenderError> {
    let began = Instant::now();
    while !stop.is_cancelled() {
        sender.step(began.elapsed(), STEP_WAIT, is_owner())?;
    }
    Ok(())
}
