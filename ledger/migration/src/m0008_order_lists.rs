//! Which orders came as a list, and how those hang together.

use sea_orm_migration::{prelude::*, schema::small_integer};

/// Adds `contingency` to `orders`: 0 for an order that came alone. The id of a list is that of its
/// orders without the two bits that tell them apart.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = small_integer("contingency").default(0).take();
        let table = Table::alter().table("orders").add_column(column).take();
        manager.alter_table(table).await
    }
}
