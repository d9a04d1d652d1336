//! What orders say beyond side, size, price and time in force, and what prevention took off them.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, boolean, small_integer},
};

/// Adds `post_only`, `self_trade_prevention`, `expires_at_nanos`, `prevented_lots`, `trigger_kind`
/// and `trigger_price_ticks` to `orders`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // What every order before said: nothing. One column a statement: SQLite adds no more.
        for column in [
            boolean("post_only").default(false).take(),
            small_integer("self_trade_prevention").default(0).take(),
            big_integer("expires_at_nanos").default(0).take(),
            big_integer("prevented_lots").default(0).take(),
            small_integer("trigger_kind").default(0).take(),
            big_integer("trigger_price_ticks").default(0).take(),
        ] {
            let table = Table::alter().table("orders").add_column(column).take();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
