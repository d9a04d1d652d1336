//! The queries.

use std::collections::BTreeMap;

use model::{AccountName, AssetId, InstrumentId, KeyText, OrderId, Partition};
use proto::{log::RefusalReason, text};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ModelTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};

use super::{column, entity, failed};
use crate::{
    row::{AssetRow, Balance, BalanceKey, InstrumentRow, OrderRow, Progress, TradeRow},
    store::{OrdersQuery, StoreError, TradeCursor, TradesQuery},
};

pub(super) async fn progress(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<Partition, Progress>, StoreError> {
    let rows = entity::progress::Entity::find().all(connection).await.map_err(failed)?;
    by_key(rows, |row: &Progress| row.partition)
}

pub(super) async fn order(
    connection: &impl ConnectionTrait,
    id: OrderId,
) -> Result<Option<OrderRow>, StoreError> {
    use entity::{alias, order};
    let find = |id: i64| order::Entity::find_by_id(id).one(connection);
    let number = column::count(id.number());
    if let Some(row) = find(number).await.map_err(failed)? {
        return row.try_into().map(Some);
    }
    // A record has one alias, which counts for all orders that the record would have brought.
    let record = column::count(id.record().number());
    let alias = alias::Entity::find_by_id(record).one(connection).await.map_err(failed)?;
    let Some(alias) = alias else { return Ok(None) };
    let original = column::order_id_of(alias.order_id)?.with_leg(id.leg());
    let Some(original) = original else { return Ok(None) };
    find(column::count(original.number())).await.map_err(failed)?.map(TryInto::try_into).transpose()
}

pub(super) async fn order_by_client_id(
    connection: &impl ConnectionTrait,
    account: &AccountName,
    client_order_id: &KeyText,
) -> Result<Option<OrderRow>, StoreError> {
    use entity::order::{Column, Entity};
    let newest = Entity::find()
        .filter(Column::Account.eq(account.as_str()))
        .filter(Column::ClientOrderId.eq(client_order_id.as_str()))
        .filter(Column::Reason.ne(text::refusal(RefusalReason::KeyReused)))
        .order_by_desc(Column::CreatedAtNanos)
        .order_by_desc(Column::Id)
        .one(connection)
        .await
        .map_err(failed)?;
    newest.map(TryInto::try_into).transpose()
}

pub(super) async fn orders(
    connection: &impl ConnectionTrait,
    query: &OrdersQuery,
) -> Result<Vec<OrderRow>, StoreError> {
    use entity::order::{Column, Entity};
    let account = query.account.as_ref().map(|account| Column::Account.eq(account.as_str()));
    let is_of = |instrument| of_instrument(Column::InstrumentId, instrument, account.is_some());
    let instrument = query.instrument.map(is_of);
    let status = query.status.map(|status| Column::Status.eq(column::word(status)));
    let after = query.page.after.map(|after| {
        Expr::tuple([Expr::col(Column::CreatedAtNanos), Expr::col(Column::Id)]).lt(Expr::tuple([
            Expr::val(column::count(after.created_at.unix_nanos())),
            Expr::val(column::count(after.id.number())),
        ]))
    });
    let rows = Entity::find()
        .filter(all_of([account, instrument, status, after]))
        .order_by_desc(Column::CreatedAtNanos)
        .order_by_desc(Column::Id)
        .offset(u64::from(query.page.skip))
        .limit(u64::from(query.page.limit))
        .all(connection)
        .await
        .map_err(failed)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// An account's trades are on two sides, each newest first by its own index; the page is cut from
/// both together.
pub(super) async fn trades(
    connection: &impl ConnectionTrait,
    query: &TradesQuery,
) -> Result<Vec<TradeRow>, StoreError> {
    use entity::trade::Column;
    let page = &query.page;
    let Some(account) = &query.account else {
        return trades_where(connection, query, None, page.skip, page.limit).await;
    };
    let reach = page.skip.saturating_add(page.limit);
    let account = account.as_str();
    let is_maker = Column::MakerAccount.eq(account);
    let is_taker_only = Column::TakerAccount.eq(account).and(Column::MakerAccount.ne(account));
    let mut rows = trades_where(connection, query, Some(is_maker), 0, reach).await?;
    rows.extend(trades_where(connection, query, Some(is_taker_only), 0, reach).await?);
    rows.sort_by_key(|row| std::cmp::Reverse(TradeCursor::of(row)));
    Ok(rows.into_iter().skip(page.skip as usize).take(page.limit as usize).collect())
}

async fn trades_where(
    connection: &impl ConnectionTrait,
    query: &TradesQuery,
    party: Option<Expr>,
    skip: u32,
    limit: u32,
) -> Result<Vec<TradeRow>, StoreError> {
    use entity::trade::{Column, Entity};
    let is_of = |instrument| of_instrument(Column::InstrumentId, instrument, party.is_some());
    let instrument = query.instrument.map(is_of);
    let after = query.page.after.map(|after| {
        Expr::tuple([
            Expr::col(Column::ExecutedAtNanos),
            Expr::col(Column::InstrumentId),
            Expr::col(Column::TradeId),
        ])
        .lt(Expr::tuple([
            Expr::val(column::count(after.executed_at.unix_nanos())),
            Expr::val(i64::from(after.instrument.0)),
            Expr::val(column::count(after.id.0)),
        ]))
    });
    // Within an instrument the trades' numbers are in order of age, and the primary key has them.
    let of_one_instrument = query.instrument.is_some() && party.is_none();
    let last_seen = query.page.after.filter(|_| of_one_instrument);
    let rows = Entity::find()
        .filter(all_of([party, instrument, after]))
        .apply_if(last_seen, |found, after| {
            found.filter(Column::TradeId.lte(column::count(after.id.0)))
        })
        .apply_if((!of_one_instrument).then_some(()), |found, ()| {
            found.order_by_desc(Column::ExecutedAtNanos).order_by_desc(Column::InstrumentId)
        })
        .order_by_desc(Column::TradeId)
        .offset(u64::from(skip))
        .limit(u64::from(limit))
        .all(connection)
        .await
        .map_err(failed)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// That a row is of `instrument`. Where an account is asked for too, its own index is the one to
/// read, since an account has far fewer rows than an instrument: a sum matches no index.
fn of_instrument(column: impl ColumnTrait, instrument: InstrumentId, has_account: bool) -> Expr {
    let number = i64::from(instrument.0);
    if has_account { Expr::col(column).add(0).eq(number) } else { column.eq(number) }
}

fn all_of(conditions: impl IntoIterator<Item = Option<Expr>>) -> Condition {
    conditions.into_iter().flatten().fold(Condition::all(), Condition::add)
}

pub(super) async fn balances(
    connection: &impl ConnectionTrait,
    account: &AccountName,
) -> Result<BTreeMap<BalanceKey, Balance>, StoreError> {
    use entity::balance::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::Account.eq(account.as_str()))
        .all(connection)
        .await
        .map_err(failed)?;
    rows.iter().map(column::balance_of).collect()
}

type Listed = (BTreeMap<AssetId, AssetRow>, BTreeMap<InstrumentId, InstrumentRow>);

/// Instruments first: their assets were listed before them, so the assets read next are all there.
pub(super) async fn listed(connection: &impl ConnectionTrait) -> Result<Listed, StoreError> {
    let instruments = entity::instrument::Entity::find().all(connection).await.map_err(failed)?;
    let assets = entity::asset::Entity::find().all(connection).await.map_err(failed)?;
    let assets = by_key(assets, |row: &AssetRow| row.id)?;
    let instruments = by_key(instruments, |row: &InstrumentRow| row.id)?;
    Ok((assets, instruments))
}

fn by_key<M: ModelTrait, R: TryFrom<M, Error = StoreError>, K: Ord>(
    rows: Vec<M>,
    key: impl Fn(&R) -> K,
) -> Result<BTreeMap<K, R>, StoreError> {
    rows.into_iter().map(|row| R::try_from(row).map(|row| (key(&row), row))).collect()
}
