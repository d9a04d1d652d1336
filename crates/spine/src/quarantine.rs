//! Which inputs an operator has told to answer as poison, and which of them were.
//!
//! A `Quarantine` record names an input before it that nobody has answered yet: its core panics at
//! it, so nobody can. Whoever recovers reads ahead for such records. Where the input was answered
//! all the same, the answer that was accepted says whether it was quarantined, and nothing else
//! does.

use std::collections::BTreeSet;

use model::Partition;
use prost::Message;
use proto::log::{self, input, outcome};

use crate::{
    answer::Sealed,
    log::{Log, LogError, Place, Stored, Visibility},
    replay::{POLL_LIMIT, POLL_WAIT},
    replica::QUARANTINED,
};

/// The longest record that is looked at: a quarantine is a number and a sentence.
const QUARANTINE_BYTES_MAX: usize = 4096;

/// The inputs that are to be answered as poison, unless they were answered already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quarantines(BTreeSet<u64>);

impl Quarantines {
    /// Those that the records of the partition name as it is now, of its inputs from `due` on.
    pub(crate) fn ahead(
        log: &dyn Log,
        partition: Partition,
        due: u64,
        visibility: Visibility,
    ) -> Result<Quarantines, LogError> {
        let place = Place::orders(partition);
        let end = log.end(place, visibility)?;
        let mut reader = log.reader(place, due, visibility)?;
        let mut found = Quarantines::default();
        let mut polled = Vec::new();
        let mut next = due;
        while next < end {
            reader.poll(POLL_LIMIT, POLL_WAIT, &mut polled)?;
            next = polled.last().map_or(next, |last| last.offset + 1);
            found.note(&polled, due);
            polled.clear();
        }
        Ok(found)
    }

    /// Takes note of the quarantines among these inputs. Those of inputs before `due` come too
    /// late and would only fill memory.
    pub(crate) fn note(&mut self, inputs: &[Stored], due: u64) {
        self.0.extend(inputs.iter().filter_map(quarantine_in).filter(|offset| *offset >= due));
    }

    /// Whether the input at `offset`, which is being applied now, is to be answered as poison.
    pub(crate) fn take(&mut self, offset: u64) -> bool {
        self.0.remove(&offset)
    }
}

/// Whether this answer says that its input was quarantined.
pub(crate) fn was_quarantined(answer: &Sealed) -> bool {
    let Ok(Some(outcome::Kind::Poison(poison))) = answer.outcome() else { return false };
    poison.reason == QUARANTINED
}

/// The offset that this input quarantines, where it does and the target comes before it.
fn quarantine_in(stored: &Stored) -> Option<u64> {
    let value = stored.record.value.as_ref();
    // Field 4 of the input, length-delimited: everything else is passed over undecoded.
    let looks_like_one =
        value.first() == Some(&(4 << 3 | 2)) && value.len() <= QUARANTINE_BYTES_MAX;
    if !looks_like_one {
        return None;
    }
    match log::Input::decode(value).ok()?.kind? {
        input::Kind::Quarantine(quarantine) => {
            (quarantine.offset < stored.offset).then_some(quarantine.offset)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;
    use crate::log::Record;

    fn stored(offset: u64, kind: input::Kind) -> Stored {
        let record = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
        Stored { offset, appended_at: Timestamp::EPOCH, record }
    }

    fn quarantine(at: u64, offset: u64) -> Stored {
        let reason = "it panics".to_owned();
        stored(at, input::Kind::Quarantine(log::Quarantine { offset, reason }))
    }

    #[test]
    fn only_inputs_that_are_due_and_come_before_the_record_are_quarantined_once() {
        let inputs = [
            stored(7, input::Kind::Tick(log::Tick {})),
            quarantine(8, 6),
            quarantine(9, 5),
            quarantine(10, 4),
            quarantine(11, 11),
            quarantine(12, 13),
        ];
        let mut quarantines = Quarantines::default();
        quarantines.note(&inputs, 5);
        let taken: Vec<_> = (0..20).filter(|offset| quarantines.take(*offset)).collect();
        assert_eq!(taken, [5, 6]);
        assert!(!quarantines.take(5), "it is forgotten once its input is applied");
    }
}
