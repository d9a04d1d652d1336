//! Sealed snapshots of a shard and of the market: the bytes as they are and, since a checksum would
//! refuse nearly all of them, also under a right one. The first byte says which.

#![no_main]

use broadcaster::snapshot::{self, Snapshot};
use libfuzzer_sys::fuzz_target;
use spine::Core;
use tradespine_fuzz::{identity, replay, sealed};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    match first % 4 {
        0 => shard(rest.to_vec()),
        1 => shard(sealed(b"TSSNAP01", rest)),
        2 => market(rest),
        _ => market(&sealed(b"TSMKT001", rest)),
    }
});

fn shard(bytes: Vec<u8>) {
    let Ok(replay) = replay(&identity(1), bytes) else { return };
    let exchange = replay.replica().core();
    exchange.check_invariants().expect("what is decoded holds");
    let _ = exchange.encode();
}

fn market(bytes: &[u8]) {
    let Ok(read) = Snapshot::decode(bytes) else { return };
    let written = snapshot::encode(read.log_id, &read.positions, read.market.image());
    let again = Snapshot::decode(&written).expect("it was just written");
    assert!(again == read, "it is another market the second time");
}
