//! The embedded journal after crashes: killed at random moments, and with damaged ends.
//!
//! A child process, this test binary again, runs a small exchange on a journal: clients append
//! orders, shards answer each as soon as it is written, and a counter goes round three topics. It
//! notes every acknowledgement in a file. Then it is killed, and the journal is opened here: it has
//! everything that was acknowledged and ends at one point, or it is refused with a reason. What was
//! opened goes on: it is worked on again, killed again, and opened again.
//!
//! More trials: `TRADESPINE_TEST_KILL_CYCLES` and `TRADESPINE_TEST_TORN_TRIALS` say how many.

#[path = "embedded_crash/damage.rs"]
mod damage;
#[path = "embedded_crash/exchange.rs"]
mod exchange;
#[path = "embedded_crash/kill.rs"]
mod kill;
#[path = "embedded_crash/torn.rs"]
mod torn;
#[path = "embedded_crash/verdict.rs"]
mod verdict;

/// Names the directory of the child that is killed.
const CHILD: &str = "TRADESPINE_TEST_JOURNAL_CHILD";

/// Not a test of its own: what the killed child runs.
#[test]
fn child_that_is_killed() {
    if let Some(directory) = std::env::var_os(CHILD) {
        exchange::run(directory.as_ref());
    }
}

/// A number from the environment, or this one.
fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
