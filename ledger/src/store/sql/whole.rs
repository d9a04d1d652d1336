//! All tables as they are at one moment, whoever writes meanwhile.
//!
//! One transaction reads them, a page at a time in the order of their primary keys: so the database
//! gives out a page at once, however many rows there are, and is never left idle for long. What is
//! made of the rows is in memory as a whole.

use sea_orm::{
    AccessMode, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    IsolationLevel, Iterable, ModelTrait, PrimaryKeyToColumn, QueryFilter, QueryOrder, QuerySelect,
    Select, TransactionTrait, Value,
    sea_query::{Expr, ExprTrait},
};

use super::{column, controls, entity, failed, read};
use crate::{
    row::{OrderRow, TradeRow},
    store::StoreError,
    tables::Tables,
};

/// How many rows are fetched at once: some megabytes, and few round trips.
const PAGE_ROWS: usize = 10_000;

/// Reads them.
pub(super) async fn tables(connection: &DatabaseConnection) -> Result<Tables, StoreError> {
    tables_by(connection, PAGE_ROWS).await
}

async fn tables_by(
    connection: &DatabaseConnection,
    page_rows: usize,
) -> Result<Tables, StoreError> {
    let snapshot = snapshot(connection).await.map_err(failed)?;
    let tables = Pages { snapshot: &snapshot, page_rows }.tables().await?;
    snapshot.commit().await.map_err(failed)?;
    Ok(tables)
}

/// A transaction that sees one moment. In SQLite every transaction does.
pub(super) async fn snapshot(
    connection: &DatabaseConnection,
) -> Result<DatabaseTransaction, DbErr> {
    match connection.get_database_backend() {
        DbBackend::Postgres => {
            let level = Some(IsolationLevel::RepeatableRead);
            connection.begin_with_config(level, Some(AccessMode::ReadOnly)).await
        }
        _ => connection.begin().await,
    }
}

/// Reads whole tables in pages.
struct Pages<'a> {
    snapshot: &'a DatabaseTransaction,
    page_rows: usize,
}

impl Pages<'_> {
    async fn tables(&self) -> Result<Tables, StoreError> {
        let (assets, instruments) = read::listed(self.snapshot).await?;
        let progress = read::progress(self.snapshot).await?;
        let fee_income = read::fee_income(self.snapshot).await?;
        let markets = controls::markets(self.snapshot).await?;
        let listed = Tables { assets, instruments, ..Tables::default() };
        let mut tables = Tables { progress, fee_income, markets, ..listed };
        self.read_orders(&mut tables).await?;
        self.read_trades(&mut tables).await?;
        self.read_money(&mut tables).await?;
        self.each::<entity::account_control::Entity>(|row| {
            tables.controls.extend([controls::control_of(&row)?]);
            Ok(())
        })
        .await?;
        Ok(tables)
    }

    async fn read_orders(&self, tables: &mut Tables) -> Result<(), StoreError> {
        self.each::<entity::order::Entity>(|row| {
            let row = OrderRow::try_from(row)?;
            tables.orders.insert(row.id, row);
            Ok(())
        })
        .await?;
        self.each::<entity::alias::Entity>(|row| {
            let (alias, order) =
                (column::order_id_of(row.alias_id)?, column::order_id_of(row.order_id)?);
            tables.aliases.insert(alias, order);
            Ok(())
        })
        .await
    }

    async fn read_trades(&self, tables: &mut Tables) -> Result<(), StoreError> {
        self.each::<entity::trade::Entity>(|row| {
            let row = TradeRow::try_from(row)?;
            tables.trades.insert((row.instrument, row.id), row);
            Ok(())
        })
        .await
    }

    /// Postings before their legs, and these in their order.
    async fn read_money(&self, tables: &mut Tables) -> Result<(), StoreError> {
        self.each::<entity::balance::Entity>(|row| {
            tables.balances.extend([column::balance_of(&row)?]);
            Ok(())
        })
        .await?;
        self.each::<entity::posting::Entity>(|row| {
            tables.postings.extend([column::posting_of(&row)?]);
            Ok(())
        })
        .await?;
        self.each::<entity::leg::Entity>(|row| {
            let (key, leg) = column::leg_of(&row)?;
            let posting = tables.postings.get_mut(&key).ok_or_else(|| {
                StoreError::Damaged(format!("{key:?} has a leg but is not there"))
            })?;
            posting.legs.push(leg);
            Ok(())
        })
        .await
    }

    /// Takes each row of a table, in the order of its primary key.
    async fn each<E: EntityTrait>(
        &self,
        mut take: impl FnMut(E::Model) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let key: Vec<E::Column> =
            E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect();
        let mut after: Option<Vec<Value>> = None;
        loop {
            let page = page_after::<E>(&key, after).limit(self.page_rows as u64);
            let rows = page.all(self.snapshot).await.map_err(failed)?;
            let is_last = rows.len() < self.page_rows;
            after = rows.last().map(|row| key.iter().map(|column| row.get(*column)).collect());
            rows.into_iter().try_for_each(&mut take)?;
            if is_last {
                return Ok(());
            }
        }
    }
}

/// The rows after the one with this primary key, in its order. As a tuple the index finds it.
fn page_after<E: EntityTrait>(key: &[E::Column], after: Option<Vec<Value>>) -> Select<E> {
    let ordered = key.iter().fold(E::find(), |rows, column| rows.order_by_asc(*column));
    match after {
        None => ordered,
        Some(values) => {
            let columns = Expr::tuple(key.iter().map(|column| Expr::col(*column)));
            ordered.filter(columns.gt(Expr::tuple(values.into_iter().map(Expr::val))))
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;

    use super::*;
    use crate::store::SqlStore;

    /// More rows of each table than fit on a page, also where only a later column of the primary
    /// key tells two of them apart.
    const ROWS: &str = "
        INSERT INTO orders VALUES
            (1, 'a', NULL, 1, 1, 1, 1, 5, 5, 0, 0, 5, 1, '', 1, 1, FALSE, 0, 0, 0, 0, 0, 0, 0, 0),
            (2, 'b', 'k', 1, 1, 1, 1, 5, 5, 0, 0, 5, 1, '', 1, 1, TRUE, 3, 7, 0, 2, 9, 1, 4, 50),
            (3, 'a', NULL, 2, 2, 1, 1, 5, 5, 0, 0, 5, 1, '', 1, 1, FALSE, 0, 0, 2, 0, 0, 0, 0, 0);
        INSERT INTO order_aliases VALUES (7, 1), (8, 1), (9, 2);
        INSERT INTO trades VALUES
            (1, 1, 5, 1, 1, 2, 'a', 'b', 1, 1, 0, 0, 0, 0, FALSE, FALSE),
            (1, 2, 5, 1, 1, 2, 'a', 'b', 1, 1, -1, 0, 4, 0, TRUE, TRUE),
            (2, 1, 5, 1, 1, 2, 'a', 'b', 1, 1, 0, 0, 0, 0, FALSE, FALSE);
        INSERT INTO fee_income VALUES (0, 1, 3, 0), (1, 1, 5, 1);
        INSERT INTO balances VALUES
            ('a', 1, 0, 1, 0, 0, 0, 0, 0), ('a', 1, 1, 2, 0, 0, 0, 0, 0),
            ('a', 2, 0, 3, 0, 0, 0, 0, 0),
            ('b', 1, 0, 4, 0, 0, 0, 0, 0);
        INSERT INTO postings VALUES
            (0, 1, 0, 1, 0, 0, 0, NULL, NULL), (0, 1, 1, 1, 0, 0, 0, NULL, NULL),
            (1, 1, 0, 1, 0, 0, 0, NULL, NULL);
        INSERT INTO account_controls VALUES
            ('a', 0, 1, FALSE, 0, 0, 0, 0, 0, ''), ('a', 1, 2, TRUE, 3, 4, 5, 6, 7, '1:2:3'),
            ('b', 0, 1, FALSE, 1, 0, 0, 0, 0, '');
        INSERT INTO posting_legs VALUES
            (0, 1, 0, 0, 1, 'a', 1, -5, -1), (0, 1, 0, 1, 2, 'b', 1, 5, 0),
            (0, 1, 1, 0, 1, 'a', 1, 6, 0), (1, 1, 0, 0, 1, 'a', 1, 7, 0);
    ";

    #[tokio::test]
    async fn pages_of_any_size_make_the_same_tables() {
        let store = SqlStore::open("sqlite::memory:").await.expect("it opens");
        store.connection.execute_unprepared(ROWS).await.expect("they are rows");
        let whole = tables(&store.connection).await.expect("they can be read");
        let counts = [
            whole.orders.len(),
            whole.aliases.len(),
            whole.trades.len(),
            whole.balances.len(),
            whole.controls.len(),
            whole.postings.len(),
            whole.postings.values().map(|posting| posting.legs.len()).sum(),
        ];
        assert_eq!(counts, [3, 3, 3, 4, 3, 3, 4]);
        for page_rows in 1..=5 {
            let paged = tables_by(&store.connection, page_rows).await.expect("they can be read");
            assert_eq!(paged, whole, "{page_rows} rows a page");
        }
    }
}
