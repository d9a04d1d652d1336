//! Waiting for what others bring: brokers that are still starting, topics that nobody has made yet.
//! It is said what is waited for, and after a while it is given up: whoever started this process
//! starts it again.

use std::time::Duration;

use anyhow::Error;
use daemon::health::Part;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

/// How long is waited: several times what a cluster of brokers takes to come up.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// How long between two tries.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// After how long the same reason is said again, so that a log that somebody opens late says it.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// Why a try failed.
#[derive(Debug)]
pub enum Refusal {
    /// Others may bring it yet.
    NotYet(Error),
    /// Nothing will change it but people.
    Final(Error),
}

/// What is waited for, and who is told meanwhile.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// What it is, in a word or two.
    pub what: &'a str,
    /// Ends the waiting.
    pub stop: &'a CancellationToken,
    /// The part of the health page that says why; a command has none.
    pub part: Option<&'a Part>,
}

/// Tries until it works; `None` where the stop comes first.
///
/// # Errors
/// The first final refusal, or the last of the others, with how long was waited for what.
pub async fn until_it_works<T, F>(
    Wait { what, stop, part }: Wait<'_>,
    mut attempt: impl FnMut() -> F,
) -> anyhow::Result<Option<T>>
where
    F: Future<Output = Result<T, Refusal>>,
{
    let began = Instant::now();
    let mut said: Option<(String, Instant)> = None;
    loop {
        let tried = tokio::select! {
            tried = attempt() => tried,
            () = stop.cancelled() => return Ok(None),
        };
        let reason = match tried {
            Ok(found) => return Ok(Some(found)),
            Err(Refusal::Final(error)) => return Err(error),
            Err(Refusal::NotYet(error)) if began.elapsed() >= WAIT_MAX => {
                return Err(error.context(format!("waited {WAIT_MAX:?} for {what}")));
            }
            Err(Refusal::NotYet(error)) => format!("{error:#}"),
        };
        if is_news(said.as_ref(), &reason) {
            tracing::warn!(reason, "waiting for {what}");
            if let Some(part) = part {
                part.not_ready(format!("waits for {what}: {reason}"));
            }
            said = Some((reason, Instant::now()));
        }
        tokio::select! {
            () = time::sleep(TRY_EVERY) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
}

fn is_news(said: Option<&(String, Instant)>, reason: &str) -> bool {
    said.is_none_or(|(before, at)| before != reason || at.elapsed() >= SAY_AGAIN_AFTER)
}

impl Refusal {
    /// A refusal that others may lift.
    pub fn not_yet(error: impl Into<Error>) -> Refusal {
        Refusal::NotYet(error.into())
    }

    /// Why, for whoever does not wait.
    pub fn reason(self) -> Error {
        match self {
            Refusal::NotYet(error) | Refusal::Final(error) => error,
        }
    }

    /// A refusal for good.
    pub fn last(error: impl Into<Error>) -> Refusal {
        Refusal::Final(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn wait(stop: &CancellationToken) -> Wait<'_> {
        Wait { what: "the log", stop, part: None }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_late_is_waited_for() {
        let tries = Cell::new(0);
        let attempt = || {
            tries.set(tries.get() + 1);
            let found = (tries.get() == 5).then_some("there");
            async move { found.ok_or_else(|| Refusal::not_yet(Error::msg("not there"))) }
        };
        let found = until_it_works(wait(&CancellationToken::new()), attempt).await;
        assert_eq!(found.expect("it came"), Some("there"));
        assert_eq!(tries.get(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_given_up_with_the_reason() {
        let began = Instant::now();
        let attempt = async || Err::<(), _>(Refusal::not_yet(Error::msg("nobody answers")));
        let given_up = until_it_works(wait(&CancellationToken::new()), attempt).await;
        let text = format!("{:#}", given_up.expect_err("it never came"));
        assert_eq!(text, "waited 120s for the log: nobody answers");
        assert!(began.elapsed() < WAIT_MAX + 2 * TRY_EVERY);
    }

    #[tokio::test(start_paused = true)]
    async fn the_health_page_says_what_is_waited_for() {
        let readiness = daemon::health::Readiness::default();
        let part = readiness.register("log");
        let tries = Cell::new(0);
        let attempt = || {
            tries.set(tries.get() + 1);
            let second = tries.get() == 2;
            let page = readiness.to_string();
            async move {
                if second { Ok(page) } else { Err(Refusal::not_yet(Error::msg("nobody answers"))) }
            }
        };
        let stop = CancellationToken::new();
        let wait = Wait { part: Some(&part), ..wait(&stop) };
        let page = until_it_works(wait, attempt).await.expect("it came");
        let expected = "not ready\nlog: waits for the log: nobody answers\n";
        assert_eq!(page.as_deref(), Some(expected));
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_people_can_change_is_not_waited_for() {
        let began = Instant::now();
        let attempt = async || Err::<(), _>(Refusal::last(Error::msg("another log")));
        let refused = until_it_works(wait(&CancellationToken::new()), attempt).await;
        assert_eq!(refused.expect_err("refused").to_string(), "another log");
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_waiting() {
        let stop = CancellationToken::new();
        let attempt = async || Err::<(), _>(Refusal::not_yet(Error::msg("not there")));
        let stopping = async {
            time::sleep(TRY_EVERY * 3).await;
            stop.cancel();
        };
        let (waited, ()) = tokio::join!(until_it_works(wait(&stop), attempt), stopping);
        assert_eq!(waited.expect("no failure"), None);
    }
}
