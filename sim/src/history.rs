//! What happened in a run, line by line: the last lines for people, all of them as one hash.

use std::{collections::VecDeque, fmt, time::Duration};

/// How many lines are kept for people.
const LINES_MAX: usize = 120;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: VecDeque<String>,
    hasher: blake3::Hasher,
}

impl History {
    pub(crate) fn note(&mut self, at: Duration, what: fmt::Arguments<'_>) {
        let line = format!("{:>9.3} s  {what}", at.as_secs_f64());
        self.add(line.as_bytes());
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Adds what is too much for a line.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_be_bytes());
        self.hasher.update(bytes);
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}
