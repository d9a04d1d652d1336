//! Sources that show tokens which are none.
//!
//! Guessing a token is hopeless, so this is not what keeps anybody out: it keeps a broken program,
//! or whoever tries, from filling the metrics of all others. A good token is always let in, also
//! from a source of many bad ones: many may share one address.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

/// How many attempts of one source may fail in [`WINDOW`]: a person who mistypes needs a few.
pub const FAILED_MAX: u32 = 32;

/// For how long they are counted together.
pub const WINDOW: Duration = Duration::from_secs(60);

/// How many sources are known at once: some 300 kilobytes. Beyond it those whose time is up go, and
/// where none is, all: whoever has so many addresses is not held up by one of them.
const SOURCES_MAX: usize = 4_096;

/// How often each source has failed lately.
#[derive(Debug, Default)]
pub struct Attempts {
    failed: Mutex<FxHashMap<IpAddr, (Instant, u32)>>,
}

impl Attempts {
    /// Counts a failure; whether the source has had too many.
    pub fn fail(&self, source: IpAddr, at: Instant) -> bool {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let source = network(source);
        if failed.len() >= SOURCES_MAX && !failed.contains_key(&source) {
            failed.retain(|_, (began, _)| !is_over(*began, at));
            if failed.len() >= SOURCES_MAX {
                failed.clear();
            }
        }
        let (began, count) = failed.entry(source).or_insert((at, 0));
        if is_over(*began, at) {
            (*began, *count) = (at, 0);
        }
        *count = count.saturating_add(1);
        *count > FAILED_MAX
    }
}

fn is_over(began: Instant, at: Instant) -> bool {
    at.saturating_duration_since(began) >= WINDOW
}

/// Whoever has one address of version 6 has 2^64 of them.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        version_4 => version_4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_source_may_fail_so_often_in_a_window() {
        let (attempts, at) = (Attempts::default(), Instant::now());
        for _ in 0..FAILED_MAX {
            assert!(!attempts.fail(source(1), at));
        }
        assert!(attempts.fail(source(1), at));
        assert!(!attempts.fail(source(2), at), "another one");
        assert!(!attempts.fail(source(1), at + WINDOW), "later");
    }

    #[test]
    fn a_network_of_version_6_is_one_source() {
        let (attempts, at) = (Attempts::default(), Instant::now());
        let address = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        let failed = (0..=FAILED_MAX).map(|_| attempts.fail(address(rand::random()), at));
        assert_eq!(failed.filter(|is_too_much| *is_too_much).count(), 1);
    }

    #[test]
    fn sources_are_bounded() {
        let (attempts, at) = (Attempts::default(), Instant::now());
        for number in 0..40_000 {
            attempts.fail(source(number), at);
        }
        assert!(attempts.failed.lock().expect("nobody panics").len() <= SOURCES_MAX);
    }
}
