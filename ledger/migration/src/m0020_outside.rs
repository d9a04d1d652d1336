//! What crossed the border of the ledger is found without reading all that moved within it.

use sea_orm_migration::prelude::*;

/// Creates an index of the legs outside, of the faucet and of adjustments: of all legs few.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The numbers are those of `tradespine.log.v1.Bucket`.
        let index = "CREATE INDEX posting_legs_outside ON posting_legs (asset_id, bucket) \
                     WHERE bucket IN (3, 4, 7)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}
