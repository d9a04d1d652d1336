use std::{fs, thread, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::log::{
    Visibility,
    embedded::tests::{LONG, append, directory, open, orders, poll, refusal, settings, tamper},
};

/// Where in a batch its number stands.
const NUMBER_AT: usize = 5;

fn store(journal: &TempDir) -> PathBuf {
    journal.path().join("store")
}

/// A journal of the store without the zeros behind it.
fn written(journal: &TempDir, name: &str) -> Vec<u8> {
    let mut bytes = fs::read(store(journal).join(name)).expect("readable");
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    bytes
}

/// Where batches begin, and behind them where the last one ends.
fn bounds(path: &Path) -> Vec<usize> {
    let mut journal = Journal::open(path).expect("readable");
    let mut bounds = vec![0];
    while journal.next_number().expect("readable").is_some() {
        bounds.push(usize::try_from(journal.whole_bytes).expect("small"));
    }
    bounds
}

/// A journal of so many records, each in a batch of its own; none lies in a table.
fn journal_of(records: u8) -> TempDir {
    let journal = directory();
    let log = open(&journal);
    for number in 0..records {
        append(&log, orders(), vec![number; 50]);
    }
    drop(log);
    journal
}

/// Two journals where there was one, as if the store had begun another behind that batch.
fn seal_behind(journal: &TempDir, batches: usize) {
    let bytes = written(journal, "0.jnl");
    let at = bounds(&store(journal).join("0.jnl"))[batches];
    fs::write(store(journal).join("0.jnl"), &bytes[..at]).expect("written");
    fs::write(store(journal).join("1.jnl"), &bytes[at..]).expect("written");
}

/// The store writes tables of what its older journals hold in the background, once it is open.
fn wait_for_tables(journal: &TempDir) {
    tamper(journal, |pieces| {
        while pieces.sealed_memtable_count() > 0 {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

fn values(journal: &TempDir) -> Vec<Vec<u8>> {
    let stored = poll(&open(journal), Visibility::Synced, LONG).expect("readable");
    stored.into_iter().map(|one| one.record.value.to_vec()).collect()
}

/// What was recovered takes records, and has them at each opening after that.
fn goes_on_for_ever(journal: &TempDir) {
    let mut expected = values(journal);
    for round in 0..3 {
        let log = open(journal);
        append(&log, orders(), vec![100 + round; 70]);
        expected.push(vec![100 + round; 70]);
        drop(log);
        assert_eq!(values(journal), expected);
        wait_for_tables(journal);
        assert_eq!(values(journal), expected);
    }
}

/// The form of the store's journals is its own. Should a newer store write another, this says so.
#[test]
fn every_batch_that_the_store_writes_is_seen() {
    let journal = directory();
    let log = open(&journal);
    for bytes in [0, 1, 2_965, 10_000, 1 << 20] {
        append(&log, orders(), vec![7; bytes]);
    }
    drop(log);
    let bounds = bounds(&store(&journal).join("0.jnl"));
    assert_eq!(bounds.len(), 6);
    assert_eq!(bounds.last(), Some(&written(&journal, "0.jnl").len()));
    seal_behind(&journal, 3);
    let bytes = check(&store(&journal)).expect("whole");
    assert_eq!(
        bytes,
        written(&journal, "0.jnl").len() as u64 + bounds[5] as u64 - bounds[3] as u64
    );
}

/// Before the numbers were checked, a flipped one in a sealed journal let a journal open and take
/// records; at the next opening, with that batch in a table, the journal behind it was ignored.
#[test]
fn a_flipped_bit_of_a_batchs_number_is_refused_or_does_no_harm_for_ever() {
    const BATCHES: usize = 4;
    let mut opened = 0;
    for sealed in [false, true] {
        for batch in 0..BATCHES {
            for bit in [0, 2, 20, 61, 62, 63] {
                let journal = journal_of(4);
                let at = bounds(&store(&journal).join("0.jnl"))[batch] + NUMBER_AT + bit / 8;
                let mut bytes = written(&journal, "0.jnl");
                bytes[at] ^= 1 << (bit % 8);
                fs::write(store(&journal).join("0.jnl"), &bytes).expect("written");
                if sealed {
                    seal_behind(&journal, 2);
                }
                if check(&store(&journal)).is_ok() {
                    opened += 1;
                    assert_eq!(values(&journal).len(), BATCHES);
                    goes_on_for_ever(&journal);
                }
            }
        }
    }
    // The last batch's number may be any that is higher than all before it.
    assert_eq!(opened, 6);
}

#[test]
fn a_refused_journal_is_left_as_it_was() {
    let journal = journal_of(4);
    seal_behind(&journal, 2);
    let sealed = store(&journal).join("0.jnl");
    let whole = fs::read(&sealed).expect("readable");
    let second = bounds(&sealed)[1];
    type Damage = fn(&mut Vec<u8>, usize);
    let rows: [(Damage, &str); 5] = [
        (|bytes, second| bytes[second + NUMBER_AT] = 0, "has the number 0, out of order"),
        (|bytes, second| bytes[second + NUMBER_AT + 7] = 0x80, "out of order"),
        (|bytes, _| bytes.truncate(bytes.len() - 1), "0.jnl is damaged behind byte"),
        (|bytes, second| bytes[second] ^= 0x10, "0.jnl is damaged behind byte"),
        (|bytes, _| bytes.extend([0, 0, 1]), "0.jnl is damaged behind byte"),
    ];
    for (damage, reason) in rows {
        let mut bytes = whole.clone();
        damage(&mut bytes, second);
        fs::write(&sealed, &bytes).expect("written");
        let refused = refusal(&journal, settings().0);
        assert!(refused.contains(reason), "{refused}");
        assert_eq!(fs::read(&sealed).expect("readable"), bytes, "{reason}");
    }
    fs::write(&sealed, [&whole[..], &[0; 10_000]].concat()).expect("written");
    assert_eq!(values(&journal).len(), 4, "zeros at the end are no damage");
}

/// A crash in the middle of a write: nobody was told of that batch, and it is gone.
#[test]
fn a_journal_whose_last_batch_was_cut_anywhere_goes_on_for_ever() {
    let journal = journal_of(3);
    let watermark = fs::read(journal.path().join("synced")).expect("readable");
    append(&open(&journal), orders(), "nobody was told");
    let (path, bytes) = (store(&journal).join("0.jnl"), written(&journal, "0.jnl"));
    let last = bounds(&path)[3];
    for end in (last..bytes.len()).step_by(11).chain([bytes.len()]) {
        let trial = journal_of(0);
        fs::write(store(&trial).join("0.jnl"), &bytes[..end]).expect("written");
        fs::write(trial.path().join("synced"), &watermark).expect("written");
        assert_eq!(values(&trial).len(), if end == bytes.len() { 4 } else { 3 });
        goes_on_for_ever(&trial);
    }
}
