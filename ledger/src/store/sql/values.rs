//! Rows as the values of their columns, in the order of the entity's columns.

use model::{Amount, OrderId, Role, Timestamp};
use sea_orm::Value;

use super::column;
use crate::row::{
    AssetRow, Balance, BalanceKey, IncomeKey, InstrumentRow, Leg, OrderRow, OrderState, PostingKey,
    PostingRow, TradeRow,
};

/// A row as the values of its columns.
pub(super) type Values = Vec<Value>;

pub(super) fn order_state(id: OrderId, state: &OrderState) -> Values {
    vec![
        column::count(id.number()).into(),
        column::count(state.remaining.lots()).into(),
        column::word(state.status).into(),
        state.reason.clone().into(),
        column::count(state.updated_at.unix_nanos()).into(),
        column::count(state.prevented.lots()).into(),
        column::count(state.quantity.lots()).into(),
    ]
}

pub(super) fn order(row: &OrderRow) -> Values {
    use proto::convert::{self_trade_to_wire, side_to_wire, time_in_force_to_wire, type_to_wire};
    let said = &row.instructions;
    let wire = proto::convert::instructions_to_wire(said);
    let (quote_units, quote_units_high) = column::amount(row.quote_quantity.unwrap_or_default());
    vec![
        column::count(row.id.number()).into(),
        row.account.as_str().into(),
        row.client_order_id.as_ref().map(|key| key.as_str()).into(),
        i64::from(row.instrument.0).into(),
        column::word(side_to_wire(row.side)).into(),
        column::word(type_to_wire(row.order_type)).into(),
        column::word(time_in_force_to_wire(row.time_in_force)).into(),
        column::count(row.price.map_or(0, |price| price.ticks())).into(),
        column::count(row.state.quantity.lots()).into(),
        quote_units.into(),
        quote_units_high.into(),
        column::count(row.state.remaining.lots()).into(),
        column::word(row.state.status).into(),
        row.state.reason.as_str().into(),
        column::count(row.created_at.unix_nanos()).into(),
        column::count(row.state.updated_at.unix_nanos()).into(),
        said.post_only.into(),
        column::word(self_trade_to_wire(said.self_trade)).into(),
        column::count(said.expires_at.map_or(0, Timestamp::unix_nanos)).into(),
        column::count(row.state.prevented.lots()).into(),
        column::word(wire.map_or(0, |wire| wire.trigger)).into(),
        column::count(wire.map_or(0, |wire| wire.trigger_price_ticks)).into(),
        column::contingency(row.contingency).into(),
        column::count(wire.map_or(0, |wire| wire.display_lots)).into(),
        i64::from(wire.map_or(0, |wire| wire.trailing_delta_bps)).into(),
    ]
}

pub(super) fn trade(row: &TradeRow) -> Values {
    let (maker_fee, maker_fee_high) = column::amount(row.maker_fee);
    let (taker_fee, taker_fee_high) = column::amount(row.taker_fee);
    vec![
        i64::from(row.instrument.0).into(),
        column::count(row.id.0).into(),
        column::count(row.price.ticks()).into(),
        column::count(row.quantity.lots()).into(),
        column::count(row.maker_order.number()).into(),
        column::count(row.taker_order.number()).into(),
        row.maker_account.as_str().into(),
        row.taker_account.as_str().into(),
        column::word(proto::convert::side_to_wire(row.taker_side)).into(),
        column::count(row.executed_at.unix_nanos()).into(),
        maker_fee.into(),
        maker_fee_high.into(),
        taker_fee.into(),
        taker_fee_high.into(),
        row.buyer_fee_in_base.into(),
        row.in_auction.into(),
    ]
}

pub(super) fn balance(key: &BalanceKey, row: Balance) -> Values {
    let (available, available_high) = column::amount(row.available);
    let (held, held_high) = column::amount(row.held);
    let (link, link_high) = column::amount(row.link);
    vec![
        key.account.as_str().into(),
        i64::from(key.asset.0).into(),
        column::partition(key.partition).into(),
        available.into(),
        available_high.into(),
        held.into(),
        held_high.into(),
        link.into(),
        link_high.into(),
    ]
}

pub(super) fn fee_income((asset, partition): IncomeKey, amount: Amount) -> Values {
    let (units, units_high) = column::amount(amount);
    vec![
        column::partition(partition).into(),
        i64::from(asset.0).into(),
        units.into(),
        units_high.into(),
    ]
}

pub(super) fn posting(key: PostingKey, row: &PostingRow) -> Values {
    let (instrument, trade) = row.trade.map_or((0, 0), |(instrument, id)| (instrument.0, id.0));
    vec![
        column::partition(key.partition).into(),
        column::count(key.out_seq).into(),
        key.number.cast_signed().into(),
        column::word(row.cause).into(),
        column::count(row.order.map_or(0, OrderId::number)).into(),
        i64::from(instrument).into(),
        column::count(trade).into(),
        row.external_id.as_ref().map(|id| id.as_str()).into(),
        row.link.map(column::partition).into(),
    ]
}

pub(super) fn leg(key: PostingKey, number: i32, row: &Leg) -> Values {
    let (units, units_high) = column::amount(row.amount);
    vec![
        column::partition(key.partition).into(),
        column::count(key.out_seq).into(),
        key.number.cast_signed().into(),
        number.into(),
        column::word(row.bucket).into(),
        row.account.as_ref().map(|account| account.as_str()).into(),
        i64::from(row.asset.0).into(),
        units.into(),
        units_high.into(),
    ]
}

pub(super) fn asset_listing(row: &AssetRow) -> Values {
    vec![
        i64::from(row.id.0).into(),
        row.code.as_str().into(),
        i16::from(row.decimals).into(),
        column::count(row.sandbox_grant_units).into(),
        i64::from(row.version).into(),
    ]
}

pub(super) fn instrument_listing(row: &InstrumentRow) -> Values {
    vec![
        i64::from(row.id.0).into(),
        i64::from(row.base.0).into(),
        i64::from(row.quote.0).into(),
        column::count(row.tick_size_units).into(),
        column::count(row.lot_size_units).into(),
        i64::from(row.price_protection_bps).into(),
        column::partition(row.partition).into(),
        i64::from(row.version).into(),
        row.fees.rate(Role::Maker).millionths().into(),
        row.fees.rate(Role::Taker).millionths().into(),
        column::word(proto::convert::fee_asset_to_wire(row.fees.charged_in())).into(),
        row.tier_fees.to_text().into(),
    ]
}
