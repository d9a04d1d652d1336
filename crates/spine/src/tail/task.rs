//! A tail that a task reads by itself: where a log tells of what comes, no thread stands between.
//!
//! A thread that hands on what it read has to be woken, and wakes the task: in a quiet moment that
//! is a good part of what an answer takes from the log to whoever waits for it. So the task polls,
//! without waiting, when the log tells it to. What may take long is done aside: to ask where the
//! end is, once nothing has come for a while.
//!
//! What will never live here: a rule of what is accepted.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt, stream};
use model::Partition;
use tokio::{runtime::Handle, sync::Notify, task, time};
use tokio_util::sync::CancellationToken;

use super::{Batch, News, Pace, Tail, TailError, TailReceiver, follow};
use crate::{
    acceptor::Position,
    answer::Opened,
    log::{
        Log, LogError, Place, ReachedEnd, ReadLimit, Reader, Stored, Visibility,
        walker::{POLL_WAIT, Turn},
    },
};

/// How much one look may bring: a fraction of a millisecond of work, since other tasks wait for it.
const TURN_LIMIT: ReadLimit = ReadLimit { records: 128, bytes: 1024 * 1024 };

/// How often the end is looked for while answers keep coming: as often as one may learn late that
/// a reader has caught up, or that an answer is missing.
const END_SOUGHT_EVERY: Duration = Duration::from_secs(1);

/// What a tail brings to a task: batches, and at most one error as its last word.
pub type Batches<A> = Pin<Box<dyn Stream<Item = Result<Batch<A>, TailError>> + Send>>;

/// Follows the events of `partition` from `from` on, until `stop`, in the task that polls what this
/// returns; on a thread, as [`follow`] does, in a log that does not tell of what comes. To be
/// polled in a runtime.
///
/// # Errors
/// [`LogError`] where the partition cannot be read from there.
pub fn follow_in_a_task<A: Opened>(
    log: &Arc<dyn Log>,
    partition: Partition,
    from: Position,
    visibility: Visibility,
    pace: Pace,
    stop: CancellationToken,
) -> Result<Batches<A>, LogError> {
    let (place, came) = (Place::events(partition), Arc::new(Notify::new()));
    let told = Arc::clone(&came);
    let Some(reader) = log.reader_that_tells(place, from.next_offset, visibility, pace, told)?
    else {
        return Ok(of_a_thread(follow(log, partition, from, visibility, pace, stop)?));
    };
    Ok(Following::new(Tail::new(partition, reader, from), came, pace, stop).batches())
}

/// What a tail on a thread brings.
pub(super) fn of_a_thread<A: Opened>(mut tail: TailReceiver<A>) -> Batches<A> {
    Box::pin(stream::poll_fn(move |context| tail.poll_recv(context)))
}

/// A tail, and when it is looked at.
struct Following {
    tail: Tail,
    came: Arc<Notify>,
    pace: Pace,
    stop: CancellationToken,
    began: Instant,
    /// Until when what comes had better gather.
    rests_until: Instant,
    /// When it was looked for the end last.
    sought_at: Instant,
    news: News,
}

/// What is told, and who goes on; nobody after an error.
type Told<A> = (Result<Batch<A>, TailError>, Option<Following>);

impl Following {
    fn new(tail: Tail, came: Arc<Notify>, pace: Pace, stop: CancellationToken) -> Following {
        let began = Instant::now();
        let (rests_until, sought_at) = (began, began);
        Following { tail, came, pace, stop, began, rests_until, sought_at, news: News::default() }
    }

    fn batches<A: Opened>(self) -> Batches<A> {
        let batches = stream::unfold(Some(self), async |following| following?.next().await);
        Box::pin(batches.fuse())
    }

    /// What is told next; nothing more where it was told to stop.
    async fn next<A: Opened>(mut self) -> Option<Told<A>> {
        let mut is_quiet = false;
        loop {
            let rest = self.rests_until.saturating_duration_since(Instant::now());
            if !rest.is_zero() {
                time::sleep(rest).await;
            }
            if self.stop.is_cancelled() {
                return None;
            }
            let next;
            if is_quiet || self.seeks_end() {
                (self, next) = self.look_aside().await?;
            } else {
                next = self.look(Duration::ZERO);
            }
            match next {
                Ok(batch) if self.news.is(&batch) => {
                    self.rests_until = Instant::now() + self.rest_after(&batch);
                    return Some((Ok(batch), Some(self)));
                }
                Ok(_) => is_quiet = listen(&self.came, &self.stop).await,
                Err(error) => return Some((Err(error), None)),
            }
        }
    }

    /// Whether it is time to look for the end, which while answers keep coming is not seen in
    /// passing.
    fn seeks_end(&self) -> bool {
        !self.news.of_end && self.sought_at.elapsed() >= END_SOUGHT_EVERY
    }

    fn look<A: Opened>(&mut self, wait: Duration) -> Result<Batch<A>, TailError> {
        let clock = || self.began.elapsed();
        self.tail.next(&Turn { limit: TURN_LIMIT, wait, clock: &clock })
    }

    /// Looks where waiting holds nobody up. `None` where the runtime ends meanwhile.
    async fn look_aside<A: Opened>(mut self) -> Option<(Following, Result<Batch<A>, TailError>)> {
        let looking = move || {
            let next = self.look(POLL_WAIT);
            self.sought_at = Instant::now();
            (self, next)
        };
        task::spawn_blocking(looking).await.ok()
    }

    fn rest_after<A>(&self, batch: &Batch<A>) -> Duration {
        batch.rest_at(self.pace).unwrap_or_default().max(self.tail.reader.rest())
    }
}

impl Drop for Following {
    /// To leave a broker takes a moment, in which other tasks must not wait: whoever stops drops
    /// this in the runtime, as often as not in the midst of listening.
    fn drop(&mut self) {
        let reader = mem::replace(&mut self.tail.reader, Box::new(Left));
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn_blocking(move || drop(reader)));
        }
    }
}

/// In place of a reader that is left.
struct Left;

impl Reader for Left {
    fn poll(
        &mut self,
        _: ReadLimit,
        _: Duration,
        _: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        Err(LogError::Failed("the reader was left".to_owned()))
    }
}

/// Waits until something comes. Whether nothing did for as long as one may wait.
async fn listen(came: &Notify, stop: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = came.notified() => false,
        () = stop.cancelled() => false,
        () = time::sleep(POLL_WAIT) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;
    use crate::{
        Record,
        answer::Sealed,
        chain::LogId,
        log::{WriterRole, memory::MemoryLog},
    };

    fn following(reader: Box<dyn Reader>, came: Arc<Notify>, stop: CancellationToken) -> Following {
        let from = Position::start(LogId([3; 16]), Partition::FIRST);
        Following::new(Tail::new(Partition::FIRST, reader, from), came, Pace::Eager, stop)
    }

    /// Tells that the end is reached only where it may wait, as a reader does that has to ask.
    struct Asking(Box<dyn Reader>);

    impl Reader for Asking {
        fn poll(
            &mut self,
            limit: ReadLimit,
            wait: Duration,
            into: &mut Vec<Stored>,
        ) -> Result<ReachedEnd, LogError> {
            let reached = self.0.poll(limit, wait, into)?;
            Ok(if wait.is_zero() { ReachedEnd::No } else { reached })
        }
    }

    #[tokio::test]
    async fn the_end_is_learned_of_while_records_keep_coming() {
        let log = MemoryLog::new(1);
        let (place, came) = (Place::events(Partition::FIRST), Arc::new(Notify::new()));
        let told = Arc::clone(&came);
        let reader = log.reader_that_tells(place, 0, Visibility::Synced, Pace::Eager, told);
        let reader = Box::new(Asking(reader.expect("a memory is read").expect("it tells")));
        let stop = CancellationToken::new();
        let mut batches = following(reader, came, stop.clone()).batches::<Sealed>();
        let producer = log.producer(WriterRole::Shard).expect("made");
        let keep_coming = async {
            while !stop.is_cancelled() {
                producer.append(place, Record::of("no answer"), Box::new(|_| {}));
                time::sleep(POLL_WAIT / 10).await;
            }
        };
        let learn = async {
            let batch = batches.next().await.expect("it follows").expect("a memory is read");
            stop.cancel();
            batch.reached_end
        };
        assert!(tokio::join!(learn, keep_coming).0);
    }

    /// Tells on which thread it was dropped.
    struct Dropped(mpsc::Sender<thread::ThreadId>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().id());
        }
    }

    impl Reader for Dropped {
        fn poll(
            &mut self,
            _: ReadLimit,
            _: Duration,
            _: &mut Vec<Stored>,
        ) -> Result<ReachedEnd, LogError> {
            Ok(ReachedEnd::No)
        }
    }

    #[tokio::test]
    async fn a_reader_is_left_aside_however_its_task_ends() {
        for is_stopped in [true, false] {
            let (tell, heard) = mpsc::channel();
            let stop = CancellationToken::new();
            let following = following(Box::new(Dropped(tell)), Arc::default(), stop.clone());
            let mut batches = following.batches::<Sealed>();
            // In the midst of listening.
            assert!(time::timeout(POLL_WAIT / 10, batches.next()).await.is_err());
            if is_stopped {
                stop.cancel();
                assert!(batches.next().await.is_none());
            }
            drop(batches);
            let left_on = task::spawn_blocking(move || heard.recv()).await.expect("no panic");
            assert_ne!(left_on, Ok(thread::current().id()));
            assert!(left_on.is_ok());
        }
    }
}
