//! How far each partition is projected: written in the transaction of every batch.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, small_integer, text},
};

/// Creates `progress`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let progress = Table::create()
            .table("progress")
            .col(small_integer("partition").primary_key())
            .col(text("log_id"))
            .col(big_integer("out_seq"))
            .col(big_integer("in_offset"))
            .col(text("chain"))
            .col(big_integer("next_offset"))
            .col(big_integer("now_nanos"))
            .take();
        manager.create_table(progress).await
    }
}
