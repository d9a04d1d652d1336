//! What trading costs: of instruments the rates, of trades what either side was charged, and what
//! the house has earned.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, boolean, integer, small_integer},
};

/// Adds fees to `instruments` and `trades`, and creates `fee_income`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // What everything before cost: nothing. One column a statement: SQLite adds no more.
        for (table, column) in [
            ("instruments", integer("maker_fee_millionths").default(0).take()),
            ("instruments", integer("taker_fee_millionths").default(0).take()),
            ("instruments", small_integer("fee_asset").default(0).take()),
            ("trades", big_integer("maker_fee_units").default(0).take()),
            ("trades", big_integer("maker_fee_units_high").default(0).take()),
            ("trades", big_integer("taker_fee_units").default(0).take()),
            ("trades", big_integer("taker_fee_units_high").default(0).take()),
            ("trades", boolean("buyer_fee_in_base").default(false).take()),
        ] {
            let table = Table::alter().table(table).add_column(column).take();
            manager.alter_table(table).await?;
        }
        manager.create_table(fee_income()).await
    }
}

/// What the house has earned of an asset on a partition: fees less rebates.
fn fee_income() -> TableCreateStatement {
    Table::create()
        .table("fee_income")
        .col(small_integer("partition"))
        .col(big_integer("asset_id"))
        .col(big_integer("units"))
        .col(big_integer("units_high"))
        .primary_key(Index::create().col("partition").col("asset_id"))
        .take()
}
