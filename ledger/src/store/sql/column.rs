//! Between the words of `model` and what columns hold.
//!
//! Counters are `u64` in the log and `bigint` in SQL; they are written bit for bit, so that none is
//! ever altered. None comes near 2^63, and instants do not before the year 2262.

use model::{
    AccountName, Amount, AssetId, Contingency, FeeRate, Fees, FeesError, Instructions,
    InstrumentId, KeyText, OrderId, Partition, Price, Quantity, Side, TierFees, Timestamp, TradeId,
};
use proto::{
    convert::{self, Malformed},
    log,
    trading::OrderStatus,
};
use spine::{Chain, LogId};

use super::entity;
use crate::{
    projection::{bucket_from_wire, key_from_wire, order_type_from_wire, posting_cause_from_wire},
    row::{
        AssetRow, Balance, BalanceKey, IncomeKey, InstrumentRow, Leg, OrderRow, OrderState,
        PostingKey, PostingRow, Progress, TradeRow,
    },
    store::StoreError,
};

/// A counter as a column holds it.
pub(super) const fn count(number: u64) -> i64 {
    number.cast_signed()
}

/// A partition as a column holds it; partitions stay below 1,024.
pub(super) const fn partition(partition: Partition) -> i16 {
    partition.number().cast_signed()
}

/// A word of a wire enum as a column holds it; none of their numbers comes near 2^15.
#[expect(clippy::cast_possible_truncation, reason = "our own enums, all small")]
pub(super) fn word(word: impl Into<i32>) -> i16 {
    word.into() as i16
}

/// A contingency; 0 for none.
pub(super) fn contingency(contingency: Option<Contingency>) -> i16 {
    contingency.map_or(0, |one| word(convert::contingency_to_wire(one)))
}

/// An amount as its two columns hold it.
pub(super) fn amount(amount: Amount) -> (i64, i64) {
    let wire = convert::to_amount(amount);
    (wire.units, wire.units_high)
}

pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("a row's {what} is missing or out of range"))
}

fn malformed(error: Malformed) -> StoreError {
    damaged(error.0)
}

fn amount_of(units: i64, units_high: i64) -> Result<Amount, StoreError> {
    convert::amount(Some(&log::Amount { units, units_high })).map_err(malformed)
}

pub(super) fn account_of(name: &str) -> Result<AccountName, StoreError> {
    AccountName::new(name).map_err(|_| damaged("account"))
}

fn key_of(text: Option<&str>) -> Result<Option<KeyText>, StoreError> {
    key_from_wire(text.unwrap_or_default()).map_err(malformed)
}

pub(super) fn order_id_of(column: i64) -> Result<OrderId, StoreError> {
    convert::order_id(column.cast_unsigned()).map_err(malformed)
}

fn quantity_of(column: i64) -> Result<Quantity, StoreError> {
    convert::quantity(column.cast_unsigned()).map_err(malformed)
}

fn price_of(column: i64) -> Result<Price, StoreError> {
    convert::price(column.cast_unsigned()).map_err(malformed)
}

fn side_of(column: i16) -> Result<Side, StoreError> {
    convert::side_from_wire(column.into()).map_err(malformed)
}

pub(super) fn partition_of(column: i16) -> Result<Partition, StoreError> {
    u16::try_from(column).ok().and_then(Partition::new).ok_or_else(|| damaged("partition"))
}

fn number_of(column: i64, what: &str) -> Result<u32, StoreError> {
    u32::try_from(column).map_err(|_| damaged(what))
}

fn asset_of(column: i64) -> Result<AssetId, StoreError> {
    number_of(column, "asset_id").map(AssetId)
}

pub(super) fn instrument_of(column: i64) -> Result<InstrumentId, StoreError> {
    number_of(column, "instrument_id").map(InstrumentId)
}

const fn instant_of(column: i64) -> Timestamp {
    Timestamp::from_unix_nanos(column.cast_unsigned())
}

/// 16 bytes from the hexadecimal digits that `LogId` and `Chain` show.
fn hash_of(text: &str) -> Result<[u8; 16], StoreError> {
    let is_hash = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hash);
    number.map(u128::to_be_bytes).ok_or_else(|| damaged("hash"))
}

impl TryFrom<entity::progress::Model> for Progress {
    type Error = StoreError;

    fn try_from(row: entity::progress::Model) -> Result<Self, StoreError> {
        Ok(Progress {
            partition: partition_of(row.partition)?,
            log_id: LogId(hash_of(&row.log_id)?),
            out_seq: row.out_seq.cast_unsigned(),
            in_offset: row.in_offset.cast_unsigned(),
            chain: Chain(hash_of(&row.chain)?),
            next_offset: row.next_offset.cast_unsigned(),
            now: instant_of(row.now_nanos),
        })
    }
}

impl TryFrom<entity::asset::Model> for AssetRow {
    type Error = StoreError;

    fn try_from(row: entity::asset::Model) -> Result<Self, StoreError> {
        Ok(AssetRow {
            id: asset_of(row.id)?,
            code: row.code,
            decimals: u8::try_from(row.decimals).map_err(|_| damaged("decimals"))?,
            sandbox_grant_units: row.sandbox_grant_units.cast_unsigned(),
            version: number_of(row.version, "version")?,
        })
    }
}

impl TryFrom<entity::instrument::Model> for InstrumentRow {
    type Error = StoreError;

    fn try_from(row: entity::instrument::Model) -> Result<Self, StoreError> {
        Ok(InstrumentRow {
            id: instrument_of(row.id)?,
            base: asset_of(row.base_asset_id)?,
            quote: asset_of(row.quote_asset_id)?,
            tick_size_units: row.tick_size_units.cast_unsigned(),
            lot_size_units: row.lot_size_units.cast_unsigned(),
            price_protection_bps: number_of(row.price_protection_bps, "price_protection_bps")?,
            partition: partition_of(row.partition)?,
            fees: fees_of(&row)?,
            tier_fees: tier_fees_of(&row)?,
            version: number_of(row.version, "version")?,
        })
    }
}

fn fees_of(row: &entity::instrument::Model) -> Result<Fees, StoreError> {
    let checked = || {
        let maker = FeeRate::from_millionths(row.maker_fee_millionths)?;
        let taker = FeeRate::from_millionths(row.taker_fee_millionths)?;
        Fees::new(maker, taker, convert::fee_asset(row.fee_asset.into())?)
    };
    checked().map_err(|_: FeesError| damaged("fees"))
}

fn tier_fees_of(row: &entity::instrument::Model) -> Result<TierFees, StoreError> {
    let charged_in = convert::fee_asset(row.fee_asset.into()).map_err(|_| damaged("fee_asset"))?;
    TierFees::from_text(&row.fee_tiers, charged_in).map_err(|_| damaged("fee_tiers"))
}

/// What the house has earned, and of what on which shard.
pub(super) fn fee_income_of(
    row: &entity::fee_income::Model,
) -> Result<(IncomeKey, Amount), StoreError> {
    let key = (asset_of(row.asset_id)?, partition_of(row.partition)?);
    Ok((key, amount_of(row.units, row.units_high)?))
}

impl TryFrom<entity::order::Model> for OrderRow {
    type Error = StoreError;

    fn try_from(row: entity::order::Model) -> Result<Self, StoreError> {
        Ok(OrderRow {
            id: order_id_of(row.id)?,
            account: account_of(&row.account)?,
            client_order_id: key_of(row.client_order_id.as_deref())?,
            instrument: instrument_of(row.instrument_id)?,
            side: side_of(row.side)?,
            order_type: order_type_from_wire(row.order_type.into()).map_err(malformed)?,
            time_in_force: convert::time_in_force_from_wire(row.time_in_force.into())
                .map_err(malformed)?,
            price: match row.price_ticks {
                0 => None,
                ticks => Some(price_of(ticks)?),
            },
            quote_quantity: match amount_of(row.quote_units, row.quote_units_high)? {
                Amount::ZERO => None,
                amount => Some(amount),
            },
            instructions: Instructions::try_from(&log::Instructions {
                post_only: row.post_only,
                self_trade_prevention: row.self_trade_prevention.into(),
                expires_at_unix_nanos: row.expires_at_nanos.cast_unsigned(),
                trigger: row.trigger_kind.into(),
                trigger_price_ticks: row.trigger_price_ticks.cast_unsigned(),
                display_lots: row.display_lots.cast_unsigned(),
                trailing_delta_bps: number_of(row.trailing_delta_bps, "trailing_delta_bps")?,
            })
            .map_err(malformed)?,
            contingency: match row.contingency {
                0 => None,
                word => Some(convert::contingency_from_wire(word.into()).map_err(malformed)?),
            },
            created_at: instant_of(row.created_at_nanos),
            state: OrderState {
                quantity: quantity_of(row.quantity_lots)?,
                remaining: quantity_of(row.remaining_lots)?,
                prevented: quantity_of(row.prevented_lots)?,
                status: OrderStatus::try_from(i32::from(row.status))
                    .map_err(|_| damaged("status"))?,
                reason: row.reason,
                updated_at: instant_of(row.updated_at_nanos),
            },
        })
    }
}

impl TryFrom<entity::trade::Model> for TradeRow {
    type Error = StoreError;

    fn try_from(row: entity::trade::Model) -> Result<Self, StoreError> {
        Ok(TradeRow {
            instrument: instrument_of(row.instrument_id)?,
            id: TradeId(row.trade_id.cast_unsigned()),
            price: price_of(row.price_ticks)?,
            quantity: quantity_of(row.quantity_lots)?,
            maker_order: order_id_of(row.maker_order_id)?,
            taker_order: order_id_of(row.taker_order_id)?,
            maker_account: account_of(&row.maker_account)?,
            taker_account: account_of(&row.taker_account)?,
            taker_side: side_of(row.taker_side)?,
            executed_at: instant_of(row.executed_at_nanos),
            maker_fee: amount_of(row.maker_fee_units, row.maker_fee_units_high)?,
            taker_fee: amount_of(row.taker_fee_units, row.taker_fee_units_high)?,
            buyer_fee_in_base: row.buyer_fee_in_base,
            in_auction: row.in_auction,
        })
    }
}

/// A balance and its key.
pub(super) fn balance_of(
    row: &entity::balance::Model,
) -> Result<(BalanceKey, Balance), StoreError> {
    let key = BalanceKey {
        account: account_of(&row.account)?,
        asset: asset_of(row.asset_id)?,
        partition: partition_of(row.partition)?,
    };
    let available = amount_of(row.available_units, row.available_units_high)?;
    let held = amount_of(row.held_units, row.held_units_high)?;
    let link = amount_of(row.link_units, row.link_units_high)?;
    Ok((key, Balance { available, held, link }))
}

/// A posting without its legs, and its key.
pub(super) fn posting_of(
    row: &entity::posting::Model,
) -> Result<(PostingKey, PostingRow), StoreError> {
    let key = posting_key(row.partition, row.out_seq, row.number)?;
    let trade = match row.trade_id {
        0 => None,
        id => Some((instrument_of(row.instrument_id)?, TradeId(id.cast_unsigned()))),
    };
    let posting = PostingRow {
        cause: posting_cause_from_wire(row.cause.into()).map_err(malformed)?,
        order: match row.order_id {
            0 => None,
            id => Some(order_id_of(id)?),
        },
        trade,
        external_id: key_of(row.external_id.as_deref())?,
        link: row.link_partition.map(partition_of).transpose()?,
        legs: Vec::new(),
    };
    Ok((key, posting))
}

/// A leg and the key of its posting.
pub(super) fn leg_of(row: &entity::leg::Model) -> Result<(PostingKey, Leg), StoreError> {
    let leg = Leg {
        bucket: bucket_from_wire(row.bucket.into()).map_err(malformed)?,
        account: row.account.as_deref().map(account_of).transpose()?,
        asset: asset_of(row.asset_id)?,
        amount: amount_of(row.units, row.units_high)?,
    };
    Ok((posting_key(row.partition, row.out_seq, row.number)?, leg))
}

fn posting_key(partition: i16, out_seq: i64, number: i32) -> Result<PostingKey, StoreError> {
    Ok(PostingKey {
        partition: partition_of(partition)?,
        out_seq: out_seq.cast_unsigned(),
        number: u32::try_from(number).map_err(|_| damaged("number"))?,
    })
}
