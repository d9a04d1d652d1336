//! What accounts may do and are charged, and what is stopped: tables that hardly ever change.

use std::collections::BTreeMap;

use model::{AccountName, Amount, AssetId, AssetLimit, FeeTier, OrderRate, Partition, RiskLimits};
use proto::convert;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::OnConflict};

use super::{
    column::{self, damaged},
    entity::{account_control, kill_switch, market_state},
    failed,
    values::Values,
    write::Session,
};
use crate::{
    control::{AccountControl, ControlKey, MarketControls, SwitchKey},
    projection::Changes,
    store::StoreError,
};

/// Writes them, where a batch has any.
pub(super) async fn write(session: &mut Session, changes: &Changes) -> Result<(), StoreError> {
    {
        use account_control::{Column, Entity};
        let replace = OnConflict::columns([Column::Account, Column::Partition])
            .update_columns([
                Column::State,
                Column::Killed,
                Column::FeeTier,
                Column::MaxOpenOrders,
                Column::OrdersPerSecond,
                Column::OrderBurst,
                Column::PriceCollarBps,
                Column::AssetLimits,
            ])
            .to_owned();
        let rows = changes.controls.iter().map(|(key, row)| control(key, row)).collect();
        session.insert::<Entity>(rows, Some(replace)).await?;
    }
    {
        use kill_switch::{Column, Entity};
        let replace = OnConflict::columns([Column::Partition, Column::InstrumentId])
            .update_column(Column::Engaged)
            .to_owned();
        let rows = changes.switches.iter().map(|(key, is_on)| switch(*key, *is_on)).collect();
        session.insert::<Entity>(rows, Some(replace)).await?;
    }
    use market_state::{Column, Entity};
    let replace = OnConflict::column(Column::InstrumentId).update_column(Column::State).to_owned();
    let state = |(instrument, state): (&model::InstrumentId, &model::MarketState)| -> Values {
        let word = column::word(convert::market_state_to_wire(*state));
        vec![i64::from(instrument.0).into(), word.into()]
    };
    let rows = changes.market_states.iter().map(state).collect();
    session.insert::<Entity>(rows, Some(replace)).await
}

fn control((account, partition): &ControlKey, row: &AccountControl) -> Values {
    let limits = &row.limits;
    let OrderRate { per_second, burst } =
        limits.rate.unwrap_or(OrderRate { per_second: 0, burst: 0 });
    vec![
        account.as_str().into(),
        column::partition(*partition).into(),
        column::word(convert::account_state_to_wire(row.state)).into(),
        row.is_killed.into(),
        i16::from(row.tier.number()).into(),
        i64::from(limits.max_open_orders).into(),
        i64::from(per_second).into(),
        i64::from(burst).into(),
        i64::from(limits.price_collar_bps).into(),
        asset_limits(&limits.assets).into(),
    ]
}

fn switch((partition, instrument): SwitchKey, is_on: bool) -> Values {
    let instrument = instrument.map_or(0, |instrument| instrument.0);
    vec![column::partition(partition).into(), i64::from(instrument).into(), is_on.into()]
}

fn asset_limits(limits: &[AssetLimit]) -> String {
    let one = |limit: &AssetLimit| {
        let (notional, position) = (limit.max_order_notional, limit.max_position);
        format!("{}:{}:{}", limit.asset.0, notional.units(), position.units())
    };
    limits.iter().map(one).collect::<Vec<_>>().join(",")
}

fn asset_limits_of(text: &str) -> Option<Vec<AssetLimit>> {
    let one = |text: &str| {
        let mut numbers = text.split(':');
        let asset = AssetId(numbers.next()?.parse().ok()?);
        let mut amount = || Some(Amount::from_units(numbers.next()?.parse().ok()?));
        let (max_order_notional, max_position) = (amount()?, amount()?);
        Some(AssetLimit { asset, max_order_notional, max_position })
    };
    text.split(',').filter(|one| !one.is_empty()).map(one).collect()
}

/// What is in force of an account, from its row.
pub(super) fn control_of(
    row: &account_control::Model,
) -> Result<(ControlKey, AccountControl), StoreError> {
    let count = |column| u32::try_from(column).map_err(|_| damaged("limits"));
    let (per_second, burst) = (count(row.orders_per_second)?, count(row.order_burst)?);
    let limits = RiskLimits {
        assets: asset_limits_of(&row.asset_limits).ok_or_else(|| damaged("asset_limits"))?,
        max_open_orders: count(row.max_open_orders)?,
        rate: ((per_second, burst) != (0, 0)).then_some(OrderRate { per_second, burst }),
        price_collar_bps: count(row.price_collar_bps)?,
    };
    let control = AccountControl {
        state: convert::account_state(row.state.into()).map_err(|_| damaged("state"))?,
        is_killed: row.killed,
        limits,
        tier: tier_of(row.fee_tier)?,
    };
    Ok(((column::account_of(&row.account)?, column::partition_of(row.partition)?), control))
}

fn tier_of(column: i16) -> Result<FeeTier, StoreError> {
    u8::try_from(column).ok().and_then(FeeTier::new).ok_or_else(|| damaged("fee_tier"))
}

/// What is in force of one account, on every shard on which anything was said of it.
pub(super) async fn of_account(
    connection: &impl ConnectionTrait,
    account: &AccountName,
) -> Result<BTreeMap<Partition, AccountControl>, StoreError> {
    use account_control::{Column, Entity};
    let rows = Entity::find().filter(Column::Account.eq(account.as_str())).all(connection).await;
    let row = |row: &account_control::Model| {
        control_of(row).map(|((_, partition), control)| (partition, control))
    };
    rows.map_err(failed)?.iter().map(row).collect()
}

/// The tiers above the standard one.
pub(super) async fn tiers(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<ControlKey, FeeTier>, StoreError> {
    use account_control::{Column, Entity};
    let rows = Entity::find().filter(Column::FeeTier.gt(0)).all(connection).await;
    let row = |row: &account_control::Model| {
        let key = (column::account_of(&row.account)?, column::partition_of(row.partition)?);
        Ok((key, tier_of(row.fee_tier)?))
    };
    rows.map_err(failed)?.iter().map(row).collect()
}

/// What is stopped, and what markets are open for.
pub(super) async fn markets(
    connection: &impl ConnectionTrait,
) -> Result<MarketControls, StoreError> {
    let switches = kill_switch::Entity::find().all(connection).await.map_err(failed)?;
    let states = market_state::Entity::find().all(connection).await.map_err(failed)?;
    let switch = |row: &kill_switch::Model| {
        let instrument = column::instrument_of(row.instrument_id)?;
        let instrument = (instrument.0 > 0).then_some(instrument);
        Ok(((column::partition_of(row.partition)?, instrument), row.engaged))
    };
    let state = |row: &market_state::Model| {
        let state = convert::market_state_from_wire(row.state.into());
        Ok((column::instrument_of(row.instrument_id)?, state.map_err(|_| damaged("state"))?))
    };
    Ok(MarketControls {
        switches: switches.iter().map(switch).collect::<Result<_, StoreError>>()?,
        states: states.iter().map(state).collect::<Result<_, StoreError>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_assets_are_read_as_they_were_written() {
        let limit = |asset, notional, position| AssetLimit {
            asset: AssetId(asset),
            max_order_notional: Amount::from_units(notional),
            max_position: Amount::from_units(position),
        };
        for limits in [vec![], vec![limit(1, 0, 5)], vec![limit(2, 1 << 100, 0), limit(9, 3, 4)]] {
            assert_eq!(asset_limits_of(&asset_limits(&limits)), Some(limits));
        }
        for text in ["x", "1", "1:2", "1:2:x"] {
            assert_eq!(asset_limits_of(text), None, "{text:?}");
        }
    }
}
