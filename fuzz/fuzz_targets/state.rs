//! A shard's state, without the checksum that a snapshot has around it: refused, or a state in
//! which everything holds and which is written as it was read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use matcher::Exchange;
use spine::Core;

fuzz_target!(|data: &[u8]| {
    let Ok(exchange) = Exchange::decode(data) else { return };
    exchange.check_invariants().expect("what is decoded holds");
    let written = exchange.encode();
    let again = Exchange::decode(&written).expect("it was just written");
    assert!(again.encode() == written, "it is written otherwise the second time");
});
