//! Fee tiers, limits and switches, set by those who run the platform and read back by whoever may.

use std::time::Duration;

use proto::{
    admin::{
        CreateTokenRequest, RecomputeFeeTiersRequest, SetAccountStateRequest, SetFeeTiersRequest,
        SetInstrumentRequest, SetKillSwitchRequest, SetMarketStateRequest, SetRiskLimitsRequest,
    },
    ledger::{
        GetAccountControlsRequest, GetAccountFeesRequest, GetTradingControlsRequest,
        ListTierChangesRequest, ledger_service_client::LedgerServiceClient,
    },
    reference::{CredentialScope, OperatorRole, TierFees, TierFeesOfAll, TierThreshold},
    trading::{AccountState, MarketState},
};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::Code;

use crate::stage::{ADMIN, STUCK, Stage, bearing};

/// A token of one of those who run the platform.
async fn operator(stage: &Stage, name: &str, role: OperatorRole) -> String {
    let wanted = CreateTokenRequest {
        operator: "olga".to_owned(),
        for_operator: name.to_owned(),
        role: role.into(),
        ..CreateTokenRequest::default()
    };
    let made = stage.operators().await.create_token(bearing(ADMIN, wanted)).await;
    made.expect("it is made").into_inner().secret
}

/// An account with money, and its token.
async fn account(stage: &Stage, account: &str) -> String {
    let (_, token) = stage.token(account, CredentialScope::Fund).await;
    for (asset, amount) in [("USDT", "100000"), ("BTC", "100")] {
        let path = format!("/api/v1/accounts/{account}/deposits");
        let body = json!({ "asset": asset, "amount": amount, "deposit_id": asset });
        let (status, text) = stage.ask(Method::POST, &path, Some(&token), Some(&body)).await;
        assert_eq!(status, 201, "{text}");
    }
    token
}

async fn get(stage: &Stage, path: &str, token: &str) -> Value {
    let (status, text) = stage.ask(Method::GET, path, Some(token), None).await;
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).expect("it is JSON")
}

/// What is answered there, once this holds of it.
async fn until(stage: &Stage, path: &str, token: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let looking = async {
        loop {
            let told = get(stage, path, token).await;
            if holds(&told) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(STUCK, looking).await.expect("it comes to hold")
}

/// One BTC at 100 USDT; what it was charged, where it was filled.
async fn trade(stage: &Stage, token: &str, side: &str) -> Value {
    let order = json!({
        "instrument": "BTC-USDT", "side": side, "type": "limit", "price": "100", "quantity": "1",
    });
    let (status, text) =
        stage.ask(Method::POST, "/api/v1/orders?wait=result", Some(token), Some(&order)).await;
    assert_eq!(status, 201, "{text}");
    let told: Value = serde_json::from_str(&text).expect("it is JSON");
    told["fills"][0]["fee"].clone()
}

fn threshold(tier: u32, volume: &str) -> TierThreshold {
    TierThreshold { tier, asset: "USDT".to_owned(), volume: volume.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn tiers_follow_from_volume_by_a_word_of_an_operator() {
    let stage = Stage::new().await;
    let mut admin = stage.operators().await;
    let [olga, vera] = [
        operator(&stage, "olga", OperatorRole::Operator).await,
        operator(&stage, "vera", OperatorRole::Viewer).await,
    ];
    let [alice, bob] = [account(&stage, "alice").await, account(&stage, "bob").await];
    let rates = |tier, maker: &str, taker: &str| TierFees {
        tier,
        maker_fee: maker.to_owned(),
        taker_fee: taker.to_owned(),
    };
    let set = |tiers| SetInstrumentRequest {
        instrument: "BTC-USDT".to_owned(),
        maker_fee: Some("0.001".to_owned()),
        taker_fee: Some("0.002".to_owned()),
        fee_tiers: Some(TierFeesOfAll { tiers }),
        ..SetInstrumentRequest::default()
    };
    let bad = admin.set_instrument(bearing(&olga, set(vec![rates(11, "0", "0")]))).await;
    assert_eq!(bad.expect_err("no such tier").code(), Code::InvalidArgument);
    let tiers = vec![rates(1, "0", "0.001"), rates(2, "-0.0005", "0.0009")];
    admin.set_instrument(bearing(&olga, set(tiers))).await.expect("it is listed");
    let thresholds = vec![threshold(1, "150"), threshold(2, "1000")];
    let wanted = SetFeeTiersRequest { operator: String::new(), thresholds };
    let forbidden = admin.set_fee_tiers(bearing(&vera, wanted.clone())).await;
    assert_eq!(forbidden.expect_err("she only looks").code(), Code::PermissionDenied);
    let version = admin.set_fee_tiers(bearing(&olga, wanted.clone())).await.expect("it is listed");
    assert_eq!(version.into_inner().version, 1);
    let again = admin.set_fee_tiers(bearing(&olga, wanted)).await.expect("it is listed");
    assert_eq!(again.into_inner().version, 1, "nothing new");
    let told = until(&stage, "/api/v1/fee_tiers", &alice, |told| told[1].is_object()).await;
    assert_eq!(told[0], json!({ "tier": 1, "asset": "USDT", "volume": "150" }));
    let told = until(&stage, "/api/v1/instruments", &alice, |told| told[0]["fee_tiers"].is_array());
    let told = told.await;
    let first = json!({ "tier": 1, "maker_fee": "0", "taker_fee": "0.001" });
    assert_eq!(told[0]["fee_tiers"][0], first);

    trade(&stage, &alice, "sell").await;
    assert_eq!(trade(&stage, &bob, "buy").await, "0.2");
    let recompute = RecomputeFeeTiersRequest::default;
    let fees = "/api/v1/accounts/alice/fees";
    until(&stage, fees, &alice, |told| told["volumes"][0]["volume"] == "100").await;
    let none = admin.recompute_fee_tiers(bearing(&olga, recompute())).await.expect("it adds up");
    assert_eq!(none.into_inner().changed, 0, "a hundred is not enough");
    trade(&stage, &alice, "sell").await;
    trade(&stage, &bob, "buy").await;
    let before = until(&stage, fees, &alice, |told| told["volumes"][0]["volume"] == "200").await;
    assert_eq!(before["fee_tier"], 0);
    // The ledger does not know the token of the settings.
    let bootstrap = RecomputeFeeTiersRequest { operator: "olga".to_owned() };
    let unknown = admin.recompute_fee_tiers(bearing(ADMIN, bootstrap)).await;
    let unknown = unknown.expect_err("nobody's own token");
    assert_eq!(unknown.code(), Code::PermissionDenied);
    assert!(unknown.message().contains("own tokens only"), "{unknown}");
    let forbidden = admin.recompute_fee_tiers(bearing(&vera, recompute())).await;
    assert_eq!(forbidden.expect_err("she only looks").code(), Code::PermissionDenied);
    let told = admin.recompute_fee_tiers(bearing(&olga, recompute())).await.expect("it adds up");
    let told = told.into_inner();
    assert_eq!((told.changed, told.results.len()), (2, 1));
    let span = told.until.expect("told").seconds - told.from.expect("told").seconds;
    assert_eq!(span, 30 * 86_400);

    let told = until(&stage, fees, &alice, |told| told["fee_tier"] == 1).await;
    let rates = json!([{
        "instrument": "BTC-USDT", "maker_fee": "0", "taker_fee": "0.001", "fee_asset": "quote",
    }]);
    assert_eq!(told["rates"], rates);
    let again = admin.recompute_fee_tiers(bearing(&olga, recompute())).await.expect("it adds up");
    assert_eq!(again.into_inner().changed, 0, "said again it changes nothing");
    trade(&stage, &alice, "sell").await;
    assert_eq!(trade(&stage, &bob, "buy").await, "0.1", "the order is charged by the tier");
    // The thresholds go, and with them the tiers.
    let none = SetFeeTiersRequest::default();
    let version = admin.set_fee_tiers(bearing(&olga, none)).await.expect("it is listed");
    assert_eq!(version.into_inner().version, 2);
    until(&stage, "/api/v1/fee_tiers", &alice, |told| told == &json!([])).await;
    let told = admin.recompute_fee_tiers(bearing(&olga, recompute())).await.expect("it adds up");
    assert_eq!(told.into_inner().changed, 2);
    until(&stage, fees, &alice, |told| told["fee_tier"] == 0).await;
    trade(&stage, &alice, "sell").await;
    assert_eq!(trade(&stage, &bob, "buy").await, "0.2");
}

/// What is set of alice, of BTC-USDT and of all trading.
async fn hold_back(stage: &Stage, olga: &str) {
    let mut admin = stage.operators().await;
    let client_id = "alice".to_owned();
    let state = SetAccountStateRequest {
        client_id: client_id.clone(),
        state: AccountState::ReduceOnly.into(),
        ..SetAccountStateRequest::default()
    };
    admin.set_account_state(bearing(olga, state)).await.expect("it is set");
    let limits = SetRiskLimitsRequest {
        client_id: client_id.clone(),
        assets: vec![proto::admin::AssetRisk {
            asset: "USDT".to_owned(),
            max_order_notional: "500.5".to_owned(),
            max_position: String::new(),
        }],
        max_open_orders: 7,
        orders_per_second: 5,
        ..SetRiskLimitsRequest::default()
    };
    admin.set_risk_limits(bearing(olga, limits)).await.expect("they are set");
    let scope = SetKillSwitchRequest { engaged: true, ..SetKillSwitchRequest::default() };
    for scope in [
        SetKillSwitchRequest { client_id, ..scope.clone() },
        SetKillSwitchRequest { instrument: "BTC-USDT".to_owned(), ..scope.clone() },
        SetKillSwitchRequest { venue: true, ..scope },
    ] {
        admin.set_kill_switch(bearing(olga, scope)).await.expect("it is turned");
    }
    let halted = SetMarketStateRequest {
        instrument: "BTC-USDT".to_owned(),
        state: MarketState::Halted.into(),
        ..SetMarketStateRequest::default()
    };
    admin.set_market_state(bearing(olga, halted)).await.expect("it is set");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_force_is_read_back_by_whoever_may() {
    let stage = Stage::new().await;
    let olga = operator(&stage, "olga", OperatorRole::Operator).await;
    let [alice, bob] = [account(&stage, "alice").await, account(&stage, "bob").await];
    let limits = "/api/v1/accounts/alice/limits";
    let nothing = get(&stage, limits, &alice).await;
    assert_eq!((&nothing["state"], &nothing["assets"]), (&json!("active"), &json!([])));
    hold_back(&stage, &olga).await;
    let told = until(&stage, limits, &alice, |told| told["killed"] == true).await;
    let expected = json!({
        "client_id": "alice", "state": "reduce_only", "killed": true,
        "assets": [{ "asset": "USDT", "max_order_notional": "500.5" }],
        "max_open_orders": 7, "orders_per_second": 5, "order_burst": 5, "price_collar_bps": 0,
        "differing_partitions": [],
    });
    assert_eq!(told, expected);
    let (status, _) = stage.ask(Method::GET, limits, Some(&bob), None).await;
    assert_eq!(status, 404, "another's");

    // Who runs the platform asks the ledger, of any account and of all trading.
    let mut ledger = LedgerServiceClient::connect(stage.ledger.clone()).await.expect("it answers");
    let of = |client_id: &str| GetAccountControlsRequest {
        client_id: client_id.to_owned(),
        ..GetAccountControlsRequest::default()
    };
    let told = ledger.get_account_controls(bearing(&olga, of("alice"))).await.expect("told");
    assert_eq!(told.into_inner().state(), AccountState::ReduceOnly);
    let told = ledger.get_account_controls(bearing(&olga, of("bob"))).await.expect("told");
    assert_eq!(told.into_inner().state(), AccountState::Active);
    let fees = GetAccountFeesRequest { client_id: "bob".to_owned(), at_least: Vec::new() };
    let fees = ledger.get_account_fees(bearing(&olga, fees)).await.expect("told").into_inner();
    assert_eq!((fees.fee_tier, fees.rates.len()), (0, 1));
    let all = GetTradingControlsRequest::default();
    let stopped = async {
        loop {
            let told = ledger.get_trading_controls(bearing(&olga, all.clone())).await;
            let told = told.expect("told").into_inner();
            if told.instruments[0].state() == MarketState::Halted {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let told = tokio::time::timeout(STUCK, stopped).await.expect("it is told");
    assert_eq!(told.killed_partitions, [0]);
    assert!(told.instruments[0].killed && told.instruments[0].instrument == "BTC-USDT");
    // No account's token opens what is the house's.
    let refused = ledger.get_trading_controls(bearing(&alice, all)).await;
    assert_eq!(refused.expect_err("of the house").code(), Code::PermissionDenied);
    let changes = ListTierChangesRequest::default();
    let refused = ledger.list_tier_changes(bearing(&alice, changes)).await;
    assert_eq!(refused.expect_err("of the house").code(), Code::PermissionDenied);
}
