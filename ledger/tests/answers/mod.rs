//! Answers for tests: a scribe who numbers and chains them, and a seeded flow of an exchange whose
//! money is always right.

#![allow(dead_code, reason = "every test uses its own part of it")]
#![allow(unreachable_pub, reason = "shared by tests")]

pub mod flow;

use bytes::Bytes;
use ledger::projection::{Batch, Projector};
use model::{OrderId, Partition, RequestId, Timestamp};
use proto::{
    log::{self, event, outcome},
    reference::{self, reference_body},
    trading,
};
use spine::{
    Answer, Chain, LogId,
    answer::{self, Preamble},
};

/// The log that all answers here belong to.
pub const LOG: LogId = LogId([7; 16]);

/// When the first answer is given; each is a millisecond after the one before.
pub const START_NANOS: u64 = 1_790_000_000_000_000_000;

/// Writes the answers of one partition, numbered and chained.
#[derive(Clone, Debug)]
pub struct Scribe {
    pub partition: Partition,
    out_seq: u64,
    chain: Chain,
}

impl Scribe {
    pub fn new(partition: Partition) -> Scribe {
        Scribe { partition, out_seq: 0, chain: Chain::start(LOG, partition) }
    }

    /// The id of the order that the next answer's input makes.
    pub fn next_order_id(&self) -> u64 {
        OrderId::at(self.partition, self.out_seq + 1).expect("a small offset").number()
    }

    /// The number of the last answer.
    pub fn out_seq(&self) -> u64 {
        self.out_seq
    }

    /// Writes the next answer. Its input stands at the offset of the same number, after a genesis.
    pub fn write(&mut self, body: log::AnswerBody) -> (Bytes, Answer) {
        self.out_seq += 1;
        let preamble = Preamble {
            out_seq: self.out_seq,
            in_offset: self.out_seq,
            epoch: 1,
            behaviour: 1,
            input_hash: Chain::default(),
            prev_chain: self.chain,
            now: Timestamp::from_unix_nanos(START_NANOS + self.out_seq * 1_000_000),
            request_id: RequestId(0),
        };
        let (bytes, chain) = answer::write(&preamble, &body.into());
        self.chain = chain;
        let answer = answer::read(&bytes).expect("it was just written");
        (bytes, answer)
    }

    pub fn answer(&mut self, body: log::AnswerBody) -> Answer {
        self.write(body).1
    }
}

/// Folds all `answers` into one batch.
pub fn one_batch(projector: &mut Projector, answers: &[Answer]) -> Batch {
    for answer in answers {
        projector.fold(answer.out_seq - 1, answer).expect("a good answer");
    }
    projector.take().expect("there were answers")
}

/// Folds `answers` of a partition from its start into batches of `size` answers.
pub fn batches(partition: Partition, answers: &[Answer], size: usize) -> Vec<Batch> {
    let mut projector = Projector::new(LOG, partition, None);
    answers.chunks(size).map(|answers| one_batch(&mut projector, answers)).collect()
}

pub fn applied(events: Vec<event::Kind>) -> log::AnswerBody {
    log::AnswerBody {
        outcome: Some(log::Outcome { kind: Some(outcome::Kind::Applied(log::Applied {})) }),
        events: events.into_iter().map(|kind| log::Event { kind: Some(kind) }).collect(),
        ..Default::default()
    }
}

pub fn duplicate_of(order_id: u64) -> log::AnswerBody {
    let kind = outcome::Kind::Duplicate(log::Duplicate { original_order_id: order_id });
    log::AnswerBody { outcome: Some(log::Outcome { kind: Some(kind) }), ..Default::default() }
}

/// A limit order to buy 10 lots of instrument 1 at 100 ticks, of the answer's first account.
pub fn terms(key_space: log::KeySpace, key: &str) -> log::OrderTerms {
    log::OrderTerms {
        account: 0,
        key_space: key_space.into(),
        key: key.to_owned(),
        instrument_id: 1,
        side: trading::Side::Buy.into(),
        r#type: trading::OrderType::Limit.into(),
        time_in_force: trading::TimeInForce::Gtc.into(),
        price_ticks: 100,
        quantity_lots: 10,
        quote_quantity: None,
        instructions: None,
        replaces: false,
    }
}

pub fn placed(terms: log::OrderTerms) -> event::Kind {
    event::Kind::OrderPlaced(log::OrderPlaced { terms: Some(terms), ..Default::default() })
}

/// A trade that was prevented between order 1, a maker of which 4 lots have traded before, and the
/// order of `taker`: what it took off each, and what is left of it.
pub fn prevented(taker: u64, maker: [u64; 3], taken: [u64; 3]) -> event::Kind {
    let [maker_prevented_lots, maker_prevented_total_lots, maker_remaining_lots] = maker;
    let [taker_prevented_lots, taker_prevented_total_lots, taker_remaining_lots] = taken;
    event::Kind::TradePrevented(log::TradePrevented {
        instrument_id: 1,
        number: taker,
        price_ticks: 100,
        mode: trading::SelfTradePrevention::Decrement.into(),
        maker_order_id: 1,
        taker_order_id: taker,
        maker_prevented_lots,
        maker_prevented_total_lots,
        maker_remaining_lots,
        maker_traded_lots: 10 - maker_prevented_total_lots - maker_remaining_lots,
        taker_prevented_lots,
        taker_prevented_total_lots,
        taker_remaining_lots,
        taker_side: trading::Side::Sell.into(),
        ..Default::default()
    })
}

pub fn rejected(terms: log::OrderTerms, reason: log::RefusalReason) -> event::Kind {
    let reason = reason.into();
    event::Kind::OrderRejected(log::OrderRejected { terms: Some(terms), reason, order_id: 0 })
}

pub fn ended(order_id: u64, reason: log::EndReason, remaining_lots: u64) -> event::Kind {
    let reason = reason.into();
    event::Kind::OrderEnded(log::OrderEnded {
        order_id,
        account: 0,
        instrument_id: 1,
        reason,
        remaining_lots,
    })
}

/// An amend: what the order asks for now, what remains of it, and what was prevented.
pub fn amended(order_id: u64, lots: [u64; 3]) -> event::Kind {
    let [quantity_lots, remaining_lots, prevented_lots] = lots;
    event::Kind::OrderAmended(log::OrderAmended {
        order_id,
        account: 0,
        instrument_id: 1,
        quantity_lots,
        remaining_lots,
        prevented_lots,
    })
}

pub fn units(units: i128) -> Option<log::Amount> {
    Some(proto::convert::to_amount(model::Amount::from_units(units)))
}

pub fn balance(account: u32, asset_id: u32, available: i128, held: i128) -> log::Balance {
    let (available, held) = (units(available), units(held));
    log::Balance { account, asset_id, available, held, link: None }
}

/// Of one account.
pub fn of(account: &str, body: log::AnswerBody) -> log::AnswerBody {
    log::AnswerBody { accounts: vec![account.to_owned()], ..body }
}

fn reference(key: String, version: u32, body: reference_body::Body) -> event::Kind {
    event::Kind::ReferenceApplied(reference::ReferenceRecord {
        key,
        version,
        body: Some(reference::ReferenceBody { body: Some(body) }),
    })
}

pub fn asset(id: u32, code: &str, version: u32, grant: u64) -> event::Kind {
    let listing = reference::AssetListing {
        id,
        code: code.to_owned(),
        decimals: 8,
        sandbox_grant_units: grant,
    };
    reference(format!("asset/{code}"), version, reference_body::Body::Asset(listing))
}

/// Instrument `id`: asset `base` in asset `quote`, tick 0.01, lot 0.00001.
pub fn instrument(id: u32, base: u32, quote: u32) -> event::Kind {
    let listing = reference::InstrumentListing {
        id,
        base_asset_id: base,
        quote_asset_id: quote,
        tick_size_units: 1_000_000,
        lot_size_units: 1_000,
        price_protection_bps: 500,
        partition: 0,
        maker_fee_millionths: -15,
        taker_fee_millionths: 1_000,
        ..Default::default()
    };
    reference(format!("instrument/{id}"), 1, reference_body::Body::Instrument(listing))
}

/// Lists USD (1), BTC (2) and ETH (3), and BTC-USD (1) and ETH-USD (2).
pub fn listings() -> Vec<log::AnswerBody> {
    let grant = 100_000_000_000;
    [
        asset(1, "USD", 1, 1_000 * grant),
        asset(2, "BTC", 1, grant),
        asset(3, "ETH", 1, grant),
        instrument(1, 2, 1),
        instrument(2, 3, 1),
    ]
    .into_iter()
    .map(|event| applied(vec![event]))
    .collect()
}
