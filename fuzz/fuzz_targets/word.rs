//! Small things from outside: what gateways keep in Redis, page tokens, queries of both edges,
//! trace contexts. The first byte says which.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let kind = first % 5;
    if kind == 0 {
        gateway::fuzzed::kept_word(rest);
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match kind {
        1 => drop(ledger::query::fuzzed(text)),
        2 => gateway::fuzzed::query(text),
        3 => drop(broadcaster::websocket::fuzzed(text)),
        _ => trace(text),
    }
});

/// A line that is carried on has the shape that is written; one that is recorded is also carried.
fn trace(line: &str) {
    let (is_carried, is_recorded, context) = telemetry::propagation::fuzzed(line);
    assert!(is_carried || !is_recorded, "{line}");
    if let Some(written) = context.filter(|_| is_carried) {
        assert_eq!(written.get(3..52), line.get(3..52), "another trace or parent");
    }
}
