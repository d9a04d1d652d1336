//! Answers as their readers take them. Whatever a body says, under a right chain: it is read as it
//! was written, and the ledger and the market fold it in or refuse it. The bytes as they are too.

#![no_main]

use std::sync::LazyLock;

use broadcaster::market::Market;
use bytes::Bytes;
use ledger::{projection::Projector, store::MemoryStore};
use libfuzzer_sys::fuzz_target;
use model::Partition;
use prost::Message;
use proto::log::{self, AnswerBody};
use spine::{
    Answer,
    answer::{self, Happened, Sealed},
    chain::Chain,
};
use tradespine_fuzz::{FOUNDING, answers, flow, identity};

/// What comes before: the listings.
static FOUNDED: LazyLock<Vec<Answer>> = LazyLock::new(|| {
    let identity = identity(1);
    let (_, values) = answers(&identity, &flow(&identity, 1, FOUNDING));
    values.iter().map(|value| answer::read(value).expect("an answer")).collect()
});

fuzz_target!(|data: &[u8]| {
    if let Ok(sealed) = Sealed::read(&Bytes::copy_from_slice(data)) {
        let _ = (sealed.outcome(), sealed.links(), sealed.events());
        let _ = sealed.open();
    }
    let Ok(body) = AnswerBody::decode(data) else { return };
    let answer = answered(body);
    let mut projector = Projector::new(identity(1).log_id, Partition::FIRST, None);
    let (mut market, mut frames) = (Market::default(), Vec::new());
    let all = FOUNDED.iter().chain([&answer]);
    for (offset, answer) in (0..).zip(all.clone()) {
        if projector.fold(offset, answer).is_err() {
            break;
        }
    }
    if let Some(batch) = projector.take() {
        // It may name an order that never was.
        let _ = MemoryStore::new().write(&batch);
    }
    for answer in all {
        if market.apply(&Happened::from(answer.clone()), &mut frames).is_err() {
            return;
        }
    }
    for frame in frames {
        let _ = (frame.text(), frame.weight(), frame.sequence());
    }
});

/// The answer with this body after the listings, as the log has it.
fn answered(body: AnswerBody) -> Answer {
    let last = FOUNDED.last().expect("there are some");
    let written = |chain: &[u8]| log::Answer {
        out_seq: last.out_seq + 1,
        in_offset: last.in_offset + 1,
        epoch: last.epoch,
        behaviour: last.behaviour,
        input_hash: last.input_hash.0.to_vec(),
        prev_chain: last.chain.0.to_vec(),
        now_unix_nanos: last.now.unix_nanos(),
        request_id_high: 0,
        request_id_low: 1,
        body: Some(body.clone()),
        chain: chain.to_vec(),
    };
    let chain = Chain::of_answer(&written(&[]).encode_to_vec());
    let value = Bytes::from(written(&chain.0).encode_to_vec());
    let read = answer::read(&value).expect("it was just written");
    assert_eq!((read.chain, &read.body), (chain, &body));
    let sealed = Sealed::read(&value).expect("likewise");
    let outcome = body.outcome.clone().and_then(|outcome| outcome.kind);
    assert_eq!(sealed.outcome().expect("likewise"), outcome);
    assert_eq!(sealed.events().expect("likewise"), body.events);
    read
}
