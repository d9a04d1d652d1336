//! The store's journals are damaged near their end: recovered or refused, never wrong.
//!
//! Wrong would be a hole, an altered value, an answer without its order, or silence about the loss
//! of anything that was acknowledged: the watermark, noted before each acknowledgement, tells.
//! Wrong would also be a journal that is recovered, acknowledges more, and does not have it at the
//! next opening, whether it was closed before that or killed.

use std::{fs, path::Path, time::Duration};

use rand::{RngExt as _, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::{
    Place, Record,
    log::{self, Log, LogError, WriterRole, embedded::EmbeddedLog},
};

use crate::{
    count,
    damage::{damage, rewrite, written},
    exchange::{answer_number, journal_path, partitions, settings, value},
    kill::run_and_kill_at_work,
    verdict::{Contents, acknowledged, contents, lost},
};

/// How many trials an ordinary test run affords.
const TRIALS: u64 = 60;

/// How many trials one unclean exit is good for.
const TRIALS_A_CRASH: u64 = 20;

/// How long a recovered journal is worked on before that is killed: some of its tables are written.
const WORK_AFTER_RECOVERY: Duration = Duration::from_millis(30);

/// The distance between the watermark's slots.
const SLOT_BYTES: usize = 4_096;

#[derive(Default, Debug)]
struct Tally {
    refused: u64,
    recovered: u64,
}

#[test]
fn a_torn_tail_is_recovered_or_refused_but_never_wrong() {
    let mut tally = Tally::default();
    let trials = count("TRADESPINE_TEST_TORN_TRIALS", TRIALS);
    for crash in 0..trials.div_ceil(TRIALS_A_CRASH) {
        let original = tempfile::tempdir().expect("a directory");
        let mut random = Pcg64Mcg::seed_from_u64(crash);
        let after = Duration::from_millis(random.random_range(50..400));
        run_and_kill_at_work(original.path(), after);
        for trial in 0..TRIALS_A_CRASH.min(trials - crash * TRIALS_A_CRASH) {
            let copy = tempfile::tempdir().expect("a directory");
            copy_directory(&journal_path(original.path()), &journal_path(copy.path()));
            let damage = damage(&mut random, &journal_path(copy.path()).join("store"));
            println!("crash {crash}, trial {trial}: {damage}");
            judge(original.path(), copy.path(), &mut tally);
        }
    }
    println!("{trials} damaged journals: {tally:?}");
    assert!(tally.recovered > 0, "nothing was ever recovered");
}

fn judge(original: &Path, copy: &Path, tally: &mut Tally) {
    let watermark = watermark(copy);
    let twin = tempfile::tempdir().expect("a directory");
    copy_directory(&journal_path(copy), &journal_path(twin.path()));
    let log = match EmbeddedLog::open(&journal_path(copy), settings()) {
        Ok(log) => log,
        Err(LogError::Damaged(reason) | LogError::Failed(reason)) => {
            println!("refused: {reason}");
            tally.refused += 1;
            return;
        }
        Err(other) => panic!("not a reason to refuse a journal: {other}"),
    };
    let found = contents(&log);
    let records: usize = found.values().map(Vec::len).sum();
    assert!(records as u64 >= watermark, "{records} records are left of {watermark} synced ones");
    assert_eq!(lost(&found, &acknowledged(original)), 0, "a loss in silence");
    tally.recovered += 1;
    goes_on(&log);
    let before = contents(&log);
    drop(log);
    assert!(reopened(copy) == before, "it changed when it was opened again");
    killed_after_recovery(twin.path(), &found);
    killed_after_recovery(copy, &before);
}

/// What was recovered takes new records.
fn goes_on(log: &EmbeddedLog) {
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let found = contents(log);
    for partition in partitions() {
        let (orders, events) = (Place::orders(partition), Place::events(partition));
        for number in found[&orders][found[&events].len()..].iter().take(2) {
            let answer = Record::of(value(answer_number(*number)));
            log::append_blocking(&*producer, events, answer).expect("appended");
        }
        log::append_blocking(&*producer, orders, Record::of(value(7))).expect("appended");
    }
}

/// A child recovers the journal, works on it and is killed: everything that was there before is
/// there, and everything that was acknowledged since.
fn killed_after_recovery(directory: &Path, before: &Contents) {
    run_and_kill_at_work(directory, WORK_AFTER_RECOVERY);
    let found = reopened(directory);
    assert!(before.iter().all(|(place, numbers)| found[place].starts_with(numbers)));
    assert_eq!(lost(&found, &acknowledged(directory)), 0, "lost after the recovery");
}

fn reopened(directory: &Path) -> Contents {
    let log = EmbeddedLog::open(&journal_path(directory), settings());
    contents(&log.unwrap_or_else(|error| panic!("it was recovered, and now {error}")))
}

/// The newest of the watermark's two slots: generation, then sequence.
fn watermark(directory: &Path) -> u64 {
    let bytes = fs::read(journal_path(directory).join("synced")).expect("the watermark");
    let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let slots = [0, SLOT_BYTES].into_iter().filter(|at| at + 16 <= bytes.len());
    slots.map(|at| (number(at), number(at + 8))).max().map_or(0, |(_, sequence)| sequence)
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("readable") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_directory(&path, &target);
        } else {
            let (bytes, full) = written(&path);
            rewrite(&target, &bytes, full);
        }
    }
}
