use proto::trading::Side;
use spine::{Chain, LogId, log::memory::MemoryLog};

use super::*;
use crate::{
    fixture::{BTC_USDT, LOG_ID, Shard, identity, listings, trade},
    market::Market,
    snapshot::{Snapshot, encode},
};

/// A log of one partition with three answers, and the snapshot after the second.
fn log_and_snapshot() -> (MemoryLog, Snapshot) {
    let log = MemoryLog::new(1);
    let mut shard = Shard::new(&log, 0);
    let (mut market, mut published) = (Market::default(), Vec::new());
    let mut position = Position::start(LOG_ID, Partition::FIRST);
    for events in [listings(), vec![trade(BTC_USDT, 1, Side::Buy)]] {
        let answer = shard.answer(events);
        let (out_seq, chain) = (answer.out_seq, answer.chain);
        market.apply(&answer.into(), &mut published).expect("it fits");
        position = Position { out_seq, chain, next_offset: out_seq };
    }
    shard.answer(vec![trade(BTC_USDT, 2, Side::Buy)]);
    (log, Snapshot { log_id: LOG_ID, positions: vec![position], market })
}

fn keep(directory: &Directory, snapshot: &Snapshot) {
    let image = snapshot.market.image();
    let bytes = encode(snapshot.log_id, &snapshot.positions, image);
    directory.put(snapshot.positions[0].out_seq, &bytes).expect("it is kept");
}

#[test]
fn a_start_begins_only_at_a_snapshot_that_the_log_bears_out() {
    let (log, good) = log_and_snapshot();
    let with = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = good.clone();
        change(&mut snapshot);
        snapshot
    };
    let start = Position::start(LOG_ID, Partition::FIRST);
    let table = [
        (good.clone(), None),
        (with(&|bad| bad.log_id = LogId([8; 16])), Some("it was taken of log 0808")),
        (with(&|bad| bad.positions.push(start)), Some("it has 2 partitions, and the log has 1")),
        (with(&|bad| bad.positions[0].next_offset = 4), Some("the log ends at 3: a log was lost")),
        (with(&|bad| bad.positions[0].chain = Chain([1; 16])), Some("a log was lost; restore")),
        (with(&|bad| bad.positions[0].out_seq = 3), Some("a log was lost; restore it")),
        (with(&|bad| bad.positions[0].next_offset = 3), Some("a log was lost; restore it")),
        (with(&|bad| bad.positions[0].next_offset = 0), Some("a log was lost; restore it")),
    ];
    for (snapshot, expected) in table {
        let place = tempfile::tempdir().expect("a directory");
        let directory = Directory::open(place.path()).expect("it is there");
        keep(&directory, &snapshot);
        let begun = begin(&log, &identity(1), Some(&directory));
        match expected {
            None => assert_eq!(begun.expect("it is borne out"), good),
            Some(expected) => {
                let error = begun.expect_err(expected).to_string();
                assert!(error.contains(expected), "{error}");
                assert!(error.contains(".market"), "it names the file: {error}");
            }
        }
    }
    let from_nothing = begin(&log, &identity(1), None).expect("the beginning");
    assert_eq!(from_nothing, Snapshot::start(&identity(1)));
}

fn following(partitions: u16) -> Following {
    let start = Snapshot::start(&identity(partitions));
    Following {
        hub: Hub::new(start.market, crate::hub::QueueLimit::default()),
        identity: identity(partitions),
        positions: start.positions,
        directory: None,
        ready: watch::Sender::new(false),
    }
}

#[tokio::test]
async fn it_is_ready_once_every_partition_was_read_to_its_end() {
    let log = MemoryLog::new(2);
    let mut shards = [0, 1].map(|number| Shard::new(&log, number));
    shards[0].answer(listings());
    shards[1].answer(listings());
    shards[1].answer(vec![trade(BTC_USDT, 1, Side::Buy)]);
    let following = following(2);
    let (hub, mut ready) = (Arc::clone(&following.hub), following.ready.subscribe());
    let stop = CancellationToken::new();
    let running = tokio::spawn(following.run(Arc::new(log), stop.clone()));
    ready.wait_for(|ready| *ready).await.expect("it catches up");
    let btc = hub.find("BTC-USDT").expect("it was listed");
    let mut trades = hub.subscribe(crate::hub::Feed::Trades { instrument: btc, since: Some(0) });
    let mut frames = Vec::new();
    trades.next(&mut frames).await;
    assert_eq!(frames.len(), 1);
    stop.cancel();
    running.await.expect("no panic").expect("it was told to stop");
}

#[tokio::test]
async fn a_damaged_log_ends_it_with_the_answer_at_fault() {
    let log = MemoryLog::new(1);
    let mut shard = Shard::new(&log, 0);
    shard.answer(listings());
    shard.answer(vec![trade(BTC_USDT, 2, Side::Buy)]);
    let error = following(1)
        .run(Arc::new(log), CancellationToken::new())
        .await
        .expect_err("trade 1 is missing");
    assert_eq!(
        error.to_string(),
        "answer 2 of partition 0 does not fit, the log is damaged: \
         trade 2 of BTC-USDT came where 1 was due"
    );
}
