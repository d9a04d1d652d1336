//! Trades.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, small_integer, text},
};

/// Creates `trades`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let trades = Table::create()
            .table("trades")
            .col(big_integer("instrument_id"))
            .col(big_integer("trade_id"))
            .col(big_integer("price_ticks"))
            .col(big_integer("quantity_lots"))
            .col(big_integer("maker_order_id"))
            .col(big_integer("taker_order_id"))
            .col(text("maker_account"))
            .col(text("taker_account"))
            .col(small_integer("taker_side"))
            .col(big_integer("executed_at_nanos"))
            .primary_key(Index::create().col("instrument_id").col("trade_id"))
            .take();
        manager.create_table(trades).await?;
        for (name, account) in [
            ("trades_newest", None),
            ("trades_maker", Some("maker_account")),
            ("trades_taker", Some("taker_account")),
        ] {
            manager.create_index(newest_first(name, account)).await?;
        }
        Ok(())
    }
}

/// Newest first of all, or of an account on one side of the trade. Of an instrument they are
/// newest first by the primary key.
fn newest_first(name: &'static str, account: Option<&'static str>) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table("trades").take();
    if let Some(account) = account {
        index.col(account);
    }
    index.col("executed_at_nanos").col("instrument_id").col("trade_id").take()
}
