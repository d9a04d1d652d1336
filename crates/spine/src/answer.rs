//! The value of an answer: written once, checked by everyone who reads it.
//!
//! On the wire an answer is the protobuf message `tradespine.log.v1.Answer` with its `chain` field
//! last, so that the hash covers every byte before that field and any protobuf reader can still
//! read the whole.
//!
//! The readers' rule looks at numbers and chains only, so an answer is first read [`Sealed`]: its
//! hash is checked and its body left as it came. Who needs the body opens it.

use bytes::Bytes;
use model::{Partition, RequestId, Timestamp};
use prost::Message;
use proto::{
    draft::{Draft, Head},
    log::{self, outcome},
};
use thiserror::Error;

use crate::chain::{Chain, HASH_BYTES, Link};

/// What the chain field costs: its key, its length, its bytes.
const CHAIN_FIELD_BYTES: usize = 2 + HASH_BYTES;
/// The length of a chain as the wire has it: one byte.
#[expect(clippy::cast_possible_truncation, reason = "sixteen")]
const CHAIN_FIELD_LENGTH: u8 = HASH_BYTES as u8;
/// Field 15, length-delimited.
const CHAIN_FIELD_KEY: u8 = 15 << 3 | 2;

/// An answer as read from the log, its chain checked against its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Counts the partition's answers from 1.
    pub out_seq: u64,
    /// The offset of the input that it answers.
    pub in_offset: u64,
    /// The epoch in force at that input.
    pub epoch: u32,
    /// The behaviour in force at that input.
    pub behaviour: u32,
    /// The hash of that input.
    pub input_hash: Chain,
    /// The chain of the answer before.
    pub prev_chain: Chain,
    /// The chain up to and with this answer.
    pub chain: Chain,
    /// The log's own time after the input.
    pub now: Timestamp,
    /// The request that it answers; 0 where none.
    pub request_id: RequestId,
    /// What happened.
    pub body: log::AnswerBody,
}

/// Why bytes are not an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// They do not end with a chain.
    #[error("the answer does not end with its chain")]
    NoChain,
    /// The chain is not the hash of the rest.
    #[error("the answer's chain is not the hash of its bytes")]
    WrongChain,
    /// They are not the message.
    #[error("the answer cannot be decoded: {0}")]
    Undecodable(String),
}

/// What an answer says before its body, in the order of the wire.
#[derive(Clone, Copy, Debug)]
pub struct Preamble {
    /// See [`Answer`].
    pub out_seq: u64,
    /// See [`Answer`].
    pub in_offset: u64,
    /// See [`Answer`].
    pub epoch: u32,
    /// See [`Answer`].
    pub behaviour: u32,
    /// See [`Answer`].
    pub input_hash: Chain,
    /// See [`Answer`].
    pub prev_chain: Chain,
    /// See [`Answer`].
    pub now: Timestamp,
    /// See [`Answer`].
    pub request_id: RequestId,
}

/// Writes an answer and tells its chain.
pub fn write(preamble: &Preamble, body: &Draft) -> (Bytes, Chain) {
    let head = Head {
        out_seq: preamble.out_seq,
        in_offset: preamble.in_offset,
        epoch: preamble.epoch,
        behaviour: preamble.behaviour,
        input_hash: &preamble.input_hash.0,
        prev_chain: &preamble.prev_chain.0,
        now_unix_nanos: preamble.now.unix_nanos(),
        request_id: preamble.request_id.0,
    };
    let mut bytes = body.encode_answer(&head);
    let chain = Chain::of_answer(&bytes);
    bytes.push(CHAIN_FIELD_KEY);
    bytes.push(CHAIN_FIELD_LENGTH);
    bytes.extend_from_slice(&chain.0);
    (bytes.into(), chain)
}

/// Reads an answer and checks its chain against its bytes.
///
/// # Errors
/// [`AnswerError`] where the bytes are not an answer or were altered.
pub fn read(bytes: &Bytes) -> Result<Answer, AnswerError> {
    Sealed::read(bytes)?.open()
}

/// An answer whose chain is checked against its bytes and whose body is not looked at yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// See [`Answer`].
    pub out_seq: u64,
    /// See [`Answer`].
    pub in_offset: u64,
    /// See [`Answer`].
    pub epoch: u32,
    /// See [`Answer`].
    pub behaviour: u32,
    /// See [`Answer`].
    pub input_hash: Chain,
    /// See [`Answer`].
    pub prev_chain: Chain,
    /// See [`Answer`].
    pub chain: Chain,
    /// See [`Answer`].
    pub now: Timestamp,
    /// See [`Answer`].
    pub request_id: RequestId,
    /// The body as it came.
    body: Bytes,
}

impl Sealed {
    /// Reads all but the body.
    ///
    /// # Errors
    /// [`AnswerError`] where the bytes are not an answer or were altered.
    pub fn read(bytes: &Bytes) -> Result<Sealed, AnswerError> {
        let (unchained, field) =
            bytes.split_last_chunk::<CHAIN_FIELD_BYTES>().ok_or(AnswerError::NoChain)?;
        if field[..2] != [CHAIN_FIELD_KEY, CHAIN_FIELD_LENGTH] {
            return Err(AnswerError::NoChain);
        }
        let chain = Chain::of_answer(unchained);
        if chain.0 != field[2..] {
            return Err(AnswerError::WrongChain);
        }
        let undecodable = |what: &str| AnswerError::Undecodable(what.to_owned());
        let message = log::SealedAnswer::decode(bytes.slice(..unchained.len()))
            .map_err(|error| AnswerError::Undecodable(error.to_string()))?;
        Ok(Sealed {
            out_seq: message.out_seq,
            in_offset: message.in_offset,
            epoch: message.epoch,
            behaviour: message.behaviour,
            input_hash: Chain::from_slice(&message.input_hash)
                .ok_or_else(|| undecodable("the input hash has another length"))?,
            prev_chain: Chain::from_slice(&message.prev_chain)
                .ok_or_else(|| undecodable("the previous chain has another length"))?,
            chain,
            now: Timestamp::from_unix_nanos(message.now_unix_nanos),
            request_id: RequestId(
                u128::from(message.request_id_high) << 64 | u128::from(message.request_id_low),
            ),
            body: message.body,
        })
    }

    /// Where it stands in the sequence.
    pub fn link(&self) -> Link {
        Link { out_seq: self.out_seq, prev_chain: self.prev_chain, chain: self.chain }
    }

    /// How long its body is: nearly all that keeping it costs.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// What became of the input, without the rest of the body.
    ///
    /// # Errors
    /// [`AnswerError`] where the body is none.
    pub fn outcome(&self) -> Result<Option<outcome::Kind>, AnswerError> {
        let body = log::AnswerOutcome::decode(self.body.clone());
        let body = body.map_err(|error| AnswerError::Undecodable(error.to_string()))?;
        Ok(body.outcome.and_then(|outcome| outcome.kind))
    }

    /// What the answer says of links with other shards, without the rest of the body.
    ///
    /// # Errors
    /// [`AnswerError`] where the body is none.
    pub fn links(&self) -> Result<log::AnswerLinks, AnswerError> {
        log::AnswerLinks::decode(self.body.clone())
            .map_err(|error| AnswerError::Undecodable(error.to_string()))
    }

    /// What happened, without the rest of the body.
    ///
    /// # Errors
    /// [`AnswerError`] where the body is none.
    pub fn events(&self) -> Result<Vec<log::Event>, AnswerError> {
        log::AnswerEvents::decode(self.body.clone())
            .map(|body| body.events)
            .map_err(|error| AnswerError::Undecodable(error.to_string()))
    }

    /// Reads the body too.
    ///
    /// # Errors
    /// [`AnswerError`] where the body is none: then a shard wrote what it must not.
    pub fn open(self) -> Result<Answer, AnswerError> {
        let body = log::AnswerBody::decode(self.body)
            .map_err(|error| AnswerError::Undecodable(error.to_string()))?;
        Ok(Answer {
            out_seq: self.out_seq,
            in_offset: self.in_offset,
            epoch: self.epoch,
            behaviour: self.behaviour,
            input_hash: self.input_hash,
            prev_chain: self.prev_chain,
            chain: self.chain,
            now: self.now,
            request_id: self.request_id,
            body,
        })
    }
}

/// An answer as deep as a reader needs it.
pub trait Opened: Sized + Send + 'static {
    /// Opens it so far.
    ///
    /// # Errors
    /// [`AnswerError`] where the body is none.
    fn open(sealed: Sealed) -> Result<Self, AnswerError>;
}

impl Opened for Sealed {
    fn open(sealed: Sealed) -> Result<Sealed, AnswerError> {
        Ok(sealed)
    }
}

impl Opened for Answer {
    fn open(sealed: Sealed) -> Result<Answer, AnswerError> {
        sealed.open()
    }
}

/// An answer of which nothing is read but what happened: for those who have no use for postings and
/// balances, which are the larger part.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// See [`Answer`].
    pub out_seq: u64,
    /// See [`Answer`].
    pub now: Timestamp,
    /// What happened, in order.
    pub events: Vec<log::Event>,
}

impl Opened for Happened {
    fn open(sealed: Sealed) -> Result<Happened, AnswerError> {
        let events = sealed.events()?;
        Ok(Happened { out_seq: sealed.out_seq, now: sealed.now, events })
    }
}

impl From<Answer> for Happened {
    fn from(answer: Answer) -> Happened {
        let Answer { out_seq, now, body, .. } = answer;
        Happened { out_seq, now, events: body.events }
    }
}

impl Answer {
    /// The id of the order that the answered input made, where it made one.
    pub fn order_id(&self, partition: Partition) -> Option<model::OrderId> {
        model::OrderId::at(partition, self.in_offset)
    }

    /// The account with this index in the body's list.
    pub fn account(&self, index: u32) -> Option<&str> {
        self.body.accounts.get(usize::try_from(index).ok()?).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> (Bytes, Chain) {
        let preamble = Preamble {
            out_seq: 5,
            in_offset: 4,
            epoch: 2,
            behaviour: 1,
            input_hash: Chain([1; 16]),
            prev_chain: Chain([2; 16]),
            now: Timestamp::from_unix_nanos(9),
            request_id: RequestId(u128::MAX - 1),
        };
        let applied = outcome::Kind::Applied(log::Applied {});
        let body = log::AnswerBody {
            outcome: Some(log::Outcome { kind: Some(applied) }),
            accounts: vec!["alice".to_owned()],
            ..Default::default()
        };
        write(&preamble, &body.into())
    }

    #[test]
    fn what_is_written_reads_back_and_is_plain_protobuf() {
        let (bytes, chain) = written();
        let answer = read(&bytes).expect("it was just written");
        assert_eq!((answer.out_seq, answer.in_offset, answer.epoch), (5, 4, 2));
        assert_eq!((answer.chain, answer.prev_chain), (chain, Chain([2; 16])));
        assert_eq!(answer.request_id, RequestId(u128::MAX - 1));
        assert_eq!(answer.account(0), Some("alice"));
        assert_eq!(answer.account(1), None);
        let sealed = Sealed::read(&bytes).expect("it was just written");
        assert_eq!(sealed.link(), Link { out_seq: 5, prev_chain: Chain([2; 16]), chain });
        assert!(matches!(sealed.outcome(), Ok(Some(outcome::Kind::Applied(_)))));
        assert_eq!(Happened::open(sealed.clone()), Ok(Happened::from(answer.clone())));
        assert_eq!(sealed.open(), Ok(answer));
        let plain = log::Answer::decode(bytes).expect("any protobuf reader can");
        assert_eq!(plain.chain, chain.0);
    }

    #[test]
    fn an_altered_answer_is_seen() {
        let (bytes, _) = written();
        for position in 0..bytes.len() {
            let mut altered = bytes.to_vec();
            altered[position] ^= 1;
            assert!(Sealed::read(&altered.into()).is_err(), "byte {position}");
            assert!(Sealed::read(&bytes.slice(..position)).is_err(), "cut at {position}");
        }
    }
}
