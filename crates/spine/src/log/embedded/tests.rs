use std::{
    fs,
    sync::{Mutex, mpsc},
    time::Duration,
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use model::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::log::{Appended, ReachedEnd, ReadLimit, Stored, append_blocking};

const LIMIT: ReadLimit = ReadLimit { records: 100, bytes: 1 << 20 };
pub(super) const LONG: Duration = Duration::from_secs(20);
const NEVER: WriterRole = WriterRole::Edge { give_up_after: Duration::from_secs(3600) };

pub(super) fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

pub(super) fn orders() -> Place {
    Place::orders(Partition::FIRST)
}

fn events() -> Place {
    Place::events(Partition::FIRST)
}

/// Settings whose failure is told, not fatal.
pub(super) fn settings() -> (EmbeddedSettings, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let on_fatal: OnFatal = Arc::new(move |reason| {
        let _ = tell.lock().expect("not poisoned").send(reason.to_owned());
    });
    (EmbeddedSettings { on_fatal, ..EmbeddedSettings::new(1) }, told)
}

pub(super) fn open(directory: &TempDir) -> Arc<EmbeddedLog> {
    EmbeddedLog::open(directory.path(), settings().0).expect("the journal opens")
}

pub(super) fn refusal(directory: &TempDir, settings: EmbeddedSettings) -> String {
    match EmbeddedLog::open(directory.path(), settings) {
        Ok(_) => panic!("it should not open"),
        Err(error) => error.to_string(),
    }
}

pub(super) fn append(log: &EmbeddedLog, place: Place, value: impl Into<bytes::Bytes>) -> Appended {
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    append_blocking(&*producer, place, Record::of(value)).expect("appended")
}

fn begin(
    log: &EmbeddedLog,
    role: WriterRole,
    value: &'static str,
) -> mpsc::Receiver<Result<Appended, AppendError>> {
    let (tell, told) = mpsc::channel();
    let producer = log.producer(role).expect("a producer");
    producer.append(orders(), Record::of(value), Box::new(move |result| drop(tell.send(result))));
    told
}

pub(super) fn poll(
    log: &EmbeddedLog,
    visibility: Visibility,
    wait: Duration,
) -> Result<Vec<Stored>, LogError> {
    let mut stored = Vec::new();
    log.reader(orders(), 0, visibility)?.poll(LIMIT, wait, &mut stored)?;
    Ok(stored)
}

/// Orders and events in turn, three of each, the second order of several pieces.
fn six_records(directory: &TempDir) {
    let log = open(directory);
    for number in 0_u8..3 {
        let bytes = if number == 1 { 7_000 } else { 100 };
        append(&log, orders(), vec![number; bytes]);
        append(&log, events(), vec![number; 100]);
    }
}

/// Changes what lies in the store behind the journal's back.
pub(super) fn tamper(directory: &TempDir, change: impl FnOnce(&Keyspace)) {
    let store = Database::builder(directory.path().join("store")).open().expect("a store");
    let pieces = store.keyspace("journal", KeyspaceCreateOptions::default).expect("the keyspace");
    change(&pieces);
    store.persist(PersistMode::SyncAll).expect("persisted");
}

#[test]
fn a_second_opening_is_refused_by_name_until_the_first_ends() {
    let directory = directory();
    let log = open(&directory);
    let mut forgotten = log.reader(orders(), 0, Visibility::Written).expect("a reader");
    let refused = refusal(&directory, settings().0);
    assert!(refused.contains("another process has the journal"), "{refused}");
    assert!(refused.contains(&directory.path().display().to_string()), "{refused}");
    drop(log);
    let log = open(&directory);
    assert!(matches!(forgotten.poll(LIMIT, LONG, &mut Vec::new()), Err(LogError::Failed(_))));
    drop(log);
}

#[test]
fn directories_that_do_not_fit_are_refused_with_the_reason() {
    type Change = fn(&std::path::Path);
    let rows: [(Change, u16, &str); 8] = [
        (|_| (), 2, "has 1 partitions, the settings say 2"),
        (|_| (), 0, "1 to 1024 partitions, not 0"),
        (
            |path| {
                fs::write(path.join("format"), "tradespine journal\nformat 2\npartitions 1\n")
                    .expect("written")
            },
            1,
            "a newer program wrote it",
        ),
        (
            |path| {
                fs::write(path.join("format"), "tradespine journal\nformat 0\npartitions 1\n")
                    .expect("written")
            },
            1,
            "upgrade",
        ),
        (|path| fs::write(path.join("format"), "?").expect("written"), 1, "is not readable"),
        (|path| fs::remove_file(path.join("format")).expect("removed"), 1, "its `format` is gone"),
        (|path| fs::remove_file(path.join("synced")).expect("removed"), 1, "its `synced` is gone"),
        (|path| fs::remove_dir_all(path.join("store")).expect("removed"), 1, "its `store` is gone"),
    ];
    for (change, partitions, reason) in rows {
        let directory = directory();
        append(&open(&directory), orders(), "x");
        change(directory.path());
        let refused = refusal(&directory, EmbeddedSettings { partitions, ..settings().0 });
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn a_directory_whose_making_was_interrupted_is_made_again() {
    for made in ["format", "synced", "store.new", "synced.new"] {
        let (directory, other) = (directory(), directory());
        drop(open(&other));
        let target = directory.path().join(made);
        match made {
            "store.new" => fs::create_dir_all(target.join("keyspaces")).expect("made"),
            "synced.new" => fs::write(target, "half").expect("written"),
            _ => drop(fs::copy(other.path().join("format"), directory.path().join("format"))),
        }
        if made == "synced" {
            fs::copy(other.path().join(made), directory.path().join(made)).expect("copied");
        }
        assert_eq!(append(&open(&directory), orders(), "x").offset, 0);
    }
}

#[test]
fn a_journal_that_ends_below_its_watermark_is_refused() {
    let directory = directory();
    six_records(&directory);
    let path = directory.path().join("synced");
    let mut watermark = watermark::Watermark::open(&path).expect("readable").expect("whole");
    assert_eq!(watermark.sequence(), 6, "a clean end writes it exactly");
    watermark.note(7).expect("written");
    let refused = refusal(&directory, settings().0);
    assert!(refused.contains("ends at 6, but everything before 7 was synced"), "{refused}");
}

#[test]
fn tampering_with_the_store_is_noticed_on_opening() {
    type Change = fn(&Keyspace);
    let rows: [(Change, &str); 6] = [
        (
            |store| store.remove(record::key(events(), 2, 0)).expect("removed"),
            "ends at 5, but everything before 6 was synced",
        ),
        (
            |store| store.remove(record::key(orders(), 2, 0)).expect("removed"),
            "do not end at one point",
        ),
        (
            |store| store.remove(record::key(events(), 1, 0)).expect("removed"),
            "offset 1 of tradespine.events.v1 0 is missing",
        ),
        (
            |store| store.remove(record::key(events(), 0, 0)).expect("removed"),
            "offset 0 of tradespine.events.v1 0 is missing",
        ),
        (
            |store| store.remove(record::key(orders(), 1, 1)).expect("removed"),
            "offset 1 of tradespine.orders.v1 0 is not as it was written",
        ),
        (
            |store| {
                let other = store.get(record::key(events(), 0, 0)).expect("read").expect("there");
                store.insert(record::key(events(), 1, 0), other).expect("inserted");
            },
            "offset 1 of tradespine.events.v1 0 is not as it was written",
        ),
    ];
    for (change, reason) in rows {
        let directory = directory();
        six_records(&directory);
        tamper(&directory, change);
        let refused = refusal(&directory, settings().0);
        assert!(refused.contains(reason), "{refused}");
    }
}

/// Records whose sequence numbers were exchanged: each partition is whole, the journal is not.
#[test]
fn a_sequence_number_that_stands_twice_is_noticed_on_opening() {
    let directory = directory();
    six_records(&directory);
    tamper(&directory, |store| {
        let again = record::encode(events(), 1, 2, Timestamp::EPOCH, &Record::of("again"));
        store.insert(record::key(events(), 1, 0), &again[..]).expect("inserted");
    });
    let refused = refusal(&directory, settings().0);
    assert!(
        refused.contains("record 3 of the journal does not stand in it exactly once"),
        "{refused}"
    );
}

/// What lies below the part that is walked on opening is checked when it is read.
#[test]
fn damage_is_never_read_as_a_record() {
    let directory = directory();
    six_records(&directory);
    tamper(&directory, |store| store.remove(record::key(orders(), 1, 2)).expect("removed"));
    let store = Store::open(&directory.path().join("store"), 1 << 26).expect("a store");
    assert!(check::ends(&store, places(1), 1).is_ok(), "not walked so far");
    let mut read = Vec::new();
    let scanned = store.scan(orders(), 0, 3, LIMIT, None, &mut read);
    assert!(matches!(scanned, Err(LogError::Damaged(_))), "{scanned:?}");
    assert_eq!(read.len(), 1);
    let beyond = store.scan(events(), 2, 5, LIMIT, None, &mut Vec::new());
    assert!(matches!(beyond, Err(LogError::Damaged(_))), "{beyond:?}");
    let disordered = store.scan(events(), 1, 2, LIMIT, Some(3), &mut Vec::new());
    assert!(matches!(disordered, Err(LogError::Damaged(_))), "{disordered:?}");
}

#[test]
fn no_value_in_the_store_is_larger_than_a_piece() {
    let directory = directory();
    let log = open(&directory);
    let sizes = [0, 2_900, 2_964, 2_965, 3_000, 6_000, 100_000, RECORD_BYTES_MAX];
    for bytes in sizes {
        append(&log, orders(), vec![7; bytes]);
    }
    drop(log);
    tamper(&directory, |store| {
        let largest = store.iter().map(|guard| guard.into_inner().expect("read").1.len()).max();
        assert_eq!(largest, Some(3_000));
    });
    let log = open(&directory);
    let mut reader = log.reader(orders(), 0, Visibility::Synced).expect("a reader");
    let mut read = Vec::new();
    while reader.poll(LIMIT, LONG, &mut read).expect("readable") == ReachedEnd::No {}
    assert!(read.iter().map(|stored| stored.record.value.len()).eq(sizes));
}

#[test]
fn a_reader_far_behind_gets_the_same_as_one_that_follows() {
    let directory = directory();
    let log = open(&directory);
    let mut follower = log.reader(orders(), 0, Visibility::Written).expect("a reader");
    let (mut followed, mut read) = (Vec::new(), Vec::new());
    for number in 0_u8..40 {
        append(&log, orders(), vec![number; 1 << 20]);
        follower.poll(LIMIT, LONG, &mut followed).expect("readable");
    }
    let mut reader = log.reader(orders(), 0, Visibility::Synced).expect("a reader");
    while reader.poll(LIMIT, LONG, &mut read).expect("readable") == ReachedEnd::No {}
    assert_eq!(read.len(), 40);
    assert!(read == followed);
}

#[test]
fn what_is_written_is_shown_to_shards_before_it_is_synced() {
    let directory = directory();
    let log = open(&directory);
    let slow = log.locked.store.faults.slow_disk.lock().expect("not poisoned");
    let told = begin(&log, NEVER, "x");
    assert_eq!(poll(&log, Visibility::Written, LONG).expect("readable").len(), 1);
    assert_eq!(poll(&log, Visibility::Synced, Duration::ZERO), Ok(Vec::new()));
    assert_eq!(log.end(orders(), Visibility::Synced), Ok(0));
    assert!(told.try_recv().is_err(), "told before it was synced");
    drop(slow);
    assert!(told.recv_timeout(LONG).expect("told").is_ok());
    assert_eq!(poll(&log, Visibility::Synced, LONG).expect("readable").len(), 1);
}

#[test]
fn an_edge_gives_up_while_the_disk_hangs() {
    let directory = directory();
    let log = open(&directory);
    let slow = log.locked.store.faults.slow_disk.lock().expect("not poisoned");
    let patient = begin(&log, WriterRole::Shard, "patient");
    assert_eq!(poll(&log, Visibility::Written, LONG).expect("readable").len(), 1);
    drop(patient);
    let give_up_after = Duration::from_millis(1);
    let in_line = begin(&log, WriterRole::Edge { give_up_after }, "in the line");
    assert_eq!(in_line.recv_timeout(LONG), Ok(Err(AppendError::Full)));
    drop(slow);
    append(&log, orders(), "after");
    let values = poll(&log, Visibility::Synced, LONG).expect("readable");
    let values: Vec<_> = values.iter().map(|stored| stored.record.value.clone()).collect();
    assert_eq!(values, ["patient", "after"], "a record that was refused must not be written");
}

#[test]
fn an_edge_whose_record_is_being_written_is_told_that_nobody_knows() {
    let directory = directory();
    let log = open(&directory);
    let slow = log.locked.store.faults.slow_disk.lock().expect("not poisoned");
    let told = begin(&log, NEVER, "x");
    assert_eq!(poll(&log, Visibility::Written, LONG).expect("readable").len(), 1);
    let later = Instant::now() + Duration::from_secs(2 * 3600);
    patience::give_up(&log.shared, later);
    assert_eq!(told.recv_timeout(LONG), Ok(Err(AppendError::Unknown)));
    drop(slow);
    append(&log, orders(), "after");
    assert!(told.recv().is_err(), "told twice");
}

#[test]
fn after_a_failed_write_or_sync_nothing_is_read_or_written() {
    for fails_at_sync in [false, true] {
        let directory = directory();
        let (settings, fatal) = settings();
        let log = EmbeddedLog::open(directory.path(), settings).expect("the journal opens");
        append(&log, orders(), "before");
        let faults = &log.locked.store.faults;
        let fault = if fails_at_sync { &faults.sync } else { &faults.write };
        fault.store(true, Ordering::Relaxed);
        let told = begin(&log, WriterRole::Shard, "lost").recv_timeout(LONG);
        assert_eq!(told, Ok(Err(AppendError::Unknown)));
        let reason = fatal.recv_timeout(LONG).expect("the process would have ended");
        assert!(reason.contains(if fails_at_sync { "a sync" } else { "a write" }), "{reason}");
        fault.store(false, Ordering::Relaxed);
        let after = begin(&log, WriterRole::Shard, "after").recv_timeout(LONG);
        assert!(matches!(after, Ok(Err(AppendError::Fatal(_)))), "{after:?}");
        for visibility in [Visibility::Written, Visibility::Synced] {
            assert!(matches!(poll(&log, visibility, LONG), Err(LogError::Failed(_))));
        }
        drop(log);
        assert!(fatal.try_recv().is_err(), "it failed twice");
        let values = poll(&open(&directory), Visibility::Synced, LONG).expect("readable");
        assert_eq!(values[0].record.value, "before");
        assert_eq!(values.len(), 1 + usize::from(fails_at_sync));
    }
}

#[test]
fn a_panic_of_the_writer_is_fatal_too() {
    let directory = directory();
    let (settings, fatal) = settings();
    let clock: Clock = Arc::new(|| panic!("a panic for a test"));
    let settings = EmbeddedSettings { clock, ..settings };
    let log = EmbeddedLog::open(directory.path(), settings).expect("the journal opens");
    let told = begin(&log, WriterRole::Shard, "lost");
    assert!(fatal.recv_timeout(LONG).expect("told").contains("panicked"));
    assert!(told.recv_timeout(LONG).is_err() || told.try_recv().is_err());
}

#[test]
fn append_times_do_not_run_backwards_with_the_clock_nor_across_openings() {
    let directory = directory();
    let mut times = Vec::new();
    for readings in [&[50, 40, 60][..], &[10, 70]] {
        let (clock, readings) = (Mutex::new(readings.iter()), readings.len());
        let clock: Clock = Arc::new(move || {
            let reading = clock.lock().expect("not poisoned").next();
            Timestamp::from_unix_nanos(*reading.expect("one reading a batch"))
        });
        let settings = EmbeddedSettings { clock, ..settings().0 };
        let log = EmbeddedLog::open(directory.path(), settings).expect("the journal opens");
        for _ in 0..readings {
            let at = append(&log, orders(), "x").appended_at.expect("orders are stamped");
            times.push(at.unix_nanos());
        }
    }
    assert_eq!(times, [50, 50, 60, 60, 70]);
    let stored = poll(&open(&directory), Visibility::Synced, LONG).expect("readable");
    assert!(stored.iter().map(|stored| stored.appended_at.unix_nanos()).eq(times));
}

#[test]
fn what_is_queued_when_the_log_is_closed_is_written() {
    let directory = directory();
    let log = open(&directory);
    let told: Vec<_> = (0..1_000).map(|_| begin(&log, NEVER, "queued")).collect();
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    drop(log);
    assert!(told.iter().all(|told| matches!(told.try_recv(), Ok(Ok(_)))));
    let after = append_blocking(&*producer, orders(), Record::of("after"));
    assert!(matches!(after, Err(AppendError::Fatal(_))), "{after:?}");
    assert_eq!(open(&directory).end(orders(), Visibility::Synced), Ok(1_000));
}
