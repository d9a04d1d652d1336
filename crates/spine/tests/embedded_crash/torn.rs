//! The end of the store's journal is cut off, flipped or zeroed: recovered or refused, never wrong.
//!
//! Wrong would be a hole, an altered value, an answer without its order, or silence about the loss
//! of anything that was acknowledged: the watermark, noted before each acknowledgement, tells.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::{
    Place, Record,
    log::{self, Log, LogError, WriterRole, embedded::EmbeddedLog},
};

use crate::{
    count,
    exchange::{answer_number, journal_path, partitions, settings, value},
    kill::run_and_kill_at_work,
    verdict::{acknowledged, contents, lost},
};

/// How many trials an ordinary test run affords.
const TRIALS: u64 = 100;

/// How many trials one unclean exit is good for.
const TRIALS_A_CRASH: u64 = 25;

/// What near the end means.
const TAIL_BYTES: u64 = 64 * 1024;

const PAGE_BYTES: usize = 4_096;

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
            let damage = damage(&mut random, &newest_journal(copy.path()));
            println!("crash {crash}, trial {trial}: {damage}");
            judge(original.path(), copy.path(), &mut tally);
        }
    }
    println!("{trials} damaged journals: {tally:?}");
    assert!(tally.recovered > 0, "nothing was ever recovered");
}

fn judge(original: &Path, copy: &Path, tally: &mut Tally) {
    let watermark = watermark(copy);
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
    let log = EmbeddedLog::open(&journal_path(copy), settings()).expect("it opens once more");
    assert!(contents(&log) == before, "it changed when it was opened again");
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

/// Damages the file near the end of what was written to it; sometimes anywhere.
fn damage(random: &mut Pcg64Mcg, path: &Path) -> String {
    let bytes = fs::read(path).expect("readable");
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
    let near = if random.random_ratio(1, 5) { end } else { TAIL_BYTES.min(end) };
    let at = end - random.random_range(0..near.max(1)).min(end);
    let mut file = fs::OpenOptions::new().write(true).open(path).expect("writable");
    match random.random_range(0..3) {
        0 => {
            file.set_len(at).expect("cut");
            format!("cut at {at} of {end}")
        }
        1 => {
            let at = at.min(end.saturating_sub(1));
            let bit = random.random_range(0..8);
            file.seek(SeekFrom::Start(at)).expect("there");
            file.write_all(&[bytes[usize::try_from(at).expect("small")] ^ (1 << bit)])
                .expect("flipped");
            format!("flipped bit {bit} at {at} of {end}")
        }
        _ => {
            let page = at - at % PAGE_BYTES as u64;
            file.seek(SeekFrom::Start(page)).expect("there");
            file.write_all(&[0; PAGE_BYTES]).expect("zeroed");
            format!("zeroed the page at {page} of {end}")
        }
    }
}

fn newest_journal(directory: &Path) -> PathBuf {
    let store = journal_path(directory).join("store");
    let number = |path: &PathBuf| path.file_stem()?.to_str()?.parse::<u64>().ok();
    fs::read_dir(store)
        .expect("the store")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .max_by_key(number)
        .expect("a journal")
}

/// The newest of the watermark's two slots: generation, then sequence.
fn watermark(directory: &Path) -> u64 {
    let bytes = fs::read(journal_path(directory).join("synced")).expect("the watermark");
    let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let slots = [0, PAGE_BYTES].into_iter().filter(|at| at + 16 <= bytes.len());
    slots.map(|at| (number(at), number(at + 8))).max().map_or(0, |(_, sequence)| sequence)
}

/// Copies files without the zeros that end them.
fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("readable") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_directory(&path, &target);
            continue;
        }
        let bytes = fs::read(&path).expect("readable");
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        fs::write(&target, &bytes[..end]).expect("written");
        let file = fs::OpenOptions::new().write(true).open(&target).expect("writable");
        file.set_len(bytes.len() as u64).expect("as long as it was");
    }
}
