//! What many append at about the same time, gathered into waves.
//!
//! A record that comes after a quiet time is sent at once, by whoever appends it. What comes within
//! [`SPAN`] after that waits for the next wave, which is sent by a thread of its own when the span
//! is over. So records only ever wait where others were just sent: under load they share requests,
//! of which each costs a broker as much as many records, and one that is alone waits for nothing.

use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long one wave is after the one before at the least. An edge that is busy has some ten
/// records by then.
pub(super) const SPAN: Duration = Duration::from_millis(1);

/// Records on their way to a client, in order.
pub(super) struct Waves<T> {
    state: Mutex<State<T>>,
    /// Something waits, or may be sent, or it is over.
    changed: Condvar,
}

struct State<T> {
    waiting: Vec<T>,
    /// When the next may be sent.
    next_at: Instant,
    /// Whether somebody is sending: all others wait for the next wave, so that the order stays.
    is_sending: bool,
    is_closed: bool,
}

impl<T> Waves<T> {
    pub(super) fn new() -> Waves<T> {
        let next_at = Instant::now();
        let state = State { waiting: Vec::new(), next_at, is_sending: false, is_closed: false };
        Waves { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes the next record, or gives it back: then the caller sends it now, and says
    /// [`Waves::sent`].
    pub(super) fn enter(&self, record: T) -> Option<T> {
        let mut state = self.state();
        let now = Instant::now();
        if state.waiting.is_empty() && !state.is_sending && now >= state.next_at {
            state.begin(now);
            return Some(record);
        }
        state.waiting.push(record);
        if state.waiting.len() == 1 {
            self.changed.notify_one();
        }
        None
    }

    /// What was given out is sent.
    pub(super) fn sent(&self) {
        let mut state = self.state();
        state.is_sending = false;
        if !state.waiting.is_empty() {
            self.changed.notify_one();
        }
    }

    /// Waits for the next wave, which the caller sends, and says [`Waves::sent`]. `None` once it is
    /// over.
    pub(super) fn next(&self) -> Option<Vec<T>> {
        let mut state = self.state();
        while !state.is_closed {
            let now = Instant::now();
            if state.waiting.is_empty() || state.is_sending {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else if now < state.next_at {
                let left = state.next_at - now;
                let waited = self.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else {
                state.begin(now);
                return Some(mem::take(&mut state.waiting));
            }
        }
        None
    }

    /// Ends it, and gives back what was not sent.
    pub(super) fn close(&self) -> Vec<T> {
        let mut state = self.state();
        state.is_closed = true;
        self.changed.notify_all();
        mem::take(&mut state.waiting)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn begin(&mut self, now: Instant) {
        self.is_sending = true;
        self.next_at = now + SPAN;
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn one_that_is_alone_is_sent_at_once() {
        let waves = Waves::new();
        for record in 0..3 {
            assert_eq!(waves.enter(record), Some(record));
            waves.sent();
            thread::sleep(SPAN);
        }
    }

    #[test]
    fn what_comes_soon_after_another_or_while_it_is_sent_comes_together_and_in_order() {
        let waves = Waves::new();
        assert_eq!(waves.enter(0), Some(0));
        assert_eq!((waves.enter(1), waves.enter(2)), (None, None));
        thread::sleep(SPAN);
        // The first is not sent yet, so that nothing may overtake it.
        assert_eq!(waves.enter(3), None);
        waves.sent();
        assert_eq!(waves.next(), Some(vec![1, 2, 3]));
        thread::sleep(SPAN);
        assert_eq!(waves.enter(4), None, "a wave is being sent");
        waves.sent();
        assert_eq!(waves.next(), Some(vec![4]));
    }

    #[test]
    fn what_was_not_sent_at_the_end_is_given_back() {
        let waves = Waves::new();
        assert_eq!(waves.enter(0), Some(0));
        assert_eq!(waves.enter(1), None);
        assert_eq!(waves.close(), [1]);
        assert_eq!(waves.next(), None);
    }

    #[test]
    fn each_record_of_many_writers_goes_once_and_in_their_order() {
        const EACH: u32 = 2_000;
        let waves = Waves::new();
        let sent = Mutex::new(Vec::new());
        let send = |wave: Vec<(u8, u32)>| {
            sent.lock().expect("nobody panics").extend(wave);
            waves.sent();
        };
        thread::scope(|scope| {
            let sender = scope.spawn(|| {
                while let Some(wave) = waves.next() {
                    send(wave);
                }
            });
            let writers = [0_u8, 1, 2].map(|writer| {
                let (waves, send) = (&waves, &send);
                scope.spawn(move || {
                    for number in 0..EACH {
                        if let Some(now) = waves.enter((writer, number)) {
                            send(vec![now]);
                        }
                    }
                })
            });
            for writer in writers {
                writer.join().expect("it does not panic");
            }
            while sent.lock().expect("nobody panics").len() < 3 * EACH as usize {
                thread::yield_now();
            }
            assert!(waves.close().is_empty());
            sender.join().expect("it does not panic");
        });
        let sent = sent.into_inner().expect("nobody panics");
        for writer in 0..3 {
            let own = sent.iter().filter(|(by, _)| *by == writer).map(|(_, number)| *number);
            assert!(own.eq(0..EACH), "writer {writer}");
        }
    }
}
