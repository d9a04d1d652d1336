//! The runtime that requests and connections are served on.
//!
//! A process is more than its tasks: readers and producers of the log, shards and snapshots have
//! threads of their own, which are busy whenever the tasks are. With as many workers as processors
//! each event would also wake a second worker that finds nothing to do, at the cost of two switches
//! in front of whoever has work.

use std::{env, io, num::NonZeroUsize, thread};

use tokio::runtime::{Builder, Runtime};

/// By which tokio lets the number of workers be set.
const WORKERS: &str = "TOKIO_WORKER_THREADS";

/// Of so many processors, one is for a worker.
const PROCESSORS_A_WORKER: usize = 2;

/// Starts a runtime with one worker for every two processors that this process may use, or with as
/// many as `TOKIO_WORKER_THREADS` says.
///
/// # Errors
/// Where the system gives no threads.
pub fn start() -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if env::var_os(WORKERS).is_none() {
        builder.worker_threads(workers(thread::available_parallelism().ok()));
    }
    builder.enable_all().build()
}

fn workers(processors: Option<NonZeroUsize>) -> usize {
    processors.map_or(1, |processors| processors.get().div_ceil(PROCESSORS_A_WORKER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_processors_have_a_worker_and_there_is_always_one() {
        let of = |processors| workers(NonZeroUsize::new(processors));
        assert_eq!([0, 1, 2, 3, 4, 8, 64].map(of), [1, 1, 1, 2, 2, 4, 32]);
    }
}
