//! What crossed the border of the ledger is added up from an index alone: that is asked for again
//! and again, and the legs themselves lie far apart among all that moved within.

use sea_orm_migration::prelude::*;

/// Puts the amounts into the index of the legs outside, of the faucet and of adjustments.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        // The numbers are those of `tradespine.log.v1.Bucket`.
        let index = "CREATE INDEX posting_legs_crossed \
                     ON posting_legs (asset_id, bucket, units, units_high) \
                     WHERE bucket IN (3, 4, 7)";
        connection.execute_unprepared(index).await?;
        connection.execute_unprepared("DROP INDEX posting_legs_outside").await?;
        Ok(())
    }
}
