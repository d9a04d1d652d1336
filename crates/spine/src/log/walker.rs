//! Readers that go on by themselves, step by step: on a thread of their own or, where a log is
//! simulated, by the hand of whoever simulates it.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{LogError, ReadLimit};

/// How much one step may read: a few milliseconds of work for a reader, so that a stop is heard.
pub(crate) const POLL_LIMIT: ReadLimit = ReadLimit { records: 1024, bytes: 4 * 1024 * 1024 };

/// How long a step waits for a record before it looks whether it should stop.
pub(crate) const POLL_WAIT: Duration = Duration::from_millis(100);

/// Reads on, a bounded step at a time, and hands what it read to somebody.
pub trait Walker: Send {
    /// Whether a step need not wait for whoever takes what it brings.
    fn has_room(&self) -> bool;

    /// Does one step. Where it has no room it waits for it.
    fn step(&mut self, turn: &Turn<'_>) -> Going;

    /// Waits until the next step, as long as the last one said, or less where there is a reason to.
    fn rest(&self, span: Duration) {
        thread::sleep(span);
    }
}

/// What one step is given.
#[derive(Clone, Copy)]
pub struct Turn<'a> {
    /// How much it may read.
    pub limit: ReadLimit,
    /// How long it may wait for something to read.
    pub wait: Duration,
    /// Tells the time that has passed since some beginning.
    pub clock: &'a dyn Fn() -> Duration,
}

/// Whether there is another step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Going {
    /// There is.
    On,
    /// There is, after this time.
    After(Duration),
    /// There is not: nobody listens any more, it was told to stop, or it has failed and said so.
    Ended,
}

/// Steps `walker` until it has ended, on a thread of this name.
pub(super) fn on_a_thread(name: String, mut walker: Box<dyn Walker>) -> Result<(), LogError> {
    let walk = move || {
        let started = Instant::now();
        let clock = || started.elapsed();
        let turn = Turn { limit: POLL_LIMIT, wait: POLL_WAIT, clock: &clock };
        loop {
            match walker.step(&turn) {
                Going::On => {}
                Going::After(span) => walker.rest(span),
                Going::Ended => return,
            }
        }
    };
    let spawned = thread::Builder::new().name(name).spawn(walk);
    spawned.map(drop).map_err(|error| LogError::Failed(error.to_string()))
}
