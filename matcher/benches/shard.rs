//! How many inputs a second a shard answers on each kind of log, beside a raw copy loop on the same
//! log: a loop that reads each input and appends its bytes to the output, and does nothing else.
//!
//! Every round makes a new log, appends the inputs, and then times the two in turn: from the first
//! read until the log has acknowledged the last answer. Medians of all rounds, and of their ratios.
//! `TRADESPINE_TEST_KAFKA` adds Kafka; `TRADESPINE_TEST_BENCH_INPUTS` and `_ROUNDS` set the size.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures how long something took")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use matcher::Exchange;
use model::{
    AccountName, Instructions, InstrumentId, KeyText, Partition, Price, Quantity, RequestId, Side,
    TimeInForce, Timestamp,
};
use prost::Message;
use proto::{
    command::{Ask, ClientCommand, Command, Key, KeySpace, PlaceOrder, Stamp},
    log,
    reference::{
        AssetListing, InstrumentListing, ReferenceBody, ReferenceRecord, reference_body::Body,
    },
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::{
    Log, Place, Record, Visibility,
    genesis::{self, Identity},
    log::{
        ReadLimit, WriterRole,
        embedded::{EmbeddedLog, EmbeddedSettings},
        kafka::{KafkaLog, KafkaSettings, admin},
        memory::MemoryLog,
    },
    replay::Begin,
    shard::{READ_LIMIT, Shard, ShardSettings},
};

const PARTITION: Partition = Partition::FIRST;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() {
    let inputs = number("TRADESPINE_TEST_BENCH_INPUTS", 100_000);
    let rounds = number("TRADESPINE_TEST_BENCH_ROUNDS", 5);
    println!("{inputs} inputs, medians of {rounds} interleaved rounds");
    compare("memory", inputs, rounds, |_| {
        let log = MemoryLog::stamped_by(1, wall_clock);
        (Arc::new(log) as Arc<dyn Log>, None)
    });
    compare("embedded", inputs, rounds, |_| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let log = EmbeddedLog::open(directory.path(), EmbeddedSettings::new(1)).expect("a journal");
        (log as Arc<dyn Log>, Some(directory))
    });
    let Ok(servers) = std::env::var("TRADESPINE_TEST_KAFKA") else { return };
    compare("kafka", inputs, rounds, |round| {
        let mut settings = KafkaSettings::new(servers.clone());
        let nanos = wall_clock().unix_nanos();
        settings.topic_prefix = format!("bench-{nanos}-{round}-");
        admin::create_topics(&settings, 1, 1).expect("topics");
        (Arc::new(KafkaLog::open(settings).expect("a broker")) as Arc<dyn Log>, None)
    });
}

fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.unwrap_or_default().as_nanos();
    Timestamp::from_unix_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

type Made = (Arc<dyn Log>, Option<tempfile::TempDir>);

fn compare(name: &str, inputs: usize, rounds: usize, make: impl Fn(usize) -> Made) {
    let (mut shards, mut copies, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let copy_first = round % 2 == 0;
        let mut rates = [0.0; 2];
        for turn in 0..2 {
            let (log, _directory) = make(round * 2 + turn);
            let identity = fill(log.as_ref(), inputs);
            let is_copy = copy_first == (turn == 0);
            let took = if is_copy { copy(log.as_ref()) } else { shard(&log, &identity) };
            rates[usize::from(is_copy)] = inputs as f64 / took.as_secs_f64();
        }
        shards.push(rates[0]);
        copies.push(rates[1]);
        ratios.push(rates[0] / rates[1]);
    }
    let [shard, copy, ratio] = [shards, copies, ratios].map(median);
    println!("{name:<10} shard {shard:>9.0}/s   raw copy {copy:>9.0}/s   ratio {ratio:.2}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Appends a genesis, the listings and so many orders: half of them trade.
fn fill(log: &dyn Log, inputs: usize) -> Identity {
    let genesis = log::Genesis {
        log_id: vec![1; 16],
        partition_count: 1,
        sandbox: true,
        key_retention_nanos: 3_600_000_000_000,
        behaviour: 0,
    };
    let identity = genesis::found(log, &genesis).expect("a new log");
    let give_up_after = Duration::from_secs(60);
    let producer = log.producer(WriterRole::Edge { give_up_after }).expect("a producer");
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut sent = 0;
    let mut random = Pcg64Mcg::seed_from_u64(7);
    let orders = (0..inputs).map(|number| order(&mut random, number));
    for input in listings().into_iter().chain(orders) {
        while sent - acknowledged.load(Ordering::Acquire) >= 10_000 {
            std::thread::yield_now();
        }
        let acknowledged = Arc::clone(&acknowledged);
        producer.append(
            Place::orders(PARTITION),
            Record::of(input.encode_to_vec()),
            Box::new(move |result| {
                result.expect("the log takes inputs");
                acknowledged.fetch_add(1, Ordering::AcqRel);
            }),
        );
        sent += 1;
    }
    while acknowledged.load(Ordering::Acquire) < sent {
        std::thread::yield_now();
    }
    identity
}

fn listings() -> Vec<log::Input> {
    let asset = |id, code: &str| {
        Body::Asset(AssetListing {
            id,
            code: code.to_owned(),
            decimals: 8,
            sandbox_grant_units: 100_000_000_000_000,
        })
    };
    let instrument = Body::Instrument(InstrumentListing {
        id: 1,
        base_asset_id: 2,
        quote_asset_id: 1,
        tick_size_units: 1_000_000,
        lot_size_units: 1_000,
        price_protection_bps: 500,
        partition: 0,
        ..Default::default()
    });
    let bodies = [asset(1, "USD"), asset(2, "BTC"), instrument];
    let records = bodies.into_iter().map(|body| ReferenceRecord {
        key: matcher::exchange::reference_key(&body),
        version: 1,
        body: Some(ReferenceBody { body: Some(body) }),
    });
    records
        .map(|record| log::Input { kind: Some(log::input::Kind::ReferenceChanged(record)) })
        .collect()
}

fn order(random: &mut Pcg64Mcg, number: usize) -> log::Input {
    let side = if random.random_bool(0.5) { Side::Buy } else { Side::Sell };
    let price = Price::from_ticks(random.random_range(9_990..10_010)).expect("in range");
    let quantity = Quantity::from_lots(random.random_range(1..1_000)).expect("in range");
    let command = ClientCommand {
        stamp: Stamp {
            request_id: RequestId(number as u128),
            valid_until: Timestamp::from_unix_nanos(u64::MAX),
        },
        account: AccountName::new(&format!("client-{}", random.random_range(0..10_000)))
            .expect("a good name"),
        command: Command::Place(PlaceOrder {
            key: Key {
                space: KeySpace::ClientOrderId,
                text: KeyText::new(&number.to_string()).expect("a good key"),
            },
            instrument: InstrumentId(1),
            side,
            ask: Ask::Limit { price, quantity },
            time_in_force: TimeInForce::Gtc,
            instructions: Instructions::default(),
        }),
    };
    log::Input { kind: Some(log::input::Kind::Client((&command).into())) }
}

/// From recovery at the first input until every answer is accepted.
fn shard(log: &Arc<dyn Log>, identity: &Identity) -> Duration {
    let settings =
        ShardSettings { incarnation: 1, wall_clock: Arc::new(wall_clock), read_limit: READ_LIMIT };
    let mut shard = Shard::<Exchange>::recover(
        log,
        identity,
        PARTITION,
        &Begin::First,
        settings,
        Duration::ZERO,
    )
    .expect("a new log recovers");
    let clock = Instant::now();
    while !shard.is_owner() {
        shard.step(clock.elapsed(), Duration::from_millis(1)).expect("it steps");
    }
    let started = Instant::now();
    let end = log.end(Place::orders(PARTITION), Visibility::Synced).expect("its end");
    while shard.accepted() < end {
        shard.step(clock.elapsed(), Duration::from_millis(1)).expect("it steps");
    }
    started.elapsed()
}

/// Reads every input and appends its bytes to the output, until all are acknowledged.
fn copy(log: &dyn Log) -> Duration {
    let end = log.end(Place::orders(PARTITION), Visibility::Synced).expect("its end");
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let mut reader =
        log.reader(Place::orders(PARTITION), 0, Visibility::Written).expect("a reader");
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let (mut read, mut polled) = (0, Vec::new());
    let limit = ReadLimit { ..READ_LIMIT };
    while read < end {
        reader.poll(limit, Duration::from_millis(1), &mut polled).expect("it reads");
        for stored in polled.drain(..) {
            read += 1;
            let acknowledged = Arc::clone(&acknowledged);
            producer.append(
                Place::events(PARTITION),
                Record::of(stored.record.value),
                Box::new(move |result| {
                    result.expect("the log takes copies");
                    acknowledged.fetch_add(1, Ordering::AcqRel);
                }),
            );
        }
    }
    while (acknowledged.load(Ordering::Acquire) as u64) < end {
        std::thread::sleep(Duration::from_micros(100));
    }
    started.elapsed()
}
