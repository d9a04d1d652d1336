//! A seeded flow of a partition's records as they stand in the log, and the log that holds them.
//!
//! The records never change: what they are answered with is held against hashes that are written
//! down, so that what an order did in an old log it does for ever.

#[path = "records/words.rs"]
mod words;

use std::collections::BTreeMap;

use model::{
    AccountName, Amount, Instructions, InstrumentId, OrderId, Partition, Price, Quantity,
    RequestId, SelfTradePrevention, Side, TimeInForce, Timestamp, Trigger, TriggerKind,
};
use prost::Message;
use proto::{
    command::{Ask, ClientCommand, Command, Stamp},
    log,
    reference::{ReferenceBody, ReferenceRecord, reference_body::Body},
};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};
use spine::{
    LogId, Record, Replica, Stored,
    genesis::{self, Identity},
};

use crate::venue::{BTC, BTC_USD, SECOND, USD, asset, btc_usd, movement, place_in, saying};

const ETH: u32 = 3;
const ETH_USD: InstrumentId = InstrumentId(2);

/// What a log of one partition with this behaviour says it is.
pub(crate) fn identity(behaviour: u32) -> Identity {
    let genesis = log::Genesis {
        log_id: vec![7; 16],
        partition_count: 1,
        sandbox: true,
        key_retention_nanos: 100 * SECOND,
        behaviour,
    };
    Identity { log_id: LogId([7; 16]), partition_count: 1, genesis }
}

/// Applies records, and tells the state with the value of every answer.
pub(crate) fn answers<C: spine::Core>(
    identity: &Identity,
    records: &[Stored],
) -> (Replica<C>, Vec<bytes::Bytes>) {
    let mut replica = Replica::new(identity, Partition::FIRST);
    let values = records.iter().map(|stored| replica.apply(stored).expect("it applies").value);
    let values = values.collect();
    (replica, values)
}

/// So many records: the genesis, the listings, then clients, with a tick now and then.
pub(crate) fn records(identity: &Identity, seed: u64, count: usize) -> Vec<Stored> {
    let mut flow = Records {
        random: Pcg64::seed_from_u64(seed),
        now: SECOND,
        middle: 10_000,
        behaviour: identity.genesis.behaviour,
        versions: [1; 2],
        authors: BTreeMap::new(),
        speaks_as: None,
    };
    let founded = log::input::Kind::Genesis(identity.genesis.clone());
    let mut kinds = vec![founded];
    let eth_usd = log_listing_of(Body::Instrument(proto::reference::InstrumentListing {
        id: ETH_USD.0,
        base_asset_id: ETH,
        ..btc_usd()
    }));
    kinds.extend([asset(USD, "USD", 1_000), asset(BTC, "BTC", 10)].map(log_listing_of));
    kinds.extend([log_listing_of(asset(ETH, "ETH", 100)), eth_usd]);
    kinds.push(log_listing_of(Body::Instrument(btc_usd())));
    let mut first = kinds.into_iter();
    let mut records = Vec::with_capacity(count);
    for offset in 0..count as u64 {
        flow.now += flow.below(SECOND / 4);
        let kind = first.next().unwrap_or_else(|| flow.kind(offset));
        let record = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
        let appended_at = Timestamp::from_unix_nanos(flow.now);
        records.push(Stored { offset, appended_at, record });
    }
    records
}

fn log_listing_of(body: Body) -> log::input::Kind {
    log::input::Kind::ReferenceChanged(ReferenceRecord {
        key: matcher::exchange::reference_key(&body),
        version: 1,
        body: Some(ReferenceBody { body: Some(body) }),
    })
}

struct Records {
    random: Pcg64,
    now: u64,
    middle: u64,
    behaviour: u32,
    /// The last versions of both listings.
    versions: [u32; 2],
    /// Which client's each record is, and whose the next one has to be.
    authors: BTreeMap<u64, u64>,
    speaks_as: Option<u64>,
}

impl Records {
    fn below(&mut self, end: u64) -> u64 {
        self.random.next_u64() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn kind(&mut self, offset: u64) -> log::input::Kind {
        if self.one_in(20) {
            return log::input::Kind::Tick(log::Tick {});
        }
        // What an older log does not know its records do not say: they never change.
        let is_newer = self.behaviour >= 4 && self.one_in(3);
        if is_newer && self.one_in(8) {
            return self.operator(offset);
        }
        // Some come late, and some are sent again.
        let valid_for = if self.one_in(40) { 0 } else { 10 * SECOND };
        let appended_at = self.now + self.below(2);
        let mut author = self.below(9);
        let command = if is_newer { self.newer_command(offset) } else { self.command(offset) };
        author = self.speaks_as.take().unwrap_or(author);
        self.authors.insert(offset, author);
        let command = ClientCommand {
            stamp: Stamp {
                request_id: RequestId(u128::from(offset)),
                valid_until: Timestamp::from_unix_nanos(appended_at + valid_for - 1),
            },
            account: AccountName::new(&format!("client-{author}")).expect("a good name"),
            command,
        };
        log::input::Kind::Client((&command).into())
    }

    fn command(&mut self, offset: u64) -> Command {
        let recent = |back| OrderId::at(Partition::FIRST, offset.saturating_sub(back));
        match self.below(100) {
            0..72 => self.order(offset),
            72..93 => Command::Cancel { order_id: recent(self.below(60)).expect("in range") },
            93..95 => Command::CancelAll { instrument: self.one_in(2).then_some(ETH_USD) },
            95..98 => {
                let id = self.below(500).to_string();
                Command::Deposit(movement(USD, i128::from(1 + self.below(1_000_000)), &id))
            }
            _ => {
                let id = self.below(500).to_string();
                Command::Withdraw(movement(BTC, i128::from(1 + self.below(100_000_000)), &id))
            }
        }
    }

    fn order(&mut self, offset: u64) -> Command {
        let instrument = if self.one_in(3) { ETH_USD } else { BTC_USD };
        let side = if self.one_in(2) { Side::Buy } else { Side::Sell };
        let key = if self.one_in(30) { self.below(400) } else { 1_000 + offset };
        self.middle = (self.middle + self.below(3) - 1).clamp(9_000, 11_000);
        let ask = self.ask(side);
        let is_limit = matches!(ask, Ask::Limit { .. });
        let (time_in_force, instructions) = self.terms(is_limit);
        let instructions = match ask {
            Ask::MarketByQuote { .. } => Instructions { trigger: None, ..instructions },
            _ => instructions,
        };
        let plain = place_in(instrument, &key.to_string(), side, ask, time_in_force);
        saying(plain, time_in_force, instructions)
    }

    fn ask(&mut self, side: Side) -> Ask {
        let quantity = Quantity::from_lots(1 + self.below(40_000)).expect("in range");
        match self.below(10) {
            0 => Ask::Market { quantity },
            1 => {
                let units = i128::from(1 + self.below(4_000_000_000));
                Ask::MarketByQuote { amount: Amount::from_units(units) }
            }
            _ => {
                let away = self.below(40);
                let ticks = match side {
                    Side::Buy => self.middle + 10 - away,
                    Side::Sell => self.middle - 10 + away,
                };
                Ask::Limit { price: Price::from_ticks(ticks).expect("in range"), quantity }
            }
        }
    }

    fn terms(&mut self, is_limit: bool) -> (TimeInForce, Instructions) {
        let mode = usize::try_from(self.below(9)).expect("small");
        let self_trade = SelfTradePrevention::ALL.get(mode).copied().unwrap_or_default();
        let plain = Instructions { self_trade, ..Instructions::default() };
        match self.below(12) {
            0 if is_limit => (TimeInForce::Fok, plain),
            1 if is_limit => {
                let until = Timestamp::from_unix_nanos(self.now + self.below(5 * SECOND));
                (TimeInForce::Gtd, Instructions { expires_at: Some(until), ..plain })
            }
            2 if is_limit => (TimeInForce::Gtc, Instructions { post_only: true, ..plain }),
            3 if is_limit => (TimeInForce::Day, plain),
            4..6 => {
                let rises = self.one_in(2);
                let kind = if rises { TriggerKind::StopLoss } else { TriggerKind::TakeProfit };
                let ticks = self.middle + 20 - self.below(40);
                let price = Price::from_ticks(ticks).expect("in range");
                let trigger = Some(Trigger { kind, price });
                let lasts = if is_limit { TimeInForce::Gtc } else { TimeInForce::Ioc };
                (lasts, Instructions { trigger, ..plain })
            }
            6..8 => (TimeInForce::Ioc, plain),
            _ if is_limit => (TimeInForce::Gtc, plain),
            _ => (TimeInForce::Ioc, plain),
        }
    }
}

/// Founds a log in memory and appends the records to it, each at its own time.
pub(crate) fn log_of(identity: &Identity, records: &[Stored]) -> spine::log::memory::MemoryLog {
    use spine::{Log, Place, log::WriterRole};
    let log = spine::log::memory::MemoryLog::new(1);
    log.set_now(records[0].appended_at);
    genesis::found(&log, &identity.genesis).expect("a new log");
    let give_up_after = std::time::Duration::from_secs(9);
    let producer = log.producer(WriterRole::Edge { give_up_after }).expect("a producer");
    for stored in &records[1..] {
        log.set_now(stored.appended_at);
        let place = Place::orders(Partition::FIRST);
        let appended = spine::log::append_blocking(producer.as_ref(), place, stored.record.clone());
        assert_eq!(appended.expect("it is appended").offset, stored.offset);
    }
    log
}
