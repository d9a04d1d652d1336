//! By how much the price has to turn to wake an order that trails.

use sea_orm_migration::{prelude::*, schema::big_integer};

/// Adds `trailing_delta_bps` to `orders`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = big_integer("trailing_delta_bps").default(0).take();
        let table = Table::alter().table("orders").add_column(column).take();
        manager.alter_table(table).await
    }
}
