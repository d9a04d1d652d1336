//! Which traces are recorded: decided once, where a trace begins, before its first span is made.
//!
//! A span that nobody will see still costs its making, its identity and a header in every record of
//! an order. So a process that exports nothing makes none, and one that samples a hundredth of its
//! traces pays for a hundredth.

use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// The share of traces that begin here, as the bits of a float; [`OFF`] while nothing is exported.
static RATIO: AtomicU64 = AtomicU64::new(OFF);

/// The bits of no share: of a NaN.
const OFF: u64 = u64::MAX;

/// From here on spans are exported, and this share of traces begins here.
pub(crate) fn begin(ratio: f64) {
    RATIO.store(ratio.to_bits(), Ordering::Relaxed);
}

/// Whether this process exports spans.
pub(crate) fn is_exporting() -> bool {
    RATIO.load(Ordering::Relaxed) != OFF
}

/// Whether a trace that begins now is to be recorded.
pub(crate) fn draw() -> bool {
    is_drawn(f64::from_bits(RATIO.load(Ordering::Relaxed)), || {
        RandomIdGenerator::default().new_span_id().to_bytes()
    })
}

/// Whether a number at random lies in the share. NaN, which is off, has no share.
fn is_drawn(ratio: f64, random: impl FnOnce() -> [u8; 8]) -> bool {
    if ratio >= 1.0 {
        return true;
    }
    ratio > 0.0 && (u64::from_be_bytes(random()) as f64) < ratio * (u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_drawn() {
        let low = || [0, 0, 0, 0, 0, 0, 0, 1];
        let middle = || [0x80, 0, 0, 0, 0, 0, 0, 0];
        let never = || -> [u8; 8] { panic!("nothing is drawn for all or nothing") };
        assert!(is_drawn(1.0, never));
        assert!(!is_drawn(0.0, never));
        assert!(!is_drawn(f64::from_bits(OFF), never));
        assert!(is_drawn(0.01, low) && !is_drawn(0.01, middle) && is_drawn(0.51, middle));
    }
}
