//! What the tests of this crate share: two instruments, a log with answers in it, a random flow.

use std::{collections::BTreeMap, sync::Arc};

use model::{Partition, RequestId, Timestamp};
use proto::{
    log::{self, event::Kind},
    reference::{AssetListing, InstrumentListing, ReferenceBody, ReferenceRecord, reference_body},
    trading,
};
use spine::{
    Answer, Chain, Log, LogId, Place, Record,
    answer::{self, Preamble},
    genesis::Identity,
    log::{Producer, WriterRole, append_blocking, memory::MemoryLog},
};

use crate::{
    hub::{Hub, QueueLimit},
    market::Market,
};

pub(crate) const LOG_ID: LogId = LogId([5; 16]);
pub(crate) const BTC_USDT: u32 = 1;
pub(crate) const ETH_USDT: u32 = 2;

/// 2024-08-08T23:54:13.937085Z and some nanoseconds.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_nanos(1_723_161_253_937_085_768);

pub(crate) fn identity(partition_count: u16) -> Identity {
    Identity { log_id: LOG_ID, partition_count, genesis: log::Genesis::default() }
}

fn record(key: &str, body: reference_body::Body) -> ReferenceRecord {
    let body = Some(ReferenceBody { body: Some(body) });
    ReferenceRecord { key: key.to_owned(), version: 1, body }
}

pub(crate) fn asset(id: u32, code: &str) -> ReferenceRecord {
    let listing = AssetListing { id, code: code.to_owned(), decimals: 8, sandbox_grant_units: 0 };
    record(&format!("asset/{id}"), reference_body::Body::Asset(listing))
}

/// Tick 0.01, lot 0.00001, priced in USDT.
pub(crate) fn instrument(id: u32, base_asset_id: u32) -> ReferenceRecord {
    let listing = InstrumentListing {
        id,
        base_asset_id,
        quote_asset_id: 2,
        tick_size_units: 1_000_000,
        lot_size_units: 1_000,
        price_protection_bps: 500,
        partition: 0,
        ..Default::default()
    };
    record(&format!("instrument/{id}"), reference_body::Body::Instrument(listing))
}

pub(crate) fn listed(record: ReferenceRecord) -> Kind {
    Kind::ReferenceApplied(record)
}

/// BTC-USDT and ETH-USDT.
pub(crate) fn listings() -> Vec<Kind> {
    let records = [
        asset(1, "BTC"),
        asset(2, "USDT"),
        asset(3, "ETH"),
        instrument(BTC_USDT, 1),
        instrument(ETH_USDT, 3),
    ];
    records.into_iter().map(listed).collect()
}

/// A trade at tick 10,000 + its number, maker's order 7, taker's order 9.
pub(crate) fn trade(instrument_id: u32, trade_id: u64, taker_side: trading::Side) -> Kind {
    Kind::Trade(log::TradeExecuted {
        instrument_id,
        trade_id,
        price_ticks: 10_000 + trade_id,
        quantity_lots: 50_000,
        maker_order_id: 7,
        taker_order_id: 9,
        taker_side: taker_side.into(),
        ..Default::default()
    })
}

/// Buyers' levels and sellers' levels, in ticks and lots.
pub(crate) fn depth(
    instrument_id: u32,
    sequence: u64,
    bids: &[(u64, u64)],
    asks: &[(u64, u64)],
) -> Kind {
    let levels = |levels: &[(u64, u64)]| {
        let level =
            |&(price_ticks, total_lots): &(u64, u64)| log::Level { price_ticks, total_lots };
        levels.iter().map(level).collect()
    };
    Kind::BookChanged(log::BookChanged {
        instrument_id,
        sequence,
        bids: levels(bids),
        asks: levels(asks),
    })
}

/// That a market is open for this after so many changes of depth.
pub(crate) fn state(instrument_id: u32, state: trading::MarketState, sequence: u64) -> Kind {
    let state = state.into();
    let opens_at_unix_nanos = 0;
    Kind::MarketStateChanged(log::MarketStateChanged {
        instrument_id,
        state,
        sequence,
        opens_at_unix_nanos,
    })
}

pub(crate) fn body(events: Vec<Kind>) -> log::AnswerBody {
    let events = events.into_iter().map(|kind| log::Event { kind: Some(kind) }).collect();
    log::AnswerBody { events, ..Default::default() }
}

/// Writes the answers of one partition, one after the other, into a log.
pub(crate) struct Shard {
    partition: Partition,
    producer: Arc<dyn Producer>,
    out_seq: u64,
    chain: Chain,
}

impl Shard {
    pub(crate) fn new(log: &MemoryLog, number: u16) -> Shard {
        let partition = Partition::new(number).expect("in range");
        Shard {
            partition,
            producer: log.producer(WriterRole::Shard).expect("a memory log has producers"),
            out_seq: 0,
            chain: Chain::start(LOG_ID, partition),
        }
    }

    /// The next answer, appended.
    pub(crate) fn answer(&mut self, events: Vec<Kind>) -> Answer {
        let preamble = Preamble {
            out_seq: self.out_seq + 1,
            in_offset: self.out_seq,
            epoch: 1,
            behaviour: 1,
            input_hash: Chain::default(),
            prev_chain: self.chain,
            now: NOW,
            request_id: RequestId(0),
        };
        let (bytes, chain) = answer::write(&preamble, &body(events).into());
        (self.out_seq, self.chain) = (preamble.out_seq, chain);
        let place = Place::events(self.partition);
        append_blocking(&*self.producer, place, Record::of(bytes.clone())).expect("it appends");
        answer::read(&bytes).expect("it was just written")
    }
}

/// A hub with both instruments listed, and the shard that feeds it.
pub(crate) fn open_hub(limit: QueueLimit) -> (Arc<Hub>, Shard) {
    let hub = Hub::new(Market::default(), limit);
    let mut shard = Shard::new(&MemoryLog::new(1), 0);
    hub.publish(&shard.answer(listings()).into(), None).expect("good listings");
    (hub, shard)
}

/// Publishes events as one answer.
pub(crate) fn publish(hub: &Hub, shard: &mut Shard, events: Vec<Kind>) -> usize {
    hub.publish(&shard.answer(events).into(), None).expect("they fit")
}

/// Numbers that are the same on every machine.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// One below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % end
    }
}

/// A random flow of changes of one book, and the naive model of it: a table of totals.
pub(crate) struct Flow {
    pub(crate) numbers: Numbers,
    pub(crate) sequence: u64,
    pub(crate) totals: BTreeMap<(bool, u64), u64>,
}

impl Flow {
    pub(crate) fn new(seed: u64) -> Flow {
        Flow { numbers: Numbers(seed), sequence: 0, totals: BTreeMap::new() }
    }

    /// The next change, of up to three levels a side.
    pub(crate) fn change(&mut self, instrument: u32) -> Kind {
        self.sequence += 1;
        let bids = self.levels(true, 100);
        let asks = self.levels(false, 120);
        depth(instrument, self.sequence, &bids, &asks)
    }

    fn levels(&mut self, is_bid: bool, base: u64) -> Vec<(u64, u64)> {
        let count = self.numbers.below(4);
        (0..count)
            .map(|_| {
                let price = base + self.numbers.below(20);
                let lots = self.numbers.below(3) * (1 + self.numbers.below(1 << 41));
                if lots == 0 {
                    self.totals.remove(&(is_bid, price));
                } else {
                    self.totals.insert((is_bid, price), lots);
                }
                (price, lots)
            })
            .collect()
    }

    /// The naive model's levels of a side, best first.
    pub(crate) fn side(&self, is_bid: bool) -> Vec<(u64, u64)> {
        let mut levels: Vec<_> = self
            .totals
            .iter()
            .filter(|((side, _), _)| *side == is_bid)
            .map(|((_, price), lots)| (*price, *lots))
            .collect();
        levels.sort_unstable();
        if is_bid {
            levels.reverse();
        }
        levels
    }
}
