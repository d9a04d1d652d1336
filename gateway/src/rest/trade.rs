//! Trades as JSON: each by itself, and as a part of an order's result.

use proto::{convert, text, trading};
use serde::Serialize;
use utoipa::ToSchema;

use super::shape::{instant, some};

/// One trade, as the order's owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fill)]
pub(super) struct FillView {
    #[schema(example = "BTC-USDT-17")]
    trade_id: String,
    price: String,
    quantity: String,
    maker_order_id: u64,
    /// What this order was charged, below zero a rebate; absent where nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.61837")]
    fee: Option<String>,
    /// The asset that the fee was taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "USDT")]
    fee_asset: Option<String>,
}

impl FillView {
    pub(super) fn of(fill: trading::Fill) -> FillView {
        FillView {
            trade_id: fill.trade_id,
            price: fill.price,
            quantity: fill.quantity,
            maker_order_id: fill.maker_order_id,
            fee: some(fill.fee),
            fee_asset: some(fill.fee_asset),
        }
    }
}

/// A trade.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Trade)]
pub(super) struct TradeView {
    #[schema(example = "BTC-USDT-17")]
    id: String,
    instrument: String,
    /// Counts the instrument's trades from 1.
    sequence: u64,
    price: String,
    quantity: String,
    buy_order_id: u64,
    sell_order_id: u64,
    #[schema(example = "buy")]
    taker_side: Option<&'static str>,
    executed_at: Option<String>,
    /// true where it is one of an auction; else not there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    auction: bool,
    /// What the client that was asked for was charged, below zero a rebate; of its taking side
    /// where it was on both. Absent where nothing was charged or no client was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.61837")]
    fee: Option<String>,
    /// The asset that the fee was taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "USDT")]
    fee_asset: Option<String>,
}

impl TradeView {
    pub(super) fn of(trade: trading::Trade) -> TradeView {
        TradeView {
            taker_side: convert::side_from_wire(trade.taker_side).ok().map(text::side),
            executed_at: instant(trade.executed_at.as_ref()),
            auction: trade.auction,
            id: trade.id,
            instrument: trade.instrument,
            sequence: trade.sequence,
            price: trade.price,
            quantity: trade.quantity,
            buy_order_id: trade.buy_order_id,
            sell_order_id: trade.sell_order_id,
            fee: some(trade.fee),
            fee_asset: some(trade.fee_asset),
        }
    }
}
