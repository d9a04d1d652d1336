//! Postings in the order in which they happened on a partition, with their legs.
//!
//! The primary keys have them in that order. There is no index by account: it would cost every
//! order a tenth of what it costs to write. So what an account has is looked for in a bounded
//! number of answers at a time, and whoever asks goes on from where that ended.

use std::collections::BTreeMap;

use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Value as Sea},
};

use super::{column, entity, failed};
use crate::{
    row::{PostingKey, PostingRow},
    store::{POSTINGS_SCANNED_ANSWERS, Postings, PostingsQuery, StoreError},
};

pub(super) async fn postings(
    connection: &impl ConnectionTrait,
    query: &PostingsQuery,
) -> Result<Postings, StoreError> {
    let (keys, next) = match &query.account {
        None => all_keys(connection, query).await?,
        Some(account) => keys_of(connection, query, account.as_str()).await?,
    };
    let rows = rows(connection, &keys).await?;
    Ok(Postings { rows: rows.into_iter().collect(), next })
}

type Keys = (Vec<PostingKey>, Option<PostingKey>);

async fn all_keys(
    connection: &impl ConnectionTrait,
    query: &PostingsQuery,
) -> Result<Keys, StoreError> {
    use entity::posting::{Column, Entity};
    let found: Vec<(i64, i32)> = Entity::find()
        .select_only()
        .column(Column::OutSeq)
        .column(Column::Number)
        .filter(Expr::col(Column::Partition).eq(column::partition(query.partition)))
        .filter(after(query))
        .order_by_asc(Column::OutSeq)
        .order_by_asc(Column::Number)
        .limit(u64::from(query.limit))
        .into_tuple()
        .all(connection)
        .await
        .map_err(failed)?;
    Ok(page(query, &found, None))
}

/// What moved money of this account, among the next so many answers.
async fn keys_of(
    connection: &impl ConnectionTrait,
    query: &PostingsQuery,
    account: &str,
) -> Result<Keys, StoreError> {
    use entity::leg::{Column, Entity};
    let begin = query.after.map_or(0, |after| after.out_seq);
    let end = begin.saturating_add(POSTINGS_SCANNED_ANSWERS);
    let found: Vec<(i64, i32)> = Entity::find()
        .select_only()
        .distinct()
        .column(Column::OutSeq)
        .column(Column::Number)
        .filter(Expr::col(Column::Partition).eq(column::partition(query.partition)))
        .filter(after(query))
        .filter(Expr::col(Column::OutSeq).lte(column::count(end)))
        .filter(Expr::col(Column::Account).eq(account))
        .order_by_asc(Column::OutSeq)
        .order_by_asc(Column::Number)
        .limit(u64::from(query.limit))
        .into_tuple()
        .all(connection)
        .await
        .map_err(failed)?;
    let is_last = end >= query.out_seq;
    Ok(page(query, &found, (!is_last).then_some(end)))
}

/// The keys, and from where to go on: behind the last of a full page, else behind what was looked
/// at.
fn page(query: &PostingsQuery, found: &[(i64, i32)], looked_to: Option<u64>) -> Keys {
    let key = |(out_seq, number): &(i64, i32)| PostingKey {
        partition: query.partition,
        out_seq: out_seq.cast_unsigned(),
        number: number.cast_unsigned(),
    };
    let keys: Vec<PostingKey> = found.iter().map(key).collect();
    let is_full = keys.len() >= query.limit as usize;
    let behind = looked_to.map(|out_seq| query.behind(out_seq));
    let next = if is_full { keys.last().copied() } else { behind };
    (keys, next)
}

/// That a row comes after the one where the caller stands.
fn after(query: &PostingsQuery) -> Expr {
    let place = [Expr::col("out_seq"), Expr::col("number")];
    let stands = query.after.map_or((0, -1), |after| {
        (column::count(after.out_seq), i32::try_from(after.number).unwrap_or(i32::MAX))
    });
    Expr::tuple(place).gt(Expr::tuple([Expr::val(stands.0), Expr::val(stands.1)]))
}

async fn rows(
    connection: &impl ConnectionTrait,
    keys: &[PostingKey],
) -> Result<BTreeMap<PostingKey, PostingRow>, StoreError> {
    let Some(first) = keys.first() else { return Ok(BTreeMap::new()) };
    let place = || Expr::tuple([Expr::col("out_seq"), Expr::col("number")]);
    let wanted = || {
        let tuples = keys.iter().map(|key| {
            let number: Sea = key.number.cast_signed().into();
            Expr::tuple([Expr::val(column::count(key.out_seq)), Expr::val(number)])
        });
        place().is_in(tuples)
    };
    let partition = || Expr::col("partition").eq(column::partition(first.partition));
    let postings = entity::posting::Entity::find().filter(partition()).filter(wanted());
    let postings = postings.all(connection).await.map_err(failed)?;
    let mut rows: BTreeMap<_, _> =
        postings.iter().map(column::posting_of).collect::<Result<_, _>>()?;
    let legs = entity::leg::Entity::find()
        .filter(partition())
        .filter(wanted())
        .order_by_asc(entity::leg::Column::OutSeq)
        .order_by_asc(entity::leg::Column::Number)
        .order_by_asc(entity::leg::Column::Leg);
    for leg in legs.all(connection).await.map_err(failed)? {
        let (key, leg) = column::leg_of(&leg)?;
        if let Some(posting) = rows.get_mut(&key) {
            posting.legs.push(leg);
        }
    }
    Ok(rows)
}
