//! The thread that drives an owner.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use model::Partition;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Progress, Shard, ShardError, ShardSettings, meters::Meters};
use crate::{core::Core, genesis::Identity, log::Log, replay::Begin};

/// How long an idle owner waits for an input until it looks whether it should stop, and whether
/// answers of its own were accepted, for which nobody waits. An input ends the wait at once.
const WAIT_QUIET: Duration = Duration::from_millis(50);

/// How long a candidate sleeps between two looks: a fraction of what it waits for.
const WAIT_CANDIDATE: Duration = Duration::from_millis(5);

/// What an owner is doing, for readiness and metrics.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Replays the log.
    Recovering,
    /// Stands for ownership, or waits for another owner to go.
    Standing,
    /// Publishes.
    Owning,
    /// Was asked to stop and has.
    Stopped,
    /// Ended itself.
    Failed(ShardError),
}

/// An owner's thread.
pub struct ShardHandle {
    thread: thread::JoinHandle<()>,
    status: watch::Receiver<Status>,
}

impl ShardHandle {
    /// What it is doing, and every change of it.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Waits for its end; it must have been told to stop or have failed.
    ///
    /// # Errors
    /// Why it ended, where that was not because it was told to.
    pub fn join(self) -> Result<(), ShardError> {
        // A panic of the thread is a status too: it is caught below.
        let _ = self.thread.join();
        match self.status.borrow().clone() {
            Status::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Starts a thread that recovers the shard of `partition` and owns it until `stop`.
///
/// # Errors
/// Where no thread can be started.
pub fn spawn<C: Core + 'static>(
    log: Arc<dyn Log>,
    identity: Identity,
    partition: Partition,
    begin: Begin,
    settings: ShardSettings,
    stop: CancellationToken,
) -> std::io::Result<ShardHandle> {
    let (sender, status) = watch::channel(Status::Recovering);
    let thread = thread::Builder::new().name(format!("shard-{partition}")).spawn(move || {
        let (started, meters) = (Instant::now(), Meters::of(partition));
        let drive = Drive { sender: &sender, partition, stop: &stop, started, meters };
        let ended = drive.run::<C>(&log, &identity, &begin, settings);
        sender.send_replace(match ended {
            Ok(()) => Status::Stopped,
            Err(error) => {
                tracing::error!(%partition, %error, "the shard has ended");
                Status::Failed(error)
            }
        });
    })?;
    Ok(ShardHandle { thread, status })
}

struct Drive<'a> {
    sender: &'a watch::Sender<Status>,
    partition: Partition,
    stop: &'a CancellationToken,
    started: Instant,
    meters: Meters,
}

impl Drive<'_> {
    fn run<C: Core>(
        &self,
        log: &Arc<dyn Log>,
        identity: &Identity,
        begin: &Begin,
        settings: ShardSettings,
    ) -> Result<(), ShardError> {
        let mut shard = self.recover::<C>(log, identity, begin, settings)?;
        self.sender.send_replace(Status::Standing);
        while !self.stop.is_cancelled() {
            self.step(&mut shard)?;
        }
        Ok(())
    }

    /// A panic on the way to a state is an end like any other: said, and no publishing.
    fn recover<C: Core>(
        &self,
        log: &Arc<dyn Log>,
        identity: &Identity,
        begin: &Begin,
        settings: ShardSettings,
    ) -> Result<Shard<C>, ShardError> {
        let now = self.started.elapsed();
        let recovered = catch_unwind(AssertUnwindSafe(|| {
            Shard::<C>::recover(log, identity, self.partition, begin, settings, now)
        }));
        let shard = recovered.map_err(|panic| ShardError::RecoveryPanicked {
            message: message_of(panic.as_ref()),
        })??;
        tracing::info!(
            partition = %self.partition,
            answers = shard.replica().out_seq(),
            took_ms = self.started.elapsed().as_millis(),
            "recovered"
        );
        Ok(shard)
    }

    /// A panic in the core leaves a state that nobody can trust: it ends the owner, with the input
    /// at fault, and the log has everything.
    fn step<C: Core>(&self, shard: &mut Shard<C>) -> Result<(), ShardError> {
        let was_owner = shard.is_owner();
        let now = self.started.elapsed();
        let stepped = catch_unwind(AssertUnwindSafe(|| shard.step(now, WAIT_QUIET)));
        let progress = stepped.map_err(|panic| ShardError::Panicked {
            offset: shard.replica().next_offset(),
            message: message_of(panic.as_ref()),
        })??;
        if shard.is_owner() != was_owner {
            let status = if was_owner { Status::Standing } else { Status::Owning };
            self.sender.send_replace(status);
        }
        self.meters.tell(shard);
        if progress == Progress::Idle && !shard.is_owner() {
            thread::sleep(WAIT_CANDIDATE);
        }
        Ok(())
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
