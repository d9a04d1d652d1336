//! Killed at random moments, again and again: nothing that was acknowledged is lost.

use std::{
    env,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rand::{RngExt as _, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::log::embedded::EmbeddedLog;

use crate::{
    CHILD, count,
    exchange::{journal_path, settings},
    verdict::{acknowledged, contents, lost, unanswered},
};

/// How many kills an ordinary test run affords.
const CYCLES: u64 = 30;

/// How many kills one journal goes through: it grows, and everything is read after each.
const CYCLES_A_JOURNAL: u64 = 5;

/// Runs the exchange in `directory` for so long and kills it, without a chance to say goodbye.
pub(crate) fn run_and_kill(directory: &Path, after: Duration) {
    let child = start(directory);
    thread::sleep(after);
    kill(child);
}

/// The same, but counted from its first acknowledgement, however long a busy machine takes to it.
pub(crate) fn run_and_kill_at_work(directory: &Path, after: Duration) {
    let mut child = start(directory);
    while acknowledged(directory).is_empty() {
        assert_eq!(child.try_wait().expect("the child's state"), None, "it ended by itself");
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(after);
    kill(child);
}

fn start(directory: &Path) -> Child {
    Command::new(env::current_exe().expect("this test's path"))
        .args(["child_that_is_killed", "--exact", "--nocapture"])
        .env(CHILD, directory)
        .stdout(Stdio::null())
        .spawn()
        .expect("the child starts")
}

fn kill(mut child: Child) {
    let ended = child.try_wait().expect("the child's state");
    assert_eq!(ended, None, "the child ended by itself");
    child.kill().expect("killed");
    child.wait().expect("ended");
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let (mut interrupted, mut records) = (0, 0);
    let cycles = count("TRADESPINE_TEST_KILL_CYCLES", CYCLES);
    for journal in 0..cycles.div_ceil(CYCLES_A_JOURNAL) {
        let directory = tempfile::tempdir().expect("a directory");
        for cycle in 0..CYCLES_A_JOURNAL.min(cycles - journal * CYCLES_A_JOURNAL) {
            let after = Duration::from_micros(random.random_range(0..400_000));
            run_and_kill(directory.path(), after);
            let log = EmbeddedLog::open(&journal_path(directory.path()), settings());
            let log = log.unwrap_or_else(|error| panic!("cycle {cycle} of {journal}: {error}"));
            let found = contents(&log);
            assert_eq!(lost(&found, &acknowledged(directory.path())), 0);
            interrupted += u64::from(unanswered(&found) > 0);
            records = acknowledged(directory.path()).len().max(records);
        }
    }
    println!("{cycles} kills, {interrupted} with unanswered orders; up to {records} acknowledged");
}
