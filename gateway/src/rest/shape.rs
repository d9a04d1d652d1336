//! The shapes of answers: decimal text without trailing zeros, instants in RFC 3339, words in lower
//! case, null where there is nothing.

mod book;
mod change;
pub(super) mod fees;
mod filters;

use proto::{convert, ledger, orders, reference, text, trading};
use serde::Serialize;
use utoipa::ToSchema;

pub(super) use self::{
    book::BookView,
    change::{CancelAfterView, ChangeTakenView, ReplacedView},
};
use self::{
    fees::TierFeesView,
    filters::{FiltersView, PriceBandView},
};
use super::trade::FillView;

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderView {
    /// The order's id, exact in JavaScript; null only where the outcome is unknown.
    #[schema(example = 42)]
    id: Option<u64>,
    /// The same again.
    order_id: Option<u64>,
    client_id: String,
    client_order_id: Option<String>,
    #[schema(example = "BTC-USDT")]
    instrument: Option<String>,
    #[schema(example = "buy")]
    side: Option<&'static str>,
    #[schema(example = "limit")]
    r#type: Option<&'static str>,
    #[schema(example = "gtc")]
    time_in_force: Option<&'static str>,
    #[schema(example = "61800.01")]
    price: Option<String>,
    #[schema(example = "0.01")]
    quantity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote_quantity: Option<String>,
    /// What neither traded nor was prevented.
    remaining: Option<String>,
    /// What self-trade prevention took off it, where anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    prevented_quantity: Option<String>,
    /// By how many basis points the price has to turn to wake it, where it trails.
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_delta_bps: Option<u32>,
    /// What wakes it, where it sleeps or slept, or lets it begin to trail.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<String>,
    /// How much of it is shown at a time, where it is an iceberg.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_quantity: Option<String>,
    /// true, where the order is.
    #[serde(skip_serializing_if = "Option::is_none")]
    post_only: Option<bool>,
    /// Its mode, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    self_trade_prevention: Option<&'static str>,
    /// When it ends by itself, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The list that it came with, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    list_id: Option<u64>,
    /// oco, oto or otoco: how the orders of its list hang together.
    #[serde(skip_serializing_if = "Option::is_none")]
    contingency: Option<&'static str>,
    /// pending, open, partially_filled, filled, cancelled, expired, rejected or unknown.
    #[schema(example = "pending")]
    status: &'static str,
    /// Why a rejected or expired order ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    reject_reason: Option<String>,
    /// The trades of this request itself, where its result was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    fills: Option<Vec<FillView>>,
    created_at: Option<String>,
    updated_at: Option<String>,
    receipt: Option<ReceiptView>,
    /// Where the outcome can be looked up, where it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    look_up: Option<String>,
}

/// Where an order's record stands in the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub(super) struct ReceiptView {
    partition: u32,
    offset: u64,
}

impl OrderView {
    /// An order without fills.
    pub(super) fn of(order: trading::Order) -> OrderView {
        let id = (order.receipt.is_some() || order.id > 0).then_some(order.id);
        let created_at = instant(order.created_at.as_ref());
        let updated_at = if order.updated_at == order.created_at {
            created_at.clone()
        } else {
            instant(order.updated_at.as_ref())
        };
        let status = text::order_status(order.status());
        OrderView {
            id,
            order_id: id,
            side: convert::side_from_wire(order.side).ok().map(text::side),
            r#type: convert::type_from_wire(order.r#type).ok().map(text::order_type),
            stop_price: some(order.stop_price),
            display_quantity: some(order.display_quantity),
            trailing_delta_bps: Some(order.trailing_delta_bps).filter(|delta_bps| *delta_bps > 0),
            time_in_force: time_in_force_word(order.time_in_force),
            prevented_quantity: some(order.prevented_quantity),
            post_only: order.post_only.then_some(true),
            self_trade_prevention: mode_word(order.self_trade_prevention),
            expires_at: instant(order.expires_at.as_ref()),
            list_id: (order.list_id > 0).then_some(order.list_id),
            contingency: contingency_word(order.contingency),
            status,
            client_id: order.client_id,
            client_order_id: some(order.client_order_id),
            instrument: some(order.instrument),
            price: some(order.price),
            quantity: some(order.quantity),
            quote_quantity: some(order.quote_quantity),
            remaining: some(order.remaining),
            reject_reason: some(order.reject_reason),
            fills: None,
            created_at,
            updated_at,
            receipt: order.receipt.map(ReceiptView::from),
            look_up: None,
        }
    }

    /// An order with the fills of its own request, also where there are none.
    pub(super) fn with_fills(mut order: trading::Order) -> OrderView {
        let fills = std::mem::take(&mut order.fills).into_iter().map(FillView::of);
        OrderView { fills: Some(fills.collect()), ..OrderView::of(order) }
    }

    /// An order whose outcome is unknown, with where to look.
    pub(super) fn unknown(order: trading::Order) -> OrderView {
        let view = OrderView::of(order);
        let look_up = match (view.id, &view.client_order_id) {
            (Some(id), _) => format!("/api/v1/orders/{id}"),
            (None, Some(own)) => {
                format!("/api/v1/orders?client_id={}&client_order_id={own}", view.client_id)
            }
            (None, None) => format!("/api/v1/orders?client_id={}", view.client_id),
        };
        OrderView { look_up: Some(look_up), ..view }
    }
}

impl From<trading::Receipt> for ReceiptView {
    fn from(receipt: trading::Receipt) -> ReceiptView {
        ReceiptView { partition: receipt.partition, offset: receipt.offset }
    }
}

impl ReceiptView {
    pub(super) fn at(id: model::OrderId) -> ReceiptView {
        ReceiptView { partition: u32::from(id.partition().number()), offset: id.offset() }
    }
}

/// What became of a cancel of all.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CancelledAll)]
pub(super) struct CancelledAllView {
    pub(super) client_id: String,
    /// One for each partition that was asked; it is not atomic across them.
    pub(super) results: Vec<CancelAllResultView>,
}

/// What became of a cancel of all in one partition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CancelAllResult)]
pub(super) struct CancelAllResultView {
    partition: u32,
    /// The orders that it cancelled, where the result was waited for.
    cancelled_order_ids: Vec<u64>,
    /// What is not known, and how to find out.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl CancelAllResultView {
    pub(super) fn of(result: orders::CancelAllResult) -> CancelAllResultView {
        CancelAllResultView {
            partition: result.partition,
            cancelled_order_ids: result.cancelled_order_ids,
            problem: some(result.problem),
        }
    }
}

/// The group that an account is in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TradeGroupSet)]
pub(super) struct TradeGroupView {
    pub(super) client_id: String,
    /// 0 for no group.
    pub(super) trade_group_id: u64,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountView {
    client_id: String,
    balances: Vec<BalanceView>,
    /// unknown, where the outcome of a movement is; then the same request again tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

/// What an account has of one asset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balance)]
pub(super) struct BalanceView {
    #[schema(example = "USDT")]
    asset: String,
    #[schema(example = "1000000")]
    available: String,
    /// Held for open orders.
    #[schema(example = "0")]
    held: String,
    /// On its way between shards, where anything is; it comes back to what is available.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "250")]
    in_flight: String,
}

impl AccountView {
    pub(super) fn of(client_id: String, balances: Vec<ledger::Balance>) -> AccountView {
        let balances = balances.into_iter().map(|balance| BalanceView {
            asset: balance.asset,
            available: balance.available,
            held: balance.held,
            in_flight: balance.in_flight,
        });
        AccountView { client_id, balances: balances.collect(), status: None }
    }

    pub(super) fn unknown(client_id: String) -> AccountView {
        AccountView { client_id, balances: Vec::new(), status: Some("unknown") }
    }
}

/// A listed instrument.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Instrument)]
pub(super) struct InstrumentView {
    #[schema(example = "BTC-USDT")]
    symbol: String,
    base: String,
    quote: String,
    #[schema(example = "0.01")]
    tick_size: String,
    #[schema(example = "0.00001")]
    lot_size: String,
    /// How far from the last trade a market order may trade, in basis points.
    price_protection_bps: u32,
    /// What a trade costs the order that rested, as a fraction; below zero a rebate.
    #[schema(example = "0.001")]
    maker_fee: String,
    /// What it costs the other.
    #[schema(example = "0.002")]
    taker_fee: String,
    /// quote or received: a buyer is charged on top of the price, or in the base asset.
    #[schema(example = "quote")]
    fee_asset: &'static str,
    /// What it takes of orders when they come; not there where it bounds nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<FiltersView>,
    /// Where it stops for an auction; not there where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_band: Option<PriceBandView>,
    /// What it charges accounts that have a fee tier, ascending: each those of this tier and above,
    /// up to the next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fee_tiers: Vec<TierFeesView>,
    /// trading, post_only, limit_only, cancel_only, halted, pre_open, auction, volatility_auction
    /// or delisted; null where the broadcaster, which knows it, does not answer.
    #[schema(example = "trading")]
    state: Option<&'static str>,
}

impl InstrumentView {
    pub(super) fn of(summary: reference::InstrumentSummary) -> InstrumentView {
        let fee_asset = text::fee_asset(summary.fee_asset());
        let state = market_word(summary.state);
        InstrumentView {
            state,
            symbol: summary.symbol,
            base: summary.base,
            quote: summary.quote,
            tick_size: summary.tick_size,
            lot_size: summary.lot_size,
            price_protection_bps: summary.price_protection_bps,
            fee_asset,
            filters: summary.filters.map(FiltersView::of),
            price_band: summary.price_band.map(PriceBandView::of),
            fee_tiers: summary.fee_tiers.into_iter().map(TierFeesView::of).collect(),
            maker_fee: summary.maker_fee,
            taker_fee: summary.taker_fee,
        }
    }
}

/// What this gateway's clock shows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Time)]
pub(super) struct TimeView {
    /// RFC 3339 in UTC with microseconds.
    pub(super) time: String,
    /// Milliseconds since 1970.
    pub(super) unix_millis: u64,
}

pub(super) fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

pub(super) fn instant(wire: Option<&prost_types::Timestamp>) -> Option<String> {
    wire.and_then(convert::from_proto_timestamp).map(text::rfc3339)
}

/// `None` where the order came alone.
pub(super) fn contingency_word(wire: i32) -> Option<&'static str> {
    convert::contingency_from_wire(wire).ok().map(text::contingency)
}

/// What a market is open for; `None` where nobody could say.
fn market_word(wire: i32) -> Option<&'static str> {
    convert::market_state_from_wire(wire).ok().map(text::market_state)
}

fn time_in_force_word(wire: i32) -> Option<&'static str> {
    convert::time_in_force_from_wire(wire).ok().map(text::time_in_force)
}

/// A mode of self-trade prevention; `None` where the order gave none.
fn mode_word(wire: i32) -> Option<&'static str> {
    let mode = convert::self_trade_from_wire(wire).ok()?;
    (mode != model::SelfTradePrevention::None).then(|| text::self_trade_prevention(mode))
}
