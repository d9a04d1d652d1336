//! Damaged bytes: a snapshot, sealed or not, is refused or is a possible state; a record is
//! answered. Nothing panics.

use std::sync::Arc;

use matcher::Exchange;
use model::Partition;
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};
use spine::{
    Core, Log, Position, Record, Replica, Stored, Visibility,
    replay::{Begin, Replay},
    snapshot::{self, MemorySnapshots, SnapshotStore},
};

use crate::records::{answers, identity, log_of, records};

const DAMAGED: usize = 10_000;

fn below(random: &mut Pcg64, end: usize) -> usize {
    usize::try_from(random.next_u64() % end.max(1) as u64).expect("below an index")
}

/// Bits flipped, bytes overwritten, an end cut off, a part taken out, doubled or put elsewhere.
fn damage(bytes: &mut Vec<u8>, random: &mut Pcg64) {
    for _ in 0..=below(random, 3) {
        let length = bytes.len();
        let (one, two) = (below(random, length + 1), below(random, length + 1));
        let near = (one + below(random, 40)).min(length);
        match below(random, 8) {
            0..3 if one < length => bytes[one] ^= 1 << below(random, 8),
            3 if one < length => bytes[one] = [0, 0x7f, 0x80, 0xff][below(random, 4)],
            4 => bytes.truncate(one),
            5 => drop(bytes.drain(one..near)),
            6 => {
                let part = bytes[one..near].to_vec();
                bytes.splice(two..two, part);
            }
            _ => {
                let part = bytes[one..near].to_vec();
                let end = (two + part.len()).min(length);
                bytes.splice(two..end, part);
            }
        }
    }
}

#[test]
fn a_damaged_state_is_refused_or_possible() {
    let identity = identity(spine::BEHAVIOUR);
    let (replica, _) = answers::<Exchange>(&identity, &records(&identity, 11, 600));
    let bytes = replica.core().encode();
    let mut random = Pcg64::seed_from_u64(12);
    let mut refused = 0;
    for _ in 0..DAMAGED {
        let mut damaged = bytes.clone();
        damage(&mut damaged, &mut random);
        // A damage that makes another possible state is the checksum's affair, not this code's.
        match Exchange::decode(&damaged) {
            Ok(exchange) => exchange.check_invariants().expect("what is decoded holds"),
            Err(_) => refused += 1,
        }
    }
    println!("{refused} of {DAMAGED} damaged states were refused");
    assert!(refused > DAMAGED / 2, "only {refused} were refused");
}

#[test]
fn a_damaged_snapshot_is_never_used() {
    let identity = identity(spine::BEHAVIOUR);
    let records = records(&identity, 13, 300);
    let (replica, _) = answers::<Exchange>(&identity, &records);
    let log = log_of(&identity, &records);
    let (out_seq, chain) = (replica.out_seq(), replica.chain());
    let position = Position { out_seq, chain, next_offset: out_seq };
    let store = Arc::new(MemorySnapshots::default());
    snapshot::take(store.as_ref(), &identity, &replica, position).expect("it is faithful");
    let bytes = store.get(Partition::FIRST, out_seq).expect("it is there");
    let mut random = Pcg64::seed_from_u64(14);
    for _ in 0..DAMAGED {
        let mut damaged = bytes.clone();
        damage(&mut damaged, &mut random);
        if damaged == bytes {
            continue;
        }
        store.put(Partition::FIRST, out_seq, damaged).expect("it is stored");
        let begin = Begin::Newest(Arc::clone(&store) as Arc<dyn SnapshotStore>);
        let (log, first): (&dyn Log, _) = (&log, Partition::FIRST);
        let replay = Replay::<Exchange>::open(log, &identity, first, &begin, Visibility::Synced);
        let replay = replay.expect("it begins at the first input instead");
        assert_eq!(replay.position().out_seq, 0);
    }
}

#[test]
fn a_damaged_record_is_answered() {
    let identity = identity(spine::BEHAVIOUR);
    let mut random = Pcg64::seed_from_u64(15);
    let (mut answered, mut stopped) = (0, 0);
    for seed in 16..20 {
        let mut replica = Replica::<Exchange>::new(&identity, Partition::FIRST);
        for stored in records(&identity, seed, 5_000) {
            let mut value = stored.record.value.to_vec();
            if stored.offset > 9 && below(&mut random, 2) == 0 {
                damage(&mut value, &mut random);
            }
            let offset = replica.next_offset();
            let record = Record::of(value);
            match replica.apply(&Stored { offset, record, ..stored }) {
                Ok(_) => answered += 1,
                // An upgrade to a behaviour that nobody has, or a run of a link from nowhere.
                Err(_) => stopped += 1,
            }
            if offset.is_multiple_of(50) {
                replica.core().check_invariants().expect("all holds");
            }
        }
        let bytes = replica.core().encode();
        let restored = Exchange::decode(&bytes).expect("a state that records led to");
        assert_eq!(restored.encode(), bytes);
    }
    println!("{answered} records were answered, {stopped} stop a shard");
    assert!(answered > 19_000, "only {answered} were answered");
}
