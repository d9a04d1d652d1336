//! A gateway on free ports, on a log in memory, with a shard, a ledger and a broadcaster that do
//! just enough.
#![allow(dead_code, unreachable_pub, reason = "not every test file uses all of it")]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "all of it is a test")]

mod ledger;
mod market;
pub mod redis_server;
pub mod shard;

use std::{sync::Arc, time::Duration};

use daemon::{
    clock::{Clock, WallClock},
    health::Readiness,
    settings::Secret,
};
use gateway::{
    Dependencies, Settings,
    idempotency::{Cache, FleetCache, MemoryCache, redis::Redis, redis::RedisSettings},
};
use model::Partition;
use prost::Message;
use proto::{
    log,
    reference::{
        AssetListing, InstrumentListing, ReferenceBody, ReferenceRecord, reference_body::Body,
    },
    topic::Topic,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use spine::{
    Log, Place, Position, Record, Visibility, genesis,
    log::{WriterRole, append_blocking, memory::MemoryLog},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::{ledger::FakeLedger, shard::Shard};

/// How long anything in a test may take before it is called stuck.
const STUCK: Duration = Duration::from_secs(20);

/// A running gateway.
pub struct Stage {
    pub memory: MemoryLog,
    pub log: Arc<dyn Log>,
    pub identity: genesis::Identity,
    pub rest: String,
    pub grpc: String,
    pub ledger: FakeLedger,
    http: reqwest::Client,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), gateway::ServeError>>,
}

impl Stage {
    /// With one partition and ordinary limits.
    pub async fn new() -> Stage {
        Stage::with(1, |settings| settings).await
    }

    pub async fn with(partitions: u16, adjust: impl FnOnce(Settings) -> Settings) -> Stage {
        let memory = MemoryLog::stamped_by(partitions, || WallClock.now());
        let log: Arc<dyn Log> = Arc::new(memory.clone());
        let identity = genesis::found(log.as_ref(), &proposal(partitions)).expect("founded");
        list(log.as_ref(), partitions);
        let ledger = FakeLedger::start().await;
        let cache = Arc::new(MemoryCache::default());
        let stage = Stage::on(memory, identity, ledger, adjust, cache).await;
        stage.until_ready().await;
        stage
    }

    /// On a log in which nothing is listed yet.
    pub async fn before_the_listing() -> Stage {
        let memory = MemoryLog::stamped_by(1, || WallClock.now());
        let identity = genesis::found(&memory, &proposal(1)).expect("founded");
        let ledger = FakeLedger::start().await;
        let cache = Arc::new(MemoryCache::default());
        Stage::on(memory, identity, ledger, |settings| settings, cache).await
    }

    /// Lists the instruments, and waits until the gateway has heard of it.
    pub async fn list(&self) {
        list(self.log.as_ref(), self.identity.partition_count);
        self.until_ready().await;
    }

    /// Two gateways on one log, who tell each other of retries through the Redis at `url`.
    pub async fn pair(url: &str) -> [Stage; 2] {
        Stage::pair_of(1, Some(url)).await
    }

    /// Two gateways on one log of so many partitions; without a Redis they know what it tells them.
    pub async fn pair_of(partitions: u16, url: Option<&str>) -> [Stage; 2] {
        telemetry::metrics::install().expect("a recorder");
        let memory = MemoryLog::stamped_by(partitions, || WallClock.now());
        let mut identity = proposal(partitions);
        // Several tests share one Redis, and the names there tell the logs apart.
        identity.log_id = rand::random::<[u8; 16]>().to_vec();
        let identity = genesis::found(&memory, &identity).expect("founded");
        list(&memory, partitions);
        let ledger = FakeLedger::start().await;
        let cache = || {
            let redis = url.map(|url| {
                let settings = RedisSettings { url: Secret::new(url), password: None };
                Redis::start(&settings, identity.log_id).expect("a good URL")
            });
            Arc::new(FleetCache::new(identity.log_id, partitions, redis))
        };
        let gateway = |cache| {
            let (memory, identity, ledger) = (memory.clone(), identity.clone(), ledger.clone());
            Stage::on(memory, identity, ledger, |settings| settings, cache)
        };
        let pair = [gateway(cache()).await, gateway(cache()).await];
        for stage in &pair {
            stage.until_ready().await;
        }
        pair
    }

    async fn on(
        memory: MemoryLog,
        identity: genesis::Identity,
        ledger: FakeLedger,
        adjust: impl FnOnce(Settings) -> Settings,
        cache: Arc<dyn Cache>,
    ) -> Stage {
        let log: Arc<dyn Log> = Arc::new(memory.clone());
        let free = "127.0.0.1:0".parse().expect("an address");
        let settings = adjust(Settings {
            rest_address: free,
            grpc_address: free,
            ledger_uri: ledger.uri.clone(),
            market_data_uri: market::start_broadcaster().await,
            ..Settings::default()
        });
        let positions = identity.partitions();
        let dependencies = Dependencies {
            log: Arc::clone(&log),
            identity: identity.clone(),
            clock: Arc::new(WallClock),
            readiness: Readiness::default(),
            positions: positions.map(|one| Position::start(identity.log_id, one)).collect(),
            cache,
        };
        let service = gateway::bind(settings, dependencies).await.expect("it binds");
        let rest = format!("http://{}", service.rest_address());
        let grpc = format!("http://{}", service.grpc_address());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(service.serve(stop.clone()));
        let http = reqwest::Client::new();
        Stage { memory, log, identity, rest, grpc, ledger, http, stop, serving }
    }

    async fn until_ready(&self) {
        let ready = async {
            while self.get("/readyz").await.0 != StatusCode::OK {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(STUCK, ready).await.expect("it becomes ready");
    }

    /// Starts the shards, which answer what is in the log already too.
    pub fn shards(&self) -> Vec<Shard> {
        let partitions = self.identity.partitions();
        partitions.map(|one| Shard::start(&self.log, self.identity.log_id, one)).collect()
    }

    /// How many records stand in the orders of a partition.
    pub fn inputs(&self, partition: u16) -> u64 {
        let place = Place::orders(Partition::new(partition).expect("in range"));
        self.log.end(place, Visibility::Synced).expect("it is there")
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.rest))
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// Stops it and waits until it has drained.
    pub async fn end(self) {
        self.stop.cancel();
        drop(self.http);
        let ended = tokio::time::timeout(STUCK, self.serving).await;
        ended.expect("it drains").expect("no panic").expect("it ends well");
    }
}

/// The status and the JSON of an answer; null where it is not JSON.
pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.timeout(STUCK).send().await.expect("an answer");
    let status = response.status();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// A good limit order that rests.
pub fn limit_order() -> Value {
    serde_json::json!({
        "client_id": "alice", "instrument": "BTC-USDT", "side": "buy", "type": "limit",
        "price": "100.01", "quantity": 0.5,
    })
}

fn proposal(partitions: u16) -> log::Genesis {
    log::Genesis {
        log_id: vec![7; 16],
        partition_count: u32::from(partitions),
        sandbox: true,
        key_retention_nanos: 24 * 3_600 * 1_000_000_000,
        behaviour: spine::BEHAVIOUR,
    }
}

/// BTC-USDT (id 1) in the first partition and ETH-USDT (id 2) in the last.
fn list(log: &dyn Log, partitions: u16) {
    let producer = log.producer(WriterRole::Edge { give_up_after: STUCK }).expect("a producer");
    let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
    for (key, body) in bodies(u32::from(partitions) - 1) {
        let body = Some(ReferenceBody { body: Some(body) });
        let record = ReferenceRecord { key: key.clone(), version: 1, body };
        let mut record = Record::of(record.encode_to_vec());
        record.key = Some(key.into());
        append_blocking(producer.as_ref(), place, record).expect("it is appended");
    }
}

fn bodies(last: u32) -> Vec<(String, Body)> {
    let asset = |id, code: &str| {
        let code = code.to_owned();
        let asset = AssetListing { id, code, decimals: 8, sandbox_grant_units: 1 };
        (format!("asset/{id}"), Body::Asset(asset))
    };
    let instrument = |id, base_asset_id, partition| {
        let listing = InstrumentListing {
            id,
            base_asset_id,
            quote_asset_id: 2,
            tick_size_units: 1_000_000,
            lot_size_units: 1_000,
            price_protection_bps: 500,
            partition,
            ..Default::default()
        };
        (format!("instrument/{id}"), Body::Instrument(listing))
    };
    vec![
        asset(1, "BTC"),
        asset(2, "USDT"),
        asset(3, "ETH"),
        instrument(1, 1, 0),
        instrument(2, 3, last),
    ]
}
