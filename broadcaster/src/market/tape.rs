//! The last trades of one instrument, for listeners who were away for a moment.

use std::{collections::VecDeque, sync::Arc};

use super::Frame;

/// How many trades of an instrument are remembered: about a minute of the busiest one, and some
/// hundred kilobytes. Who was away for longer asks the ledger.
pub const RECENT_TRADES_MAX: usize = 1024;

/// The number of the last trade, and the last trades themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tape {
    last_sequence: u64,
    /// Contiguous, ending with the last trade.
    recent: VecDeque<Arc<Frame>>,
}

impl Tape {
    /// The number of the instrument's last trade; 0 before the first.
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// The number of the oldest remembered trade; of the next one where none is remembered.
    pub fn oldest_sequence(&self) -> u64 {
        self.last_sequence + 1 - self.recent.len() as u64
    }

    /// Adds the next trade; the oldest remembered one goes where there are too many.
    pub(super) fn add(&mut self, sequence: u64, frame: Arc<Frame>) {
        if self.recent.len() == RECENT_TRADES_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(frame);
        self.last_sequence = sequence;
    }

    /// A tape that goes on after `last_sequence` with no trade remembered.
    pub(super) fn resumed(last_sequence: u64) -> Tape {
        Tape { last_sequence, recent: VecDeque::new() }
    }

    /// The trades remembered, oldest first.
    pub fn recent(&self) -> impl Iterator<Item = &Arc<Frame>> {
        self.recent.iter()
    }

    /// The remembered trades after `sequence`.
    pub fn after(&self, sequence: u64) -> Vec<Arc<Frame>> {
        let missed = self.last_sequence.saturating_sub(sequence);
        let wanted = usize::try_from(missed).unwrap_or(usize::MAX).min(self.recent.len());
        self.recent.iter().skip(self.recent.len() - wanted).cloned().collect()
    }
}
