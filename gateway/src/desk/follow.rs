//! Followers of the events: one for each partition, all answers to the desk.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use model::Partition;
use spine::{
    Log, Position, Visibility,
    answer::Sealed,
    log::LogError,
    tail::{self, Batch, Bell, TailError, TailReceiver},
};
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use super::{Desk, Shared, lag::Lag};

/// How many answers are heeded before other tasks of the runtime get their turn: well below a
/// millisecond. After a rest there are many at once.
const ANSWERS_A_TURN: usize = 64;

/// The followers of all partitions, and how far they are.
pub struct Followers {
    progress: Vec<Arc<Progress>>,
    tails: Vec<(Partition, TailReceiver<Sealed>)>,
}

struct Progress {
    has_reached_end: AtomicBool,
    lag: Mutex<Lag>,
}

impl Followers {
    /// Starts a thread for each partition, from its position on. Answers come at once while `bell`
    /// is rung.
    ///
    /// # Errors
    /// [`LogError`] where a partition cannot be read from there.
    pub fn start(
        log: &Arc<dyn Log>,
        positions: &[Position],
        bell: &Arc<Bell>,
        stop: &CancellationToken,
    ) -> Result<Followers, LogError> {
        let mut tails = Vec::with_capacity(positions.len());
        for (partition, position) in (0..).map_while(Partition::new).zip(positions) {
            let (seen, stop) = (Visibility::Synced, stop.child_token());
            let tail = tail::follow_while_wanted(log, partition, *position, seen, bell, stop)?;
            tails.push((partition, tail));
        }
        let progress = || {
            let lag = Mutex::new(Lag::new(Instant::now()));
            Arc::new(Progress { has_reached_end: AtomicBool::new(false), lag })
        };
        Ok(Followers { progress: positions.iter().map(|_| progress()).collect(), tails })
    }

    /// Why this gateway should not be sent orders, where the followers know a reason.
    pub fn objection(&self) -> Option<String> {
        for (partition, progress) in self.progress.iter().enumerate() {
            if !progress.has_reached_end.load(Ordering::Relaxed) {
                return Some(format!(
                    "has not caught up with the answers of partition {partition}"
                ));
            }
            let lag = progress.lag.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(seconds) = lag.excess_seconds() {
                return Some(format!(
                    "this clock and the log's, at partition {partition}, are {seconds:.1} s apart"
                ));
            }
        }
        None
    }

    /// One future for each partition: it hands on answers until the tail ends.
    pub fn run(
        &mut self,
        desk: &Desk,
    ) -> Vec<impl Future<Output = Result<(), TailError>> + Send + use<>> {
        let tails = std::mem::take(&mut self.tails);
        let pairs = tails.into_iter().zip(&self.progress);
        let run =
            |((partition, tail), progress): ((Partition, TailReceiver<Sealed>), &Arc<Progress>)| {
                follow(Arc::clone(&desk.shared), partition, tail, Arc::clone(progress))
            };
        pairs.map(run).collect()
    }
}

async fn follow(
    shared: Arc<Shared>,
    partition: Partition,
    mut tail: TailReceiver<Sealed>,
    progress: Arc<Progress>,
) -> Result<(), TailError> {
    while let Some(batch) = tail.recv().await {
        take(&shared, partition, &progress, batch?).await?;
    }
    Ok(())
}

async fn take(
    shared: &Shared,
    partition: Partition,
    progress: &Progress,
    batch: Batch<Sealed>,
) -> Result<(), TailError> {
    if let Some(last) = batch.answers.last()
        && progress.has_reached_end.load(Ordering::Relaxed)
    {
        let mut lag = progress.lag.lock().unwrap_or_else(PoisonError::into_inner);
        lag.sample(Instant::now(), shared.clock.now(), last.answer.now);
    }
    if batch.reached_end {
        progress.has_reached_end.store(true, Ordering::Relaxed);
    }
    for (number, accepted) in batch.answers.into_iter().enumerate() {
        if number > 0 && number % ANSWERS_A_TURN == 0 {
            yield_now().await;
        }
        let offset = accepted.offset;
        let heeded = shared.heed(partition, accepted);
        heeded.map_err(|error| TailError::Unopened { partition, offset, error })?;
    }
    Ok(())
}
