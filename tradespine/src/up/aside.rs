//! A runtime beside the order path's, for services that give way to it.
//!
//! The ledger runs here: with all its threads, and those of its database, it takes what orders
//! leave of the processors. What will never live here: anything that an order waits for.

use anyhow::Context;
use tokio::{runtime, task::JoinHandle};

/// How many threads serve: one folds and writes batches, one answers queries meanwhile.
const THREADS: usize = 2;

/// See the [module](self).
pub(super) struct Aside {
    /// Taken when this ends.
    runtime: Option<runtime::Runtime>,
}

impl Aside {
    /// Starts its threads.
    ///
    /// # Errors
    /// Where the system gives none.
    pub(super) fn start() -> anyhow::Result<Aside> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("aside")
            .on_thread_start(daemon::priority::give_way)
            .enable_all()
            .build()
            .context("no threads could be started")?;
        Ok(Aside { runtime: Some(runtime) })
    }

    /// Runs `work` there. What it opens belongs to that runtime, with the threads it starts.
    pub(super) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.as_ref().expect("it is taken only at the end").spawn(work)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Its work has ended, or failed: nothing is waited for, least of all in another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
