//! The readers' rule: which physical records of an events partition are the one true sequence.
//!
//! Two owners of a partition may both append, a crash may repeat appends. They compute the same
//! values, so a reader needs one rule only: accept the next number if it extends the chain, drop
//! everything else, also what is no answer at all. The first valid extension in the log wins, for
//! every reader alike.

use model::Partition;

use crate::{
    answer::{Answer, AnswerError, Sealed},
    chain::{Chain, Link, LogId},
    header::Headers,
    log::Stored,
};

/// How far a reader has come in the one true sequence of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The number of the last accepted answer; 0 before the first.
    pub out_seq: u64,
    /// Its chain.
    pub chain: Chain,
    /// The physical offset from which to read on: one more than that of the last accepted answer.
    pub next_offset: u64,
}

impl Position {
    /// Before the first answer of a partition.
    pub fn start(log_id: LogId, partition: Partition) -> Position {
        Position { out_seq: 0, chain: Chain::start(log_id, partition), next_offset: 0 }
    }
}

/// An accepted answer, with where it stands and what was noted beside it.
#[derive(Clone, Debug)]
pub struct Accepted<A = Answer> {
    /// Its physical offset in the events partition.
    pub offset: u64,
    /// The answer.
    pub answer: A,
    /// Its volatile headers: trace context, writer.
    pub headers: Headers,
}

/// What became of one physical record.
#[derive(Clone, Debug)]
pub enum Judged {
    /// It is the next answer of the sequence.
    Accepted(Accepted<Sealed>),
    /// It is an answer, but not the next of the sequence.
    Dropped {
        /// Why.
        verdict: Verdict,
        /// The answer.
        answer: Sealed,
        /// Its volatile headers.
        headers: Headers,
    },
    /// It is not an answer: dropped, and people are told.
    NotAnAnswer(AnswerError),
}

/// What the rule says of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The next answer of the sequence.
    Accepted,
    /// An answer that was accepted before, again. Dropped.
    Repeated,
    /// An answer of a number already passed, whose chain differs from the accepted one where that
    /// is still remembered. Dropped; people are told, for somebody computed something else.
    Contradiction,
    /// Beyond the next number. Dropped; read on.
    Beyond,
    /// The next number, but on another chain. Dropped; people are told.
    Mismatch,
}

/// How many chains of accepted answers are remembered to tell a repetition from a contradiction:
/// more than two owners can have in flight at once.
const REMEMBERED_MAX: usize = 4096;

/// The readers' rule, applied record by record.
#[derive(Clone, Debug)]
pub struct Acceptor {
    position: Position,
    /// The chains of the last accepted answers, a ring indexed by number.
    remembered: Vec<Chain>,
    remembered_from: u64,
    /// The highest number that was dropped because others are missing before it.
    beyond: u64,
    not_answers: NotAnswers,
}

/// Records among the answers that are none: somebody else wrote them, or they were damaged.
#[derive(Clone, Debug, Default)]
pub struct NotAnswers {
    /// How many there were.
    pub count: u64,
    /// Where the first of them stand, and what is wrong with each.
    pub first: Vec<(u64, AnswerError)>,
}

/// How many records that are no answers are remembered by offset: enough for people to see what
/// they are; the rest is counted.
const NAMED_MAX: usize = 16;

impl NotAnswers {
    fn note(&mut self, offset: u64, error: &AnswerError) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push((offset, error.clone()));
        }
    }
}

impl Acceptor {
    /// A reader that has come as far as `position`.
    pub fn at(position: Position) -> Acceptor {
        Acceptor {
            position,
            remembered: Vec::new(),
            remembered_from: position.out_seq + 1,
            beyond: 0,
            not_answers: NotAnswers::default(),
        }
    }

    /// How far it has come.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The number that is missing: the next, where it or one beyond it was dropped as too early.
    pub fn missing(&self) -> Option<u64> {
        let next = self.position.out_seq + 1;
        (self.beyond >= next).then_some(next)
    }

    /// What it met that is no answer.
    pub fn not_answers(&self) -> &NotAnswers {
        &self.not_answers
    }

    /// Judges the record that comes next in the partition, and moves on where it is accepted.
    pub fn read(&mut self, stored: Stored) -> Judged {
        let offset = stored.offset;
        match Sealed::read(&stored.record.value) {
            Ok(answer) => {
                let headers = stored.record.headers;
                match self.judge(offset, answer.link()) {
                    Verdict::Accepted => Judged::Accepted(Accepted { offset, answer, headers }),
                    verdict => Judged::Dropped { verdict, answer, headers },
                }
            }
            Err(error) => {
                self.not_answers.note(offset, &error);
                Judged::NotAnAnswer(error)
            }
        }
    }

    /// Judges an answer whose bytes are known to be those of this link.
    pub(crate) fn judge(&mut self, offset: u64, link: Link) -> Verdict {
        let next = self.position.out_seq + 1;
        if link.out_seq < next {
            return match self.remembered_chain(link.out_seq) {
                Some(chain) if chain != link.chain => Verdict::Contradiction,
                _ => Verdict::Repeated,
            };
        }
        if link.out_seq > next {
            self.beyond = self.beyond.max(link.out_seq);
            return Verdict::Beyond;
        }
        if link.prev_chain != self.position.chain {
            return Verdict::Mismatch;
        }
        self.remember(link);
        self.position = Position { out_seq: next, chain: link.chain, next_offset: offset + 1 };
        Verdict::Accepted
    }

    fn remembered_chain(&self, out_seq: u64) -> Option<Chain> {
        let is_remembered = out_seq >= self.remembered_from
            && out_seq + REMEMBERED_MAX as u64 > self.position.out_seq;
        is_remembered.then(|| self.remembered[slot(out_seq)])
    }

    fn remember(&mut self, link: Link) {
        if self.remembered.is_empty() {
            self.remembered = vec![Chain::default(); REMEMBERED_MAX];
        }
        self.remembered[slot(link.out_seq)] = link.chain;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a remainder of a small number")]
fn slot(out_seq: u64) -> usize {
    (out_seq % REMEMBERED_MAX as u64) as usize
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::{RequestId, Timestamp};
    use proto::draft::Draft;

    use super::*;
    use crate::{
        answer::{self, Preamble},
        log::Record,
    };

    const LOG: LogId = LogId([3; 16]);

    fn preamble(out_seq: u64, prev_chain: Chain, salt: u64) -> Preamble {
        Preamble {
            out_seq,
            in_offset: out_seq - 1,
            epoch: 1,
            behaviour: 1,
            input_hash: Chain::default(),
            prev_chain,
            now: Timestamp::from_unix_nanos(salt),
            request_id: RequestId(0),
        }
    }

    fn stored(offset: u64, value: Bytes) -> Stored {
        Stored { offset, appended_at: Timestamp::EPOCH, record: Record::of(value) }
    }

    /// A true sequence of answers, from 1 on; `salt` makes another sequence of the same numbers.
    fn sequence(count: u64, salt: u64) -> Vec<Link> {
        let mut prev_chain = Chain::start(LOG, Partition::FIRST);
        (1..=count)
            .map(|out_seq| {
                let preamble = preamble(out_seq, prev_chain, salt);
                let (_, chain) = answer::write(&preamble, &Draft::default());
                let link = Link { out_seq, prev_chain, chain };
                prev_chain = chain;
                link
            })
            .collect()
    }

    #[test]
    fn repeated_and_early_numbers_yield_the_one_sequence() {
        let answers = sequence(8, 0);
        let mut acceptor = Acceptor::at(Position::start(LOG, Partition::FIRST));
        let mut accepted = Vec::new();
        for (offset, number) in [1, 2, 3, 4, 5, 6, 8, 7, 6, 7, 8].into_iter().enumerate() {
            let verdict = acceptor.judge(offset as u64, answers[number - 1]);
            if verdict == Verdict::Accepted {
                accepted.push(number);
            }
        }
        assert_eq!(accepted, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(acceptor.position().next_offset, 11);
    }

    #[test]
    fn another_chain_is_never_accepted_and_is_told_of() {
        let (answers, others) = (sequence(3, 0), sequence(3, 1));
        let mut acceptor = Acceptor::at(Position::start(LOG, Partition::FIRST));
        assert_eq!(acceptor.judge(0, answers[0]), Verdict::Accepted);
        assert_eq!(acceptor.judge(1, others[0]), Verdict::Contradiction);
        assert_eq!(acceptor.judge(2, answers[0]), Verdict::Repeated);
        assert_eq!(acceptor.judge(3, others[1]), Verdict::Mismatch);
        assert_eq!(acceptor.judge(4, answers[2]), Verdict::Beyond);
        assert_eq!(acceptor.judge(5, answers[1]), Verdict::Accepted);
    }

    #[test]
    fn a_number_is_missing_until_everything_that_was_dropped_as_too_early_has_come() {
        let answers = sequence(4, 0);
        let mut acceptor = Acceptor::at(Position::start(LOG, Partition::FIRST));
        let mut missing = Vec::new();
        for number in [1, 4, 2, 3, 4] {
            acceptor.judge(0, answers[number - 1]);
            missing.push(acceptor.missing());
        }
        assert_eq!(missing, [None, Some(2), Some(3), Some(4), None]);
    }

    #[test]
    fn what_is_no_answer_is_dropped_and_named() {
        let preamble = |out_seq, prev_chain| preamble(out_seq, prev_chain, 0);
        let start = Position::start(LOG, Partition::FIRST);
        let (first, chain) = answer::write(&preamble(1, start.chain), &Draft::default());
        let (second, _) = answer::write(&preamble(2, chain), &Draft::default());
        let mut altered = first.to_vec();
        altered[3] ^= 1;
        let values = [Bytes::from_static(b"noise"), altered.into(), first, Bytes::new(), second];

        let mut acceptor = Acceptor::at(start);
        let accepted: Vec<_> = values
            .into_iter()
            .zip(0..)
            .filter_map(|(value, offset)| match acceptor.read(stored(offset, value)) {
                Judged::Accepted(accepted) => Some((accepted.offset, accepted.answer.out_seq)),
                _ => None,
            })
            .collect();

        assert_eq!(accepted, [(2, 1), (4, 2)]);
        assert_eq!(acceptor.position().next_offset, 5);
        let not_answers = acceptor.not_answers();
        assert_eq!(not_answers.count, 3);
        let first =
            [(0, AnswerError::NoChain), (1, AnswerError::WrongChain), (3, AnswerError::NoChain)];
        assert_eq!(not_answers.first, first);
    }

    #[test]
    fn only_the_first_of_many_that_are_no_answers_are_remembered() {
        let mut acceptor = Acceptor::at(Position::start(LOG, Partition::FIRST));
        for offset in 0..100 {
            acceptor.read(stored(offset, Bytes::from_static(b"noise")));
        }
        assert_eq!(acceptor.not_answers().count, 100);
        assert_eq!(acceptor.not_answers().first.len(), NAMED_MAX);
    }

    #[test]
    fn a_reader_that_starts_later_cannot_contradict_what_it_never_saw() {
        let answers = sequence(3, 0);
        let position = Position { out_seq: 2, chain: answers[1].chain, next_offset: 2 };
        let mut acceptor = Acceptor::at(position);
        assert_eq!(acceptor.judge(2, sequence(3, 1)[0]), Verdict::Repeated);
        assert_eq!(acceptor.judge(3, answers[2]), Verdict::Accepted);
    }
}
