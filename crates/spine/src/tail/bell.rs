//! Says whether somebody waits for what a tail brings.
//!
//! Whoever begins to wait rings, and for a while the tail brings each answer at once. While nobody
//! has rung it rests between two looks: an answer that nobody waits for is not worth a request to a
//! broker, and a processor, in the midst of the next order.
//!
//! What will never live here: who waits, and for what.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// For how long after a ring answers are brought at once: many times what an answer takes. One that
/// takes longer comes a rest later, which is half of that at the most.
const WANTED_FOR: Duration = Duration::from_millis(100);

/// A bell that those who wait ring, and that one or more tails listen to.
#[derive(Debug)]
pub struct Bell {
    began: Instant,
    /// Until when answers are wanted, in microseconds since it began.
    wanted_until: AtomicU64,
    /// How many tails rest, or are about to: else a ring costs no lock.
    resting: AtomicUsize,
    rest: Mutex<()>,
    rung: Condvar,
}

impl Default for Bell {
    /// A bell that nobody has rung.
    fn default() -> Bell {
        Bell {
            began: Instant::now(),
            wanted_until: AtomicU64::new(0),
            resting: AtomicUsize::new(0),
            rest: Mutex::new(()),
            rung: Condvar::new(),
        }
    }
}

impl Bell {
    /// Somebody begins to wait: a tail that rests goes on at once. To be called before what is
    /// waited for can be there.
    pub fn ring(&self) {
        let until = micros(self.began.elapsed() + WANTED_FOR);
        // In one order for all: either this finds the tail at rest, or the tail finds this.
        self.wanted_until.fetch_max(until, Ordering::SeqCst);
        if self.resting.load(Ordering::SeqCst) > 0 {
            // Whoever is about to rest holds it until it does.
            let _held = self.lock();
            self.rung.notify_all();
        }
    }

    /// Whether somebody has rung lately.
    pub fn is_wanted(&self) -> bool {
        micros(self.began.elapsed()) < self.wanted_until.load(Ordering::SeqCst)
    }

    /// Waits for `span`, or until somebody rings; not at all where answers are wanted.
    pub(super) fn rest(&self, span: Duration) {
        let until = Instant::now() + span;
        let mut held = self.lock();
        self.resting.fetch_add(1, Ordering::SeqCst);
        while !self.is_wanted() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.rung.wait_timeout(held, left);
            held = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.resting.fetch_sub(1, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More than fit are half a million years.
fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Barrier},
        thread,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn a_rest_that_nobody_interrupts_is_as_long_as_it_is_said() {
        let (bell, began) = (Bell::default(), Instant::now());
        bell.rest(Duration::from_millis(20));
        assert!(began.elapsed() >= Duration::from_millis(20));
        assert_eq!(bell.resting.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn nobody_rests_while_answers_are_wanted() {
        let bell = Bell::default();
        bell.ring();
        let began = Instant::now();
        bell.rest(LONG);
        assert!(began.elapsed() < LONG);
    }

    /// Rung at any moment, before a rest or in it, and heard by all.
    #[test]
    fn a_ring_ends_every_rest() {
        for round in 0..100 {
            let (bell, ready) = (Arc::new(Bell::default()), Arc::new(Barrier::new(4)));
            let tails = [(); 3].map(|()| {
                let (bell, ready) = (Arc::clone(&bell), Arc::clone(&ready));
                thread::spawn(move || {
                    ready.wait();
                    let began = Instant::now();
                    bell.rest(LONG);
                    began.elapsed()
                })
            });
            ready.wait();
            thread::sleep(Duration::from_micros(10 * round));
            bell.ring();
            assert!(tails.into_iter().all(|tail| tail.join().expect("it ends") < LONG));
            assert_eq!(bell.resting.load(Ordering::SeqCst), 0);
        }
    }

    #[test]
    fn a_ring_is_forgotten_after_a_while() {
        let bell = Bell::default();
        bell.ring();
        assert!(bell.is_wanted());
        thread::sleep(WANTED_FOR + Duration::from_millis(5));
        assert!(!bell.is_wanted());
    }
}
