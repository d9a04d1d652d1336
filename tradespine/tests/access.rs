//! Who may do what, where money is real: a gateway, a ledger and a shard on a log in memory, asked
//! over REST and gRPC in every way there is.

#[path = "access/disconnect.rs"]
mod disconnect;
#[path = "access/fees.rs"]
mod fees;
#[path = "access/stage.rs"]
mod stage;
#[path = "access/surfaces.rs"]
mod surfaces;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    slice,
    time::Duration,
};

use daemon::clock::{Clock, WallClock};
use proto::{
    admin::{CreateTokenRequest, ListTokensRequest, RevokeTokenRequest, UpgradeRequest},
    convert::to_proto_timestamp,
    ledger::{
        GetBalancesRequest, GetFeeIncomeRequest, GetSolvencyRequest, ListTradesRequest,
        ledger_service_client::LedgerServiceClient,
    },
    log::{AdminDecision, event},
    orders::{StreamOrdersRequest, order_entry_service_client::OrderEntryServiceClient},
    reference::{CredentialScope, OperatorRole},
    topic::Topic,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use reqwest::Method;
use serde_json::{Value, json};
use spine::{Log, Place, Visibility, log::ReadLimit};
use stage::{ADMIN, STUCK, Stage, bearing};
use surfaces::{Bearer, Clients, SURFACES, Target, order_of};
use tonic::{Code, Request};

/// How many pairs of a token and of what it does not open.
const PAIRS: usize = 10_000;

const ACCOUNTS: usize = 12;

/// An account with money, an order, a list, and somebody who bears its token.
async fn settle(stage: &Stage, number: usize) -> (Bearer, Target) {
    let account = format!("account-{number}");
    let (_, token) = stage.token(&account, CredentialScope::Fund).await;
    let say = async |path: &str, body: Value| {
        let path = format!("/api/v1/{path}");
        let (status, text) = stage.ask(Method::POST, &path, Some(&token), Some(&body)).await;
        assert_eq!(status, 201, "{text}");
        serde_json::from_str::<Value>(&text).expect("it is JSON")
    };
    let deposit = json!({ "asset": "USDT", "amount": "1000", "deposit_id": "first" });
    say(&format!("accounts/{account}/deposits"), deposit).await;
    let key = format!("{account}-key");
    let mut order = order_of(&account);
    order["client_order_id"] = json!(key);
    let order = say("orders?wait=result", order).await;
    assert_eq!(order["status"], "open", "{order}");
    let leg = |side: &str, price: &str| {
        json!({
            "side": side, "type": "limit", "price": price, "quantity": "0.5",
        })
    };
    let list = json!({
        "client_id": account, "instrument": "BTC-USDT", "contingency": "oto",
        "working": leg("buy", "90"), "pending": leg("sell", "200"),
    });
    let list = say("order_lists?wait=result", list).await;
    let number = |value: &Value| value["id"].as_u64().expect("it has an id");
    let target =
        Target { account: account.clone(), order: number(&order), key, list: number(&list) };
    (Bearer { account, token }, target)
}

/// What an account has and has open, in the words of its own bearer.
async fn all_of(stage: &Stage, bearer: &Bearer) -> [String; 2] {
    let mut told = [String::new(), String::new()];
    let paths = [format!("/api/v1/accounts/{}", bearer.account), "/api/v1/orders".to_owned()];
    for (told, path) in told.iter_mut().zip(paths) {
        let (status, text) = stage.ask(Method::GET, &path, Some(&bearer.token), None).await;
        assert_eq!(status, 200, "{text}");
        *told = text;
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_of_anything_that_is_not_its_own() {
    let stage = Stage::new().await;
    let clients = Clients::of(&stage).await;
    let mut settled = Vec::new();
    for number in 0..ACCOUNTS {
        settled.push(settle(&stage, number).await);
    }
    let nobody = Target {
        account: "nobody".to_owned(),
        order: 1_000_000_007,
        key: "no-key".to_owned(),
        list: 1_000_000_011,
    };
    let mut before = Vec::new();
    for (bearer, _) in &settled {
        before.push(all_of(&stage, bearer).await);
    }
    let mut of_nothing = BTreeMap::new();
    let mut random = Pcg64Mcg::seed_from_u64(17);
    for pair in 0..PAIRS {
        let surface = pair % SURFACES;
        let who = random.random_range(0..ACCOUNTS);
        let whose = (who + random.random_range(1..ACCOUNTS)) % ACCOUNTS;
        let bearer = &settled[who].0;
        let told_of_nothing = match of_nothing.entry((surface, who)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let answer = surfaces::ask(&stage, &clients, surface, bearer, &nobody).await;
                place.insert(answer)
            }
        };
        let target = &settled[whose].1;
        let answer = surfaces::ask(&stage, &clients, surface, bearer, target).await;
        assert_eq!(answer, *told_of_nothing, "surface {surface}, {who} asks for {whose}'s");
        assert_refused(surface, &answer);
    }
    for (bearer, target) in &settled {
        let codes = surfaces::over_a_stream(&clients, bearer, slice::from_ref(&nobody)).await;
        let others = settled.iter().map(|(_, other)| other.clone());
        let others: Vec<_> = others.filter(|other| other.account != target.account).collect();
        for theirs in surfaces::over_a_stream(&clients, bearer, &others).await.chunks(codes.len()) {
            assert_eq!(theirs, codes, "the same of anything");
        }
        let [none, unknown] = ["not_found", "unknown_order"];
        assert_eq!(codes, [none, none, unknown, none, none, unknown, none]);
    }
    for ((bearer, _), before) in settled.iter().zip(&before) {
        let [balances, _] = all_of(&stage, bearer).await;
        assert_eq!(balances, before[0], "nothing of {} was touched", bearer.account);
    }
}

/// A batch is answered as a whole, and says of its part that there is none; a replacement that
/// finds nothing to replace is a rejected order of the asker's own.
fn assert_refused(surface: usize, answer: &surfaces::Answer) {
    let is_refused = match answer.status.as_str() {
        "200" | "Ok" => {
            let words = &answer.words;
            ["not_found", "unknown_order"].iter().any(|code| words.contains(code))
        }
        "409" => answer.words.contains("replaced_not_open"),
        status => ["404", "NotFound"].contains(&status),
    };
    assert!(is_refused, "surface {surface}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_bears_no_token_sees_what_is_public_and_nothing_else() {
    let stage = Stage::new().await;
    let clients = Clients::of(&stage).await;
    let (bearer, target) = settle(&stage, 0).await;
    for (path, status) in [
        ("/api/v1/instruments", 200),
        ("/api/v1/time", 200),
        ("/api/v1/fee_tiers", 200),
        ("/api/v1/trades", 200),
        ("/api/v1/trades/?instrument=BTC-USDT", 200),
        ("/docs", 200),
        ("/api/openapi.json", 200),
        ("/healthz", 200),
        ("/api/v1/trades?client_id=account-0", 401),
        ("/api/v1/orders", 401),
        ("/api/v1/accounts/account-0", 401),
        ("/api/v1/accounts/account-0/fees", 401),
        ("/api/v1/accounts/account-0/limits", 401),
        ("/api/v1/nothing", 401),
    ] {
        let (got, text) = stage.ask(Method::GET, path, None, None).await;
        assert_eq!(got, status, "{path}: {text}");
    }
    let forged = bearer.forged();
    for surface in 0..SURFACES {
        let answer = surfaces::ask(&stage, &clients, surface, &forged, &target).await;
        let is_refused = ["401", "429", "Unauthenticated", "ResourceExhausted"];
        assert!(is_refused.contains(&answer.status.as_str()), "{surface}: {answer:?}");
        assert!(!answer.words.contains("tsp_"), "{answer:?}");
    }
    // Who has shown so many is not asked to come back at once; a good token is let in all the same.
    let (status, text) = stage.ask(Method::GET, "/api/v1/orders", Some("guess"), None).await;
    assert_eq!(status, 429, "{text}");
    let (status, _) = stage.ask(Method::GET, "/api/v1/orders", Some(&bearer.token), None).await;
    assert_eq!(status, 200);
    let mut ledger = LedgerServiceClient::connect(stage.ledger.clone()).await.expect("it answers");
    let trades = ledger.list_trades(ListTradesRequest::default()).await;
    assert!(trades.is_ok(), "trades are public: {trades:?}");
    let bare = ledger.get_balances(GetBalancesRequest::default()).await.expect_err("no token");
    assert_eq!(bare.code(), Code::Unauthenticated);
    let income = GetFeeIncomeRequest::default();
    let income = ledger.get_fee_income(bearing(&bearer.token, income)).await;
    assert_eq!(income.expect_err("of the house").code(), Code::PermissionDenied);
    let solvency = GetSolvencyRequest::default();
    let solvency = ledger.get_solvency(bearing(&bearer.token, solvency)).await;
    assert_eq!(solvency.expect_err("of the house").code(), Code::PermissionDenied);
    let response = stage.request(Method::GET, "/api/v1/orders", None).send().await;
    let response = response.expect("an answer");
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_its_scope_says() {
    let stage = Stage::new().await;
    let clients = Clients::of(&stage).await;
    let (bearer, target) = settle(&stage, 0).await;
    let (_, reading) = stage.token(&bearer.account, CredentialScope::Read).await;
    let (_, trading) = stage.token(&bearer.account, CredentialScope::Trade).await;
    let reading = Bearer { account: bearer.account.clone(), token: reading };
    let trading = Bearer { account: bearer.account.clone(), token: trading };
    let reads = [0, 6, 7, 10, 15, 17, 22, 23, 32, 38, 39, 40, 41, 42, 44, 45];
    let deposits = [11, 36];
    // Cancels come last, so that there is something to look at.
    for surface in 0..SURFACES {
        let told = surfaces::ask(&stage, &clients, surface, &reading, &target).await;
        let is_open = ["200", "Ok"].contains(&told.status.as_str());
        let is_refused = ["403", "PermissionDenied"].contains(&told.status.as_str())
            || told.words.contains("beyond_scope");
        assert_eq!(is_open && !is_refused, reads.contains(&surface), "{surface}: {told:?}");
        assert_eq!(is_refused, !reads.contains(&surface), "{surface}: {told:?}");
    }
    for surface in deposits {
        let told = surfaces::ask(&stage, &clients, surface, &trading, &target).await;
        assert!(["403", "PermissionDenied"].contains(&told.status.as_str()), "{told:?}");
        let told = surfaces::ask(&stage, &clients, surface, &bearer, &target).await;
        assert!(["200", "201", "Ok"].contains(&told.status.as_str()), "{told:?}");
    }
    // The account need not be named: the token says which one it is.
    let mut unnamed = order_of("");
    unnamed.as_object_mut().expect("an object").remove("client_id");
    let path = "/api/v1/orders?wait=result";
    let (status, text) = stage.ask(Method::POST, path, Some(&trading.token), Some(&unnamed)).await;
    assert!(status == 201 && text.contains("account-0"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_or_has_expired_opens_nothing() {
    let stage = Stage::new().await;
    let (bearer, _) = settle(&stage, 0).await;
    let (told, token) = stage.token(&bearer.account, CredentialScope::Trade).await;
    let mut ledger = LedgerServiceClient::connect(stage.ledger.clone()).await.expect("it answers");
    let mut orders =
        OrderEntryServiceClient::connect(stage.grpc.clone()).await.expect("it answers");
    let (keep_open, requests) = tokio::sync::mpsc::channel::<StreamOrdersRequest>(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let opened = orders.stream_orders(bearing(&token, requests)).await;
    let mut results = opened.expect("it is opened").into_inner();
    let mut operators = stage.operators().await;
    let revoke = RevokeTokenRequest { operator: "olga".to_owned(), token_id: told.id.clone() };
    let revoked = operators.revoke_token(bearing(ADMIN, revoke.clone())).await;
    let revoked = revoked.expect("it is revoked").into_inner();
    assert!(!revoked.already_revoked && revoked.token.expect("it is told").revoked);
    let ended = tokio::time::timeout(STUCK, results.message()).await.expect("the stream ends");
    assert_eq!(ended.expect_err("it is told why").code(), Code::Unauthenticated);
    drop(keep_open);
    until_refused(&stage, &token).await;
    let balances = async {
        loop {
            let asked = bearing(&token, GetBalancesRequest::default());
            if let Err(status) = ledger.get_balances(asked).await {
                break status.code();
            }
        }
    };
    let code = tokio::time::timeout(STUCK, balances).await.expect("the ledger hears of it");
    assert_eq!(code, Code::Unauthenticated);
    let again = operators.revoke_token(bearing(ADMIN, revoke)).await.expect("the same again");
    assert!(again.into_inner().already_revoked);
    let soon = WallClock.now().plus(model::Span::from_secs(2));
    let short = CreateTokenRequest {
        operator: "olga".to_owned(),
        account: bearer.account.clone(),
        scope: CredentialScope::Read.into(),
        expires_at: Some(to_proto_timestamp(soon)),
        ..CreateTokenRequest::default()
    };
    let short = operators.create_token(bearing(ADMIN, short)).await.expect("it is made");
    until_refused(&stage, &short.into_inner().secret).await;
    let all = ListTokensRequest { operator: "olga".to_owned(), account: String::new() };
    let all = operators.list_tokens(bearing(ADMIN, all)).await.expect("a list").into_inner();
    assert_eq!(all.tokens.len(), 1, "the others are over: {all:?}");
}

async fn until_refused(stage: &Stage, token: &str) {
    let refused = async {
        while stage.ask(Method::GET, "/api/v1/orders", Some(token), None).await.0 != 401 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(STUCK, refused).await.expect("it is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_by_operators_alone_and_the_log_has_only_their_hash() {
    let stage = Stage::new().await;
    let mut operators = stage.operators().await;
    let wanted = CreateTokenRequest {
        operator: "olga".to_owned(),
        account: "alice".to_owned(),
        scope: CredentialScope::Trade.into(),
        label: "laptop".to_owned(),
        ..CreateTokenRequest::default()
    };
    let refused = operators.create_token(Request::new(wanted.clone())).await;
    assert_eq!(refused.expect_err("no token").code(), Code::Unauthenticated);
    let made = operators.create_token(bearing(ADMIN, wanted.clone())).await;
    let secret = made.expect("it is made").into_inner().secret;
    // A client's token is none for those who run the platform, nor theirs for a client.
    let refused = operators.create_token(bearing(&secret, wanted.clone())).await;
    assert_eq!(refused.expect_err("a client's").code(), Code::Unauthenticated);
    let upgrade = UpgradeRequest { operator: "olga".to_owned(), behaviour: 4 };
    let refused = operators.upgrade(bearing(&secret, upgrade)).await;
    assert_eq!(refused.expect_err("a client's").code(), Code::Unauthenticated);
    let (status, _) = stage.ask(Method::GET, "/api/v1/orders", Some(ADMIN), None).await;
    assert_eq!(status, 401);
    for (field, bad) in [
        ("account", CreateTokenRequest { account: "a b".to_owned(), ..wanted.clone() }),
        ("account", CreateTokenRequest { account: String::new(), ..wanted.clone() }),
        ("label", CreateTokenRequest { label: "x".repeat(65), ..wanted.clone() }),
        ("scope", CreateTokenRequest { scope: 0, ..wanted.clone() }),
        ("scope", CreateTokenRequest { scope: 99, ..wanted.clone() }),
        ("operator", CreateTokenRequest { operator: String::new(), ..wanted.clone() }),
        (
            "expires_at",
            CreateTokenRequest { expires_at: Some(Default::default()), ..wanted.clone() },
        ),
    ] {
        let refused = operators.create_token(bearing(ADMIN, bad)).await.expect_err(field);
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert!(refused.message().starts_with(field), "{}", refused.message());
    }
    for _ in 1..proto::credential::TOKENS_AN_ACCOUNT_MAX {
        operators.create_token(bearing(ADMIN, wanted.clone())).await.expect("there is room");
    }
    let refused = operators.create_token(bearing(ADMIN, wanted)).await.expect_err("no room");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    let hash = blake3_of(&secret);
    let mut is_kept = false;
    for place in [Topic::Orders, Topic::Events, Topic::Reference] {
        let place = Place { topic: place, partition: model::Partition::FIRST };
        for value in records(stage.log.as_ref(), place) {
            let has = |part: &[u8]| value.windows(part.len()).any(|bytes| bytes == part);
            assert!(!has(secret.as_bytes()), "the log has a token");
            is_kept |= has(&hash);
        }
    }
    assert!(is_kept, "its hash is in the log");
}

fn blake3_of(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

fn records(log: &dyn Log, place: Place) -> Vec<Vec<u8>> {
    let mut reader = log.reader(place, 0, Visibility::Synced).expect("a reader");
    let limit = ReadLimit { records: 100_000, bytes: 1 << 30 };
    let mut stored = Vec::new();
    reader.poll(limit, Duration::from_millis(100), &mut stored).expect("it reads");
    stored.into_iter().map(|stored| stored.record.value.to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_do_what_their_role_says_and_each_call_is_in_the_trail() {
    let stage = Stage::new().await;
    let mut operators = stage.operators().await;
    let (_, client) = stage.token("alice", CredentialScope::Trade).await;
    let mut tokens = Vec::new();
    for (name, role) in [
        ("vera", OperatorRole::Viewer),
        ("olga", OperatorRole::Operator),
        ("ada", OperatorRole::Admin),
    ] {
        let wanted = CreateTokenRequest {
            operator: "olga".to_owned(),
            for_operator: name.to_owned(),
            role: role.into(),
            ..CreateTokenRequest::default()
        };
        let made = operators.create_token(bearing(ADMIN, wanted)).await.expect("it is made");
        tokens.push(made.into_inner().secret);
    }
    let before = trail(&stage, 0).await.len();
    let mut expected = Vec::new();
    let names = ["vera", "olga", "ada", "nobody", "nobody"];
    let bearers = tokens.iter().map(String::as_str).chain([client.as_str(), "guess"]);
    for (level, (name, token)) in names.into_iter().zip(bearers).enumerate() {
        let is_known = level < tokens.len();
        let list = ListTokensRequest::default();
        let listed = operators.list_tokens(bearing(token, list)).await.map(drop);
        let upgrade = UpgradeRequest { operator: String::new(), behaviour: 4 };
        let upgraded = operators.upgrade(bearing(token, upgrade)).await.map(drop);
        let revoke = RevokeTokenRequest { operator: String::new(), token_id: "none".to_owned() };
        let revoked = operators.revoke_token(bearing(token, revoke)).await.map(drop);
        let calls = [("ListTokens", listed), ("Upgrade", upgraded), ("RevokeToken", revoked)];
        for (needed, (method, answered)) in calls.into_iter().enumerate() {
            let code = answered.map_or_else(|status| status.code(), |()| Code::Ok);
            let (decision, code_expected) = match (is_known, level >= needed) {
                (false, _) => (AdminDecision::Unknown, Code::Unauthenticated),
                (true, false) => (AdminDecision::Forbidden, Code::PermissionDenied),
                (true, true) if method == "RevokeToken" => (AdminDecision::Allowed, Code::NotFound),
                (true, true) => (AdminDecision::Allowed, Code::Ok),
            };
            assert_eq!(code, code_expected, "{name} {method}");
            expected.push((name.to_owned(), method.to_owned(), decision));
        }
    }
    // Nobody speaks under another's name.
    let upgrade = UpgradeRequest { operator: "ada".to_owned(), behaviour: 4 };
    let refused = operators.upgrade(bearing(&tokens[1], upgrade)).await;
    assert_eq!(refused.expect_err("another's name").code(), Code::PermissionDenied);
    expected.push(("olga".to_owned(), "Upgrade".to_owned(), AdminDecision::Allowed));
    let told = trail(&stage, before + expected.len()).await;
    assert_eq!(told[before..], expected[..]);
    // Who runs the platform looks at all of it, and trades for nobody.
    let mut ledger = LedgerServiceClient::connect(stage.ledger.clone()).await.expect("it answers");
    let income = ledger.get_fee_income(bearing(&tokens[0], GetFeeIncomeRequest::default())).await;
    assert!(income.is_ok(), "{income:?}");
    let (status, _) = stage.ask(Method::GET, "/api/v1/orders", Some(&tokens[2]), None).await;
    assert_eq!(status, 401);
}

/// Who called what, and whether they were let in: at least so many entries, each of which follows
/// the one before.
async fn trail(stage: &Stage, least: usize) -> Vec<(String, String, AdminDecision)> {
    let reading = async {
        loop {
            let told = entries(stage.log.as_ref());
            if told.len() >= least {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(STUCK, reading).await.expect("the shard answers")
}

fn entries(log: &dyn Log) -> Vec<(String, String, AdminDecision)> {
    let place = Place::events(model::Partition::FIRST);
    let (mut told, mut hash) = (Vec::new(), matcher::trail::BEGINNING);
    for value in records(log, place) {
        let Ok(answer) = spine::answer::read(&value.into()) else { continue };
        for event in answer.body.events {
            let Some(event::Kind::AdminCallRecorded(entry)) = event.kind else { continue };
            assert!(matcher::trail::follows(&entry, told.len() as u64, hash), "{entry:?}");
            hash = matcher::trail::hash(&entry);
            let call = entry.call.expect("it has a call");
            assert_eq!(call.source, "127.0.0.1");
            let decision = call.decision();
            told.push((entry.operator, call.method, decision));
        }
    }
    told
}
