//! What the embedded journal keeps on the disk: keys, records, the mark of how far it was synced.
//! What is read is written as it was. The first bytes say where the record is to stand.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Partition;
use proto::topic::Topic;
use spine::{Place, log::embedded::fuzzed};

fuzz_target!(|data: &[u8]| {
    let [topic, offset, rest @ ..] = data else { return };
    let topic = Topic::ALL[usize::from(*topic) % Topic::ALL.len()];
    let place = Place { topic, partition: Partition::FIRST };
    fuzzed::read(place, u64::from(*offset), rest);
});
