//! How PostgreSQL keeps the rows: room beside those that change, and less care for those that never
//! do. SQLite knows neither.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Tables whose rows change, and how full their pages are made of new rows. A row that finds room
/// on its page for its next state needs no new entry in any index of the table; an order has five.
/// Most orders change once or twice while they are young, a balance with every trade.
const CHANGED: [(&str, u8); 2] = [("orders", 75), ("balances", 50)];

/// Tables that are only added to. To vacuum them frees nothing; it freezes old rows, which is done
/// best for many at once. The planner's figures of them hardly change with a fifth more rows.
const ADDED_TO: [&str; 3] = ["trades", "postings", "posting_legs"];

/// Sets both.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let connection = manager.get_connection();
        for (table, fill) in CHANGED {
            let set = format!("ALTER TABLE {table} SET (fillfactor = {fill})");
            connection.execute_unprepared(&set).await?;
        }
        for table in ADDED_TO {
            let set = format!(
                "ALTER TABLE {table} SET (autovacuum_vacuum_insert_threshold = 10000000, \
                 autovacuum_analyze_threshold = 50000, autovacuum_analyze_scale_factor = 1)"
            );
            connection.execute_unprepared(&set).await?;
        }
        Ok(())
    }
}
