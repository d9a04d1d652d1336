//! Assets and instruments, as last listed.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, small_integer, text},
};

/// Creates `assets` and `instruments`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let assets = Table::create()
            .table("assets")
            .col(big_integer("id").primary_key())
            .col(text("code"))
            .col(small_integer("decimals"))
            .col(big_integer("sandbox_grant_units"))
            .col(big_integer("version"))
            .take();
        manager.create_table(assets).await?;
        let instruments = Table::create()
            .table("instruments")
            .col(big_integer("id").primary_key())
            .col(big_integer("base_asset_id"))
            .col(big_integer("quote_asset_id"))
            .col(big_integer("tick_size_units"))
            .col(big_integer("lot_size_units"))
            .col(big_integer("price_protection_bps"))
            .col(small_integer("partition"))
            .col(big_integer("version"))
            .take();
        manager.create_table(instruments).await
    }
}
