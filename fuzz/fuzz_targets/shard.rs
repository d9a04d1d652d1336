//! Records of every kind, each with its length before it, applied to a shard that lists something:
//! each is answered or stops the shard with a reason, and the state that they lead to holds and is
//! read as it is written. The first byte says how many partitions the log has.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use matcher::Exchange;
use model::{Partition, Span};
use spine::{Core, Record, Replica, Stored, answer, genesis::Identity};
use tradespine_fuzz::{FOUNDING, flow, identity};

/// The logs that are tried, and how each begins.
static LOGS: LazyLock<[(Identity, Vec<Stored>); 2]> = LazyLock::new(|| {
    [1, 3].map(identity).map(|identity| {
        let founding = flow(&identity, 1, FOUNDING);
        (identity, founding)
    })
});

/// The most records that are applied: a state takes longer to check the more is in it.
const RECORDS_MAX: usize = 64;

fuzz_target!(|data: &[u8]| {
    let Some((first, mut rest)) = data.split_first() else { return };
    let (identity, founding) = &LOGS[usize::from(first % 2)];
    let mut replica = Replica::<Exchange>::new(identity, Partition::FIRST);
    for stored in founding {
        replica.apply(stored).expect("it applies");
    }
    for _ in 0..RECORDS_MAX {
        let Some((value, behind)) = next(rest) else { break };
        rest = behind;
        let appended_at = replica.now().plus(Span::from_nanos(value.len() as u64 * 1_000_000));
        let record = Record::of(value.to_vec());
        let stored = Stored { offset: replica.next_offset(), appended_at, record };
        // A run of a link from nowhere, or a behaviour that nobody has.
        let Ok(computed) = replica.apply(&stored) else { return };
        answer::read(&computed.value).expect("an answer is one");
    }
    replica.core().check_invariants().expect("all holds");
    let written = replica.core().encode();
    let again = Exchange::decode(&written).expect("a state that records led to");
    assert!(again.encode() == written, "it is written otherwise the second time");
});

/// The next record, and what is behind it: a length of one byte, or of two where that is 255.
fn next(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match bytes {
        [255, low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])), rest),
        [length, rest @ ..] => (usize::from(*length), rest),
        [] => return None,
    };
    Some(rest.split_at(length.min(rest.len())))
}
