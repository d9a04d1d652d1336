//! Balances as they are, and every posting that made them.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, integer, small_integer, text, text_null},
};

/// Creates `balances`, `postings` and `posting_legs`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(balances()).await?;
        manager.create_table(postings()).await?;
        manager.create_table(posting_legs()).await
    }
}

/// What an account has on a partition. An account that was compacted away has no rows.
fn balances() -> TableCreateStatement {
    Table::create()
        .table("balances")
        .col(text("account"))
        .col(big_integer("asset_id"))
        .col(small_integer("partition"))
        .col(big_integer("available_units"))
        .col(big_integer("available_units_high"))
        .col(big_integer("held_units"))
        .col(big_integer("held_units_high"))
        .primary_key(Index::create().col("account").col("asset_id").col("partition"))
        .take()
}

/// Why money moved: the posting with this number of the answer `out_seq`.
fn postings() -> TableCreateStatement {
    Table::create()
        .table("postings")
        .col(small_integer("partition"))
        .col(big_integer("out_seq"))
        .col(integer("number"))
        .col(small_integer("cause"))
        .col(big_integer("order_id"))
        .col(big_integer("instrument_id"))
        .col(big_integer("trade_id"))
        .col(text_null("external_id"))
        .primary_key(Index::create().col("partition").col("out_seq").col("number"))
        .take()
}

/// Where it moved: what one bucket gained. `account` is null for buckets that are nobody's.
fn posting_legs() -> TableCreateStatement {
    Table::create()
        .table("posting_legs")
        .col(small_integer("partition"))
        .col(big_integer("out_seq"))
        .col(integer("number"))
        .col(integer("leg"))
        .col(small_integer("bucket"))
        .col(text_null("account"))
        .col(big_integer("asset_id"))
        .col(big_integer("units"))
        .col(big_integer("units_high"))
        .primary_key(Index::create().col("partition").col("out_seq").col("number").col("leg"))
        .take()
}
