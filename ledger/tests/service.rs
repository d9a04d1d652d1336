//! The whole service in one process: events in a memory log, gRPC queries at the other end.

mod answers;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use answers::{
    LOG, Scribe, applied, duplicate_of, ended, flow::Flow, listings, of, one_batch, placed, terms,
};
use daemon::health::Readiness;
use ledger::{
    Dependencies, ServeError, Settings, bind,
    projecting::ProjectingError,
    projection::Projector,
    row::Progress,
    solvency::AssetSum,
    store::{MemoryStore, Store},
    tables::Tables,
};
use model::{AccountName, KeyText, OperatorName, Partition, Timestamp};
use prost::Message;
use proto::{
    credential::{Credential, Holder, Scope},
    ledger::{
        AtLeast, GetBalancesRequest, GetFeeIncomeRequest, GetOrderRequest, GetProgressRequest,
        ListOrdersRequest, ListPostingsRequest, ListTradesRequest,
        ledger_service_client::LedgerServiceClient,
    },
    log::{self, EndReason, KeySpace, input},
    topic::Topic,
    trading::OrderStatus,
};
use spine::{
    Log, Place, Record,
    log::{Producer, WriterRole, append_blocking, memory::MemoryLog},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

/// A log of one partition, and a scribe who answers each input that is put into it.
struct Rig {
    log: Arc<dyn Log>,
    producer: Arc<dyn Producer>,
    scribe: Scribe,
}

impl Rig {
    fn new(sandbox: bool) -> Rig {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new(1));
        let genesis = log::Genesis {
            log_id: LOG.0.to_vec(),
            partition_count: 1,
            sandbox,
            key_retention_nanos: 1,
            behaviour: 0,
        };
        spine::genesis::found(log.as_ref(), &genesis).expect("an empty log");
        let role = WriterRole::Edge { give_up_after: Duration::from_secs(1) };
        let producer = log.producer(role).expect("a memory log has producers");
        let mut rig = Rig { log, producer, scribe: Scribe::new(Partition::FIRST) };
        for body in listings() {
            rig.append(body);
        }
        rig
    }

    /// Puts an input into the log that nobody answers yet; tells its offset.
    fn ask(&self) -> u64 {
        let tick = log::Input { kind: Some(input::Kind::Tick(log::Tick {})) };
        let record = Record::of(tick.encode_to_vec());
        let place = Place::orders(Partition::FIRST);
        append_blocking(self.producer.as_ref(), place, record).expect("it appends").offset
    }

    fn answer(&mut self, body: log::AnswerBody) {
        let (bytes, _) = self.scribe.write(body);
        let place = Place::events(Partition::FIRST);
        append_blocking(self.producer.as_ref(), place, Record::of(bytes)).expect("it appends");
    }

    /// Gives an account a token.
    fn let_in(&self, slot: u32, account: &str) {
        let credential = Credential {
            slot,
            id: KeyText::new(account).expect("a good id"),
            token_hash: *blake3::hash(format!("token-of-{account}").as_bytes()).as_bytes(),
            holder: Holder::Account {
                name: AccountName::new(account).expect("a good name"),
                scope: Scope::Read,
            },
            label: None,
            expires_at: None,
            is_revoked: false,
            created_at: Timestamp::EPOCH,
            created_by: OperatorName::new("olga").expect("a good name"),
        };
        let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
        let record = Record::of(credential.record(1).encode_to_vec());
        append_blocking(self.producer.as_ref(), place, record).expect("it appends");
    }

    /// An input and its answer; the offset of the input, which is the id of the order it made.
    fn append(&mut self, body: log::AnswerBody) -> u64 {
        let offset = self.ask();
        self.answer(body);
        offset
    }
}

/// A request that bears the token which [`Rig::let_in`] gives; a sandbox does not look at it.
fn bearing<T>(account: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer token-of-{account}").parse().expect("it is text");
    request.metadata_mut().insert("authorization", value);
    request
}

struct Running {
    client: LedgerServiceClient<Channel>,
    health: SocketAddr,
    readiness: Readiness,
    stop: CancellationToken,
    served: JoinHandle<Result<(), ServeError>>,
}

async fn serve(log: &Arc<dyn Log>, store: &Arc<dyn Store>) -> Running {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = Settings { grpc_address: any, health_address: any };
    let readiness = Readiness::default();
    let dependencies = Dependencies {
        log: log.clone(),
        store: store.clone(),
        readiness: readiness.clone(),
        metrics: String::new,
    };
    let service = bind(settings, dependencies).await.expect("free ports");
    let address = format!("http://{}", service.grpc_address());
    let health = service.health_address();
    let stop = CancellationToken::new();
    let served = tokio::spawn(service.serve(stop.clone()));
    // A service that stops at once may be gone before a client connects.
    let channel = Endpoint::from_shared(address).expect("an address").connect_lazy();
    let client = LedgerServiceClient::new(channel);
    Running { client, health, readiness, stop, served }
}

impl Running {
    async fn order(&mut self, order_id: u64) -> Result<proto::trading::Order, Status> {
        let request = GetOrderRequest { order_id, ..Default::default() };
        let found = self.client.get_order(request).await?;
        Ok(found.into_inner().order.expect("an answer has an order"))
    }

    async fn balances(&mut self, client_id: &str) -> Result<Vec<String>, Status> {
        let client_id = client_id.to_owned();
        let request = GetBalancesRequest { client_id: client_id.clone(), at_least: Vec::new() };
        let request = bearing(&client_id, request);
        let found = self.client.get_balances(request).await?.into_inner().balances;
        Ok(found
            .into_iter()
            .map(|row| format!("{} {} {}", row.asset, row.available, row.held))
            .collect())
    }

    async fn end(self) -> Result<(), ServeError> {
        self.stop.cancel();
        drop(self.client);
        self.served.await.expect("it does not panic")
    }
}

fn memory_store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

#[tokio::test]
async fn an_order_is_found_by_every_name_that_it_has() {
    let mut rig = Rig::new(true);
    let mine = terms(KeySpace::ClientOrderId, "mine");
    let id = rig.append(of("alice", applied(vec![placed(mine)])));
    let alias = rig.append(duplicate_of(id));
    rig.append(of("alice", applied(vec![ended(id, EndReason::Cancelled, 10)])));
    let mut running = serve(&rig.log, &memory_store()).await;
    let request = GetOrderRequest {
        order_id: 0,
        client_id: "alice".to_owned(),
        client_order_id: "mine".to_owned(),
    };
    let by_key = running.client.get_order(request.clone()).await.expect("found").into_inner();
    let order = by_key.order.expect("an answer has an order");
    assert_eq!(order.instrument, "BTC-USD");
    assert_eq!((order.price.as_str(), order.quantity.as_str()), ("1", "0.0001"));
    assert_eq!((order.client_id.as_str(), order.client_order_id.as_str()), ("alice", "mine"));
    assert_eq!(order.receipt.map(|receipt| receipt.offset), Some(id));
    let by_alias = running.order(alias).await.expect("found");
    assert_eq!(by_alias.id, id);
    assert!(matches!(by_alias.status(), OrderStatus::Open | OrderStatus::Cancelled));
    let unknown = GetOrderRequest { client_order_id: "other".to_owned(), ..request };
    let refused = running.client.get_order(unknown).await.expect_err("nobody has it");
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(running.order(id).await.expect("found").status(), OrderStatus::Cancelled);
    running.end().await.expect("it drains");
}

#[tokio::test]
async fn a_look_up_waits_for_its_own_write_and_never_denies_it() {
    let mut rig = Rig::new(true);
    let mut running = serve(&rig.log, &memory_store()).await;
    let asked = rig.ask();
    let (mut client, late) = (running.client.clone(), asked);
    let waiting = tokio::spawn(async move {
        let request = GetOrderRequest { order_id: late, ..Default::default() };
        client.get_order(request).await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    rig.answer(of("alice", applied(vec![placed(terms(KeySpace::Generated, "k"))])));
    let found = waiting.await.expect("no panic").expect("found").into_inner();
    assert_eq!(found.order.map(|order| order.id), Some(asked));

    let unanswered = rig.ask();
    let refused = running.order(unanswered).await.expect_err("nobody answered it");
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.get_error_details().retry_info().is_some());
    let at_least = vec![AtLeast { partition: 0, offset: unanswered }];
    let request = ListOrdersRequest { at_least, ..Default::default() };
    let refused = running.client.list_orders(request).await.expect_err("nobody answered it");
    assert_eq!(refused.code(), Code::Unavailable);

    let never = running.order(unanswered + 1).await.expect_err("nobody was given it");
    assert_eq!(never.code(), Code::NotFound);
    let elsewhere = running.order(1 << 45).await.expect_err("no such partition");
    assert_eq!(elsewhere.code(), Code::NotFound);
    running.end().await.expect("it drains");
}

#[tokio::test]
async fn bad_requests_name_their_field() {
    let rig = Rig::new(true);
    let mut running = serve(&rig.log, &memory_store()).await;
    let list = |request: ListOrdersRequest| {
        let mut client = running.client.clone();
        async move { client.list_orders(request).await.expect_err("refused") }
    };
    let table = [
        ("page_size", ListOrdersRequest { page_size: 501, ..Default::default() }),
        ("skip", ListOrdersRequest { skip: 100_001, ..Default::default() }),
        ("page_token", ListOrdersRequest { page_token: "no".to_owned(), ..Default::default() }),
        ("instrument", ListOrdersRequest { instrument: "NO-NO".to_owned(), ..Default::default() }),
        ("client_id", ListOrdersRequest { client_id: "a b".to_owned(), ..Default::default() }),
        ("client_id", ListOrdersRequest { client_id: "a\0".to_owned(), ..Default::default() }),
        ("instrument", ListOrdersRequest { instrument: "B\0".to_owned(), ..Default::default() }),
        ("page_token", ListOrdersRequest { page_token: "\0".to_owned(), ..Default::default() }),
        ("status", ListOrdersRequest { status: 99, ..Default::default() }),
        ("at_least", {
            let at_least = vec![AtLeast { partition: 7, offset: 0 }];
            ListOrdersRequest { at_least, ..Default::default() }
        }),
    ];
    for (field, request) in table {
        let refused = list(request).await;
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        let details = refused.get_error_details();
        let violations = &details.bad_request().expect("it names a field").field_violations;
        assert_eq!(violations[0].field, field);
    }
    let refused = running.order(u64::MAX).await.expect_err("no order has it");
    assert_eq!(refused.code(), Code::InvalidArgument);
    running.end().await.expect("it drains");
}

#[tokio::test]
async fn pages_hold_everything_once_newest_first() {
    let mut rig = Rig::new(true);
    let mut flow = Flow::new(rig.scribe.clone(), 3, 10, 2);
    for _ in 0..200 {
        let body = flow.body();
        flow.scribe.write(body.clone());
        rig.append(body);
    }
    let mut running = serve(&rig.log, &memory_store()).await;
    let last = rig.scribe.out_seq();
    let at_least = vec![AtLeast { partition: 0, offset: last }];
    let (mut orders, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListOrdersRequest {
            page_size: 30,
            page_token: token,
            at_least: at_least.clone(),
            ..Default::default()
        };
        let page = running.client.list_orders(request).await.expect("a page").into_inner();
        orders.extend(page.orders.into_iter().map(|order| order.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert!(orders.windows(2).all(|pair| pair[0] > pair[1]));
    assert!(orders.len() as u64 >= flow.orders());
    let request = ListTradesRequest {
        instrument: "BTC-USD".to_owned(),
        page_size: 500,
        at_least,
        ..Default::default()
    };
    let trades = running.client.list_trades(request).await.expect("a page").into_inner().trades;
    let sequences: Vec<u64> = trades.iter().map(|trade| trade.sequence).collect();
    assert!(sequences.iter().copied().eq((1..=sequences.len() as u64).rev()));
    assert_eq!(trades[0].id, format!("BTC-USD-{}", sequences.len()));
    let progress = running.client.get_progress(GetProgressRequest {}).await.expect("told");
    assert_eq!(progress.into_inner().partitions[0].out_seq, last);
    assert!(running.readiness.is_ready());
    let pages = tokio::net::TcpStream::connect(running.health).await;
    assert!(pages.is_ok());
    running.end().await.expect("it drains");
}

#[tokio::test]
async fn an_account_that_nobody_knows_is_at_its_grant_in_a_sandbox_only() {
    for (sandbox, expected) in
        [(true, Some(["USD 1000000 0", "BTC 1000 0", "ETH 1000 0"])), (false, None)]
    {
        let mut rig = Rig::new(sandbox);
        let balances = vec![answers::balance(0, 1, 5, 7)];
        let body = log::AnswerBody { balances, ..applied(vec![]) };
        let offset = rig.append(of("alice", body));
        rig.let_in(0, "alice");
        rig.let_in(1, "bob");
        let mut running = serve(&rig.log, &memory_store()).await;
        let at_least = vec![AtLeast { partition: 0, offset }];
        let request = ListOrdersRequest { at_least, ..Default::default() };
        // It may not have read the tokens yet.
        while let Err(status) = running.client.list_orders(bearing("bob", request.clone())).await {
            assert_eq!(status.code(), Code::Unavailable, "{status}");
        }
        let known = running.balances("alice").await.expect("known");
        assert_eq!(known[0], "USD 0.00000005 0.00000007");
        match (running.balances("bob").await, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, expected),
            (Err(refused), None) => assert_eq!(refused.code(), Code::NotFound),
            (found, _) => panic!("{found:?} with sandbox {sandbox}"),
        }
        running.end().await.expect("it drains");
    }
}

/// Waits until the store stands at `out_seq`.
async fn stands_at(store: &Arc<dyn Store>, out_seq: u64) -> Progress {
    loop {
        let progress = store.progress().await.expect("it reads");
        match progress.get(&Partition::FIRST) {
            Some(progress) if progress.out_seq == out_seq => return *progress,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

#[tokio::test]
async fn two_ledgers_on_one_store_and_a_restart_make_one_history() {
    let mut rig = Rig::new(true);
    let mut flow = Flow::new(rig.scribe.clone(), 9, 10, 2);
    let store = memory_store();
    let mut running = vec![serve(&rig.log, &store).await, serve(&rig.log, &store).await];
    for round in 0..300 {
        let body = flow.body();
        flow.scribe.write(body.clone());
        rig.append(body);
        if round % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if round == 150 {
            running.pop().expect("two of them").end().await.expect("it drains");
            running.push(serve(&rig.log, &store).await);
        }
    }
    stands_at(&store, rig.scribe.out_seq()).await;
    for running in running {
        running.end().await.expect("it drains");
    }
    let tables = store.tables().await.expect("it reads");
    let sums = tables.asset_sums().expect("small sums");
    assert!(sums.values().all(AssetSum::is_sound));
    assert!(tables.orders.len() as u64 >= flow.orders());
}

#[tokio::test]
async fn a_store_that_the_log_does_not_know_stops_the_service() {
    let rig = Rig::new(true);
    let longer: Vec<_> = Flow::new(Scribe::new(Partition::FIRST), 1, 5, 1).answers(50);
    let mut projector = Projector::new(LOG, Partition::FIRST, None);
    let beyond = one_batch(&mut projector, &longer);
    let mut projector = Projector::new(LOG, Partition::FIRST, None);
    let differs = one_batch(&mut projector, &longer[..3]);
    for batch in [beyond, differs] {
        let store = memory_store();
        store.apply(&batch).await.expect("an empty store");
        let before = store.tables().await.expect("it reads");
        let ended = serve(&rig.log, &store).await.served.await.expect("no panic");
        let error = ended.expect_err("it stops for people");
        assert!(
            matches!(
                error,
                ServeError::Projecting(
                    ProjectingError::BeyondLog { .. } | ProjectingError::Differs { .. }
                )
            ),
            "{error}"
        );
        assert_eq!(store.tables().await.expect("it reads"), before);
    }
    let store = memory_store();
    let mut batch = {
        let mut projector = Projector::new(spine::LogId([9; 16]), Partition::FIRST, None);
        projector.fold(0, &longer[0]).expect_err("it begins another chain");
        let mut projector = Projector::new(LOG, Partition::FIRST, None);
        one_batch(&mut projector, &longer[..1])
    };
    batch.progress.log_id = spine::LogId([9; 16]);
    batch.expected.chain = spine::Chain::start(spine::LogId([9; 16]), Partition::FIRST);
    store.apply(&batch).await.expect("an empty store");
    let ended = serve(&rig.log, &store).await.served.await.expect("no panic");
    let error = ended.expect_err("it stops for people");
    assert!(matches!(error, ServeError::Projecting(ProjectingError::OtherLog { .. })), "{error}");
}

#[tokio::test]
async fn a_trade_tells_its_cost_to_whoever_asks_for_their_own_and_the_house_its_income() {
    let mut rig = Rig::new(true);
    let mut flow = Flow::new(rig.scribe.clone(), 4, 6, 2);
    for _ in 0..120 {
        let body = flow.body();
        flow.scribe.write(body.clone());
        rig.append(body);
    }
    let store = memory_store();
    let mut running = serve(&rig.log, &store).await;
    stands_at(&store, rig.scribe.out_seq()).await;
    let list = |client_id: &str| ListTradesRequest {
        client_id: client_id.to_owned(),
        page_size: 500,
        ..Default::default()
    };
    let all = running.client.list_trades(list("")).await.expect("listed").into_inner().trades;
    assert!(all.iter().all(|trade| trade.fee.is_empty() && trade.fee_asset.is_empty()));
    let mine = running.client.list_trades(list("client-1")).await.expect("listed").into_inner();
    let assets: BTreeSet<_> = mine.trades.iter().map(|trade| trade.fee_asset.as_str()).collect();
    assert!(assets.contains("USD") && assets.contains("BTC"), "{assets:?}");
    let tables = store.tables().await.expect("it reads");
    let asked = GetFeeIncomeRequest::default();
    let income = running.client.get_fee_income(asked).await.expect("told").into_inner().income;
    let codes: Vec<_> = income.iter().map(|one| one.asset.as_str()).collect();
    assert_eq!(codes, ["USD", "BTC", "ETH"]);
    for (told, ((asset, _), earned)) in income.iter().zip(&tables.fee_income) {
        let asset = &tables.assets[asset];
        assert_eq!(told.asset, asset.code);
        let text = model::decimal::format_units(earned.units(), asset.decimals);
        assert_eq!(told.amount, text);
    }
    what_moved_money_is_listed(&mut running.client, &tables).await;
    running.end().await.expect("it drains");
}

/// Every posting, page by page, in words; and none of a shard that there is not.
async fn what_moved_money_is_listed(client: &mut LedgerServiceClient<Channel>, tables: &Tables) {
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListPostingsRequest { page_size: 100, page_token, ..Default::default() };
        let page = client.list_postings(request).await.expect("listed").into_inner();
        listed.extend(page.postings);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed.len(), tables.postings.len());
    for (told, (key, row)) in listed.iter().zip(&tables.postings) {
        assert_eq!((told.answer, told.number), (key.out_seq, key.number));
        assert_eq!(told.cause, proto::text::posting_cause(row.cause));
        assert_eq!(told.legs.len(), row.legs.len());
    }
    let trade = listed.iter().find(|posting| posting.cause == "trade").expect("some traded");
    assert!(trade.trade_id.contains("-USD") && trade.legs.iter().any(|leg| leg.bucket == "fees"));
    for (bad, field) in [
        (ListPostingsRequest { partition: 9, ..Default::default() }, "partition"),
        (ListPostingsRequest { page_token: "p0".to_owned(), ..Default::default() }, "page_token"),
        (ListPostingsRequest { page_size: 501, ..Default::default() }, "page_size"),
    ] {
        let refused = client.list_postings(bad).await.expect_err(field);
        assert!(refused.message().starts_with(field), "{refused}");
    }
}
