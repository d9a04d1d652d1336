//! Stopping: a signal becomes a token, and work is drained within a grace period.
//!
//! The first SIGTERM or Ctrl-C asks: every part that holds the token stops taking work and finishes
//! what it has. The second does not ask: the process ends at once, which the log makes safe.

use std::{future::Future, io, process, time::Duration};

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A process that a signal ends at once says which one, as shells do: 128 and its number.
const EXIT_OF_SIGNAL: i32 = 128;

/// Work that was still running when its grace period was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "work was still running {grace:?} after the process was asked to stop, and was left; \
     nothing acknowledged is lost, the log has it"
)]
pub struct GraceOver {
    /// The grace period that was given.
    pub grace: Duration,
}

/// A token that the first SIGTERM or Ctrl-C cancels; a second one ends the process at once.
///
/// Call it inside the runtime, once a process.
///
/// # Errors
/// Where the operating system does not let the process handle these signals.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    tokio::spawn(listen(terminate, interrupt, stop.clone()));
    Ok(stop)
}

async fn listen(mut terminate: Signal, mut interrupt: Signal, stop: CancellationToken) {
    let first = next(&mut terminate, &mut interrupt).await;
    tracing::info!(signal = first.as_raw_value(), "stopping; a second signal ends at once");
    stop.cancel();
    let second = next(&mut terminate, &mut interrupt).await;
    tracing::warn!(signal = second.as_raw_value(), "ending at once");
    process::exit(EXIT_OF_SIGNAL + second.as_raw_value());
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> SignalKind {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate(),
        _ = interrupt.recv() => SignalKind::interrupt(),
    }
}

/// Runs `work` to its end; once `stop` is cancelled, for `grace` more at most.
///
/// # Errors
/// [`GraceOver`] where the work had not ended by then; it is dropped where it stood.
pub async fn drain<W: Future>(
    work: W,
    stop: &CancellationToken,
    grace: Duration,
) -> Result<W::Output, GraceOver> {
    let grace_is_over = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        output = work => Ok(output),
        () = grace_is_over => Err(GraceOver { grace }),
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);
    const SHORT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn work_that_ends_has_its_say() {
        let stop = CancellationToken::new();
        assert_eq!(drain(async { 7 }, &stop, SHORT).await, Ok(7));
        stop.cancel();
        assert_eq!(drain(async { 7 }, &stop, Duration::ZERO).await, Ok(7));
    }

    #[tokio::test]
    async fn work_ends_by_itself_once_it_is_asked() {
        let stop = CancellationToken::new();
        let work = {
            let stop = stop.clone();
            async move {
                stop.cancelled().await;
                "drained"
            }
        };
        let asking = async {
            tokio::task::yield_now().await;
            stop.cancel();
        };
        let (drained, ()) = tokio::join!(drain(work, &stop, LONG), asking);
        assert_eq!(drained, Ok("drained"));
    }

    #[tokio::test]
    async fn work_that_never_ends_is_left_when_its_grace_is_over() {
        let stop = CancellationToken::new();
        stop.cancel();
        let drained = drain(future::pending::<()>(), &stop, SHORT).await;
        assert_eq!(drained, Err(GraceOver { grace: SHORT }));
    }

    #[tokio::test]
    async fn the_grace_does_not_begin_before_the_stop() {
        let stop = CancellationToken::new();
        let waiting = drain(future::pending::<()>(), &stop, Duration::ZERO);
        let outlived = tokio::time::timeout(Duration::from_millis(20), waiting).await;
        assert!(outlived.is_err(), "nobody asked it to stop");
    }

    /// One signal only: a second one would end this process.
    #[tokio::test]
    async fn a_signal_cancels_the_token() {
        let stop = stop_on_signal().expect("signals can be handled");
        assert!(!stop.is_cancelled());
        let this = process::id().to_string();
        let sent = process::Command::new("kill").args(["-TERM", &this]).status();
        assert!(sent.expect("kill can be run").success());
        stop.cancelled().await;
    }
}
