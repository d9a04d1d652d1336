//! How often something may happen.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A bucket of so many, which fills up again one after the other.
#[derive(Debug)]
pub(super) struct Pace {
    most: u32,
    every: Duration,
    /// When the bucket would be full.
    full_at: Mutex<Instant>,
}

impl Pace {
    /// At most so many at once, and one more after each `every`.
    pub(super) fn new(most: u32, every: Duration, at: Instant) -> Pace {
        Pace { most, every, full_at: Mutex::new(at) }
    }

    /// Takes one; whether there was one.
    pub(super) fn take(&self, at: Instant) -> bool {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let then = (*full_at).max(at) + self.every;
        let is_there = then.saturating_duration_since(at) <= self.every * self.most;
        if is_there {
            *full_at = then;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_after_the_other() {
        let (second, at) = (Duration::from_secs(1), Instant::now());
        let pace = Pace::new(3, second, at);
        assert_eq!([(); 4].map(|()| pace.take(at)), [true, true, true, false]);
        assert_eq!([(); 2].map(|()| pace.take(at + second)), [true, false]);
        let later = at + second * 60;
        assert_eq!([(); 4].map(|()| pace.take(later)), [true, true, true, false]);
    }
}
