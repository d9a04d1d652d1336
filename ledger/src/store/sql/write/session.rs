//! A transaction, and how each database is given many rows in it.
//!
//! SQLite takes them as lists of values: it is in this process and binds a value for next to
//! nothing. PostgreSQL parses, plans and binds each value of such a list anew, at more than it then
//! costs to store it; it takes an array a column (see `arrays`), through the same pool. SeaORM's
//! own arrays hold no nulls, and its transactions do not lend what they run on, so that these
//! statements are SeaORM's and what they bind goes to `sqlx` directly.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    Iterable, RuntimeErr, Statement, StatementBuilder, TransactionTrait,
    sea_query::{Alias, Expr, ExprTrait, OnConflict, Query, TableRef, UpdateStatement, ValueTuple},
    sqlx::{self, AssertSqlSafe, Postgres},
};

use super::{
    StoreError, Values,
    arrays::{Arrays, Bound, bind_each},
    entity, exprs, failed,
};

/// How many values one statement may bind: SQLite's limit.
const BINDS_MAX: usize = 32_766;

/// How many rows one list of values has at most. Larger ones are hardly faster and cost more memory
/// where they are kept prepared.
const LISTED_ROWS_MAX: usize = 512;

/// More columns than any table has, so that every statement stays below [`BINDS_MAX`].
const COLUMNS_MAX: usize = 32;

const _: () = assert!(LISTED_ROWS_MAX * COLUMNS_MAX <= BINDS_MAX);
const _: () = assert!(LISTED_ROWS_MAX.is_power_of_two());

/// How many rows one statement takes as arrays at most: as many as a large batch has answers. It
/// bounds what both sides hold of one statement to about a megabyte.
const ARRAY_ROWS_MAX: usize = 4_096;

/// Begins a transaction in which rows are found by their keys. A statement of arrays keeps the plan
/// that it was first given, when its table was small, which cannot know of how many rows it will be
/// one day: what then was cheapest, to read the whole table, would take ever longer.
const BEGIN: &str = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; \
                     SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; \
                     SET LOCAL enable_mergejoin = off";

/// A transaction; dropped, it is rolled back.
pub(in crate::store::sql) enum Session {
    /// Of SQLite.
    Lists(DatabaseTransaction),
    /// Of PostgreSQL.
    Arrays(sqlx::Transaction<'static, Postgres>),
}

impl Session {
    pub(super) async fn begin(connection: &DatabaseConnection) -> Result<Session, StoreError> {
        if connection.get_database_backend() == DbBackend::Postgres {
            let begun = connection.get_postgres_connection_pool().begin_with(BEGIN).await;
            return begun.map(Session::Arrays).map_err(broken);
        }
        connection.begin().await.map(Session::Lists).map_err(failed)
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Session::Lists(transaction) => transaction.commit().await.map_err(failed),
            Session::Arrays(transaction) => transaction.commit().await.map_err(broken),
        }
    }

    /// Runs one statement; how many rows it wrote.
    pub(super) async fn execute(
        &mut self,
        statement: &impl StatementBuilder,
    ) -> Result<u64, StoreError> {
        match self {
            Session::Lists(transaction) => {
                let done = transaction.execute(statement).await.map_err(failed)?;
                Ok(done.rows_affected())
            }
            Session::Arrays(transaction) => {
                let Statement { sql, values, .. } = statement.build(&DbBackend::Postgres);
                let query = sqlx::query(AssertSqlSafe(sql));
                let values = values.map_or_else(Vec::new, |values| values.0);
                run(transaction, bind_each(query, values)?).await
            }
        }
    }

    /// Inserts `rows`, each with a value for every column of the entity in its order.
    pub(in crate::store::sql) async fn insert<E: EntityTrait>(
        &mut self,
        rows: Vec<Values>,
        conflict: Option<OnConflict>,
    ) -> Result<(), StoreError> {
        let mut insert = Query::insert();
        insert.into_table(E::default()).columns(E::Column::iter());
        if let Some(conflict) = conflict {
            insert.on_conflict(conflict);
        }
        match self {
            Session::Lists(transaction) => {
                for rows in in_fixed_sizes(rows) {
                    let mut insert = insert.clone();
                    for row in rows {
                        insert.values(exprs(row)).map_err(unbuilt)?;
                    }
                    transaction.execute(&insert).await.map_err(failed)?;
                }
            }
            Session::Arrays(transaction) => {
                for rows in in_pieces(rows, ARRAY_ROWS_MAX) {
                    let arrays = Arrays::of(rows)?;
                    insert.select_from(arrays.unnested()).map_err(unbuilt)?;
                    run_arrays(transaction, &insert, arrays).await?;
                }
            }
        }
        Ok(())
    }

    /// Writes what has become of orders of earlier batches, each of which must be there.
    pub(super) async fn move_orders(&mut self, states: Vec<Values>) -> Result<(), StoreError> {
        match self {
            Session::Lists(transaction) => {
                for states in in_fixed_sizes(states) {
                    let expected = states.len();
                    let tuples = states.into_iter().map(ValueTuple::Many).collect();
                    let update = order_update(TableRef::ValuesList(tuples, MOVED.into()));
                    let moved = transaction.execute(&update).await.map_err(failed)?;
                    all_there(expected, moved.rows_affected())?;
                }
            }
            Session::Arrays(transaction) => {
                for states in in_pieces(states, ARRAY_ROWS_MAX) {
                    let expected = states.len();
                    let arrays = Arrays::of(states)?;
                    let select = Box::new(arrays.unnested());
                    let update = order_update(TableRef::SubQuery(select, MOVED.into()));
                    all_there(expected, run_arrays(transaction, &update, arrays).await?)?;
                }
            }
        }
        Ok(())
    }
}

async fn run_arrays(
    transaction: &mut sqlx::Transaction<'static, Postgres>,
    statement: &impl StatementBuilder,
    arrays: Arrays,
) -> Result<u64, StoreError> {
    let text = statement.build(&DbBackend::Postgres).sql;
    run(transaction, arrays.bind(sqlx::query(AssertSqlSafe(text)))).await
}

async fn run(
    transaction: &mut sqlx::Transaction<'static, Postgres>,
    query: Bound,
) -> Result<u64, StoreError> {
    let done = query.execute(&mut **transaction).await.map_err(broken)?;
    Ok(done.rows_affected())
}

/// What SeaORM makes of such an error too.
fn broken(error: sqlx::Error) -> StoreError {
    failed(DbErr::Exec(RuntimeErr::SqlxError(error.into())))
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn unbuilt(error: sea_orm::sea_query::error::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn all_there(expected: usize, found: u64) -> Result<(), StoreError> {
    if found == expected as u64 {
        return Ok(());
    }
    Err(StoreError::Damaged(format!("of {expected} orders that moved on, {found} are there")))
}

/// Cuts `rows` into pieces of `size`, the last of what is left.
fn in_pieces<T>(rows: Vec<T>, size: usize) -> impl Iterator<Item = Vec<T>> {
    let mut left = rows.into_iter();
    std::iter::from_fn(move || {
        let piece: Vec<T> = left.by_ref().take(size).collect();
        if piece.is_empty() { None } else { Some(piece) }
    })
}

/// Cuts `rows` into pieces of [`LISTED_ROWS_MAX`], and the rest into ever smaller powers of two: a
/// few fixed sizes, so that each statement is prepared once a connection and not once a batch.
pub(super) fn in_fixed_sizes<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut left = rows.into_iter();
    std::iter::from_fn(move || {
        let size = match left.len() {
            0 => return None,
            count => LISTED_ROWS_MAX.min(1 << count.ilog2()),
        };
        Some(left.by_ref().take(size).collect())
    })
}

/// What [`order_update`] calls the rows that it is given.
const MOVED: &str = "moved";

/// `UPDATE orders SET ... FROM` rows that are called [`MOVED`], and their columns as both databases
/// name those of a list of values: `column1`, `column2` and so on.
fn order_update(rows: TableRef) -> UpdateStatement {
    use entity::order::{Column, Entity};
    let given = |number: usize| Expr::col((MOVED, Alias::new(format!("column{number}"))));
    // One never falls, the other never rises, and most changes tell neither.
    let before = |column| Expr::col((Entity, column));
    let prevented = Expr::case(given(6).gt(before(Column::PreventedLots)), given(6))
        .finally(before(Column::PreventedLots));
    let quantity = Expr::case(given(7).lt(before(Column::QuantityLots)), given(7))
        .finally(before(Column::QuantityLots));
    let mut update = Query::update();
    update
        .table(Entity)
        .from(rows)
        .value(Column::RemainingLots, given(2))
        .value(Column::Status, given(3))
        .value(Column::Reason, given(4))
        .value(Column::UpdatedAtNanos, given(5))
        .value(Column::PreventedLots, prevented)
        .value(Column::QuantityLots, quantity)
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

    #[test]
    fn pieces_keep_every_row() {
        for (count, sizes) in [(0, &[][..]), (1, &[1]), (3, &[3]), (4, &[3, 1]), (6, &[3, 3])] {
            let pieces: Vec<Vec<usize>> = in_pieces((0..count).collect(), 3).collect();
            assert!(pieces.iter().flatten().copied().eq(0..count));
            assert!(pieces.iter().map(Vec::len).eq(sizes.iter().copied()));
        }
    }
}
