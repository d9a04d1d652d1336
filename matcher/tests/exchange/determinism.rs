//! The same records give the same bytes: in every build, at every batch size, from any snapshot.
//!
//! The hashes below are checked in whatever profile the tests are built, and so in both by
//! `cargo xtask prove --bytes`: once as tests are built and once as what people run is.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use matcher::Exchange;
use model::Partition;
use spine::{
    Log, Place, Position, Replica, Stored, Visibility, answer,
    genesis::Identity,
    log::ReadLimit,
    replay::{Begin, Replay},
    shard::{READ_LIMIT, Shard, ShardSettings},
    snapshot::{self, MemorySnapshots},
};

use crate::records::{answers, identity, log_of, records};

/// The chain through all answers to [`records`], by the behaviour that the log's genesis names. It
/// must never change: a log from before a word replays to what it was.
///
/// That of behaviour 4 may change until it is released, with whatever its words come to do. Whoever
/// changes that takes it anew: `cargo test -p tradespine-matcher --test exchange every_build` says
/// what it is, beside what is written here.
const GOLDEN: [(u32, &str); 4] = [
    (1, "7f8f4835750ddddb97d883cb5f48acbe"),
    (2, "9424abdf8e1a6f554ca59e636583ad3e"),
    (3, "5913f2bf4cbe75c0f308e249c654ecba"),
    (4, "2aa01a2301bf294ca471348ce4a8a4d0"),
];

const SEED: u64 = 5;
const COUNT: usize = 20_000;

#[test]
fn every_build_answers_a_log_as_it_always_was() {
    for (behaviour, expected) in GOLDEN {
        let identity = identity(behaviour);
        let records = records(&identity, SEED, COUNT);
        let (replica, values) = answers::<Exchange>(&identity, &records);
        replica.core().check_invariants().expect("all holds");
        let seen = kinds(&values);
        println!("behaviour {behaviour}: {} {seen:?}", replica.chain());
        assert_eq!(replica.chain().to_string(), expected, "behaviour {behaviour}");
        assert!(seen["Trade"] > 1_000 && seen["Refused"] > 500, "the log is dull");
        if behaviour == 4 {
            for kind in NEWER {
                assert!(seen.get(kind).is_some_and(|count| *count > 20), "few times {kind}");
            }
        }
    }
}

/// What no log did before behaviour 4.
const NEWER: [&str; 11] = [
    "AdminCallRecorded",
    "AuctionIndicated",
    "CancelAfterSet",
    "ListPlaced",
    "ListStatus",
    "MarketStateChanged",
    "OrderAmended",
    "OrderRefilled",
    "PendingPlaced",
    "ReferenceApplied",
    "TradeGroupSet",
];

/// How often there was each outcome and each kind of event.
fn kinds(values: &[bytes::Bytes]) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for value in values {
        let body = answer::read(value).expect("it was just written").body;
        let outcome = body.outcome.and_then(|outcome| outcome.kind).map(|kind| format!("{kind:?}"));
        let events = body.events.into_iter().filter_map(|event| event.kind);
        for kind in outcome.into_iter().chain(events.map(|kind| format!("{kind:?}"))) {
            let name = kind.split('(').next().unwrap_or_default();
            *seen.entry(name.to_owned()).or_default() += 1;
        }
    }
    seen
}

/// Every answer in a log.
fn published(log: &dyn Log) -> Vec<bytes::Bytes> {
    let place = Place::events(Partition::FIRST);
    let end = log.end(place, Visibility::Synced).expect("its end");
    let mut reader = log.reader(place, 0, Visibility::Synced).expect("a reader");
    let mut polled = Vec::new();
    while (polled.len() as u64) < end {
        reader.poll(READ_LIMIT, Duration::ZERO, &mut polled).expect("it reads");
    }
    polled.into_iter().map(|stored| stored.record.value).collect()
}

/// A log with these records and what an owner, who reads so many at once, has answered.
fn answered(identity: &Identity, records: &[Stored], batch: usize) -> Arc<dyn Log> {
    let log = log_of(identity, records);
    let clock = log.clone();
    let settings = ShardSettings {
        incarnation: 1,
        wall_clock: Arc::new(move || clock.now()),
        read_limit: ReadLimit { records: batch, ..READ_LIMIT },
    };
    let log: Arc<dyn Log> = Arc::new(log);
    let (first, wait) = (Partition::FIRST, Duration::ZERO);
    let mut now = Duration::ZERO;
    let shard = Shard::<Exchange>::recover(&log, identity, first, &Begin::First, settings, now);
    let mut shard = shard.expect("a new log recovers");
    while shard.accepted() < records.len() as u64 {
        now += Duration::from_millis(10);
        shard.step(now, wait).expect("it steps");
    }
    log
}

#[test]
fn an_owner_publishes_the_same_bytes_at_every_batch_size() {
    let identity = identity(spine::BEHAVIOUR);
    let records = records(&identity, SEED, 5_000);
    let (_, expected) = answers::<Exchange>(&identity, &records);
    for batch in [1, 7, 64, 4096] {
        let log = answered(&identity, &records, batch);
        let published = published(log.as_ref());
        assert!(published.len() >= expected.len(), "what it asked for itself comes behind");
        assert!(published.iter().zip(&expected).all(|(one, other)| one == other), "{batch}");
    }
}

/// Every snapshot must lead to the chain that the log holds, whatever it was taken behind: orders
/// asleep and woken, time, keys, counters and money are all in it, or the chains differ.
#[test]
fn a_state_goes_on_the_same_from_a_snapshot_at_any_answer() {
    let identity = identity(spine::BEHAVIOUR);
    let records = records(&identity, SEED + 1, 3_000);
    let log = answered(&identity, &records, 64);
    let mut replica = Replica::<Exchange>::new(&identity, Partition::FIRST);
    let mut taken = 0;
    for stored in &records {
        replica.apply(stored).expect("it applies");
        // A prime, so that they fall anywhere.
        if !replica.out_seq().is_multiple_of(89) {
            continue;
        }
        let store = Arc::new(MemorySnapshots::default());
        let (out_seq, chain) = (replica.out_seq(), replica.chain());
        let position = Position { out_seq, chain, next_offset: out_seq };
        snapshot::take(store.as_ref(), &identity, &replica, position).expect("it is faithful");
        let (first, begin) = (Partition::FIRST, Begin::Newest(store));
        let seen = Visibility::Synced;
        let replay = Replay::<Exchange>::open(log.as_ref(), &identity, first, &begin, seen);
        let mut replay = replay.expect("the snapshot is of this log");
        assert_eq!(replay.position().out_seq, out_seq, "it begins there");
        replay.advance_to_end(log.as_ref(), seen).expect("every answer is as it was published");
        taken += 1;
    }
    assert_eq!(taken, 33);
}
