//! The body of an answer while it is written: bytes from the start, for most of a shard's time went
//! into building messages that were encoded and thrown away.
//!
//! A body's parts may be written in any order; they are put together at the end, in the order of
//! their fields, so that the bytes are those of an [`AnswerBody`](log::AnswerBody) that was built
//! and encoded. What nearly every answer has is written field by field from the domain's own
//! values; everything else is handed over as a message.
//!
//! What will never live here: what happened, and why. A draft takes what it is told.

mod money;
mod order;
mod wire;

pub use money::{PostedLeg, PostingHead};
pub use order::{Placed, Terms, encode_place_order};

use prost::Message;

use self::wire::Wire;
use crate::log::{self, event, outcome};

/// The fields of a body that are written here, by their numbers in `answer.proto`.
mod field {
    pub(super) const OUTCOME: u32 = 1;
    pub(super) const EVENTS: u32 = 2;
    pub(super) const POSTINGS: u32 = 3;
    pub(super) const BALANCES: u32 = 4;
    pub(super) const ACCOUNTS: u32 = 5;
    pub(super) const LINKS_SENT: u32 = 6;
    pub(super) const LINK_PROGRESS: u32 = 7;
    pub(super) const FEE_INCOME: u32 = 23;
}

/// The fields of an answer, likewise.
mod answer_field {
    pub(super) const OUT_SEQ: u32 = 1;
    pub(super) const IN_OFFSET: u32 = 2;
    pub(super) const EPOCH: u32 = 3;
    pub(super) const BEHAVIOUR: u32 = 4;
    pub(super) const INPUT_HASH: u32 = 5;
    pub(super) const PREV_CHAIN: u32 = 6;
    pub(super) const NOW: u32 = 7;
    pub(super) const REQUEST_ID_HIGH: u32 = 8;
    pub(super) const REQUEST_ID_LOW: u32 = 9;
    pub(super) const BODY: u32 = 10;
}

/// The outcome of most inputs, and its bytes: the field of the outcome, and in it that of the kind,
/// which is empty.
const APPLIED: outcome::Kind = outcome::Kind::Applied(log::Applied {});
const APPLIED_BYTES: [u8; 4] = [1 << 3 | 2, 2, 1 << 3 | 2, 0];

/// What an answer takes beside its body, at the most, with its chain and a few bytes to spare.
const HEAD_BYTES: usize = 192;

/// What an answer says before its body: see `Answer` in `answer.proto`.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Counts the partition's answers from 1.
    pub out_seq: u64,
    /// The offset of the input that is answered.
    pub in_offset: u64,
    /// The epoch in force at that input.
    pub epoch: u32,
    /// The behaviour in force at that input.
    pub behaviour: u32,
    /// The hash of that input.
    pub input_hash: &'a [u8],
    /// The chain of the answer before.
    pub prev_chain: &'a [u8],
    /// The log's own time after the input.
    pub now_unix_nanos: u64,
    /// The request that is answered; 0 where none.
    pub request_id: u128,
}

/// The body of an answer that is being written.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What became of the input.
    pub outcome: Option<log::Outcome>,
    /// What other shards are sent, in the order of sending.
    pub links_sent: Vec<log::LinkSent>,
    /// How far the link with another shard has come.
    pub link_progress: Vec<log::LinkProgress>,
    account_count: u32,
    events: Vec<u8>,
    postings: Vec<u8>,
    balances: Vec<u8>,
    accounts: Vec<u8>,
    fee_income: Vec<u8>,
}

impl Draft {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.outcome = None;
        self.links_sent.clear();
        self.link_progress.clear();
        self.account_count = 0;
        let Draft { events, postings, balances, accounts, fee_income, .. } = self;
        [events, postings, balances, accounts, fee_income].into_iter().for_each(Vec::clear);
    }

    /// Names an account and tells the index by which the rest of the body means it.
    pub fn account(&mut self, name: &str) -> u32 {
        let index = self.account_count;
        self.accounts.blob(field::ACCOUNTS, name.as_bytes());
        self.account_count = index.saturating_add(1);
        index
    }

    /// Something happened.
    pub fn event(&mut self, kind: &event::Kind) {
        self.events.nested(field::EVENTS, |bytes| kind.encode(bytes));
    }

    /// An answer with this body, as far as its chain goes. There is room for that, too.
    #[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
    pub fn encode_answer(&self, head: &Head<'_>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.bytes_about());
        bytes.number(answer_field::OUT_SEQ, head.out_seq);
        bytes.number(answer_field::IN_OFFSET, head.in_offset);
        bytes.number(answer_field::EPOCH, head.epoch.into());
        bytes.number(answer_field::BEHAVIOUR, head.behaviour.into());
        bytes.blob(answer_field::INPUT_HASH, head.input_hash);
        bytes.blob(answer_field::PREV_CHAIN, head.prev_chain);
        bytes.fixed(answer_field::NOW, head.now_unix_nanos);
        bytes.fixed(answer_field::REQUEST_ID_HIGH, (head.request_id >> 64) as u64);
        bytes.fixed(answer_field::REQUEST_ID_LOW, head.request_id as u64);
        bytes.nested(answer_field::BODY, |bytes| self.encode(bytes));
        bytes
    }

    /// The body's bytes, behind those that are there.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        match &self.outcome {
            Some(outcome) if outcome.kind == Some(APPLIED) => bytes.extend(APPLIED_BYTES),
            Some(outcome) => Draft::message(bytes, field::OUTCOME, outcome),
            None => {}
        }
        let Draft { events, postings, balances, accounts, fee_income, .. } = self;
        [events, postings, balances, accounts].into_iter().for_each(|part| bytes.extend(part));
        let Draft { links_sent, link_progress, .. } = self;
        links_sent.iter().for_each(|one| Draft::message(bytes, field::LINKS_SENT, one));
        link_progress.iter().for_each(|one| Draft::message(bytes, field::LINK_PROGRESS, one));
        bytes.extend(fee_income);
    }

    /// How many bytes the body has but for its outcome and its links.
    fn bytes_about(&self) -> usize {
        let Draft { events, postings, balances, accounts, fee_income, .. } = self;
        [events, postings, balances, accounts, fee_income].into_iter().map(Vec::len).sum()
    }

    /// The body as a message, for tests and tools.
    pub fn body(&self) -> log::AnswerBody {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        log::AnswerBody::decode(bytes.as_slice()).expect("it was just written")
    }

    fn message(bytes: &mut Vec<u8>, field: u32, message: &impl Message) {
        prost::encoding::message::encode(field, message, bytes);
    }
}

/// A body that was built as a message, for tests and tools.
impl From<log::AnswerBody> for Draft {
    fn from(body: log::AnswerBody) -> Draft {
        let log::AnswerBody { outcome, links_sent, link_progress, .. } = body;
        let mut draft = Draft { outcome, links_sent, link_progress, ..Draft::default() };
        for name in &body.accounts {
            let _ = draft.account(name);
        }
        let Draft { events, postings, balances, fee_income, .. } = &mut draft;
        body.events.iter().for_each(|one| Draft::message(events, field::EVENTS, one));
        body.postings.iter().for_each(|one| Draft::message(postings, field::POSTINGS, one));
        body.balances.iter().for_each(|one| Draft::message(balances, field::BALANCES, one));
        body.fee_income.iter().for_each(|one| Draft::message(fee_income, field::FEE_INCOME, one));
        draft
    }
}

#[cfg(test)]
mod tests;
