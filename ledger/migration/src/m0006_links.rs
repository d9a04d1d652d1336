//! What is on its way between shards: of an account in its balances, of a posting the other shard.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, small_integer_null},
};

/// Adds `link_units` to `balances`, and `link_partition` to `postings`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite adds no more.
        for column in ["link_units", "link_units_high"] {
            let none_so_far = big_integer(column).default(0).take();
            let table = Table::alter().table("balances").add_column(none_so_far).take();
            manager.alter_table(table).await?;
        }
        let other_shard = small_integer_null("link_partition");
        let table = Table::alter().table("postings").add_column(other_shard).take();
        manager.alter_table(table).await
    }
}
