//! What those who run the platform let accounts do and charge them, and what they have stopped.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, boolean, small_integer, text},
};

/// Creates `account_controls`, `kill_switches` and `market_states`, and adds `fee_tiers` to
/// `instruments`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let rates = text("fee_tiers").default("").take();
        let table = Table::alter().table("instruments").add_column(rates).take();
        manager.alter_table(table).await?;
        manager.create_table(account_controls()).await?;
        // Instrument 0 is all trading on the partition.
        let switches = Table::create()
            .table("kill_switches")
            .col(small_integer("partition"))
            .col(big_integer("instrument_id"))
            .col(boolean("engaged"))
            .primary_key(Index::create().col("partition").col("instrument_id"))
            .take();
        manager.create_table(switches).await?;
        let states = Table::create()
            .table("market_states")
            .col(big_integer("instrument_id").primary_key())
            .col(small_integer("state"))
            .take();
        manager.create_table(states).await
    }
}

/// What is in force of an account on a partition, where anything was ever said of it. The limits of
/// assets are text, `ASSET:NOTIONAL:POSITION` in numbers and units, with commas between.
fn account_controls() -> TableCreateStatement {
    Table::create()
        .table("account_controls")
        .col(text("account"))
        .col(small_integer("partition"))
        .col(small_integer("state"))
        .col(boolean("killed"))
        .col(small_integer("fee_tier"))
        .col(big_integer("max_open_orders"))
        .col(big_integer("orders_per_second"))
        .col(big_integer("order_burst"))
        .col(big_integer("price_collar_bps"))
        .col(text("asset_limits"))
        .primary_key(Index::create().col("account").col("partition"))
        .take()
}
