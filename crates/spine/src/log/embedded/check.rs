//! What is checked when a journal is opened: that all topics end at one point of the journal.
//!
//! Every record carries its sequence number among the records of all topics. Where every partition
//! is dense from 0, the ends of all partitions add up to the highest sequence number and one; a
//! partition that was cut apart from the others leaves a difference. That is checked on every
//! open, at the cost of one look-up a partition. Then records are walked down from the end, across
//! all partitions: each sequence number has to be there exactly once. The walk covers as many bytes
//! as the store's own journals have, so at least everything that the store replayed: all that a
//! crash, or damage to a journal, can have touched. Tables below have checksums of their own and
//! are checked when they are read.

use std::collections::{BTreeMap, BinaryHeap};

use model::Timestamp;

use super::{
    record::Sequenced,
    store::{Backwards, Store},
};
use crate::log::{LogError, Place};

/// Where a journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// The next offset of each partition.
    pub(super) offsets: BTreeMap<Place, u64>,
    /// The next sequence number: how many records there are.
    pub(super) sequence: u64,
    /// The latest append time.
    pub(super) appended_at: Timestamp,
}

/// Finds where the journal ends, and checks it over `walk_bytes` from there.
///
/// # Errors
/// [`LogError::Damaged`] where records are missing, differ, or topics are cut apart.
pub(super) fn ends(
    store: &Store,
    places: impl Iterator<Item = Place>,
    walk_bytes: u64,
) -> Result<Ends, LogError> {
    let mut ends = Ends { offsets: BTreeMap::new(), sequence: 0, appended_at: Timestamp::EPOCH };
    let mut walk = Walk { heads: BinaryHeap::new(), rests: Vec::new() };
    for place in places {
        let mut rest = store.backwards(place);
        let last = rest.next().transpose()?;
        ends.offsets.insert(place, last.as_ref().map_or(0, |last| last.stored.offset + 1));
        let Some(last) = last else { continue };
        ends.sequence = ends.sequence.max(last.sequence + 1);
        ends.appended_at = ends.appended_at.max(last.stored.appended_at);
        walk.rests.push(rest);
        walk.push(walk.rests.len() - 1, last);
    }
    let records = ends.offsets.values().fold(0, |sum: u64, end| sum.saturating_add(*end));
    if records != ends.sequence {
        return Err(LogError::Damaged(format!(
            "the journal's topics do not end at one point: {records} records stand where {} should",
            ends.sequence
        )));
    }
    walk.down_from(ends.sequence, walk_bytes)?;
    Ok(ends)
}

/// All partitions, merged from the end down.
struct Walk {
    heads: BinaryHeap<Head>,
    rests: Vec<Backwards>,
}

/// The highest record of a partition that was not walked over yet: sequence, bytes, partition.
type Head = (u64, usize, usize);

impl Walk {
    fn push(&mut self, rest: usize, read: Sequenced) {
        self.heads.push((read.sequence, read.stored.record.bytes(), rest));
    }

    fn down_from(&mut self, end: u64, walk_bytes: u64) -> Result<(), LogError> {
        let (mut expected, mut walked) = (end, 0_u64);
        while walked < walk_bytes && expected > 0 {
            expected -= 1;
            let (sequence, bytes, rest) = self.heads.pop().ok_or_else(|| missing(expected))?;
            if sequence != expected {
                return Err(missing(expected));
            }
            walked = walked.saturating_add(bytes as u64);
            if let Some(next) = self.rests[rest].next().transpose()? {
                self.push(rest, next);
            }
        }
        Ok(())
    }
}

fn missing(sequence: u64) -> LogError {
    LogError::Damaged(format!(
        "record {sequence} of the journal does not stand in it exactly once: something in the \
         middle of it is lost"
    ))
}
