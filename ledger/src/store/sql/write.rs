//! A batch in one transaction.
//!
//! It begins by moving the progress on from where the batch expects it: that takes the database's
//! lock on the partition, so of two projectors one waits here and then finds the row moved. Rows
//! are written many at a time, in statements of a few fixed sizes (powers of two), so that each of
//! them is prepared once a connection and not once a batch.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, Iterable,
    TransactionTrait,
    sea_query::{Alias, Expr, ExprTrait, OnConflict, Query, TableRef, UpdateStatement, ValueTuple},
};
use spine::Chain;

use super::{
    column, entity, failed,
    values::{self, Values},
};
use crate::{
    projection::{Batch, OrderChange},
    store::StoreError,
};
use model::{AccountName, Partition};

/// How many values one statement may bind: SQLite's limit, which is below PostgreSQL's 65,535.
const BINDS_MAX: usize = 32_766;

/// How many rows one statement writes at most. Larger ones are hardly faster and cost more memory
/// where they are kept prepared.
const STATEMENT_ROWS_MAX: usize = 512;

/// More columns than any table has, so that every statement stays below [`BINDS_MAX`].
const COLUMNS_MAX: usize = 32;

const _: () = assert!(STATEMENT_ROWS_MAX * COLUMNS_MAX <= BINDS_MAX);
const _: () = assert!(STATEMENT_ROWS_MAX.is_power_of_two());

pub(super) async fn batch(
    connection: &DatabaseConnection,
    batch: &Batch,
) -> Result<(), StoreError> {
    // Where any of this fails the transaction is dropped, which rolls it back.
    let transaction = connection.begin().await.map_err(failed)?;
    move_progress(&transaction, batch).await?;
    let writer = Writer { transaction: &transaction };
    writer.orders(batch).await?;
    writer.history(batch).await?;
    writer.money(batch).await?;
    writer.listings(batch).await?;
    transaction.commit().await.map_err(failed)
}

/// Moves the progress from where the batch begins to where it ends, or finds that it was moved.
async fn move_progress(transaction: &DatabaseTransaction, batch: &Batch) -> Result<(), StoreError> {
    use entity::progress::{Column, Entity};
    let progress = &batch.progress;
    let row: Values = vec![
        column::partition(progress.partition).into(),
        progress.log_id.to_string().into(),
        column::count(progress.out_seq).into(),
        column::count(progress.in_offset).into(),
        progress.chain.to_string().into(),
        column::count(progress.next_offset).into(),
        column::count(progress.now.unix_nanos()).into(),
    ];
    let moved = if batch.expected.out_seq == 0 {
        is_start(batch)?;
        let mut insert = Query::insert();
        insert.into_table(Entity).columns(Column::iter()).values_panic(exprs(row));
        insert.on_conflict(OnConflict::column(Column::Partition).do_nothing().to_owned());
        transaction.execute(&insert).await
    } else {
        let mut update = Query::update();
        update
            .table(Entity)
            .values(Column::iter().zip(exprs(row)))
            .and_where(Expr::col(Column::Partition).eq(column::partition(progress.partition)))
            .and_where(Expr::col(Column::OutSeq).eq(column::count(batch.expected.out_seq)))
            .and_where(Expr::col(Column::Chain).eq(batch.expected.chain.to_string()));
        transaction.execute(&update).await
    };
    match moved.map_err(failed)?.rows_affected() {
        1 => Ok(()),
        _ => Err(moved_error(batch)),
    }
}

/// A first batch begins with the chain's start; another chain is another log's.
fn is_start(batch: &Batch) -> Result<(), StoreError> {
    let start = Chain::start(batch.progress.log_id, batch.progress.partition);
    if batch.expected.chain == start { Ok(()) } else { Err(moved_error(batch)) }
}

fn moved_error(batch: &Batch) -> StoreError {
    let (partition, expected) = (batch.progress.partition, batch.expected.out_seq);
    StoreError::Moved { partition, expected }
}

fn exprs(row: Values) -> impl Iterator<Item = Expr> {
    row.into_iter().map(Expr::val)
}

struct Writer<'a> {
    transaction: &'a DatabaseTransaction,
}

impl Writer<'_> {
    async fn orders(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut new = Vec::new();
        let mut moved = Vec::new();
        for (id, change) in &batch.changes.orders {
            match change {
                OrderChange::New(row) => new.push(values::order(row)),
                OrderChange::Moved(state) => moved.push(values::order_state(*id, state)),
            }
        }
        self.insert::<entity::order::Entity>(new, None).await?;
        self.move_orders(moved).await
    }

    async fn history(&self, batch: &Batch) -> Result<(), StoreError> {
        let changes = &batch.changes;
        let aliases = changes
            .aliases
            .iter()
            .map(|(alias, order)| {
                vec![column::count(alias.number()).into(), column::count(order.number()).into()]
            })
            .collect();
        self.insert::<entity::alias::Entity>(aliases, None).await?;
        let trades = changes.trades.iter().map(values::trade).collect();
        self.insert::<entity::trade::Entity>(trades, None).await
    }

    async fn money(&self, batch: &Batch) -> Result<(), StoreError> {
        use entity::balance::{Column, Entity};
        let changes = &batch.changes;
        self.remove_balances(batch.progress.partition, &changes.compacted).await?;
        let replace = OnConflict::columns([Column::Account, Column::AssetId, Column::Partition])
            .update_columns([
                Column::AvailableUnits,
                Column::AvailableUnitsHigh,
                Column::HeldUnits,
                Column::HeldUnitsHigh,
                Column::LinkUnits,
                Column::LinkUnitsHigh,
            ])
            .to_owned();
        let balances =
            changes.balances.iter().map(|(key, row)| values::balance(key, *row)).collect();
        self.insert::<Entity>(balances, Some(replace)).await?;
        let postings =
            changes.postings.iter().map(|(key, row)| values::posting(*key, row)).collect();
        self.insert::<entity::posting::Entity>(postings, None).await?;
        let mut legs = Vec::with_capacity(changes.legs);
        for (key, row) in &changes.postings {
            legs.extend((0..).zip(&row.legs).map(|(number, row)| values::leg(*key, number, row)));
        }
        self.insert::<entity::leg::Entity>(legs, None).await
    }

    /// Every partition brings the same listings; an earlier version never replaces a later one.
    async fn listings(&self, batch: &Batch) -> Result<(), StoreError> {
        use entity::{asset, instrument};
        let newer = |table: &'static str| {
            Expr::col((Alias::new("excluded"), Alias::new("version")))
                .gt(Expr::col((Alias::new(table), Alias::new("version"))))
        };
        let assets = batch.changes.assets.values().map(values::asset_listing).collect();
        let replace = OnConflict::column(asset::Column::Id)
            .update_columns(asset::Column::iter().skip(1))
            .action_and_where(newer("assets"))
            .to_owned();
        self.insert::<asset::Entity>(assets, Some(replace)).await?;
        let instruments =
            batch.changes.instruments.values().map(values::instrument_listing).collect();
        let replace = OnConflict::column(instrument::Column::Id)
            .update_columns(instrument::Column::iter().skip(1))
            .action_and_where(newer("instruments"))
            .to_owned();
        self.insert::<instrument::Entity>(instruments, Some(replace)).await
    }

    /// Inserts `rows`, each with a value for every column of the entity in its order.
    async fn insert<E: EntityTrait>(
        &self,
        rows: Vec<Values>,
        conflict: Option<OnConflict>,
    ) -> Result<(), StoreError> {
        for rows in in_fixed_sizes(rows) {
            let mut insert = Query::insert();
            insert.into_table(E::default()).columns(E::Column::iter());
            for row in rows {
                insert.values(exprs(row)).map_err(|error| StoreError::Failed(error.to_string()))?;
            }
            if let Some(conflict) = &conflict {
                insert.on_conflict(conflict.clone());
            }
            self.transaction.execute(&insert).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Writes what has become of orders of earlier batches, each of which must be there.
    async fn move_orders(&self, states: Vec<Values>) -> Result<(), StoreError> {
        for states in in_fixed_sizes(states) {
            let expected = states.len() as u64;
            let moved = self.transaction.execute(&order_update(states)).await.map_err(failed)?;
            if moved.rows_affected() != expected {
                let found = moved.rows_affected();
                let text = format!("of {expected} orders that moved on, {found} are there");
                return Err(StoreError::Damaged(text));
            }
        }
        Ok(())
    }

    async fn remove_balances(
        &self,
        partition: Partition,
        accounts: &std::collections::BTreeSet<AccountName>,
    ) -> Result<(), StoreError> {
        use entity::balance::{Column, Entity};
        for accounts in in_fixed_sizes(accounts.iter().collect()) {
            let names = accounts.into_iter().map(AccountName::as_str);
            let delete = Query::delete()
                .from_table(Entity)
                .and_where(Expr::col(Column::Account).is_in(names))
                .and_where(Expr::col(Column::Partition).eq(column::partition(partition)))
                .to_owned();
            self.transaction.execute(&delete).await.map_err(failed)?;
        }
        Ok(())
    }
}

/// Cuts `rows` into pieces of [`STATEMENT_ROWS_MAX`], and the rest into ever smaller powers of two.
fn in_fixed_sizes<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut left = rows.into_iter();
    std::iter::from_fn(move || {
        let size = match left.len() {
            0 => return None,
            count => STATEMENT_ROWS_MAX.min(1 << count.ilog2()),
        };
        Some(left.by_ref().take(size).collect())
    })
}

/// `UPDATE orders SET ... FROM (VALUES ...)`: both databases name the columns of a list of values
/// `column1`, `column2` and so on.
fn order_update(states: Vec<Values>) -> UpdateStatement {
    use entity::order::{Column, Entity};
    const MOVED: &str = "moved";
    let given = |number: usize| Expr::col((MOVED, Alias::new(format!("column{number}"))));
    // It never falls, and most changes do not tell it.
    let before = || Expr::col((Entity, Column::PreventedLots));
    let prevented = Expr::case(given(6).gt(before()), given(6)).finally(before());
    let tuples = states.into_iter().map(ValueTuple::Many).collect();
    let mut update = Query::update();
    update
        .table(Entity)
        .from(TableRef::ValuesList(tuples, MOVED.into()))
        .value(Column::RemainingLots, given(2))
        .value(Column::Status, given(3))
        .value(Column::Reason, given(4))
        .value(Column::UpdatedAtNanos, given(5))
        .value(Column::PreventedLots, prevented)
        .and_where(Expr::col((Entity, Column::Id)).eq(given(1)));
    update
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_come_in_few_sizes_and_keep_every_row() {
        let sizes = |count: usize| -> Vec<usize> {
            let pieces: Vec<Vec<usize>> = in_fixed_sizes((0..count).collect()).collect();
            assert!(pieces.iter().flatten().copied().eq(0..count));
            pieces.iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(0), Vec::<usize>::new());
        assert_eq!(sizes(1), [1]);
        assert_eq!(sizes(7), [4, 2, 1]);
        assert_eq!(sizes(1_100), [512, 512, 64, 8, 4]);
    }
}
