//! A batch in one transaction.
//!
//! It begins by moving the progress on from where the batch expects it: that takes the database's
//! lock on the partition, so of two projectors one waits here and then finds the row moved. Rows
//! are written many at a time, in statements that are prepared once a connection and not once a
//! batch: see `session` for how each database takes them best.

mod arrays;
mod session;

use sea_orm::{
    DatabaseConnection, Iterable,
    sea_query::{Alias, Expr, ExprTrait, OnConflict, Query},
};
use spine::Chain;

pub(super) use self::session::Session;
use self::session::in_fixed_sizes;
use super::{
    column, controls, entity, failed,
    values::{self, Values},
};
use crate::{
    projection::{Batch, OrderChange},
    store::StoreError,
};
use model::{AccountName, Partition};

pub(super) async fn batch(
    connection: &DatabaseConnection,
    batch: &Batch,
) -> Result<(), StoreError> {
    // Where any of this fails the transaction is dropped, which rolls it back.
    let mut session = Session::begin(connection).await?;
    move_progress(&mut session, batch).await?;
    let mut writer = Writer { session: &mut session };
    writer.orders(batch).await?;
    writer.history(batch).await?;
    writer.money(batch).await?;
    writer.listings(batch).await?;
    controls::write(&mut session, &batch.changes).await?;
    session.commit().await
}

/// Moves the progress from where the batch begins to where it ends, or finds that it was moved.
async fn move_progress(session: &mut Session, batch: &Batch) -> Result<(), StoreError> {
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
        session.execute(&insert).await?
    } else {
        let mut update = Query::update();
        update
            .table(Entity)
            .values(Column::iter().zip(exprs(row)))
            .and_where(Expr::col(Column::Partition).eq(column::partition(progress.partition)))
            .and_where(Expr::col(Column::OutSeq).eq(column::count(batch.expected.out_seq)))
            .and_where(Expr::col(Column::Chain).eq(batch.expected.chain.to_string()));
        session.execute(&update).await?
    };
    match moved {
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
    session: &'a mut Session,
}

impl Writer<'_> {
    async fn orders(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut new = Vec::new();
        let mut moved = Vec::new();
        for (id, change) in &batch.changes.orders {
            match change {
                OrderChange::New(row) => new.push(values::order(row)),
                OrderChange::Moved(state) => moved.push(values::order_state(*id, state)),
            }
        }
        self.session.insert::<entity::order::Entity>(new, None).await?;
        self.session.move_orders(moved).await
    }

    async fn history(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let changes = &batch.changes;
        let aliases = changes
            .aliases
            .iter()
            .map(|(alias, order)| {
                vec![column::count(alias.number()).into(), column::count(order.number()).into()]
            })
            .collect();
        self.session.insert::<entity::alias::Entity>(aliases, None).await?;
        let trades = changes.trades.iter().map(values::trade).collect();
        self.session.insert::<entity::trade::Entity>(trades, None).await
    }

    async fn money(&mut self, batch: &Batch) -> Result<(), StoreError> {
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
        self.session.insert::<Entity>(balances, Some(replace)).await?;
        self.fee_income(batch).await?;
        let postings =
            changes.postings.iter().map(|(key, row)| values::posting(*key, row)).collect();
        self.session.insert::<entity::posting::Entity>(postings, None).await?;
        let mut legs = Vec::with_capacity(changes.legs);
        for (key, row) in &changes.postings {
            legs.extend((0..).zip(&row.legs).map(|(number, row)| values::leg(*key, number, row)));
        }
        self.session.insert::<entity::leg::Entity>(legs, None).await
    }

    async fn fee_income(&mut self, batch: &Batch) -> Result<(), StoreError> {
        use entity::fee_income::{Column, Entity};
        let replace = OnConflict::columns([Column::Partition, Column::AssetId])
            .update_columns([Column::Units, Column::UnitsHigh])
            .to_owned();
        let income = &batch.changes.fee_income;
        let rows = income.iter().map(|(key, amount)| values::fee_income(*key, *amount)).collect();
        self.session.insert::<Entity>(rows, Some(replace)).await
    }

    /// Every partition brings the same listings; an earlier version never replaces a later one.
    async fn listings(&mut self, batch: &Batch) -> Result<(), StoreError> {
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
        self.session.insert::<asset::Entity>(assets, Some(replace)).await?;
        let instruments =
            batch.changes.instruments.values().map(values::instrument_listing).collect();
        let replace = OnConflict::column(instrument::Column::Id)
            .update_columns(instrument::Column::iter().skip(1))
            .action_and_where(newer("instruments"))
            .to_owned();
        self.session.insert::<instrument::Entity>(instruments, Some(replace)).await
    }

    async fn remove_balances(
        &mut self,
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
            self.session.execute(&delete).await?;
        }
        Ok(())
    }
}
