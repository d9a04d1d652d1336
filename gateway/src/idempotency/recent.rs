//! What the log answered lately, to whomever: the last accepted answers of every partition, found
//! by the place of what they answer; and of what waited for money, which of them decided it.
//!
//! Every gateway follows all answers anyway. What is kept of them here is what lets one gateway
//! tell the first result of an order that another one took in, without a word from anybody but the
//! log.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{OrderId, Partition};
use spine::answer::Sealed;

use crate::desk::Waits;

/// How many answers are kept, over all partitions: four seconds of what one shard is built for,
/// within which most retries come.
const ANSWERS_MAX: usize = 1 << 16;

/// How many bytes their bodies may have together. An ordinary body has three hundred; a sweep of
/// thousands of orders would take the room of a thousand answers.
const BODIES_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The last accepted answers to commands.
pub(super) struct Recent {
    /// One for each partition.
    windows: Vec<Mutex<Window>>,
    bounds: Bounds,
}

/// The bounds of one partition.
#[derive(Clone, Copy)]
struct Bounds {
    answers: usize,
    bodies_bytes: usize,
}

#[derive(Default)]
struct Window {
    /// In the order of the log, and so of what they answer.
    answers: VecDeque<Sealed>,
    bodies_bytes: usize,
    /// Of the answers that begin a wait for money: what they answer, and, once that is decided, the
    /// offset of what the answer answers that did.
    waits: BTreeMap<u64, Option<u64>>,
}

/// What is known of the answer to a record.
#[derive(Debug)]
pub(super) enum Looked {
    /// This is it.
    Answer(Box<Sealed>),
    /// It says that the record waits, and another one decided it.
    Waited {
        /// The answer to the record.
        own: Box<Sealed>,
        /// The one that is a result.
        decided: Box<Sealed>,
    },
    /// The log has not come to it, as far as it was read here; or to what the record waits for.
    NotYet,
    /// It is longer ago than what is kept.
    Gone,
    /// There is no command at that place.
    Nothing,
}

impl Recent {
    pub(super) fn new(partition_count: u16) -> Recent {
        let count = usize::from(partition_count).max(1);
        let bounds =
            Bounds { answers: ANSWERS_MAX / count, bodies_bytes: BODIES_BYTES_MAX / count };
        Recent::bounded(partition_count, bounds)
    }

    fn bounded(partition_count: u16, bounds: Bounds) -> Recent {
        Recent { windows: (0..partition_count).map(|_| Mutex::default()).collect(), bounds }
    }

    /// Keeps the next accepted answer of a partition.
    pub(super) fn push(&self, partition: Partition, answer: &Sealed, waits: &Waits) {
        let Some(mut window) = self.window(partition) else { return };
        window.note(answer.in_offset, waits);
        window.bodies_bytes += answer.body_bytes();
        window.answers.push_back(answer.clone());
        while window.answers.len() > self.bounds.answers
            || window.bodies_bytes > self.bounds.bodies_bytes
        {
            let Some(oldest) = window.answers.pop_front() else { break };
            window.bodies_bytes -= oldest.body_bytes();
            window.waits.remove(&oldest.in_offset);
        }
    }

    /// Looks for the answer to the record at `id`.
    pub(super) fn look(&self, id: OrderId) -> Looked {
        let Some(window) = self.window(id.partition()) else { return Looked::Nothing };
        let answers = &window.answers;
        let (Some(first), Some(last)) = (answers.front(), answers.back()) else {
            return Looked::Gone;
        };
        if id.offset() < first.in_offset {
            return Looked::Gone;
        }
        if id.offset() > last.in_offset {
            return Looked::NotYet;
        }
        let Some(own) = window.find(id.offset()) else { return Looked::Nothing };
        match window.waits.get(&id.offset()) {
            None => Looked::Answer(own),
            Some(None) => Looked::NotYet,
            Some(Some(decided_at)) => match window.find(*decided_at) {
                Some(decided) => Looked::Waited { own, decided },
                None => Looked::Gone,
            },
        }
    }

    fn window(&self, partition: Partition) -> Option<MutexGuard<'_, Window>> {
        let window = self.windows.get(usize::from(partition.number()))?;
        Some(window.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Window {
    fn find(&self, in_offset: u64) -> Option<Box<Sealed>> {
        let found = self.answers.binary_search_by_key(&in_offset, |answer| answer.in_offset);
        found.ok().map(|index| Box::new(self.answers[index].clone()))
    }

    /// Notes which waits the answer to the input at `in_offset` begins and ends.
    fn note(&mut self, in_offset: u64, waits: &Waits) {
        if waits.begins {
            self.waits.insert(in_offset, None);
        }
        for id in &waits.ends {
            // Whatever comes later of an order is no longer its result.
            if let Some(decided_at @ None) = self.waits.get_mut(&id.offset()) {
                *decided_at = Some(in_offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{RequestId, Timestamp};
    use proto::log;
    use spine::{
        Chain,
        answer::{self, Preamble},
    };

    use super::*;

    /// The answer to the input at `in_offset`, with a body of this many bytes and a few more.
    fn answer(in_offset: u64, bytes: usize) -> Sealed {
        let preamble = Preamble {
            out_seq: in_offset + 1,
            in_offset,
            epoch: 1,
            behaviour: 1,
            input_hash: Chain::default(),
            prev_chain: Chain::default(),
            now: Timestamp::EPOCH,
            request_id: RequestId(1),
        };
        let body = log::AnswerBody { accounts: vec!["a".repeat(bytes)], ..Default::default() };
        Sealed::read(&answer::write(&preamble, &body.into()).0).expect("it was just written")
    }

    /// Where what waits in these tests is decided.
    const DECIDED_AT: u64 = 5;

    fn push(recent: &Recent, partition: Partition, answer: &Sealed) {
        recent.push(partition, answer, &Waits::default());
    }

    fn word(recent: &Recent, partition: u16, offset: u64) -> &'static str {
        let partition = Partition::new(partition).expect("in range");
        match recent.look(OrderId::at(partition, offset).expect("in range")) {
            Looked::Answer(answer) if answer.in_offset == offset => "answer",
            Looked::Waited { own, decided } if own.in_offset == offset => {
                assert_eq!(decided.in_offset, DECIDED_AT);
                "waited"
            }
            Looked::Answer(_) | Looked::Waited { .. } => "another",
            Looked::NotYet => "not yet",
            Looked::Gone => "gone",
            Looked::Nothing => "nothing",
        }
    }

    #[test]
    fn an_answer_is_found_by_the_place_of_what_it_answers() {
        let recent = Recent::bounded(2, Bounds { answers: 3, bodies_bytes: 1 << 20 });
        let second = Partition::new(1).expect("in range");
        assert_eq!(word(&recent, 1, 4), "gone", "before this gateway began");
        for offset in [2, 4, 5, 8] {
            push(&recent, second, &answer(offset, 1));
        }
        let words = [1, 2, 4, 5, 7, 8, 9].map(|offset| word(&recent, 1, offset));
        assert_eq!(
            words,
            ["gone", "gone", "answer", "answer", "nothing", "answer", "not yet"],
            "three are kept"
        );
        assert_eq!((word(&recent, 0, 4), word(&recent, 2, 4)), ("gone", "nothing"));
    }

    #[test]
    fn large_answers_take_the_room_of_many() {
        let recent = Recent::bounded(1, Bounds { answers: 100, bodies_bytes: 1_000 });
        (0..8).for_each(|offset| push(&recent, Partition::FIRST, &answer(offset, 100)));
        assert_eq!(word(&recent, 0, 0), "answer");
        push(&recent, Partition::FIRST, &answer(8, 500));
        assert_eq!((word(&recent, 0, 3), word(&recent, 0, 8)), ("gone", "answer"));
        push(&recent, Partition::FIRST, &answer(9, 2_000));
        assert_eq!(word(&recent, 0, 9), "gone", "more than all the room there is");
        let window = recent.window(Partition::FIRST).expect("it is there");
        assert_eq!((window.answers.len(), window.bodies_bytes), (0, 0));
    }

    #[test]
    fn of_what_waited_the_answer_that_decided_it_is_found() {
        let recent = Recent::bounded(1, Bounds { answers: 4, bodies_bytes: 1 << 20 });
        let push = |offset, begins, ends: &[u64]| {
            let id = |offset: &u64| OrderId::at(Partition::FIRST, *offset).expect("in range");
            let waits = Waits { begins, ends: ends.iter().map(id).collect() };
            recent.push(Partition::FIRST, &answer(offset, 1), &waits);
        };
        push(2, true, &[]);
        push(3, true, &[1]);
        assert_eq!(word(&recent, 0, 2), "not yet");
        push(DECIDED_AT, false, &[2, 4]);
        assert_eq!(
            [2, 3, 5].map(|offset| word(&recent, 0, offset)),
            ["waited", "not yet", "answer"]
        );
        // It was placed then, and is filled now: that is no longer its result.
        push(6, false, &[2]);
        assert_eq!(word(&recent, 0, 2), "waited");
        push(7, false, &[3]);
        assert_eq!(word(&recent, 0, 2), "gone");
        let window = recent.window(Partition::FIRST).expect("it is there");
        assert_eq!(window.waits.len(), 1, "what is gone is forgotten");
    }
}
