//! Whether a journal is as it may be after a crash.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use model::Partition;
use proto::topic::Topic;
use spine::{
    Log, Place, Stored, Visibility,
    log::{ReachedEnd, embedded::EmbeddedLog},
};

use crate::exchange::{
    LIMIT, ROUND, acknowledgements_path, answer_number, number_of, partitions, value,
};

/// Every value's number, by place.
pub(crate) type Contents = BTreeMap<Place, Vec<u64>>;

/// Reads everything and checks it: dense, unaltered, in time, and cut at one point.
pub(crate) fn contents(log: &EmbeddedLog) -> Contents {
    let mut contents = Contents::new();
    for place in places() {
        contents.insert(place, numbers(place, &read_all(log, place)));
    }
    one_cut(&contents);
    causes_before_effects(&contents);
    contents
}

fn places() -> impl Iterator<Item = Place> {
    let sharded = partitions().flat_map(|number| [Place::orders(number), Place::events(number)]);
    let single = ROUND.into_iter().map(|topic| Place { topic, partition: Partition::FIRST });
    sharded.chain(single)
}

fn read_all(log: &EmbeddedLog, place: Place) -> Vec<Stored> {
    let mut reader = log.reader(place, 0, Visibility::Synced).expect("a reader");
    let mut stored = Vec::new();
    while reader.poll(LIMIT, Duration::ZERO, &mut stored).expect("readable") == ReachedEnd::No {}
    assert_eq!(log.end(place, Visibility::Synced), Ok(stored.len() as u64));
    stored
}

fn numbers(place: Place, stored: &[Stored]) -> Vec<u64> {
    assert!(stored.windows(2).all(|pair| pair[0].appended_at <= pair[1].appended_at));
    (0..)
        .zip(stored)
        .map(|(offset, one)| {
            assert_eq!(one.offset, offset, "{place:?}");
            let number = number_of(&one.record.value).expect("a number");
            assert_eq!(one.record.value, value(number), "altered: {place:?} {offset}");
            number
        })
        .collect()
}

/// The counter's values are 0, 1, 2, ... without a gap, however they lie in three topics.
fn one_cut(contents: &Contents) {
    let round = ROUND.map(|topic| &contents[&Place { topic, partition: Partition::FIRST }]);
    let count: usize = round.iter().map(|numbers| numbers.len()).sum();
    for number in 0..count {
        assert_eq!(round[number % 3].get(number / 3), Some(&(number as u64)), "a hole");
    }
}

/// The answer with each offset is to the order with that offset, which is there.
fn causes_before_effects(contents: &Contents) {
    for partition in partitions() {
        let (orders, events) =
            (&contents[&Place::orders(partition)], &contents[&Place::events(partition)]);
        assert!(events.len() <= orders.len(), "an answer without its order");
        let answered = orders.iter().copied().map(answer_number);
        assert!(events.iter().copied().eq(answered.take(events.len())));
    }
}

/// How many answers are missing: work that was interrupted.
pub(crate) fn unanswered(contents: &Contents) -> usize {
    let missing = |partition| {
        contents[&Place::orders(partition)].len() - contents[&Place::events(partition)].len()
    };
    partitions().map(missing).sum()
}

/// What was acknowledged, as the child noted it.
pub(crate) fn acknowledged(directory: &Path) -> Vec<(Place, u64, u64)> {
    let notes = fs::read(acknowledgements_path(directory)).unwrap_or_default();
    let note = |note: &[u8]| {
        let topic = Topic::ALL.into_iter().find(|topic| topic.number() == note[0]);
        let partition = Partition::new(u16::from_be_bytes([note[1], note[2]]));
        let place =
            Place { topic: topic.expect("a topic"), partition: partition.expect("a partition") };
        (place, number_of(&note[3..]).expect("offset"), number_of(&note[11..]).expect("number"))
    };
    notes.chunks_exact(19).map(note).collect()
}

/// How many of these are not there. One that is there is the one that was acknowledged.
pub(crate) fn lost(contents: &Contents, acknowledged: &[(Place, u64, u64)]) -> usize {
    let is_lost = |(place, offset, number): &&(Place, u64, u64)| {
        let found = contents[place].get(usize::try_from(*offset).expect("an offset"));
        assert!(found.is_none_or(|found| found == number), "another record: {place:?} {offset}");
        found.is_none()
    };
    acknowledged.iter().filter(is_lost).count()
}
