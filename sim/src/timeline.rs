//! Simulated time: one for the log, the processes' clocks, what they measure waiting by, and their
//! timers.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use daemon::clock::Clock;
use model::{Span, Timestamp};
use spine::log::memory::MemoryLog;
use tokio::runtime::{Builder, EnterGuard, Runtime};

/// The instant at which every run begins: 2023-11-14T22:13:20Z.
const BEGIN: Timestamp = Timestamp::from_unix_millis(1_700_000_000_000);

/// See the [module](self).
pub(crate) struct Timeline {
    /// Holds the timers; no task ever runs on it.
    runtime: Runtime,
    began: Instant,
    passed_nanos: Arc<AtomicU64>,
    log: MemoryLog,
}

impl Timeline {
    #[expect(
        clippy::disallowed_methods,
        reason = "a place for all other instants to count from; how far off it is nobody sees"
    )]
    pub(crate) fn new(log: MemoryLog) -> Timeline {
        log.set_now(BEGIN);
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .max_blocking_threads(1)
            .build()
            .expect("a runtime without IO can always be built");
        Timeline { runtime, began: Instant::now(), passed_nanos: Arc::default(), log }
    }

    /// How much time has passed.
    pub(crate) fn now(&self) -> Duration {
        Duration::from_nanos(self.passed_nanos.load(Ordering::Relaxed))
    }

    /// The same for those who measure by instants.
    pub(crate) fn instant(&self) -> Instant {
        self.began + self.now()
    }

    /// Time passes, for everybody at once.
    pub(crate) fn pass(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.passed_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.log.advance(Span::from_nanos(nanos));
        self.runtime.block_on(tokio::time::advance(span));
    }

    /// Futures that are polled while this is held have these timers.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// What was begun aside because it blocks is done when this returns: there is one thread for
    /// it, which takes one piece of work after the other, and nothing else runs meanwhile.
    pub(crate) fn settle(&self) {
        let (done, is_done) = mpsc::channel();
        self.runtime.spawn_blocking(move || done.send(()).is_ok());
        is_done.recv().expect("the thread does what it is given");
    }

    /// A clock that is so many milliseconds ahead of the log's, or behind it.
    pub(crate) fn clock(&self, ahead_millis: i64) -> Arc<Skewed> {
        Arc::new(Skewed { passed_nanos: Arc::clone(&self.passed_nanos), ahead_millis })
    }

    pub(crate) fn monotonic(&self) -> Arc<dyn Fn() -> Instant + Send + Sync> {
        let (began, passed) = (self.began, Arc::clone(&self.passed_nanos));
        Arc::new(move || began + Duration::from_nanos(passed.load(Ordering::Relaxed)))
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Timeline").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// A clock that is a little wrong, always by the same.
#[derive(Debug)]
pub(crate) struct Skewed {
    passed_nanos: Arc<AtomicU64>,
    ahead_millis: i64,
}

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        let passed_nanos = self.passed_nanos.load(Ordering::Relaxed);
        let millis = BEGIN.unix_millis().saturating_add_signed(self.ahead_millis);
        Timestamp::from_unix_millis(millis).plus(Span::from_nanos(passed_nanos))
    }
}
