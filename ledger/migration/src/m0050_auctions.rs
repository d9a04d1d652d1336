//! Which trades were those of an auction.

use sea_orm_migration::{prelude::*, schema::boolean};

/// Adds `in_auction` to `trades`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = boolean("in_auction").default(false).take();
        let table = Table::alter().table("trades").add_column(column).take();
        manager.alter_table(table).await
    }
}
