//! A platform for real money on a log in memory: a gateway, a ledger and a shard, each the real
//! one, and somebody who runs it.

use std::{sync::Arc, time::Duration};

use daemon::{clock::WallClock, health::Readiness, settings::Secret};
use gateway::idempotency::MemoryCache;
use ledger::store::{MemoryStore, Store};
use matcher::{Exchange, exchange::reference_key};
use model::Partition;
use prost::Message;
use proto::{
    admin::{CreateTokenRequest, TokenSummary, admin_service_client::AdminServiceClient},
    log::{self, input},
    reference::{
        AssetListing, CredentialScope, InstrumentListing, ReferenceBody, ReferenceRecord,
        reference_body::Body,
    },
    topic::Topic,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use spine::{
    Log, Place, Position, Record, genesis,
    log::{WriterRole, append_blocking, memory::MemoryLog},
    replay::Begin,
    shard::{self, READ_LIMIT, ShardSettings},
    snapshot::MemorySnapshots,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, transport::Channel};

use daemon::clock::Clock;

/// How long anything may take before it is called stuck.
pub(crate) const STUCK: Duration = Duration::from_secs(60);

/// What those who run it bear.
pub(crate) const ADMIN: &str = "an-admin-token-that-nobody-guesses";

pub(crate) struct Stage {
    pub rest: String,
    pub grpc: String,
    pub ledger: String,
    pub admin: String,
    pub log: Arc<dyn Log>,
    http: reqwest::Client,
    _stop: tokio_util::sync::DropGuard,
}

impl Stage {
    pub(crate) async fn new() -> Stage {
        let memory = MemoryLog::stamped_by(1, || WallClock.now());
        let log: Arc<dyn Log> = Arc::new(memory);
        let proposal = log::Genesis {
            log_id: vec![7; 16],
            partition_count: 1,
            sandbox: false,
            key_retention_nanos: 24 * 3_600 * 1_000_000_000,
            behaviour: spine::BEHAVIOUR,
        };
        let identity = genesis::found(log.as_ref(), &proposal).expect("founded");
        list(log.as_ref());
        let stop = CancellationToken::new();
        let shard = ShardSettings {
            incarnation: 1,
            wall_clock: Arc::new(|| WallClock.now()),
            read_limit: READ_LIMIT,
        };
        let begin = Begin::Newest(Arc::new(MemorySnapshots::default()));
        let first = Partition::FIRST;
        let (of_log, of_stop) = (Arc::clone(&log), stop.clone());
        shard::spawn::<Exchange>(of_log, identity.clone(), first, begin, shard, of_stop)
            .expect("a thread");
        let ledger = ledger(&log, &stop).await;
        let free = "127.0.0.1:0".parse().expect("an address");
        let admin = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
        let admin = admin.expect("an address");
        let settings = gateway::Settings {
            rest_address: free,
            grpc_address: free,
            ledger_uri: ledger.clone(),
            admin: Some(gateway::AdminSettings { address: admin, token: Secret::new(ADMIN) }),
            ..gateway::Settings::default()
        };
        let dependencies = gateway::Dependencies {
            log: Arc::clone(&log),
            identity: identity.clone(),
            clock: Arc::new(WallClock),
            readiness: Readiness::default(),
            positions: vec![Position::start(identity.log_id, first)],
            cache: Arc::new(MemoryCache::default()),
        };
        let service = gateway::bind(settings, dependencies).await.expect("it binds");
        let rest = format!("http://{}", service.rest_address());
        let grpc = format!("http://{}", service.grpc_address());
        tokio::spawn(service.serve(stop.clone()));
        let (http, admin) = (reqwest::Client::new(), format!("http://{admin}"));
        let stop = stop.drop_guard();
        let stage = Stage { rest, grpc, ledger, admin, log, http, _stop: stop };
        stage.until_ready().await;
        stage
    }

    async fn until_ready(&self) {
        let ready = async {
            while self
                .request(Method::GET, "/readyz", None)
                .send()
                .await
                .expect("an answer")
                .status()
                != StatusCode::OK
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(STUCK, ready).await.expect("it becomes ready");
    }

    /// A request whose answers have nothing of their own in them.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
    ) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.rest));
        let request = request.header("x-request-id", "same").timeout(STUCK);
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The status and the bytes of the answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> (u16, String) {
        let request = self.request(method, path, token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("a body"))
    }

    pub(crate) async fn operators(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::connect(self.admin.clone()).await.expect("it answers")
    }

    /// A token, with what is told of it.
    pub(crate) async fn token(
        &self,
        account: &str,
        scope: CredentialScope,
    ) -> (TokenSummary, String) {
        let wanted = CreateTokenRequest {
            operator: "olga".to_owned(),
            account: account.to_owned(),
            scope: scope.into(),
            ..CreateTokenRequest::default()
        };
        let made = self.operators().await.create_token(bearing(ADMIN, wanted)).await;
        let made = made.expect("it is made").into_inner();
        (made.token.expect("it is told"), made.secret)
    }
}

/// A call that bears a token.
pub(crate) fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().expect("it is text");
    request.metadata_mut().insert("authorization", value);
    request
}

async fn ledger(log: &Arc<dyn Log>, stop: &CancellationToken) -> String {
    let free = "127.0.0.1:0".parse().expect("an address");
    let settings = ledger::Settings { grpc_address: free, health_address: free };
    let dependencies = ledger::Dependencies {
        log: Arc::clone(log),
        store: Arc::new(MemoryStore::new()) as Arc<dyn Store>,
        readiness: Readiness::default(),
        metrics: String::new,
    };
    let service = ledger::bind(settings, dependencies).await.expect("it binds");
    let uri = format!("http://{}", service.grpc_address());
    tokio::spawn(service.serve(stop.clone()));
    uri
}

/// Lists BTC-USDT for the shard and for the edges.
fn list(log: &dyn Log) {
    let producer = log.producer(WriterRole::Edge { give_up_after: STUCK }).expect("a producer");
    let asset = |id, code: &str| {
        let code = code.to_owned();
        Body::Asset(AssetListing { id, code, decimals: 8, sandbox_grant_units: 0 })
    };
    let instrument = InstrumentListing {
        id: 1,
        base_asset_id: 1,
        quote_asset_id: 2,
        tick_size_units: 1_000_000,
        lot_size_units: 1_000,
        price_protection_bps: 500,
        ..InstrumentListing::default()
    };
    for body in [asset(1, "BTC"), asset(2, "USDT"), Body::Instrument(instrument)] {
        let key = reference_key(&body);
        let body = Some(ReferenceBody { body: Some(body) });
        let record = ReferenceRecord { key: key.clone(), version: 1, body };
        let kind = Some(input::Kind::ReferenceChanged(record.clone()));
        let decided = Record::of(log::Input { kind }.encode_to_vec());
        append_blocking(producer.as_ref(), Place::orders(Partition::FIRST), decided)
            .expect("it is appended");
        let mut told = Record::of(record.encode_to_vec());
        told.key = Some(key.into());
        let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
        append_blocking(producer.as_ref(), place, told).expect("it is appended");
    }
}
