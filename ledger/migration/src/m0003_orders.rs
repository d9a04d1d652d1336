//! Orders, and the ids that duplicates of them were given.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, small_integer, text, text_null},
};

/// Creates `orders` and `order_aliases`.
#[derive(DeriveMigrationName, Debug)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let orders = Table::create()
            .table("orders")
            .col(big_integer("id").primary_key())
            .col(text("account"))
            .col(text_null("client_order_id"))
            .col(big_integer("instrument_id"))
            .col(small_integer("side"))
            .col(small_integer("order_type"))
            .col(small_integer("time_in_force"))
            .col(big_integer("price_ticks"))
            .col(big_integer("quantity_lots"))
            .col(big_integer("quote_units"))
            .col(big_integer("quote_units_high"))
            .col(big_integer("remaining_lots"))
            .col(small_integer("status"))
            .col(text("reason"))
            .col(big_integer("created_at_nanos"))
            .col(big_integer("updated_at_nanos"))
            .take();
        manager.create_table(orders).await?;
        let aliases = Table::create()
            .table("order_aliases")
            .col(big_integer("alias_id").primary_key())
            .col(big_integer("order_id"))
            .take();
        manager.create_table(aliases).await?;
        for index in indices() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// Newest first of all, of an account, of an instrument; by client order id, which is not unique:
/// a refused order can carry the key of another.
fn indices() -> [IndexCreateStatement; 4] {
    let by = |name: &'static str, columns: &[&'static str]| {
        let mut index = Index::create().name(name).table("orders").take();
        for column in columns {
            index.col(*column);
        }
        index
    };
    let mut by_client_order_id =
        by("orders_client_order_id", &["account", "client_order_id", "created_at_nanos", "id"]);
    by_client_order_id.and_where(Expr::col("client_order_id").is_not_null());
    [
        by("orders_newest", &["created_at_nanos", "id"]),
        by("orders_account", &["account", "created_at_nanos", "id"]),
        by("orders_instrument", &["instrument_id", "created_at_nanos", "id"]),
        by_client_order_id,
    ]
}
