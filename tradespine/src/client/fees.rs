//! `tradespine fees`, `tradespine limits` and `tradespine controls`: what an account is charged and
//! may risk, and what trading is stopped.

use clap::Args;
use proto::{
    convert,
    ledger::{
        AssetLimits, AssetVolume, GetAccountControlsRequest, GetAccountControlsResponse,
        GetAccountFeesRequest, GetAccountFeesResponse, GetTradingControlsRequest,
        GetTradingControlsResponse, InstrumentControls, InstrumentRates,
        ledger_service_client::LedgerServiceClient,
    },
    text as words,
};
use serde_json::{Value, json};

use super::{
    AtLedger, Output, problem,
    table::{Align, table},
};

/// Whose.
#[derive(Clone, Debug, Args)]
pub struct AccountArguments {
    /// Whose
    #[arg(long, value_name = "NAME")]
    client: String,

    #[command(flatten)]
    at: AtLedger,

    #[command(flatten)]
    output: Output,
}

/// Of whom to ask.
#[derive(Clone, Debug, Args)]
pub struct ControlsArguments {
    #[command(flatten)]
    at: AtLedger,

    #[command(flatten)]
    output: Output,
}

/// Shows what an account is charged.
///
/// # Errors
/// Where the ledger does not answer or refuses.
pub async fn fees(arguments: AccountArguments) -> anyhow::Result<()> {
    let mut ledger = LedgerServiceClient::new(arguments.at.connect().await?);
    let request = GetAccountFeesRequest { client_id: arguments.client, at_least: Vec::new() };
    let response = ledger.get_account_fees(request).await;
    let fees = response.map_err(|status| problem::sentence("ledger", &status))?.into_inner();
    arguments.output.print(|| fees_text(&fees), || fees_json(&fees))
}

/// Shows what an account may do and risk.
///
/// # Errors
/// Where the ledger does not answer or refuses.
pub async fn limits(arguments: AccountArguments) -> anyhow::Result<()> {
    let mut ledger = LedgerServiceClient::new(arguments.at.connect().await?);
    let request = GetAccountControlsRequest { client_id: arguments.client, at_least: Vec::new() };
    let response = ledger.get_account_controls(request).await;
    let limits = response.map_err(|status| problem::sentence("ledger", &status))?.into_inner();
    arguments.output.print(|| limits_text(&limits), || limits_json(&limits))
}

/// Shows what trading is stopped.
///
/// # Errors
/// Where the ledger does not answer or refuses.
pub async fn controls(arguments: ControlsArguments) -> anyhow::Result<()> {
    let mut ledger = LedgerServiceClient::new(arguments.at.connect().await?);
    let response = ledger.get_trading_controls(GetTradingControlsRequest::default()).await;
    let controls = response.map_err(|status| problem::sentence("ledger", &status))?.into_inner();
    arguments.output.print(|| controls_text(&controls), || controls_json(&controls))
}

fn volume(volumes: &[AssetVolume]) -> String {
    if volumes.is_empty() {
        return "nothing traded in thirty days".to_owned();
    }
    let one = |volume: &AssetVolume| format!("{} {}", volume.volume, volume.asset);
    format!("{} traded in thirty days", volumes.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn fees_text(fees: &GetAccountFeesResponse) -> String {
    let title =
        format!("{}: fee tier {}, {}", fees.client_id, fees.fee_tier, volume(&fees.volumes));
    let columns = [
        ("instrument", Align::Word),
        ("maker", Align::Number),
        ("taker", Align::Number),
        ("in", Align::Word),
    ];
    let row = |rates: &InstrumentRates| {
        let asset = words::fee_asset(rates.fee_asset()).to_owned();
        vec![rates.instrument.clone(), rates.maker_fee.clone(), rates.taker_fee.clone(), asset]
    };
    format!("{title}\n{}", table(&columns, &fees.rates.iter().map(row).collect::<Vec<_>>()))
}

fn fees_json(fees: &GetAccountFeesResponse) -> Value {
    let instant = |wire: Option<&prost_types::Timestamp>| {
        wire.and_then(convert::from_proto_timestamp).map(words::rfc3339)
    };
    let volume = |one: &AssetVolume| json!({ "asset": one.asset, "volume": one.volume });
    let rates = |one: &InstrumentRates| {
        json!({
            "instrument": one.instrument,
            "maker_fee": one.maker_fee,
            "taker_fee": one.taker_fee,
            "fee_asset": words::fee_asset(one.fee_asset()),
        })
    };
    json!({
        "client_id": fees.client_id,
        "fee_tier": fees.fee_tier,
        "volumes": fees.volumes.iter().map(volume).collect::<Vec<_>>(),
        "from": instant(fees.from.as_ref()),
        "until": instant(fees.until.as_ref()),
        "rates": fees.rates.iter().map(rates).collect::<Vec<_>>(),
    })
}

fn state_word(wire: i32) -> &'static str {
    convert::account_state(wire).map_or("unknown", words::account_state)
}

fn limits_text(limits: &GetAccountControlsResponse) -> String {
    let stopped = if limits.killed { ", stopped by its kill switch" } else { "" };
    let mut lines = vec![format!("{} is {}{stopped}", limits.client_id, state_word(limits.state))];
    for AssetLimits { asset, max_order_notional, max_position } in &limits.assets {
        for (what, amount) in [("an order", max_order_notional), ("its position", max_position)] {
            if !amount.is_empty() {
                lines.push(format!("{what} is at most {amount} {asset}"));
            }
        }
    }
    if limits.max_open_orders > 0 {
        lines.push(format!("at most {} orders open on a shard", limits.max_open_orders));
    }
    if limits.orders_per_second > 0 {
        let (rate, burst) = (limits.orders_per_second, limits.order_burst);
        lines.push(format!("at most {rate} orders a second, {burst} at once"));
    }
    if limits.price_collar_bps > 0 {
        let collar = limits.price_collar_bps;
        lines.push(format!("a price is at most {collar} bps beyond the last trade's"));
    }
    for partition in &limits.differing_partitions {
        lines.push(format!("shard {partition} has something else in force"));
    }
    lines.join("\n")
}

fn limits_json(limits: &GetAccountControlsResponse) -> Value {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let asset = |one: &AssetLimits| {
        json!({
            "asset": one.asset,
            "max_order_notional": some(&one.max_order_notional),
            "max_position": some(&one.max_position),
        })
    };
    json!({
        "client_id": limits.client_id,
        "state": state_word(limits.state),
        "killed": limits.killed,
        "assets": limits.assets.iter().map(asset).collect::<Vec<_>>(),
        "max_open_orders": limits.max_open_orders,
        "orders_per_second": limits.orders_per_second,
        "order_burst": limits.order_burst,
        "price_collar_bps": limits.price_collar_bps,
        "differing_partitions": limits.differing_partitions,
    })
}

fn market_word(wire: i32) -> &'static str {
    convert::market_state_from_wire(wire).map_or("unknown", words::market_state)
}

fn controls_text(controls: &GetTradingControlsResponse) -> String {
    let killed = &controls.killed_partitions;
    let title = if killed.is_empty() {
        "trading is not stopped".to_owned()
    } else {
        let shards: Vec<_> = killed.iter().map(ToString::to_string).collect();
        format!("all trading is stopped on shard {}", shards.join(", "))
    };
    let columns = [("instrument", Align::Word), ("state", Align::Word), ("switch", Align::Word)];
    let row = |one: &InstrumentControls| {
        let switch = if one.killed { "stopped" } else { "" };
        vec![one.instrument.clone(), market_word(one.state).to_owned(), switch.to_owned()]
    };
    let rows: Vec<_> = controls.instruments.iter().map(row).collect();
    format!("{title}\n{}", table(&columns, &rows))
}

fn controls_json(controls: &GetTradingControlsResponse) -> Value {
    let instrument = |one: &InstrumentControls| {
        json!({
            "instrument": one.instrument,
            "killed": one.killed,
            "state": market_word(one.state),
        })
    };
    json!({
        "killed_partitions": controls.killed_partitions,
        "instruments": controls.instruments.iter().map(instrument).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_told_with_the_volume_and_a_line_each() {
        let rates = InstrumentRates {
            instrument: "BTC-USDT".to_owned(),
            maker_fee: "0.0008".to_owned(),
            taker_fee: "0.0015".to_owned(),
            fee_asset: 1,
        };
        let mut fees = GetAccountFeesResponse {
            client_id: "alice".to_owned(),
            fee_tier: 1,
            rates: vec![rates],
            ..Default::default()
        };
        assert!(fees_text(&fees).starts_with("alice: fee tier 1, nothing traded in thirty days\n"));
        let volume = AssetVolume { asset: "USDT".to_owned(), volume: "120000.5".to_owned() };
        fees.volumes.push(volume);
        assert!(fees_text(&fees).starts_with("alice: fee tier 1, 120000.5 USDT traded"));
        assert_eq!(fees_json(&fees)["rates"][0]["fee_asset"], "quote");
    }

    #[test]
    fn limits_are_told_where_there_are_some() {
        let none = GetAccountControlsResponse {
            client_id: "bob".to_owned(),
            state: 1,
            ..Default::default()
        };
        assert_eq!(limits_text(&none), "bob is active");
        let limits = AssetLimits {
            asset: "USDT".to_owned(),
            max_order_notional: "500".to_owned(),
            max_position: String::new(),
        };
        let some = GetAccountControlsResponse {
            state: 2,
            killed: true,
            assets: vec![limits],
            max_open_orders: 5,
            orders_per_second: 10,
            order_burst: 20,
            price_collar_bps: 500,
            differing_partitions: vec![2],
            ..none
        };
        let expected = "\
bob is reduce_only, stopped by its kill switch
an order is at most 500 USDT
at most 5 orders open on a shard
at most 10 orders a second, 20 at once
a price is at most 500 bps beyond the last trade's
shard 2 has something else in force";
        assert_eq!(limits_text(&some), expected);
        assert_eq!(limits_json(&some)["assets"][0]["max_position"], Value::Null);
    }

    #[test]
    fn what_is_stopped_is_told() {
        let instrument = InstrumentControls {
            instrument: "BTC-USDT".to_owned(),
            killed: true,
            state: proto::trading::MarketState::Halted.into(),
        };
        let mut controls =
            GetTradingControlsResponse { killed_partitions: vec![], instruments: vec![instrument] };
        assert!(controls_text(&controls).starts_with("trading is not stopped\n"));
        assert!(controls_text(&controls).contains("halted"));
        controls.killed_partitions = vec![0, 2];
        assert!(controls_text(&controls).starts_with("all trading is stopped on shard 0, 2\n"));
        assert_eq!(controls_json(&controls)["instruments"][0]["state"], "halted");
    }
}
