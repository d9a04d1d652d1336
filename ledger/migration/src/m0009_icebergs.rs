//! How much of an iceberg order is shown at a time.

use sea_orm_migration::{prelude::*, schema::big_integer};

/// Adds `display_lots` to `orders`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = big_integer("display_lots").default(0).take();
        let table = Table::alter().table("orders").add_column(column).take();
        manager.alter_table(table).await
    }
}
