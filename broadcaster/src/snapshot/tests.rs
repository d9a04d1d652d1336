use std::{fs, path::Path};

use proptest::prelude::*;
use proto::trading::Side;
use spine::log::memory::MemoryLog;

use super::*;
use crate::fixture::{BTC_USDT, Flow, LOG_ID, Shard, identity, listings, trade};

/// A market after `answers` answers, and its bytes.
fn taken(answers: u64) -> (Snapshot, Vec<u8>) {
    let mut shard = Shard::new(&MemoryLog::new(1), 0);
    let (mut market, mut published, mut flow) = (Market::default(), Vec::new(), Flow::new(answers));
    let mut position = Position::start(LOG_ID, Partition::FIRST);
    for number in 1..=answers {
        let events = match number {
            1 => listings(),
            _ => vec![trade(BTC_USDT, number - 1, Side::Sell), flow.change(BTC_USDT)],
        };
        let answer = shard.answer(events);
        let chain = answer.chain;
        market.apply(&answer.into(), &mut published).expect("it fits");
        position = Position { out_seq: number, chain, next_offset: number };
    }
    let bytes = encode(LOG_ID, &[position], market.image());
    (Snapshot { log_id: LOG_ID, positions: vec![position], market }, bytes)
}

#[test]
fn what_is_kept_reads_back() {
    for answers in [0, 1, 2, 30, 2000] {
        let (snapshot, bytes) = taken(answers);
        let again = Snapshot::decode(&bytes).expect("it was just written");
        assert_eq!(again, snapshot, "after {answers} answers");
        assert_eq!(encode(again.log_id, &again.positions, again.market.image()), bytes);
    }
}

#[test]
fn an_altered_or_cut_snapshot_is_refused() {
    let (_, bytes) = taken(12);
    for place in 0..bytes.len() {
        assert!(Snapshot::decode(&bytes[..place]).is_err(), "cut at {place}");
        for bit in 0..8 {
            let mut altered = bytes.clone();
            altered[place] ^= 1 << bit;
            assert!(Snapshot::decode(&altered).is_err(), "bit {bit} of byte {place}");
        }
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert_eq!(Snapshot::decode(&longer), Err(SnapshotError::Damaged));
    assert_eq!(Snapshot::decode(b"TSMKT999 and so on"), Err(SnapshotError::NotASnapshot));
}

/// Any content under a right checksum.
fn sealed(content: &[u8]) -> Vec<u8> {
    let mut bytes = [MAGIC, content].concat();
    let checksum = checksum_of(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

#[test]
fn a_right_checksum_does_not_make_wrong_content_right() {
    let (snapshot, bytes) = taken(12);
    let content = &bytes[MAGIC.len()..bytes.len() - CHECKSUM_BYTES];
    assert_eq!(Snapshot::decode(&sealed(content)), Ok(snapshot));
    for place in 0..content.len() {
        // Another digit here and there is another market; nothing panics, nothing is half read.
        let mut altered = content.to_vec();
        altered[place] = altered[place].wrapping_add(1);
        let _ = Snapshot::decode(&sealed(&altered));
        let _ = Snapshot::decode(&sealed(&content[..place]));
    }
    assert!(matches!(Snapshot::decode(&sealed(b"")), Err(SnapshotError::Invalid(_))));
}

proptest! {
    #[test]
    fn no_content_panics(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Snapshot::decode(&sealed(&content));
        let _ = Snapshot::decode(&content);
    }
}

#[test]
fn a_snapshot_knows_its_log() {
    let (snapshot, _) = taken(3);
    assert_eq!(snapshot.check_identity(&identity(1)), Ok(()));
    let found = LogId([9; 16]);
    let other = spine::genesis::Identity { log_id: found, ..identity(1) };
    assert_eq!(snapshot.check_identity(&other), Err(Foreign::OtherLog { kept: LOG_ID, found }));
    let expected = Err(Foreign::OtherPartitions { kept: 1, found: 2 });
    assert_eq!(snapshot.check_identity(&identity(2)), expected);
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("it is there");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_newest_good_one_wins_and_two_are_kept() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = Directory::open(&place.path().join("market")).expect("it can be made");
    assert!(directory.newest().expect("it can be read").is_none());
    let left_behind = directory.path().join("00000000000000000001.market.new");
    fs::write(left_behind, b"half").expect("it can be written");
    for answers in [3, 9, 10] {
        directory.put(answers, &taken(answers).1).expect("it is kept");
    }
    let kept = names(directory.path());
    assert_eq!(kept, ["00000000000000000009.market", "00000000000000000010.market"]);
    let newest = || directory.newest().expect("it can be read").map(|(_, snapshot)| snapshot);
    assert_eq!(newest(), Some(taken(10).0));

    fs::write(directory.path().join(&kept[1]), &taken(10).1[..50]).expect("it can be cut");
    assert_eq!(newest(), Some(taken(9).0), "the older one where the newer is damaged");
    fs::write(directory.path().join(&kept[0]), b"").expect("it can be emptied");
    assert_eq!(newest(), None, "none where all are damaged");
}
