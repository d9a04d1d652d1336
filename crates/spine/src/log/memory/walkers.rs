//! Who follows a simulated log, one step at a time.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::MemoryLog;
use crate::log::walker::{Going, Turn, Walker};

/// All that were begun and have not ended, by number.
#[derive(Default)]
pub(super) struct Walkers(Mutex<Begun>);

#[derive(Default)]
struct Begun {
    walkers: BTreeMap<usize, Box<dyn Walker>>,
    count: usize,
}

impl Walkers {
    pub(super) fn add(&self, walker: Box<dyn Walker>) {
        let mut begun = self.lock();
        let number = begun.count;
        begun.count += 1;
        begun.walkers.insert(number, walker);
    }

    fn lock(&self) -> MutexGuard<'_, Begun> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryLog {
    /// How many walkers were begun so far; the next has this number.
    pub fn walkers_begun(&self) -> usize {
        self.shared.walkers.as_ref().map_or(0, |walkers| walkers.lock().count)
    }

    /// The walkers that can go a step without waiting for whoever takes what they bring.
    pub fn walkers(&self) -> Vec<usize> {
        let Some(walkers) = &self.shared.walkers else { return Vec::new() };
        let begun = walkers.lock();
        let ready = begun.walkers.iter().filter(|(_, walker)| walker.has_room());
        ready.map(|(number, _)| *number).collect()
    }

    /// Has the walker with this number do one step, where there is one that has room.
    pub fn step_walker(&self, number: usize, turn: &Turn<'_>) {
        let Some(walkers) = &self.shared.walkers else { return };
        // A step reads this log, and may have another walker begin.
        let taken = walkers.lock().walkers.remove(&number);
        let Some(mut walker) = taken else { return };
        // How long it would rest is for whoever simulates it to say.
        if !walker.has_room() || walker.step(turn) != Going::Ended {
            walkers.lock().walkers.insert(number, walker);
        }
    }

    /// The walker with this number is no more, as a thread whose process has ended.
    pub fn end_walker(&self, number: usize) {
        if let Some(walkers) = &self.shared.walkers {
            // Dropped outside the lock: it may wake whoever listened.
            let ended = walkers.lock().walkers.remove(&number);
            drop(ended);
        }
    }
}
